"""OSV records against versions: known answers of the schema's algorithm, and exports that are hostile."""

import io
import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.version import Version

from tiltyard.errors import Problem
from tiltyard.progress import Progress
from tiltyard.result import Severity
from tiltyard.supply_chain import osv_export
from tiltyard.supply_chain.advised import advised
from tiltyard.supply_chain.cvss import Rating, rating
from tiltyard.supply_chain.environment import Package
from tiltyard.supply_chain.known import Answers, Known, held_against
from tiltyard.supply_chain.osv import NotAnAdvisory, affects, fixed_in, read_advisory
from tiltyard.supply_chain.osv_export import read_export


def record(name: str = "Left_Pad", events: list[dict[str, str]] | None = None, **more: Any) -> dict[str, Any]:
    ranges = [] if events is None else [{"type": "ECOSYSTEM", "events": events}]
    affected = {"package": {"ecosystem": "PyPI", "name": name}, "ranges": ranges, "versions": more.pop("versions", [])}
    return {"id": "PYSEC-2026-1", "modified": "2026-11-20T10:00:00Z", "summary": "It leaks.", "affected": [affected], **more}


def answer(version: str, events: list[dict[str, str]] | None = None, versions: tuple[str, ...] = ()) -> bool | None:
    return affects(read_advisory(record(events=events, versions=list(versions))).affected[0], version)


SINCE_EVER = [{"introduced": "0"}, {"fixed": "2.0"}]


@pytest.mark.parametrize(
    ("version", "events", "expected"),
    [
        ("1.9.9", SINCE_EVER, True),
        ("2.0", SINCE_EVER, False),
        ("2.0.0", SINCE_EVER, False),
        ("2.0rc1", SINCE_EVER, True),
        ("2.0.post1", SINCE_EVER, False),
        ("0.dev0", SINCE_EVER, True),
        ("1!0.1", SINCE_EVER, False),
        ("1.9+local.7", SINCE_EVER, True),
        ("2.13.0+cpu", [{"introduced": "2.0"}, {"last_affected": "2.13.0"}], True),
        ("2.13.1", [{"introduced": "2.0"}, {"last_affected": "2.13.0"}], False),
        ("1.10", [{"introduced": "1.9"}], True),
        ("1.2", [{"introduced": "1.9"}], False),
        ("3.5", [{"introduced": "1"}, {"fixed": "2"}, {"introduced": "3"}, {"fixed": "4"}], True),
        ("2.5", [{"introduced": "1"}, {"fixed": "2"}, {"introduced": "3"}, {"fixed": "4"}], False),
        ("3.5", [{"fixed": "4"}, {"introduced": "3"}, {"fixed": "2"}, {"introduced": "1"}], True),
        ("1.0", [{"introduced": "1.0"}, {"last_affected": "1.0"}], True),
        ("1.1", [{"introduced": "1.0"}, {"last_affected": "1.0"}], False),
        ("1.5", [{"introduced": "1"}, {"limit": "1.4"}], False),
        ("1.3", [{"introduced": "1"}, {"limit": "1.4"}], True),
        ("1.5", [{"introduced": "1"}, {"limit": "*"}], True),
        ("1.5", [{"introduced": "not a version"}], None),
        ("not-a-version", SINCE_EVER, None),
    ],
)
def test_a_range_holds_what_the_schema_says(version: str, events: list[dict[str, str]], expected: bool | None) -> None:
    assert answer(version, events) is expected


