"""The performance page: its cells are the record's numbers, it begins at the model's own rule, and a threshold can be put in force."""

import time

import numpy as np
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.targets.decision import threshold
from tiltyard.targets.estimators import FunctionTarget
from tiltyard_widgets.panels.performance import PerformancePanel
from tiltyard_widgets.panels.session import Session

SCHEMA = Schema(features=(Feature(name="p", kind="continuous"),), label="y", classes=("no", "yes"))


def data(n: int = 800, k: int = 2) -> Dataset:
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 1, (n, 1)).round(3)
    schema = SCHEMA if k == 2 else SCHEMA.model_copy(update={"classes": ("a", "b", "c")})
    y = (rng.uniform(0, 1, n) < x[:, 0]).astype(np.int64) + (rng.random(n) < 0.2 if k == 3 else 0)
    return Dataset(x=x, y=np.minimum(y, k - 1), schema=schema, sensitive={"sex": rng.choice(["F", "M"], n)})


def two(rule: float | None = None) -> FunctionTarget:
    target = FunctionTarget(lambda x: x[:, 0], SCHEMA.classes, SCHEMA)
    if rule is not None:
        target.decide(threshold(rule, SCHEMA.classes, "yes"))
    return target


def shown(panel: PerformancePanel) -> PerformancePanel:
    end = time.monotonic() + 30
    while not panel.view.facts and not panel.table.tree and time.monotonic() < end:
        time.sleep(0.01)
    return panel


def counts(panel: PerformancePanel, at: float) -> np.ndarray:
    """Truth and decision at a threshold, from what was sent to the page."""
    view, groups = panel.view, len(panel.view.facts["groups"])
    scores = np.frombuffer(view.scores, np.float64)
    rank, code, count = (np.frombuffer(getattr(view, name), np.uint32) for name in ("rank", "code", "count"))
    answered = (rank >= np.searchsorted(scores, at)).astype(int)
    return np.bincount(2 * code.astype(int) + answered, count, 4 * groups).reshape(-1, 2, 2).sum(0).astype(int)


@pytest.mark.parametrize("rule", [None, 0.15, 0.8])
def test_at_the_models_own_threshold_it_holds_the_records_matrix(rule) -> None:
    from tiltyard.validation.performance import Performance

    target, rows = two(rule), data()
    panel = shown(PerformancePanel(target, rows))
    facts = panel.view.facts
    assert facts["own_threshold"] == panel.view.threshold
    assert rule is None or facts["own_threshold"] == rule
    result = Performance()(target, rows).result
    matrix = next(t for t in result.tables if t.name == "confusion").rows
    k = SCHEMA.classes.index(facts["name"])
    record = np.array([row[1:] for row in matrix])
    ours = counts(panel, facts["own_threshold"])
    assert (ours == (record if k == 1 else record[::-1, ::-1])).all()
    assert f"{result.metric('roc_auc').value:.3f}" in facts["ranks"]["roc_auc"]


def test_a_threshold_put_in_force_is_another_target_and_can_be_undone() -> None:
    session = Session(two(), data())
    before = session.target
    panel = shown(PerformancePanel(session=session))
    panel.positive.value = "yes"
    panel._use({"threshold": 0.3})
    assert session.target is not before and session.target.fingerprint != before.fingerprint
    assert session.target.rule == "class 'yes' from 0.3 on" and session.target.parent is before
    assert before.rule != session.target.rule
    end = time.monotonic() + 30
    while panel.view.facts.get("own_threshold") != 0.3 and time.monotonic() < end:
        time.sleep(0.01)
    assert panel.view.facts["own_threshold"] == 0.3
    assert counts(panel, 0.3)[:, 1].sum() == (session.target.labels(session.data.x) == 1).sum()
    session.undo()
    assert session.target is before


def test_a_threshold_outside_its_bounds_is_one_line_and_changes_nothing() -> None:
    session = Session(two(), data())
    panel = shown(PerformancePanel(session=session))
    panel._use({"threshold": 1.0})
    assert "above 0 and below 1" in str(panel.message.tree)
    assert not session.former


def test_without_scores_there_is_the_matrix_and_why() -> None:
    target = two()
    target.offers = frozenset({"labels"})
    panel = shown(PerformancePanel(target, data()))
    assert panel.view.facts == {}
    assert "labels alone" in str(panel.line.tree)
    assert panel.table.table.name == "confusion"


def three(rows: Dataset) -> FunctionTarget:
    """Softmax scores of three classes that follow the one feature."""

    def scores(x: np.ndarray) -> np.ndarray:
        z = np.exp(np.column_stack([2 - 3 * x[:, 0], 0.5 + x[:, 0], 3 * x[:, 0] - 1]))
        return z / z.sum(1, keepdims=True)

    return FunctionTarget(scores, rows.schema.classes, rows.schema)


def test_of_three_classes_one_stands_against_the_rest_with_scikit_learns_numbers_at_every_threshold() -> None:
    from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

    rows = data(k=3)
    target = three(rows)
    panel = shown(PerformancePanel(target, rows))
    panel.positive.value = "b"
    facts, truth, score = panel.view.facts, rows.y == 1, target.predictions(rows.x).scores[:, 1]
    assert facts["rest"] == "not b" and facts["cannot"] == ""
    assert any("whichever other class has the largest score" in note for note in facts["notes"])
    assert f"{roc_auc_score(truth, score):.3f}" in facts["ranks"]["roc_auc"]
    assert f"{average_precision_score(truth, score):.3f}" in facts["ranks"]["average_precision"]
    precision, recall, at = precision_recall_curve(truth, score)
    false, true, cut = roc_curve(truth, score, drop_intermediate=False)
    places = dict(zip(cut.tolist(), zip(false, true, strict=True), strict=True))
    for i in range(0, len(at), 37):
        (tn, fp), (fn, tp) = counts(panel, at[i])
        assert tp / (tp + fp) == pytest.approx(precision[i]) and tp / (tp + fn) == pytest.approx(recall[i])
        assert (fp / (fp + tn), tp / (tp + fn)) == pytest.approx(places[at[i]])
    own = np.array(facts["own"]).sum(0)
    labels = target.labels(rows.x)
    assert own.tolist() == [[int(((rows.y == 1) == t).astype(int) @ ((labels == 1) == d)) for d in (False, True)] for t in (False, True)]


def test_a_threshold_of_one_of_three_classes_is_put_in_force_and_undone() -> None:
    rows = data(k=3)
    session = Session(three(rows), rows)
    before = session.target
    panel = shown(PerformancePanel(session=session))
    panel.positive.value = "b"
    panel._use({"threshold": 0.3})
    assert session.target.rule == "class 'b' from 0.3 on, else the largest score of the others"
    found = session.target.predictions(rows.x)
    reached = found.scores[:, 1] >= 0.3
    assert ((found.labels == 1) == reached).all() and 0 < reached.sum() < len(reached)
    assert (found.labels[~reached] == np.where(found.scores[~reached, 0] >= found.scores[~reached, 2], 0, 2)).all()
    end = time.monotonic() + 30
    while panel.view.facts.get("own_threshold") != 0.3 and time.monotonic() < end:
        time.sleep(0.01)
    assert panel.view.facts["own_threshold"] == 0.3 and panel.positive.value == "b"
    assert counts(panel, 0.3)[:, 1].sum() == reached.sum()
    session.undo()
    assert session.target is before


def test_nothing_of_a_former_model_stays() -> None:
    session = Session(two(), data())
    panel = shown(PerformancePanel(session=session))
    session.adopt(None, None)
    assert panel.view.facts == {} and "Load a model" in str(panel.line.tree)
