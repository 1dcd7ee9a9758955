"""What the page computes from a threshold, run by Node: counts and rates are scikit-learn's and Fairlearn's, intervals are scipy's."""

import json
import shutil
import subprocess

import numpy as np
import pytest

from tiltyard.statistics.score_cells import ScoreCells
from tiltyard_widgets.theme.block import SCRIPTS

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="Node runs the page's own script")


def run(body: str, given: object) -> object:
    """What ``body``, a function's body with ``given`` in scope, returns beside the page's own functions."""
    script = f"{SCRIPTS['threshold_counts.js'].read_text()}\nconst given = {json.dumps(given)};\nconsole.log(JSON.stringify((() => {{{body}}})()));"
    found = subprocess.run([str(NODE), "--input-type=module"], input=script, capture_output=True, text=True, timeout=60)
    assert not found.returncode, found.stderr
    return json.loads(found.stdout)


@pytest.fixture(scope="module")
def drawn():
    rng = np.random.default_rng(0)
    groups = rng.choice(["F", "M", "X"], 2000, p=[0.5, 0.48, 0.02])
    scores = np.clip(rng.beta(2, 3, 2000) + 0.15 * (groups == "M"), 0, 1).round(3)
    truth = rng.random(2000) < scores
    return scores, truth, groups


def _given(drawn) -> dict[str, object]:
    cells = ScoreCells.of(*drawn[:2], drawn[0] >= 0.5, drawn[2], 0.5)
    return {name: getattr(cells, name).tolist() for name in ("scores", "rank", "code", "count")} | {"groups": len(cells.groups)}


CELLS = "const cells = readCells(Float64Array.from(given.scores), given.rank, given.code, given.count, given.groups);"


def test_counts_at_each_threshold_are_scikit_learns(drawn) -> None:
    from sklearn.metrics import confusion_matrix

    scores, truth, groups = drawn
    asked = [0.0, 0.25, 0.5, 0.501, 0.999, float(scores.max()), 1.0, *scores[:20].tolist()]
    found = run(
        f"{CELLS} return given.asked.map((t) => [cells.total, ...cells.groups].map((pair) => countsAt(cells, pair, t)));",
        _given(drawn) | {"asked": asked},
    )
    for threshold, (total, *parts) in zip(asked, found, strict=True):
        for counts, mine in zip((total, *parts), (groups != "", *(groups == g for g in "FMX")), strict=True):
            expected = confusion_matrix(truth[mine], scores[mine] >= threshold, labels=[False, True]).ravel().tolist()
            assert [counts[k] for k in ("tn", "fp", "fn", "tp")] == expected


def test_rates_and_gaps_are_scikit_learns_and_fairlearns(drawn) -> None:
    from fairlearn import metrics as fair
    from sklearn import metrics

    from tiltyard.fairness.rates import gaps, grouped

    scores, truth, groups = drawn
    said = scores >= 0.42
    body = f"{CELLS} const parts = cells.groups.map((p) => measured(countsAt(cells, p, 0.42))); return [measured(countsAt(cells, cells.total, 0.42)), parts, gapsOf(parts, 2), gapsOf(parts, 30)];"
    total, parts, all_gaps, large_gaps = run(body, _given(drawn))
    assert total["recall"]["value"] == pytest.approx(metrics.recall_score(truth, said))
    assert total["precision"]["value"] == pytest.approx(metrics.precision_score(truth, said))
    assert total["f1"]["value"] == pytest.approx(metrics.f1_score(truth, said))
    assert total["accuracy"]["value"] == pytest.approx(metrics.accuracy_score(truth, said))
    assert total["balanced"]["value"] == pytest.approx(metrics.balanced_accuracy_score(truth, said))
    by = fair.MetricFrame(
        metrics={"selection": fair.selection_rate, "fpr": fair.false_positive_rate, "fnr": fair.false_negative_rate},
        y_true=truth,
        y_pred=said,
        sensitive_features=groups,
    ).by_group
    for name in ("selection", "fpr", "fnr"):
        assert [p[name]["value"] for p in parts] == pytest.approx(by[name].tolist())
    assert all_gaps["parity"]["value"] == pytest.approx(fair.demographic_parity_difference(truth, said, sensitive_features=groups))
    assert all_gaps["parity"]["ratio"] == pytest.approx(fair.demographic_parity_ratio(truth, said, sensitive_features=groups))
    assert all_gaps["odds"]["value"] == pytest.approx(fair.equalized_odds_difference(truth, said, sensitive_features=groups))
    assert all_gaps["chance"]["value"] == pytest.approx(fair.equal_opportunity_difference(truth, said, sensitive_features=groups))
    record = gaps(grouped(groups, truth, said).of_size(30).counts, 100, np.random.default_rng(0), 30)
    assert large_gaps["parity"]["value"] == pytest.approx(record["demographic_parity"].difference)
    assert large_gaps["odds"]["value"] == pytest.approx(record["equalized_odds"].difference)