def test_listed_versions_count_also_where_no_range_does() -> None:
    assert answer("1.0", versions=("1.0.0",)) is True
    assert answer("1.1", versions=("1.0.0",)) is False
    assert answer("weird", versions=("weird",)) is True
    assert answer("1.1") is None


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=2, max_size=8, unique=True), st.integers(0, 31))
def test_pairs_of_introduced_and_fixed_are_half_open_intervals(points: list[int], at: int) -> None:
    ordered = sorted(points)[: len(points) // 2 * 2]
    pairs = list(zip(ordered[::2], ordered[1::2], strict=True))
    events = [event for low, high in reversed(pairs) for event in ({"fixed": f"1.{high}"}, {"introduced": f"1.{low}"})]
    assert answer(f"1.{at}", events) is any(low <= at < high for low, high in pairs)


def test_the_fixed_version_is_the_first_that_is_not_affected() -> None:
    events = [{"introduced": "0"}, {"fixed": "1.5"}, {"introduced": "2.0"}, {"fixed": "2.3"}]
    part = read_advisory(record(events=events)).affected[0]
    assert (fixed_in(part, "1.0"), fixed_in(part, "2.1"), fixed_in(part, "3.0")) == ("1.5", "2.3", "")
    assert Version(fixed_in(part, "2.1")) > Version("2.1")


@pytest.mark.parametrize(
    ("vector", "score", "word"),
    [  # the examples of the standards' own documents, and of the calculator
        ("AV:N/AC:L/Au:N/C:N/I:N/A:C", 7.8, Severity.HIGH),
        ("AV:N/AC:L/Au:N/C:C/I:C/A:C", 10.0, Severity.HIGH),
        ("(AV:L/AC:H/Au:N/C:C/I:C/A:C)", 6.2, Severity.MEDIUM),
        ("CVSS:4.0/AV:L/AC:L/AT:P/PR:L/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", 7.3, Severity.HIGH),
        ("CVSS:4.0/AV:N/AC:L/AT:P/PR:N/UI:P/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", 7.7, Severity.HIGH),
        ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:N/VA:N/SC:N/SI:N/SA:N", 8.7, Severity.HIGH),
        ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H", 10.0, Severity.CRITICAL),
        ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:N/VI:N/VA:N/SC:N/SI:N/SA:N", 0.0, Severity.INFO),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8, Severity.CRITICAL),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1, Severity.MEDIUM),
        ("CVSS:3.0/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", 7.8, Severity.HIGH),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 10.0, Severity.CRITICAL),
        ("CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:N/I:N/A:H", 5.9, Severity.MEDIUM),
        ("CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N", 1.6, Severity.LOW),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", 0.0, Severity.INFO),
    ],
)
def test_cvss_scores_are_those_of_the_standard(vector: str, score: float, word: Severity) -> None:
    assert rating(vector) == Rating(score, word)


