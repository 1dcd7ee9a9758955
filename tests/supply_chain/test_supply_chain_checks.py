"""Advisories, ages and versions as checks: known answers, and no answer is never green."""

import json
import socket
import sys
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tiltyard.check import versions
from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.progress import Progress
from tiltyard.result import CheckResult, Status
from tiltyard.supply_chain import advisories, age, environment, trained_with
from tiltyard.supply_chain.advisories import Advisories
from tiltyard.supply_chain.age import Age
from tiltyard.supply_chain.environment import Package
from tiltyard.supply_chain.pip_audit import asked, understood
from tiltyard.supply_chain.trained_with import Versions, apart
from tiltyard.targets.estimators import FunctionTarget
from tiltyard.targets.target import Target

SCHEMA = Schema(features=(Feature(name="a", kind="continuous", low=0, high=1),), label="y", classes=("no", "yes"))
HERE = (Package("left-pad", "1.0"), Package("torch", "2.13.0+cpu"))
NOW = datetime.now(UTC)


@pytest.fixture
def target() -> Target:
    return FunctionTarget(lambda rows: np.zeros(len(rows), np.int64), SCHEMA.classes, SCHEMA, "a function", outputs="labels")


@pytest.fixture
def data() -> Dataset:
    return Dataset(np.zeros((4, 1), np.float32), np.zeros(4, np.int64), SCHEMA, "four rows")


@pytest.fixture(autouse=True)
def _two_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (advisories, age):
        monkeypatch.setattr(module, "packages", lambda: HERE)
    monkeypatch.setattr(advisories, "nameless", lambda: ())
    monkeypatch.setattr(trained_with, "versions", lambda names: {p.name: p.version for p in HERE} | versions(()))


def osv(id: str, name: str, fixed: str, changed: datetime = NOW) -> dict[str, Any]:
    ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}]
    affected = [{"package": {"ecosystem": "PyPI", "name": name}, "ranges": ranges}]
    return {"id": id, "modified": changed.isoformat(), "summary": "It leaks.", "affected": affected}


def export(folder: Path, *records: Any) -> str:
    path = folder / "osv.json"
    path.write_text(json.dumps(list(records)))
    return str(path)


def looked_up(target: Target, data: Dataset, path: str, least: int = 1) -> CheckResult:
    return Advisories(advisories=path, least=least)(target, data).result


def value(result: CheckResult, name: str) -> float | None:
    return next(m.value for m in result.metrics if m.name == name)


def test_without_a_source_nothing_was_looked_up(target: Target, data: Dataset) -> None:
    result = Advisories()(target, data).result
    assert (result.status, value(result, "vulnerable"), value(result, "asked")) == (Status.INCOMPLETE, None, 0.0)


def test_an_advisory_is_a_finding_and_names_the_fixed_version(target: Target, data: Dataset, tmp_path: Path) -> None:
    result = looked_up(target, data, export(tmp_path, osv("PYSEC-1", "Left.Pad", "1.2"), osv("PYSEC-2", "torch", "2.0")))
    assert result.status is Status.FINDING
    assert [(f.title, f.advice) for f in result.findings] == [("left-pad 1.0: PYSEC-1", "Upgrade left-pad to 1.2 or later.")]
    assert value(result, "vulnerable") == 1.0


def test_a_recent_whole_export_without_a_hit_is_a_pass(target: Target, data: Dataset, tmp_path: Path) -> None:
    result = looked_up(target, data, export(tmp_path, osv("PYSEC-2", "torch", "2.0")))
    assert (result.status, value(result, "data_age"), value(result, "asked")) == (Status.PASSED, 0.0, 1.0)


def test_an_old_part_or_spoiled_export_is_no_pass(target: Target, data: Dataset, tmp_path: Path) -> None:
    good = osv("PYSEC-2", "torch", "2.0")
    old = looked_up(target, data, export(tmp_path, osv("PYSEC-2", "torch", "2.0", NOW - timedelta(days=40))))
    assert (old.status, value(old, "data_age")) == (Status.INCOMPLETE, 40.0)
    assert looked_up(target, data, export(tmp_path, good), least=1000).status is Status.INCOMPLETE
    assert looked_up(target, data, export(tmp_path, good, {"id": 3})).status is Status.INCOMPLETE
    undated = {k: v for k, v in good.items() if k != "modified"}
    assert looked_up(target, data, export(tmp_path, undated)).status is Status.INCOMPLETE


