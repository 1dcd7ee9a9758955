"""What is shown of results where one works: cards, text, tables, drawings. Known contents, hostile ones among them."""

import base64
import html
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from tiltyard.assessment.assessment import Assessment
from tiltyard.comparison.comparison import compare_records
from tiltyard.errors import Problem
from tiltyard.result import (
    Axis,
    Chart,
    CheckResult,
    Column,
    Evidence,
    Finding,
    Identity,
    Metric,
    Record,
    Series,
    Severity,
    Status,
    Table,
)

HOSTILE = '<script>alert("x")</script>'
PEOPLE = "Ada Lovelace"


def chart(name: str, people: bool = False) -> Chart:
    series = (Series(name="a", x=(0.0, 1.0), y=(0.2, 0.4)),)
    return Chart(name=name, title="A chart", kind="line", x=Axis(label="x"), y=Axis(label="y"), series=series, alt=HOSTILE, people=people)


def table(name: str, cell: str, people: bool = False) -> Table:
    return Table(
        name=name, title=name, columns=(Column(name="who"), Column(name="share", kind="percent")), rows=((cell, 0.25),), people=people
    )


def finding(severity: Severity, title: str) -> Finding:
    return Finding(title=title, severity=severity, evidence=Evidence(metrics=("accuracy",)), advice="Do this.")


def record(value: float | None = 0.5, status: Status = Status.FINDING, check: str = "validation.performance", **given: Any) -> Record:
    low, high = (value - 0.1, value + 0.1) if value is not None else (None, None)
    metric = Metric(
        name="accuracy", label="Accuracy", value=value, unit="share", low=low, high=high, level=0.95, n=100, safer="higher", note=HOSTILE
    )
    result = CheckResult(
        status=status,
        summary=HOSTILE,
        metrics=(metric,),
        findings=(finding(Severity.LOW, HOSTILE), finding(Severity.CRITICAL, "The gravest")) if status is Status.FINDING else (),
        tables=(table("groups", HOSTILE), table("rows", PEOPLE, people=True)),
        charts=(chart("curve"), chart("whose", people=True)),
        notes=("A note.",),
    )
    who = Identity(name="model", fingerprint="f" * 64)
    return Record(
        id="0" * 32,
        check=check,
        title="Performance",
        result=result,
        given=given,
        effective={"seed": 0},
        seed=0,
        target=who,
        data=Identity(name=HOSTILE, fingerprint="d" * 64),
        versions={"python": "3.11"},
        started=datetime(2026, 1, 1, tzinfo=UTC),
        seconds=1.0,
        queries=1234,
    )


def assessment(*records: Record, **more: Any) -> Assessment:
    return Assessment(run=None, records=records, not_run=(), judgment=None, **more)


ONES = {
    "record": record,
    "report": lambda: assessment(record()),
    "comparison": lambda: compare_records("a" * 8, [record(0.5)], "b" * 8, [record(0.9)], []),
}


@pytest.mark.parametrize("kind", ONES)
def test_a_card_holds_no_script_and_asks_nothing_of_the_network(kind: str) -> None:
    shown = ONES[kind]()._repr_html_()
    assert "<script" not in shown.lower() and not re.search(r"\son\w+=|javascript:", shown)
    drawn = [base64.b64decode(one).decode() for one in re.findall(r'src="data:image/svg\+xml;base64,([^"]*)"', shown)]
    for text in (re.sub(r'src="data:image/svg\+xml;base64,[^"]*"', "", shown), *drawn):
        assert "<script" not in text.lower() and not re.search(r"(?:src|href)=\"(?!#)|url\((?!#)|@import", text)
    assert "&lt;script&gt;" in shown or kind == "comparison"


@pytest.mark.parametrize("kind", ONES)
def test_every_form_says_the_same_number(kind: str) -> None:
    one = ONES[kind]()
    bundle = one._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"}
    for text in bundle.values():
        assert "50.0 %" in text
    assert 0.5 in one.frame[["value" if kind != "comparison" else "before"]].to_numpy().ravel()


def test_rows_of_single_people_are_in_no_saved_output_but_at_hand() -> None:
    one = record()
    for text in one._repr_mimebundle_().values():
        assert PEOPLE not in text
    assert "Rows of single people are not shown here" in one._repr_html_()
    assert one.tables["rows"]["who"].tolist() == [PEOPLE]


