"""What a reader of a report would stumble over: one finding told twice, a number that is not the worst, text that is cut or escaped away."""

import base64
import re

import pytest
from tests.reports.test_forms import record

from tiltyard.assessment.about import About
from tiltyard.formatting.numbers import measured
from tiltyard.reports.bundle import make
from tiltyard.reports.html import figure, render
from tiltyard.reports.markdown import plain
from tiltyard.reports.markdown import render as markdown
from tiltyard.reports.overview import headline, risks, worst
from tiltyard.reports.pages import pages
from tiltyard.reports.scale import marks
from tiltyard.reports.wording import counts, ended
from tiltyard.result import Axis, Chart, CheckResult, Evidence, Finding, Metric, Record, Series, Severity, Status

FOOLED = {
    "key": "fooled",
    "severity": Severity.HIGH,
    "evidence": "e",
    "advice": "Train against it",
    "defense": "evasion.adversarial_training",
}


def attack(check: str, hits: int, **effective: object) -> Record:
    """An attack that left ``hits`` of 100 rows right, with a chart of its own."""
    one = record(check=check, hits=hits, name=check, id=str(hits % 10))
    chart = Chart(
        name="c", title="Accuracy as eps grows", kind="line", x=Axis(label="eps"), y=Axis(label="accuracy"), alt="falls",
        series=(Series(name="under attack", x=(0.0, 0.1), y=(0.8, 0.2)),),
    )  # fmt: skip
    result = one.result.model_copy(update={"findings": (Finding(title=f"{check} fools {100 - hits} %", **FOOLED),), "charts": (chart,)})
    return one.model_copy(update={"result": result, "effective": effective})


@pytest.fixture(scope="module")
def three() -> list[Record]:
    return [attack("evasion.fgsm", 12, eps=0.1), attack("evasion.pgd", 9, eps=0.1), attack("evasion.minimum", 4, eps=1.0)]


def test_of_attacks_that_find_the_same_the_least_safe_at_one_budget_stands_for_all(three: list[Record]) -> None:
    bundle = make(three)
    assert [g.finding.title for g in worst(bundle)] == ["evasion.pgd fools 91 %"]
    (risk,) = [r for r in risks(bundle) if r.topic.id == "evasion"]
    (page,) = [p for p in pages(bundle) if p.id == "evasion"]
    assert risk.record == page.lead == three[1], "the first page and the topic's own begin with one number"
    assert page.pictures[0].title == "Accuracy as eps grows · evasion.pgd"
    assert [(line.repeats, line.cited) for line in page.lines] == [(False, False), (True, True), (True, True)]
    paper = render(bundle, paper=True)
    topic = paper[paper.index('id="t-evasion"') : paper.index('id="annex"')]
    assert topic.count("Train against it.") == 1 and topic.count("As above.") == 2


def test_the_picture_is_that_of_the_gravest_finding(three: list[Record]) -> None:
    shown = three[1].result
    other = shown.charts[0].model_copy(update={"name": "worst", "title": "Worst"})
    finding = shown.findings[0].model_copy(update={"evidence": Evidence(charts=("worst",))})
    one = three[1].model_copy(update={"result": shown.model_copy(update={"charts": (*shown.charts, other), "findings": (finding,)})})
    (page,) = [p for p in pages(make([one])) if p.id == "evasion"]
    assert [c.title for c in page.charts] == ["Worst"]


def test_one_finding_is_one_finding() -> None:
    assert counts(make([record()]))[0].startswith("1 finding in 1 of ")
    assert counts(make([record(), record(check="theft.extraction", id="2")]))[0].startswith("2 findings in 2 of ")


def test_a_report_of_failures_does_not_look_calm() -> None:
    ended = CheckResult(status=Status.FAILED, summary="Failed"), CheckResult(status=Status.INCOMPLETE, summary="Open")
    bad = [record(check=c).model_copy(update={"result": r}) for c, r in zip(("evasion.pgd", "theft.extraction"), ended, strict=True)]
    assert counts(make(bad))[0].endswith("; 0 passed. Without a conclusion: 1. Failed: 1.")
    front = render(make(bad), front=True)
    assert "No finding. Without a conclusion: 1. Failed: 1." in front
    assert "No finding. Without a conclusion: 1. Failed: 1." in markdown(make(bad))


