"""The report: whole, closed to the network, safe from what users name things, and true to its schema."""

import errno
import json
import os
import re
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from tiltyard.catalogue import checks
from tiltyard.errors import Problem
from tiltyard.intervals import rate
from tiltyard.reports.bundle import Bundle, make, read
from tiltyard.reports.writing import render, write
from tiltyard.result import (
    Axis,
    Chart,
    CheckResult,
    Column,
    Finding,
    Gallery,
    Identity,
    Metric,
    Picture,
    Record,
    Series,
    Severity,
    Status,
    Table,
)

NASTY = "<img src=x onerror=alert(1)>"


def _chart(kind: str) -> Chart:
    names = ("a", NASTY, "c $x$")
    x = Axis(label="x", categories=names if kind in ("bar", "dot") else ())
    y = Axis(label="y", unit="share", categories=names if kind == "hbar" else (), scale="linear")
    points = (0.1, 0.5, 0.9)
    places = (0.0, 1.0, 2.0)
    flat = kind == "hbar"
    series = Series(name=NASTY, x=points if flat else places, y=places if flat else points, low=(0.0, 0.4, 0.8), high=(0.2, 0.6, 1.0))
    return Chart(name=kind, title="A chart", kind=kind, x=x, y=y, series=(series,), alt="three points", reference=(("half", 0.5),))


def _record(status: Status = Status.FINDING, check: str = "evasion.pgd") -> Record:
    finding = Finding(
        title=NASTY, severity=Severity.HIGH, evidence="metric robust", advice="Train.", standards=("OWASP ML01:2023", "made up")
    )
    picture = Picture(caption=NASTY, png="iVBORw0KGgo=", alt="a digit")
    result = CheckResult(
        status=status,
        summary="Falls from 95 % to 41 %.",
        metrics=(rate("robust", "Robust accuracy", 41, 100, "higher"), Metric(name="gone", label="Gone", value=None, note="too few rows")),
        findings=(finding,) if status is Status.FINDING else (),
        tables=(
            Table(
                name="t",
                title="T",
                columns=(Column(name=NASTY), Column(name="p", kind="percent")),
                rows=((NASTY, 0.5),),
                marked=((0, 1),),
                total=9,
            ),
        ),
        charts=tuple(_chart(kind) for kind in ("line", "step", "bar", "hbar", "dot", "scatter")),
        galleries=(Gallery(name="g", title="G", heads=("original",), rows=((picture,),)),),
    )
    who = Identity(name=NASTY, fingerprint="ab" * 32)
    start = datetime(2026, 11, 24, tzinfo=UTC)
    return Record(
        id=os.urandom(16).hex(), check=check, title="PGD", result=result, given={}, effective={"seed": 0, "budget": 0.1}, seed=0,
        target=who, data=who, versions={"python": "3.11"}, started=start, seconds=1.0, queries=7,
    )  # fmt: skip


@pytest.fixture
def bundle() -> Bundle:
    return make(
        [_record(), _record(Status.PASSED, "theft.extraction"), _record(Status.INCOMPLETE, "fairness.groups")], command="tiltyard demo"
    )


def test_html_shows_text_as_text_and_names_no_address(bundle):
    page = render(bundle, "html")
    assert NASTY not in page
    assert "&lt;img src=x" in page
    assert "<script" not in page
    outside = [u for u in re.findall(r'(?:src|href|url\()\s*=?\s*["\']?(https?:[^"\'> )]+)', page) if "www.w3.org" not in u]
    assert outside == []
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page


def test_html_says_what_was_not_run_with_interval_and_n(bundle):
    page = render(bundle, "html")
    done = {record.check for record in bundle.records}
    for id, check in checks().items():
        assert id in done or escape(check.title) in page, id
    assert "41.0 % [31.3 %, 51.3 %] at 95 %, n = 100" in page
    assert "not measured: too few rows" in page


def test_json_round_trip_and_schema(bundle):
    text = render(bundle, "json")
    assert read(text) == bundle
    schema = json.loads((Path(__file__).parents[2] / "workbench/tiltyard/reports/schemas/report.schema.json").read_text())
    jsonschema.validate(json.loads(text), schema)
    assert schema == Bundle.model_json_schema(), "run the line in CONTRIBUTING that writes the schema"


def test_a_newer_format_is_refused_in_one_line(bundle):
    data = json.loads(render(bundle, "json")) | {"format": 99}
    with pytest.raises(Problem, match="newer than this Tiltyard reads") as caught:
        read(json.dumps(data))
    assert "\n" not in str(caught.value)


def test_junit_counts(bundle):
    suite = ET.fromstring(render(bundle, "junit")).find("testsuite")
    assert suite.get("failures") == "1"
    assert suite.get("errors") == "1"
    assert int(suite.get("skipped")) == len(bundle.not_run)


def test_sarif_has_the_finding_and_says_it_was_not_whole(bundle):
    run = json.loads(render(bundle, "sarif"))["runs"][0]
    assert [r["ruleId"] for r in run["results"]] == ["evasion.pgd"]
    assert run["invocations"][0]["executionSuccessful"] is False


def test_a_full_disk_leaves_the_old_report(bundle, tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Problem, match="No space left"):
        write(bundle, path)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_an_unknown_format_is_said(bundle, tmp_path):
    with pytest.raises(Problem, match="a file name ending in"):
        write(bundle, tmp_path / "report.doc")


def test_nothing_to_report_is_said():
    with pytest.raises(Problem, match="at least one record"):
        make([])