def test_a_number_that_was_not_measured_is_none_and_says_why() -> None:
    one = record(None, Status.INCOMPLETE)
    assert one.frame["value"].isna().all() and one.frame.loc["accuracy", "note"] == HOSTILE
    assert "not measured" in one._repr_html_()


def test_findings_are_shown_the_gravest_first_and_shared_advice_once() -> None:
    shown = record()._repr_html_()
    assert shown.index('">critical</span>') < shown.index('">low</span>')
    assert shown.count("Do this.") == 1


def test_a_chart_is_a_picture_with_what_it_shows_in_words() -> None:
    shown = record()._repr_html_()
    (alt, source) = re.findall(r'<img class="chart" alt="([^"]+)" src="data:image/svg\+xml;base64,([^"]+)"', shown)[0]
    drawn = base64.b64decode(source).decode()
    assert drawn.startswith("<svg") and "xmlns=" in drawn and "<metadata" not in drawn
    assert html.unescape(alt) == record().result.charts[0].alt


def test_a_card_is_read_where_a_page_took_its_style_away() -> None:
    """As JupyterLab does of a notebook that it does not trust: without ``<style>`` and ``<svg>``, and with the words of both kept apart."""
    bare = re.sub(r"<style>.*?</style>|<svg.*?</svg>", "", record()._repr_html_(), flags=re.DOTALL)
    words = html.unescape(re.sub(r"<[^>]+>", "", bare.replace("</div>", "\n")))
    assert re.search(r" · ▲ finding · check\n", words)
    assert re.search(r": \S.* \[", words)
    assert '<img class="chart"' in bare and "<script" not in bare


@pytest.mark.parametrize("kind", ONES)
def test_completion_offers_what_there_is_and_nothing_of_the_library_beneath(kind: str) -> None:
    names = {name for name in dir(ONES[kind]()) if not name.startswith("_")}
    assert {"frame", "tables", "plot", "to_dict"} <= names
    assert not names & {"dict", "json", "copy", "parse_obj", "construct", "schema", "validate", "model_dump", "model_fields", "from_orm"}


@pytest.mark.parametrize("kind", ONES)
def test_a_repr_is_short_and_says_what_it_is(kind: str) -> None:
    one = ONES[kind]()
    assert (
        len(repr(one)) < 200
        and "\n" not in repr(one)
        and repr(one).startswith(f"<{type(one).__name__} ".replace("Assessment ", "Assessment"))
    )


def test_a_chart_is_drawn_by_its_name_on_the_axes_given() -> None:
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    assert record().plot("curve", ax=axes) is axes and len(axes.lines) == 1
    with pytest.raises(Problem, match=r"Expected a chart \(curve, whose\); found 'curv'"):
        record().plot("curv")
    assert assessment(record()).plot(ax=Figure().subplots()).get_yticklabels()[0].get_text() == "Input validation"


def test_a_table_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(KeyError, match=r"no table 'nothing'; there are 'groups', 'rows'"):
        record().tables["nothing"]
    assert assessment(record()).tables["validation.performance/groups"].shape == (1, 2)


def test_all_of_it_is_there_as_json_has_it() -> None:
    assert Record.model_validate(record().to_dict()) == record()


@pytest.mark.parametrize(
    ("statuses", "more", "state"),
    [
        ((Status.FINDING,), {}, "finding"),
        ((Status.PASSED,), {}, "incomplete"),  # the other topics were not asked
        ((Status.INCOMPLETE,), {}, "incomplete"),
        ((Status.FAILED,), {}, "incomplete"),
        ((), {"cancelled": True}, "cancelled"),
    ],
)
def test_a_report_passes_only_where_all_was_asked(statuses: tuple[Status, ...], more: dict[str, Any], state: str) -> None:
    from tiltyard.display.view import view_of

    assert view_of(assessment(*(record(0.9, status) for status in statuses), **more)).state == state


def test_no_record_at_all_is_said() -> None:
    assert "Nothing was measured" in assessment(cancelled=True)._repr_html_()
    assert repr(assessment()) == "<Assessment: 0 findings in 0 checks>"