@pytest.mark.parametrize("vector", ["", "CVSS:4.0/AV:N", "CVSS:3.1/AV:N", "CVSS:3.1/AV:X/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "AV:N/AC:L"])
def test_a_vector_that_is_none_has_no_score(vector: str) -> None:
    assert rating(vector) is None


def test_severity_is_the_worst_that_the_record_says() -> None:
    assert read_advisory(record()).severity is None
    assert read_advisory(record(database_specific={"severity": "MODERATE"})).severity is Severity.MEDIUM
    scored = [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]
    assert read_advisory(record(database_specific={"severity": "LOW"}, severity=scored)).severity is Severity.CRITICAL
    assert read_advisory({**record(), "id": "MAL-2026-7"}).severity is Severity.CRITICAL


NEW = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:N/VA:N/SC:N/SI:N/SA:N"
OLD = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N"


def test_a_vulnerability_has_its_score_by_each_standard_the_newest_first() -> None:
    """One of CVSS 4.0 (8.7) beside 3.1 (7.5), and of another source 3.1 alone (9.8): the worst of each standard stands in what is shown."""
    vectors = [{"type": "CVSS_V3", "score": OLD}, {"type": "CVSS_V4", "score": NEW}, {"type": "CVSS_V5", "score": "CVSS:5.0/AV:N"}]
    worse = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
    one = read_advisory(record(events=SINCE_EVER, aliases=["CVE-2026-5"], severity=vectors))
    two = read_advisory({**record(events=SINCE_EVER), "id": "CVE-2026-5", "severity": [{"type": "CVSS_V3", "score": worse}]})
    assert [str(r) for r in one.ratings] == ["CVSS 4.0 8.7", "CVSS 3.1 7.5"]
    pads = [Package("left-pad", "1.0")]
    known, _ = held_against(pads, [one, two])
    assert [(r.standard, r.score, r.vector) for r in known[0].ratings] == [("CVSS 4.0", 8.7, NEW), ("CVSS 3.1", 9.8, worse)]
    told = advised(pads, [Answers(tuple(known), frozenset({"left-pad"}), {}, "x")], [], [], {})
    (finding,), (table,) = told.findings, told.tables
    assert f"CVSS 4.0 8.7 ({NEW})" in str(finding.evidence)
    assert [row[4] for row in table.rows] == ["4.0: 8.7; 3.1: 9.8"]
    assert {m.name: (m.value, m.n) for m in told.metrics if m.name.startswith("worst")} == {
        "worst_cvss_4_0": (8.7, 1),
        "worst_cvss_3_1": (9.8, 1),
    }


HOSTILE = [
    None,
    [],
    {},
    {"id": 3},
    record(affected=[{"package": "x"}]),
    record(affected=[3]),
    record(affected=[{"package": {"ecosystem": "PyPI", "name": 5}}]),
    record(affected=[{"package": {"ecosystem": "PyPI", "name": "a"}, "ranges": [{"type": "SEMVER"}]}]),
]


@pytest.mark.parametrize("value", HOSTILE)
def test_what_is_no_record_is_refused(value: Any) -> None:
    with pytest.raises(NotAnAdvisory):
        read_advisory(value)


def test_one_vulnerability_that_two_sources_tell_counts_once() -> None:
    pads = [Package("left-pad", "1.0")]
    heard = frozenset({"left-pad"})
    told = [Known("left-pad", "1.0", (name, "CVE-2026-5"), None, "2.0", "") for name in ("GHSA-xxxx", "PYSEC-2026-1")]
    found = advised(pads, [Answers((one,), heard, {}, one.names[0]) for one in told], [], [], {})
    assert "1 known vulnerabilities" in found.summary or "1 known vulnerability" in found.summary


def test_one_vulnerability_under_two_names_counts_once() -> None:
    one = read_advisory(record(events=SINCE_EVER, aliases=["CVE-2026-5"]))
    two = read_advisory({**record(events=SINCE_EVER, aliases=["CVE-2026-5"]), "id": "GHSA-xxxx", "database_specific": {"severity": "HIGH"}})
    other = read_advisory({**record(events=SINCE_EVER), "id": "PYSEC-2026-2"})
    found, unanswered = held_against([Package("left-pad", "1.0"), Package("safe", "1.0")], [one, two, other])
    assert [(k.package, k.names, k.severity, k.fixed) for k in found] == [
        ("left-pad", ("PYSEC-2026-1", "CVE-2026-5", "GHSA-xxxx"), Severity.HIGH, "2.0"),
        ("left-pad", ("PYSEC-2026-2",), None, "2.0"),
    ]
    assert unanswered == {}


def export(path: Path, form: str, records: list[dict[str, Any]]) -> Path:
    """The records as a folder, a zip, a list or the service's answer."""
    if form == "folder":
        path.mkdir()
        for i, value in enumerate(records):
            (path / f"{i}.json").write_text(json.dumps(value))
    elif form == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for i, value in enumerate(records):
                archive.writestr(f"PyPI/{i}.json", json.dumps(value))
    else:
        path.write_text(json.dumps(records if form == "list" else {"vulns": records}))
    return path


@pytest.mark.parametrize("form", ["folder", "zip", "list", "vulns"])
def test_an_export_is_read_in_every_form(tmp_path: Path, form: str) -> None:
    records = [record(events=SINCE_EVER), {**record("other", SINCE_EVER), "id": "B"}, {**record(withdrawn="2026-01-01"), "id": "C"}]
    records += [{"id": "D", "modified": "2027-01-01T00:00:00Z", "affected": [{"package": {"ecosystem": "npm", "name": "left-pad"}}]}]
    found = read_export(export(tmp_path / "osv", form, records), {"left-pad"}, Progress())
    assert (found.records, found.pypi, [a.id for a in found.advisories]) == (4, 3, ["PYSEC-2026-1"])
    assert found.newest == datetime(2026, 11, 20, 10, tzinfo=UTC)
    assert found.unread == []


def test_broken_entries_are_counted_and_the_rest_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = export(tmp_path / "osv", "folder", [record(events=SINCE_EVER)])
    (folder / "a.json").write_text("{")
    (folder / "b.json").write_text("[" * 100_000)
    (folder / "c.json").write_text("17")
    (folder / "large.json").write_bytes(b" " * 3000)
    monkeypatch.setattr(osv_export, "LARGEST_RECORD", 2000)
    (folder / "b.json").write_text("[" * 1500)
    found = read_export(folder, {"left-pad"}, Progress())
    assert found.records == 1
    assert len(found.unread) == 4


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04broken", b"\x00" * 100, b"[]", b'{"a": 1}'])
def test_a_file_without_records_is_refused_in_a_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "osv.json"
    path.write_bytes(content)
    with pytest.raises(Problem, match="OSV records"):
        read_export(path, set(), Progress())
    with pytest.raises(Problem, match="nothing at"):
        read_export(tmp_path / "absent", set(), Progress())


def test_a_zip_bomb_is_read_to_the_bound_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(osv_export, "LARGEST_RECORD", 10_000)
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.json", b" " * 10**7)
        archive.writestr("one.json", json.dumps(record(events=SINCE_EVER)))
    (tmp_path / "all.zip").write_bytes(bomb.getvalue())
    found = read_export(tmp_path / "all.zip", {"left-pad"}, Progress())
    assert (found.records, len(found.unread)) == (1, 1)