def gap(group: str, value: float) -> Metric:
    return Metric(
        name=f"demographic_parity_difference_{group}", label=f"by {group}", value=value, unit="points", low=value, high=value, safer="zero"
    )


def test_of_the_gaps_by_group_the_widest_is_on_the_first_page() -> None:
    result = CheckResult(status=Status.FINDING, summary="s", metrics=(gap("sex", 0.196), gap("age", 0.291), gap("race", 0.1)), findings=(
        Finding(title="Gap", severity=Severity.HIGH, evidence="e", advice="a"),))  # fmt: skip
    one = record(check="fairness.groups").model_copy(update={"result": result})
    (risk,) = [r for r in risks(make([one])) if r.topic.id == "fairness"]
    assert risk.metric == gap("age", 0.291)
    assert [(m.kind, m.at) for m in marks(risk)] == [("span", 29.1), ("value", 29.1)]


def test_a_row_without_a_number_names_the_gravest_finding() -> None:
    found = tuple(Finding(title=t, severity=s, evidence="e", advice="a") for t, s in (("Small", Severity.LOW), ("Grave", Severity.MEDIUM)))
    one = record(check="explanation.shap").model_copy(update={"result": CheckResult(status=Status.FINDING, summary="s", findings=found)})
    (risk,) = [r for r in risks(make([one])) if r.topic.id == "explanation"]
    assert risk.gravest == "Grave" and "<small>Grave</small>" in render(make([one]), front=True)


def test_a_defense_is_told_by_what_it_made() -> None:
    metrics = tuple(Metric(name=n, label=n, value=v, safer="higher") for n, v in (("accuracy_before", 0.9), ("accuracy_after", 0.8)))
    one = record(check="privacy.dp_sgd").model_copy(
        update={"kind": "defense", "result": CheckResult(status=Status.PASSED, summary="s", metrics=metrics)}
    )
    assert headline(one) == metrics[1]


def test_letters_of_a_chart_on_paper_are_shapes_that_nothing_cuts(three: list[Record]) -> None:
    drawn = figure(three[0].result.charts[0], paper=True)
    (coded,) = re.findall(r'base64,([^"]+)"', drawn)
    assert b"<text" not in base64.b64decode(coded) and 'alt="falls"' in drawn
    assert "<text" in figure(three[0].result.charts[0])


def test_a_table_whose_rows_are_withheld_has_no_head_that_runs_off_the_page() -> None:
    one = record(rows=0, name="A very wide head")
    assert "<th" not in re.findall(r'<table class="data.*?</table>', render(make([one])), re.S)[0]


def test_one_of_a_unit_and_sentences_that_end() -> None:
    one = Metric(name="k", label="k", value=1, unit="rows", safer="higher")
    assert measured(one) == "1 row" and measured(one.model_copy(update={"value": 2})) == "2 rows"
    assert [measured(one.model_copy(update={"unit": u})) for u in ("queries", "s", "hours a week", "USD")] == [
        "1 query",
        "1 s",
        "1 hours a week",
        "1 USD",
    ]
    assert [ended(t) for t in ("a", "a.", "a?", "")] == ["a.", "a.", "a?", ""]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Security report: demo (quick), 2026-12-01", "Security report: demo (quick), 2026-12-01"),
        ("9.3 % [6.3, 13.2]", r"9.3 % \[6.3, 13.2\]"),
        ("1. first", r"1\. first"),
        ("- item", r"\- item"),
        ("# head", r"\# head"),
        ("=== rule", r"\=== rule"),
        ("see http://e.org or www.e.org", r"see http\://e.org or www\.e.org"),
        ("a*b_c`d|e<f>&lt;$g$ ![x](y)", r"a\*b\_c\`d\|e\<f\>\&lt;\$g\$ !\[x\]\(y)"),
    ],
)  # fmt: skip
def test_markdown_stays_readable_as_it_is_written(text: str, written: str) -> None:
    assert plain(text) == written


def test_the_title_is_not_told_twice() -> None:
    for title in ("Security report: net", "Net"):
        page = render(make([record()], about=About(title=title)), front=True)
        assert page[page.index("<main") :].count(">Security report") == 1
