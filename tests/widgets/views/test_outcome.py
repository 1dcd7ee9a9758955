"""A result in layers: what is seen first, what waits behind *Details*, and that nothing of a former result stays under another sentence."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tiltyard.result import (
    Axis,
    Chart,
    CheckResult,
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
)
from tiltyard_widgets.theme.markup import Markup
from tiltyard_widgets.views.chart import ChartView
from tiltyard_widgets.views.layers import layers
from tiltyard_widgets.views.outcome import OutcomeView

WHO = Identity(name="m", fingerprint="ab" * 32)


def metric(name: str, value: float | None = 0.5) -> Metric:
    return Metric(name=name, label=name.capitalize(), value=value, safer="higher", note="" if value is not None else "too few rows")


def chart(name: str) -> Chart:
    series = (Series(name="s", x=(0.0, 1.0), y=(0.1, 0.2)),)
    return Chart(name=name, title=name, kind="line", x=Axis(label="x"), y=Axis(label="y"), series=series, alt=name)


def finding(severity: Severity, title: str, defense: str = "") -> Finding:
    return Finding(title=title, severity=severity, evidence=Evidence(), advice=f"Mend {title}.", defense=defense)


def record(check: str = "evasion.pgd", status: Status = Status.PASSED, kind: str = "check", **parts: Any) -> Record:
    result = CheckResult(status=status, summary="So it ended.", **parts)
    return Record.model_validate(
        {"id": "1" * 32, "check": check, "kind": kind, "title": check, "result": result, "given": {}, "effective": {}, "seed": 0}
        | {"target": WHO, "data": WHO, "versions": {}, "started": datetime(2026, 11, 24, tzinfo=UTC), "seconds": 1.0, "queries": 7}
    )


def shown(view: OutcomeView) -> str:
    """All words of what stands in the view."""

    def words(widget: Any) -> str:
        if isinstance(widget, Markup):
            return widget.plain_text()
        if isinstance(widget, ChartView):
            return str(widget.chart.get("title", ""))
        return " ".join(words(child) for child in getattr(widget, "children", ()))

    return words(view)


def test_the_headline_comes_first_and_three_numbers_at_most() -> None:
    numbers = tuple(metric(name) for name in ("a", "b", "clean_accuracy", "c", "robust_accuracy"))
    told = layers(record(metrics=numbers))
    assert told.metrics[0].name == "robust_accuracy" and len(told.metrics) == 3
    assert {m.name for m in (*told.metrics, *told.other_metrics)} == {m.name for m in numbers}


def test_what_was_measured_comes_before_what_was_not_unless_the_question_itself_is_open() -> None:
    told = layers(record("other.step", metrics=(metric("a", None), metric("b"))))
    assert [m.name for m in told.metrics] == ["b", "a"]
    told = layers(record("supply_chain.advisories", metrics=(metric("asked"), metric("vulnerable", None)), status=Status.INCOMPLETE))
    assert "vulnerable" in [m.name for m in told.metrics]


def test_pictures_count_as_the_chart() -> None:
    picture = Picture(caption="7", png="AAAA", alt="a seven")
    gallery = Gallery(name="g", title="Fooled", heads=("x",), rows=((picture,),))
    told = layers(record(charts=(chart("one"), chart("two")), galleries=(gallery,)))
    assert told.picture is gallery and [c.name for c in told.other_charts] == ["one", "two"] and told.other_galleries == ()
    assert getattr(layers(record(charts=(chart("one"), chart("two")))).picture, "name", "") == "one"


def test_the_gravest_finding_says_what_to_do() -> None:
    found = (finding(Severity.LOW, "a"), finding(Severity.HIGH, "b", "evasion.adversarial_training"))
    view = OutcomeView("Not run.")
    wanted: list[str] = []
    view = OutcomeView("Not run.", wanted.append)
    view.show(record(status=Status.FINDING, findings=found))
    said = shown(view)
    assert "Mend b." in said and "Mend a." not in said and "1 more finding under Details" in said
    assert "Go to the defense: Adversarial training" in said
    content = {"data": {"method": "custom", "content": {"event": "defense", "value": "evasion.adversarial_training"}}}
    view._advice._handle_msg({"content": content, "buffers": []})
    assert wanted == ["evasion.adversarial_training"]
    view.unfolded = True
    assert "Mend a." in shown(view)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (record(), "Nothing: it passed."),
        (record(status=Status.INCOMPLETE, notes=("What settles it: a lock file.",)), "A lock file."),
        (record(status=Status.INCOMPLETE, metrics=(metric("old", None),)), "Old: too few rows."),
        (record(status=Status.INCOMPLETE), "More rows or a larger budget"),
        (record(kind="defense"), "Measure every risk again"),
        (record(status=Status.FAILED), "run it again"),
    ],
)
def test_it_says_what_to_do_however_it_ended(given: Record, words: str) -> None:
    action = layers(given).action
    assert action is not None and words in action.advice


def test_details_are_made_when_they_are_unfolded_and_remembered_for_the_next_result() -> None:
    view = OutcomeView("Not run.")
    numbers = tuple(metric(name) for name in "abcde")
    view.show(record(metrics=numbers, charts=(chart("one"), chart("two")), notes=("A note.",)), "print(1)")
    assert view._charts == [] and "print(1)" not in shown(view) and "2 more numbers, 1 more picture, notes, code" in shown(view)
    view.details.turn()
    assert view.unfolded and "print(1)" in shown(view) and "A note." in shown(view) and "run on 2026-11-24" in shown(view)
    assert [c.chart["title"] for c in view._charts] == ["two"]
    view.show(record(charts=(chart("three"),)), "print(2)")
    assert "print(2)" in shown(view) and "two" not in shown(view)


def test_no_card_or_chart_stays_under_another_sentence() -> None:
    view = OutcomeView("Not run yet.")
    view.show(record(metrics=(metric("robust_accuracy"),), charts=(chart("one"),)))
    view.say("not_applicable", "Needs gradients.")
    assert shown(view).split() == ["–", "not", "applicable", "Needs", "gradients."]
    view.wait("PGD is running …")
    assert "Robust_accuracy" not in shown(view)  # it was of no result that still stands


def test_while_it_runs_the_former_result_stays_dimmed_and_dated() -> None:
    view = OutcomeView("Not run yet.")
    view.show(record(metrics=(metric("robust_accuracy"),), charts=(chart("one"),)))
    view.wait("PGD is running …")
    said = shown(view)
    assert "running" in said and "of 2026-11-24 00:00 UTC" in said and "Robust_accuracy" in said and "ty-former" in view._dom_classes
    view.show(record(metrics=(metric("robust_accuracy", 0.25),)))
    assert "ty-former" not in view._dom_classes and "of before" not in shown(view)
    view.show(None)
    assert shown(view).split() == ["○", "not", "run", "Not", "run", "yet."]
