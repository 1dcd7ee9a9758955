"""The SHAP check against a closed form, its findings, its pictures, and what it cannot say."""

import base64
import io

import numpy as np
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.explanation.shap_values import SHAP
from tiltyard.result import Record, Severity, Status
from tiltyard.targets.estimators import FunctionTarget


def test_a_linear_row_equals_its_closed_form(linear, loans):
    check = SHAP(scale="log-odds", rows=10, background=200, row=7)
    result = check(linear, loans).result
    waterfall = next(t for t in result.tables if t.name == "waterfall")
    found = {row[0]: row[2] for row in waterfall.rows}
    moved = (loans.encoded[7] - loans.seen.encoded.mean(0)) * np.array([0.8, 0.05, 0.5, -0.5, 0.0])
    assert found["income"] == pytest.approx(moved[0], abs=1e-3)
    assert found["age"] == pytest.approx(moved[1], abs=1e-3)
    assert found["town"] == pytest.approx(moved[2:].sum(), abs=1e-3)


def test_the_waterfall_ends_at_the_models_answer(linear, loans):
    result = SHAP(rows=10, background=20, row=3)(linear, loans).result
    last = next(t for t in result.tables if t.name == "waterfall").rows[-1][-1]
    assert last == pytest.approx(float(linear.scores(loans.x[3:4])[0, 1]), abs=1e-6)
    assert result.metric("additivity").value < 1e-9


def test_a_sensitive_driver_is_a_finding(linear, loans):
    result = SHAP(rows=30, background=30)(linear, loans).result
    assert result.status is Status.FINDING
    assert result.findings[0].severity is Severity.MEDIUM
    assert "age" in result.findings[0].title


def test_importance_has_interval_n_and_a_chart_with_its_table(linear, loans):
    result = SHAP(rows=30, background=30)(linear, loans).result
    top = result.metric("importance_1")
    assert top.low < top.value < top.high
    assert top.n == 30
    assert {c.name for c in result.charts} == {"importance", "swarm", "dependence", "partial_dependence", "waterfall"}
    assert all(len(s.x) <= 1200 for c in result.charts for s in c.series)


def test_deep_and_permutation_agree_on_a_network(network, loans):
    settings = {"rows": 20, "background": 60, "scale": "log-odds"}
    deep = SHAP(method="deep", **settings)(network, loans).result
    kept = SHAP(permutations=8, **settings)(network, loans).result
    one, two = ({r[0]: r[1] for r in t.tables[0].rows} for t in (deep, kept))
    assert one == pytest.approx(two, rel=0.15)
    assert deep.metric("additivity").value < 1e-3
    assert deep.metric("noise").value is None


def test_deep_without_a_module_is_not_applicable(linear, loans):
    assert SHAP(method="deep")(linear, loans).result.status is Status.NOT_APPLICABLE


def test_a_constant_model_is_moved_by_nothing(loans):
    constant = FunctionTarget(lambda x: np.full(len(x), 0.7), ("no", "yes"), loans.schema)
    result = SHAP(rows=5, background=5)(constant, loans).result
    assert result.status is Status.PASSED
    assert result.summary.startswith("Nothing moves")


def test_labels_only_is_explained_and_said(loans):
    hard = FunctionTarget(lambda x: np.where(x[:, 0] > 0, "yes", "no"), ("no", "yes"), loans.schema, outputs="labels")
    result = SHAP(rows=20, background=40)(hard, loans).result
    assert any("labels only" in note for note in result.notes)
    assert "moves whether the answer is 'yes' most" in result.summary
    assert result.tables[0].rows[0][0] == "income"


def test_a_thin_budget_is_incomplete(loans):
    def wild(x):
        return 0.5 + 0.5 * np.sin(40 * x[:, 0]) * np.cos(x[:, 1] * 7) * (1 - 2 * x[:, 3])

    result = SHAP(rows=20, background=4)(FunctionTarget(wild, ("no", "yes"), loans.schema), loans).result
    assert result.metric("noise").value > 0.5
    assert any("raise background" in note for note in result.notes)


