from collections.abc import Callable

import numpy as np
import pytest

from tiltyard.assessment.baseline import Baseline
from tiltyard.assessment.policy import Outcome
from tiltyard.check import Check
from tiltyard.comparison.comparison import Comparison, change, compare, difference, latest, verdict
from tiltyard.comparison.trend import trends
from tiltyard.datasets.dataset import Dataset
from tiltyard.result import CheckResult, Metric, Record, Status
from tiltyard.statistics.intervals import rate
from tiltyard.store.store import Store
from tiltyard.targets.target import Target


def metric(value: float | None, low: float | None, high: float | None, safer: str = "higher") -> Metric:
    return Metric(name="m", label="M", value=value, low=low, high=high, safer=safer, note="" if value is not None else "none")  # type: ignore[arg-type]


def test_the_interval_of_a_difference_is_newcombes() -> None:
    """Newcombe 1998, Statistics in Medicine 17, 873, table II (c): 56/70 against 48/80 from Wilson intervals."""
    before, after = metric(48 / 80, 0.4904, 0.7001), metric(56 / 70, 0.6918, 0.8769)
    gap, low, high = difference(before, after)
    assert (gap, low, high) == pytest.approx((0.2, 0.0524, 0.3339), abs=2e-4)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (metric(0.5, 0.45, 0.55), metric(0.7, 0.65, 0.75), "better"),
        (metric(0.5, 0.45, 0.55, "lower"), metric(0.7, 0.65, 0.75, "lower"), "worse"),
        (metric(0.5, 0.4, 0.6), metric(0.55, 0.45, 0.65), "unclear"),
        (metric(0.5, 0.4, 0.6), metric(0.5, 0.4, 0.6), "same"),
        (metric(0.5, None, None), metric(0.9, None, None), "unclear"),
        (metric(None, None, None), metric(0.9, 0.8, 1.0), "unclear"),
        (metric(-0.3, -0.35, -0.25, "zero"), metric(0.1, 0.05, 0.15, "zero"), "better"),
        (metric(0.5, 0.45, 0.55, "none"), metric(0.7, 0.65, 0.75, "none"), "changed"),
    ],
)
def test_verdicts(before: Metric, after: Metric, said: str) -> None:
    assert verdict(before, after) == said


def test_equal_models_are_called_different_in_at_most_a_twentieth() -> None:
    """500 pairs of coins with the same bias: the interval of the difference misses 0 in at most 5 % (within 2 points)."""
    rng = np.random.default_rng(0)
    hits = rng.binomial(200, 0.7, (500, 2))
    wrong = sum(
        verdict(rate("m", "M", int(a), 200, "higher"), rate("m", "M", int(b), 200, "higher")) in ("better", "worse") for a, b in hits
    )
    assert wrong / 500 <= 0.05 + 0.02


def test_two_runs_side_by_side(
    store: Store, share: Callable[..., Check], broken: Callable[..., Check], target: Target, data: Dataset
) -> None:
    one = store.begin("one", target.identity, data.identity, {"profile": "quick"})
    two = store.begin("two", target.identity, data.take(np.arange(50)).identity, {"profile": "full"})
    a = [share(rows=20)(target, data), share(rows=30)(target, data), broken()(target, data)]
    b = [share(rows=30)(target, data), share(rows=40)(target, data)]
    found = compare(one, a, two, b)
    what = {c.what: (c.before, c.after) for c in found.changed}
    assert what["setting profile"] == ("quick", "full")
    assert what["evasion.share rows"] == ("20", "40")
    assert "data fingerprint" in what
    assert "target fingerprint" not in what
    assert (found.only_before, found.only_after) == (("evasion.broken",), ())
    assert [(s.check, s.before, s.after) for s in found.statuses if s.after is None] == [("evasion.broken", "failed", None)]
    assert [m.verdict for m in found.metrics][1] == "same"
    first = found.metrics[0]
    assert first.told_before.startswith(f"{100 * first.before.value:.1f} % [") and first.told_before.endswith("n = 20")  # type: ignore[union-attr,operator]
    assert "points [" in first.told_difference
    assert change(a[0], first.before, None).told_after == "not measured"
    assert Comparison.model_validate_json(found.model_dump_json()) == found


def test_equal_parameters_are_equal_in_any_order(share: Callable[..., Check], target: Target, data: Dataset) -> None:
    old = share(rows=20)(target, data).model_copy(update={"effective": {"by": {"a": 1, "b": 2}, "rows": 20}})
    new = old.model_copy(update={"effective": {"rows": 20, "by": {"b": 2, "a": 1}}, "seed": 7})
    other = old.model_copy(update={"effective": {"rows": 20, "by": {"a": 1, "b": 3}}})
    assert latest([old, other, new]) == [new, other]


def test_a_metric_that_was_renamed_is_compared_with_itself(
    store: Store, share: Callable[..., Check], target: Target, data: Dataset
) -> None:
    def campaign(name: str, value: float) -> Record:
        measured = Metric(name=name, label="Attacks that gained something", value=value, safer="lower")
        result = CheckResult(status=Status.PASSED, summary="s", metrics=(measured,))
        return share()(target, data).model_copy(update={"check": "campaign.matrix", "result": result})

    runs = [store.begin(name, target.identity, data.identity, {}) for name in ("old", "new")]
    old, new = campaign("fell", 2.0), campaign("successful_attacks", 1.0)
    (change,) = compare(runs[0], [old], runs[1], [new]).metrics
    assert (change.name, change.difference) == ("successful_attacks", -1.0)
    (judged,) = Baseline(runs[0], (old,)).judge([new]).verdicts
    assert (judged.outcome, judged.value) == (Outcome.PASS, 1.0)
    store.add(runs[0].id, old)
    store.add(runs[1].id, new)
    (trend,) = trends(store, store.runs()[0])
    assert [p.metric.value for p in trend.points] == [2.0, 1.0]