def npm(id: str) -> dict[str, Any]:
    return {"id": id, "modified": NOW.isoformat(), "affected": [{"package": {"ecosystem": "npm", "name": "left-pad"}, "versions": ["1.0"]}]}


def test_an_export_about_nothing_here_looks_nothing_up(target: Target, data: Dataset, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "README.md").write_text("# none")
    with zipfile.ZipFile(tmp_path / "npm.zip", "w") as archive:
        for i in range(1200):
            archive.writestr(f"npm/{i}.json", json.dumps(npm(f"GHSA-{i}")))
    with zipfile.ZipFile(tmp_path / "none.zip", "w") as archive:
        archive.writestr("README.md", "# none")
    for name in ("empty", "other", "npm.zip", "none.zip"):
        result = looked_up(target, data, str(tmp_path / name))
        assert (result.status, value(result, "vulnerable"), value(result, "asked")) == (Status.INCOMPLETE, None, 0.0), name
        assert any("PyPI/all.zip" in note for note in result.notes), name


def test_filler_a_future_date_and_a_part_are_no_coverage(target: Target, data: Dataset, tmp_path: Path) -> None:
    good = osv("PYSEC-2", "torch", "2.0")
    repeated = looked_up(target, data, export(tmp_path, *[good] * 1200), least=1000)
    assert (repeated.status, value(repeated, "asked")) == (Status.INCOMPLETE, 0.0)
    stale = osv("PYSEC-3", "other", "2.0", NOW - timedelta(days=40))
    ahead = looked_up(target, data, export(tmp_path, stale, osv("PYSEC-2", "torch", "2.0", NOW + timedelta(days=400))))
    assert (ahead.status, "in the future" in " ".join(ahead.notes)) == (Status.INCOMPLETE, True)
    hidden = looked_up(target, data, export(tmp_path, osv("PYSEC-1", "other", "1"), osv("PYSEC-1", "left-pad", "1.2")))
    assert hidden.status is Status.FINDING  # a record is not hidden by another of its id


def test_an_unrated_one_is_said_counted_and_not_hidden_by_a_low_one(target: Target, data: Dataset, tmp_path: Path) -> None:
    vector = "CVSS:5.0/AV:N/AC:L"  # of a standard that is yet to come
    low = {**osv("PYSEC-1", "left-pad", "1.2"), "database_specific": {"severity": "LOW"}}
    new = {**osv("PYSEC-2", "left-pad", "1.3"), "severity": [{"type": "CVSS_V5", "score": vector}]}
    result = looked_up(target, data, export(tmp_path, low, new))
    (found,) = result.findings
    assert (found.severity.value, value(result, "unrated")) == ("medium", 1.0)
    assert "1 of them unrated" in found.evidence.sentence
    (table,) = (t for t in result.tables if t.name == "known")
    assert [row[3] for row in table.rows] == ["low", "unrated (CVSS:5.0)"]
    assert {row[4] for row in table.rows} == {"not rated"}
    assert "CVSS:5.0" in next(m.note for m in result.metrics if m.name == "unrated")


def test_no_package_at_all_is_no_pass(target: Target, data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(advisories, "packages", lambda: ())
    assert looked_up(target, data, export(tmp_path, osv("PYSEC-2", "torch", "2.0"))).status is Status.INCOMPLETE


@pytest.mark.parametrize(
    ("said", "own"),
    [
        (None, False),
        ('{"url": "file:///w/x.whl", "archive_info": {}}', False),
        ('{"url": "file:///w", "dir_info": {"editable": true}}', True),
        ('{"url": "https://x/y", "vcs_info": {"vcs": "git", "commit_id": "1"}}', True),
        ("{", True),
        ("[]", True),
    ],
)
def test_what_came_from_a_folder_or_repository_is_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str | None, own: bool
) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}-1.0.dist-info").mkdir()
    (tmp_path / "a-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: a\nVersion: 1.0\n")
    (tmp_path / "b-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: b\n")
    if said is not None:
        (tmp_path / "a-1.0.dist-info" / "direct_url.json").write_text(said)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert [(p.name, p.own) for p in environment.packages()] == [("a", own)]
    assert environment.nameless() == ("b-1.0.dist-info",)


