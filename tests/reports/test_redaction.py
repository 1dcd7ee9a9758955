"""Rows of people: no cell of one stands anywhere in any form of the report, unless it was asked for."""

import io
import json
import zipfile
from datetime import UTC, datetime
from functools import partial

import pytest

from tiltyard.access.person import Person
from tiltyard.assessment.about import About, about_of
from tiltyard.errors import Problem
from tiltyard.reports.bundle import Bundle, make, read
from tiltyard.reports.redaction import withheld
from tiltyard.reports.writing import encode
from tiltyard.result import (
    Axis,
    Chart,
    CheckResult,
    Column,
    Evidence,
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

SECRET = "Zoe Quandry"
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
WHO = Identity(name="net", fingerprint="ab" * 32)


def record(flagged: bool = True, check: str = "evasion.pgd", names: str = "examples") -> Record:
    rows = ((SECRET, 4242.0), (f"{SECRET} again", 4343.0))
    shown = Table(
        name=names, title=f"Row of {SECRET}", people=flagged, columns=(Column(name="name"), Column(name="x", kind="number")), rows=rows
    )
    axis = Axis(label="x", categories=(f"name = {SECRET}",))
    chart = Chart(
        name="waterfall", title=SECRET, people=flagged, kind="hbar", x=Axis(label="x"), y=axis, series=(Series(name="s", x=(1.0,), y=(0.0,)),), alt=SECRET
    )  # fmt: skip
    picture = Picture(caption=SECRET, png=PNG, alt=SECRET)
    gallery = Gallery(name="g", title=SECRET, people=flagged, heads=("a",), rows=((picture,), (picture,)))
    evidence = Evidence(charts=("waterfall",), tables=(names,), metrics=("m",))
    finding = Finding(title="Found", severity=Severity.HIGH, evidence=evidence, advice="Act.")
    result = CheckResult(
        status=Status.FINDING, summary="s", metrics=(Metric(name="m", label="M", value=1.0),), findings=(finding,), tables=(shown,),
        charts=(chart,), galleries=(gallery,),
    )  # fmt: skip
    return Record(
        id="1" * 32, check=check, title="PGD", result=result, given={}, effective={}, seed=0, target=WHO, data=WHO, versions={},
        started=datetime(2026, 11, 24, tzinfo=UTC), seconds=1.0, queries=7,
    )  # fmt: skip


def told(bundle: Bundle, format: str) -> str:
    """All text of the report, whatever the format packs it in."""
    content = encode(bundle, format)
    if format == "word":
        with zipfile.ZipFile(io.BytesIO(content)) as parts:
            return "\n".join(parts.read(name).decode("utf-8", "replace") for name in parts.namelist())
    if format == "pdf":
        pypdf = pytest.importorskip("pypdf")
        return "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages) + content.decode("latin-1")
    return content.decode()


@pytest.mark.parametrize("format", ["html", "markdown", "word", "json", "sarif", "junit", "pdf"])
def test_no_cell_of_a_withheld_row_is_in_any_format(format: str) -> None:
    if format == "word":
        pytest.importorskip("docx")
    text = told(make([record()]), format)
    assert not [word for word in ("Zoe", "Quandry", "4242", "4,242", "4343", "4,343", PNG[:40]) if word in text]


@pytest.mark.parametrize("format", ["html", "markdown", "json"])
def test_whoever_asks_gets_them(format: str) -> None:
    assert "Quandry" in told(make([record()], about=About(people=True)), format)


def test_how_many_were_withheld_is_said() -> None:
    page = told(make([record()]), "html")
    assert "Rows withheld (2)." in page and "Pictures: rows withheld (2)." in page and "chart of single rows: rows withheld (1)" in page


def test_evidence_names_no_chart_that_is_gone() -> None:
    (finding,) = withheld(record()).result.findings
    assert finding.evidence == Evidence(metrics=("m",), tables=("examples",))


def test_of_a_row_kept_by_hand_only_that_there_was_one_is_left() -> None:
    kept = record(check="redteam.row_17", names="row").model_copy(update={"title": f"Row 17 of {SECRET}", "effective": {"row": 17}})
    sentence = Evidence(tables=("row",), sentence=f"name {SECRET}")
    finding = kept.result.findings[0].model_copy(update={"evidence": sentence, "title": SECRET})
    kept = kept.model_copy(update={"result": kept.result.model_copy(update={"findings": (finding,), "summary": SECRET})})
    text = told(make([record(), kept]), "json")
    assert "Quandry" not in text and "row_17" not in text and "One row, changed by hand" in text


def test_a_sentence_that_goes_with_a_withheld_table_and_what_is_said_of_points_are_withheld() -> None:
    one = record()
    finding = one.result.findings[0].model_copy(update={"evidence": Evidence(tables=("examples",), sentence=SECRET)})
    point = Series(name="s", x=(1.0,), y=(0.0,), remarks=(f"name = {SECRET}",))
    cloud = Chart(
        name="swarm", title="T", kind="swarm", x=Axis(label="x"), y=Axis(label="y", categories=("name",)), series=(point,), alt="a"
    )
    changed = one.result.model_copy(update={"findings": (finding,), "charts": (cloud,)})
    left = withheld(one.model_copy(update={"result": changed}))
    assert SECRET not in left.model_dump_json() and left.result.charts[0].series[0].x == (1.0,)


def test_records_from_before_the_flag_are_withheld_by_their_tables_names() -> None:
    left = withheld(record(flagged=False)).result
    assert left.tables[0].rows == () and left.tables[0].total == 2
    assert withheld(record(flagged=False, check="fairness.groups", names="groups")).result.tables[0].rows


def test_a_report_that_was_written_keeps_nothing_to_find() -> None:
    assert SECRET not in read(encode(make([record()]), "json").decode()).model_dump_json()


def test_people_ask_for_them_by_the_right_to_export(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    import tiltyard as ty

    def refuse(self: Person, action: str) -> None:
        raise Problem("a person who may export", action, "Ask")

    monkeypatch.setattr(Person, "must", refuse)
    report = partial(ty.report, [record()], overwrite=True)
    with pytest.raises(Problem, match="may export"):
        report(tmp_path / "r.html", people=True)


def test_a_wrong_field_is_one_line() -> None:
    with pytest.raises(Problem, match="no topic 'weather'"):
        about_of({"topics": ["weather"]})
    with pytest.raises(Problem) as caught:
        about_of({"language": "xx"})
    assert "\n" not in str(caught.value)


def test_what_it_says_of_itself_is_in_the_json_and_comes_back() -> None:
    about = About(author="Ada", owners={"privacy": "Bob"}, language="fr")
    text = encode(make([record()], about=about), "json").decode()
    assert json.loads(text)["about"]["author"] == "Ada" and read(text).about == about