def test_one_error_rate_alone_is_not_equalized_odds() -> None:
    body = "return ['recall', 'fpr'].map((thin) => gapsOf(given.map((g) => ({ ...g, [thin]: { value: 0.5, n: 3, hits: 1 } })), 30).odds.value);"
    rate = {"value": 0.4, "n": 100, "hits": 40}
    groups = [dict.fromkeys(("selection", "recall", "fpr", "precision", "accuracy"), rate)] * 2
    assert run(body, groups) == [None, None]


def test_intervals_are_those_of_scipy_and_of_the_record() -> None:
    from tiltyard.statistics.classification import Confusion
    from tiltyard.statistics.intervals import clopper_pearson, wilson

    pairs = [(0, 1), (1, 1), (0, 7), (3, 9), (1, 1000), (500, 1000), (999, 1000), (12_345, 1_000_000), (0, 0), (50_000, 100_000)]
    found = run("return given.map(([h, n]) => [clopperPearson(h, n), n ? wilson(h / n, n) : [0, 1]]);", pairs)
    for (hits, n), (exact, score) in zip(pairs, found, strict=True):
        assert exact == pytest.approx(clopper_pearson(hits, n), abs=1e-9)
        assert score == pytest.approx(wilson(hits / n if n else 0.0, n), abs=1e-12)
    counts = np.array([[70, 11], [9, 30]])
    said = run("return measured({ tn: 70, fp: 11, fn: 9, tp: 30 });", None)
    confusion = Confusion(counts)
    f1, balanced = confusion.f1(1), confusion.balanced
    assert [said["f1"][k] for k in ("value", "low", "high", "n")] == pytest.approx([f1.value, f1.low, f1.high, f1.n], abs=1e-9)
    assert [said["balanced"][k] for k in ("value", "low", "high")] == pytest.approx([balanced.value, balanced.low, balanced.high], abs=1e-9)


def test_the_cheapest_threshold_is_that_of_all_tried(drawn) -> None:
    scores, truth, _ = drawn
    for costs in ([1, 1], [1, 5], [10, 1], [0, 1], [1, 0]):
        found = run(f"{CELLS} return cheapest(cells, cells.total, given.costs, 0.5);", _given(drawn) | {"costs": costs})
        tried = [*np.unique(scores), 1.1]
        prices = [costs[0] * (~truth & (scores >= t)).sum() + costs[1] * (truth & (scores < t)).sum() for t in tried]
        assert found["cost"] == pytest.approx(min(prices))
        said = scores >= found["threshold"]
        assert costs[0] * (~truth & said).sum() + costs[1] * (truth & ~said).sum() == pytest.approx(min(prices))


def test_curves_hold_their_corners_and_the_calibration_is_scikit_learns(drawn) -> None:
    from sklearn.calibration import calibration_curve

    scores, truth, _ = drawn
    points, bins = run(f"{CELLS} return [pointsOf(cells, cells.total, 50), calibrated(cells, cells.total, 10)];", _given(drawn))
    assert (points[0]["tp"], points[0]["fp"]) == (0, 0)
    assert (points[-1]["tp"], points[-1]["fp"]) == (int(truth.sum()), int((~truth).sum()))
    for point in points[1:]:
        assert point["tp"] == (truth & (scores >= point["threshold"])).sum()
    shares, at = calibration_curve(truth, scores, n_bins=10)
    assert [b["score"] for b in bins] == pytest.approx(at[-len(bins) :].tolist(), abs=0.02)
    assert [b["value"] for b in bins] == pytest.approx(shares[-len(bins) :].tolist(), abs=0.05)
    assert sum(b["n"] for b in bins) == len(scores)


def test_a_threshold_is_written_short_and_tells_its_neighbors_apart() -> None:
    found = run(
        "return [shortBetween(0.4999, 0.5003), shortBetween(0.123456, 0.123457), shortBetween(0.2, 0.2), shortBetween(0, 0.013)];", None
    )
    assert found == [0.5, 0.123457, 0.2, 0.01]