def test_a_broken_export_is_one_line(target: Target, data: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "osv.json"
    path.write_bytes(b"\x00{")
    result = looked_up(target, data, str(path))
    assert result.status is Status.FAILED
    assert result.summary.startswith("Expected OSV records")
    assert "\n" not in result.summary


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every way out of this machine leads to a port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("refused")
def test_where_no_service_is_reached_it_is_incomplete_never_green(target: Target, data: Dataset) -> None:
    result = Advisories(service="osv", wait=120)(target, data).result
    assert result.status is Status.INCOMPLETE
    assert (value(result, "vulnerable"), value(result, "asked")) == (None, 0.0)
    assert "no pass" in result.summary


def test_a_witness_that_says_nothing_leaves_all_unanswered() -> None:
    for output in ("", "{", "[]", "{}", '{"package": "left-pad"}', '{"package": "left-pad", "known": [{}], "why": ""}'):
        found = understood(output, "it broke", "osv", 2)
        assert (found.known, found.heard, found.unanswered) == ((), frozenset(), {"*": "it broke"})


def test_a_service_that_does_not_end_is_given_up() -> None:
    found = asked("osv", HERE, 1e-6, Progress())
    assert (found.heard, found.unanswered["*"]) == (frozenset(), "no answer within 1e-06 s")


def lock(folder: Path, **days: int) -> str:
    lines = []
    for name, ago in days.items():
        version = next(p.version for p in HERE if p.name == name.replace("_", "-"))
        when = (NOW - timedelta(days=ago)).isoformat()
        lines.append(f'[[package]]\nname = "{name}"\nversion = "{version}"\nsdist = {{ url = "x", upload-time = "{when}" }}\n')
    path = folder / "uv.lock"
    path.write_text("\n".join(lines))
    return str(path)


def test_ages_are_known_only_from_a_lock_file(target: Target, data: Dataset, tmp_path: Path) -> None:
    unknown = Age()(target, data).result
    assert (unknown.status, value(unknown, "old"), value(unknown, "dated")) == (Status.INCOMPLETE, None, 0.0)
    young = Age(lock=lock(tmp_path, left_pad=10, torch=20))(target, data).result
    assert (young.status, value(young, "old"), value(young, "median_age")) == (Status.PASSED, 0.0, 15.0)
    old = Age(lock=lock(tmp_path, left_pad=1000, torch=20))(target, data).result
    assert (old.status, value(old, "old")) == (Status.FINDING, 1.0)
    assert Age(lock=lock(tmp_path, torch=20))(target, data).result.status is Status.INCOMPLETE


def test_a_release_in_the_future_is_none(target: Target, data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ahead = Age(lock=lock(tmp_path, left_pad=-400, torch=20))(target, data).result
    assert (ahead.status, value(ahead, "dated")) == (Status.INCOMPLETE, 0.5)
    monkeypatch.setattr(age, "packages", lambda: ())
    assert Age(lock=lock(tmp_path, torch=20))(target, data).result.status is not Status.PASSED


@pytest.mark.parametrize("content", [b"", b"= broken", b"\xff\xfe", b"[[package]]\nname = 3\n"])
def test_a_lock_file_without_times_is_one_line(target: Target, data: Dataset, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "uv.lock"
    path.write_bytes(content)
    result = Age(lock=str(path))(target, data).result
    assert (result.status, "\n" in result.summary) == (Status.FAILED, False)


def test_trained_with_is_held_against_runs_with(target: Target, data: Dataset, tmp_path: Path) -> None:
    assert Versions()(target, data).result.status is Status.INCOMPLETE
    target.trained_with = {"torch": "2.13.1"}
    assert Versions()(target, data).result.status is Status.PASSED
    target.trained_with = {"torch": "1.9", "absent": "1"}
    result = Versions()(target, data).result
    assert (result.status, value(result, "other")) == (Status.FINDING, 1.0)
    assert result.findings[0].title == "torch: trained with 1.9, runs with 2.13.0+cpu"
    pins = tmp_path / "requirements.txt"
    pins.write_text("# all\nLeft_Pad==1.0.5 --hash=sha256:0\ntorch>=2\n-r other\n???\n")
    target.trained_with = {}
    assert Versions(trained=str(pins))(target, data).result.status is Status.PASSED
    pins.write_text("torch>=2\n")
    assert "no exact version" in Versions(trained=str(pins))(target, data).result.summary


@pytest.mark.parametrize(
    ("a", "b", "how"),
    [
        ("1.2.3", "1.2.3+cpu", "same"),
        ("1.2.3", "1.2.4", "patch"),
        ("1.2", "1.3", "minor"),
        ("1.2", "2.2", "major"),
        ("1", "1!1", "major"),
        ("x", "x", "same"),
        ("x", "1", "unknown"),
    ],
)
def test_how_far_versions_are_apart(a: str, b: str, how: str) -> None:
    assert apart(a, b) == how