def test_images_become_pictures():
    from PIL import Image

    rng = np.random.default_rng(0)
    schema = Schema(features=(Feature(name="image", kind="pixels", shape=(1, 8, 8)),), label="digit", classes=("a", "b", "c"))
    data = Dataset(rng.random((30, 1, 8, 8)).astype(np.float32), rng.integers(0, 3, 30), schema)

    def scores(x):
        logits = np.stack([x[:, 0, :4, :4].sum((1, 2)), np.full(len(x), 8.0), x[:, 0, 4:, 4:].sum((1, 2))], 1)
        return np.exp(logits) / np.exp(logits).sum(1, keepdims=True)

    result = SHAP(rows=6, background=10)(FunctionTarget(scores, schema.classes, schema), data).result
    gallery = result.galleries[0]
    assert len(gallery.rows) == 6
    heat = Image.open(io.BytesIO(base64.b64decode(gallery.rows[0][1].png)))
    assert heat.mode == "RGB"
    corner = heat.getpixel((heat.width - 1, 0))
    assert corner == (250, 250, 250), "the corner no class looks at is white"


def test_wrong_row_and_class_are_one_line(linear, loans):
    assert "a row from 0 to 399" in SHAP(row=400)(linear, loans).result.summary
    assert "a class (no, yes)" in SHAP(of_class="x")(linear, loans).result.summary


def test_a_category_is_one_player_and_no_row_is_asked_that_the_table_cannot_hold(loans):
    asked = []

    def pays(frame):
        asked.append(frame)
        return 0.2 + 0.5 * (frame["town"] == "east").to_numpy()

    target = FunctionTarget(pays, ("no", "yes"), loans.schema, feeds="frame")
    result = SHAP(rows=10, background=20)(target, loans).result
    assert {row[0] for row in result.tables[0].rows} == {"income", "age", "town"}
    assert result.tables[0].rows[0][0] == "town"
    assert set().union(*(set(frame["town"]) for frame in asked)) == {"east", "west", "north"}
    assert all(set(frame["age"]) <= set(loans.frame["age"]) for frame in asked)


def test_a_deployed_model_is_explained_by_its_score_and_its_rule_is_said():
    from tiltyard.testing.grounds import deployed

    ground = deployed()
    result = SHAP(rows=20, background=20, row=int(np.isnan(ground.data.x[:, 0]).argmax()))(ground.target, ground.data).result
    (waterfall,) = (t for t in result.tables if t.name == "waterfall")
    first = waterfall.rows[-1][-1]
    row = ground.data.x[np.isnan(ground.data.x[:, 0])][:1]
    assert first == pytest.approx(ground.target.estimator.predict_proba(ground.data.schema.decode(row))[0, 1])
    assert {cells[0]: cells[1] for cells in waterfall.rows}["income"] == "(missing)"
    assert any("not the decision; the model decides by its own predict" in note for note in result.notes)
    assert "(20 held-out rows)" in result.summary


def test_the_class_explained_is_the_one_decided():
    from tiltyard.explanation._shapley import players
    from tiltyard.explanation.explaining import Explainer
    from tiltyard.testing.grounds import deployed

    ground = deployed()
    x = ground.data.x[:60]
    explainer = Explainer(ground.target, x[:5], players(ground.data.schema), None, "permutation", "probability", 1)
    assert explainer.of(x).tolist() == ground.target.labels(x).tolist()
    assert explainer.of(x).tolist() != ground.target.scores(x).argmax(1).tolist()


def test_the_count_said_is_the_count_used(linear, loans):
    few = loans.take(np.arange(195, 207))
    assert "(7 held-out rows)" in SHAP(rows=50, background=5)(linear, few).result.summary
    nobody = Dataset(few.x, few.y, few.schema)
    assert "(12 rows)" in SHAP(rows=50, background=5)(linear, nobody).result.summary


def test_same_seed_same_record_and_json(linear, loans):
    one, two = (SHAP(rows=5, background=5, seed=2)(linear, loans) for _ in range(2))
    assert one.result == two.result
    assert Record.model_validate_json(one.model_dump_json()) == one


def test_rows_are_fewer_of_images_unless_they_are_asked_for() -> None:
    from tiltyard.samples.catalog import load

    for name, rows in (("digits", 60), ("census", 500)):
        sample = load(name)
        asked, usual, more = (SHAP(rows=n).estimate(sample.target, sample.data).queries or 0 for n in (rows, None, 2 * rows))
        assert more > usual == asked > 0
