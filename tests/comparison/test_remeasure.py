"""Measuring every risk again after a defense: what it runs, what it compares, and what a cancel leaves."""

from typing import Any

import pytest
from tests.tiny import Share, Slow

from tiltyard import catalogue
from tiltyard.assessment.full_assessment import FullAssessment
from tiltyard.comparison import cross_risk
from tiltyard.comparison.remeasure import remeasure
from tiltyard.datasets.dataset import Dataset
from tiltyard.defense import Defended, Defense, Outcome
from tiltyard.errors import Problem
from tiltyard.execution.runner import Runner
from tiltyard.progress import Progress, Report
from tiltyard.result import CheckResult, Record, Status
from tiltyard.store.store import Store
from tiltyard.targets.estimators import FunctionTarget
from tiltyard.targets.target import Target


class Other(Share):
    """Stands for accuracy and calibration, which is measured in any case."""

    id = "validation.performance"


class Inverted(Defense):
    """Says the contrary."""

    id = "evasion.inverted"
    title = "Inverted"
    question = "What if it says the contrary?"

    def apply(self, target: Target, data: Dataset, progress: Progress) -> Defended:
        made = FunctionTarget(lambda x: 1 - target.labels(x), data.schema.classes, data.schema, "inverted")
        return Defended(made, CheckResult(status=Status.PASSED, summary="Made."))


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: dict[str, Any] = {step.id: step for step in (Share, Slow, Other)}
    monkeypatch.setattr(cross_risk, "checks", lambda: steps)
    monkeypatch.setattr(cross_risk, "find", lambda id: steps.get(id) or catalogue.find(id))


def numbers(records: tuple[Record, ...]) -> list[tuple[str, float | None]]:
    return [(r.check, m.value) for r in records for m in r.result.metrics]


def test_what_was_measured_before_is_measured_after_with_the_same_parameters(target: Target, data: Dataset) -> None:
    outcome = Inverted()(target, data)
    before = [Share(rows=30)(target, data)]
    found = remeasure(outcome, target, data, before, Runner())
    assert [r.effective["rows"] for r in found.after] == [20, 30]  # accuracy and calibration, and what was measured
    assert [r.target.name for r in found.before] == ["threshold"] * 2 and [r.target.name for r in found.after] == ["inverted"] * 2
    share = {r.check: r.result.metrics[0].value or 0.0 for r in found.before}
    assert all(r.result.metrics[0].value == pytest.approx(1 - share[r.check]) for r in found.after)
    assert found.crossed is not None and not found.cancelled
    assert found.crossed.effective["defense_record"] == outcome.record.id


def test_the_store_keeps_what_is_still_measured_of_the_model_in_its_run(target: Target, data: Dataset, store: Store) -> None:
    run = store.begin("before", target.identity, data.identity)
    found = remeasure(Inverted()(target, data), target, data, [Share()(target, data)], Runner(store), run=run, name="after it")
    assert [r.check for r in store.records(run.id)] == ["validation.performance"]
    (after,) = [r for r in store.runs() if r.name == "after it"]
    assert numbers(tuple(store.records(after.id))) == numbers(found.after)


class SlowOther(Slow):
    """Accuracy and calibration that take their time."""

    id = "validation.performance"


def cancelled_when_slow() -> Progress:
    """A progress that is cancelled as soon as the slow check reports."""

    def listen(report: Report) -> None:
        if report.message.startswith("Slow"):
            progress.cancel()

    progress = Progress(listener=listen)
    return progress


def test_a_cancel_while_the_model_as_it_was_is_measured_begins_no_second_half(
    target: Target, data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cross_risk, "find", lambda id: {"validation.performance": SlowOther}.get(id, Share))
    before = [Share()(target, data)]
    found = remeasure(Inverted()(target, data), target, data, before, Runner(), cancelled_when_slow())
    assert found.cancelled and found.crossed is None and found.after == ()
    assert [r.result.status for r in found.before] == [Status.FINDING, Status.CANCELLED]


def test_a_cancel_while_the_defended_model_is_measured_compares_nothing(target: Target, data: Dataset) -> None:
    before = [Other()(target, data), Slow()(target, data, stopped()), Share()(target, data)]
    found = remeasure(Inverted()(target, data), target, data, before, Runner(), cancelled_when_slow())
    assert found.cancelled and found.crossed is None
    assert [(r.check, r.result.status) for r in found.after][1:] == [("evasion.slow", Status.CANCELLED)]


def stopped() -> Progress:
    progress = Progress()
    progress.cancel()
    return progress


def test_it_begins_nothing_once_it_was_cancelled(target: Target, data: Dataset) -> None:
    found = remeasure(Inverted()(target, data), target, data, [Share()(target, data)], Runner(), stopped())
    assert (found.after, found.cancelled, found.crossed) == ((), True, None)


def test_progress_runs_once_from_start_to_end(target: Target, data: Dataset) -> None:
    done: list[float] = []
    progress = Progress(listener=lambda report: done.append(report.done))
    remeasure(Inverted()(target, data), target, data, [Share()(target, data)], Runner(), progress)
    assert done == sorted(done) and done[-1] == pytest.approx(1.0)


def test_a_defense_that_made_no_model_is_refused(target: Target, data: Dataset) -> None:
    nothing = Outcome(Inverted()(target, data).record, None)
    with pytest.raises(Problem, match="Expected a defended model; found none"):
        remeasure(nothing, target, data, [], Runner())


def test_the_full_assessment_finds_the_same(target: Target, data: Dataset) -> None:
    assessment = FullAssessment(target, data, Runner(), "all")
    assessment.check([Share(rows=30)])
    found = assessment.defend(Inverted(), ["evasion.share"])
    again = remeasure(Inverted()(target, data), target, data, [Share(rows=30)(target, data)], Runner())
    assert found is not None and found.crossed is not None and again.crossed is not None
    assert numbers(found.before) == numbers(again.before) and numbers(found.after) == numbers(again.after)
    rows = [row for row in found.crossed.result.tables[0].rows if row[0] != cross_risk.COST]
    assert rows == [row for row in again.crossed.result.tables[0].rows if row[0] != cross_risk.COST]
    assert [r.check for r in assessment.records] == ["evasion.share", "evasion.inverted", "validation.performance", "cross_risk.after"]


class OfPictures(Inverted):
    """Needs what no table is."""

    id = "evasion.of_pictures"
    title = "Of pictures"
    needs = frozenset({"images"})


def test_a_defense_after_one_that_does_not_apply_is_applied(target: Target, data: Dataset) -> None:
    assessment = FullAssessment(target, data, Runner(), "all")
    assessment.check([Share(rows=30)])
    none = assessment.defend(OfPictures(), ["evasion.share"])
    found = assessment.defend(Inverted(), ["evasion.share"])
    assert none is not None and none.made is None and found is not None and found.made is not None
    ended = [(r.check, r.result.status) for r in assessment.records]
    assert ended[1:3] == [("evasion.of_pictures", Status.NOT_APPLICABLE), ("evasion.inverted", Status.PASSED)]
