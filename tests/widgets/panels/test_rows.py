"""One row, driven as the browser drives it: chosen, edited, turned, kept; its fields and its record."""

import numpy as np
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.errors import Problem
from tiltyard.explanation.people import distances, people_of
from tiltyard.result import Status
from tiltyard.targets.estimators import FunctionTarget
from tiltyard_widgets.panels.row_fields import beyond, row_of, values_of
from tiltyard_widgets.panels.rows import RowsPanel

from .waiting import until

SCHEMA = Schema(
    features=(
        Feature(name="age", kind="integer", low=18, high=80, mutable=False),
        Feature(name="pay", kind="continuous", low=0, high=10, unit="USD"),
        Feature(name="color", kind="categorical", categories=("red", "green")),
        Feature(name="side", kind="onehot", columns=("left", "right")),
        Feature(name="since", kind="integer", low=0, high=20_000, dtype="datetime64[s]", divide=86_400.0, missing=True),
    ),
    label="good",
    classes=("no", "yes"),
    favorable="yes",
)


@pytest.fixture
def data() -> Dataset:
    rng = np.random.default_rng(0)
    n = 120
    x = np.column_stack(
        [
            rng.integers(18, 81, n),
            rng.uniform(0, 10, n).round(2),
            rng.integers(0, 2, n),
            np.eye(2)[rng.integers(0, 2, n)],
            rng.integers(0, 20_000, n),
        ]
    )
    x[0, -1] = np.nan
    return Dataset(x, (x[:, 1] > 6).astype(np.int64), SCHEMA, "people")


@pytest.fixture
def panel(data: Dataset) -> RowsPanel:
    target = FunctionTarget(lambda f: 1 / (1 + np.exp(5 - f["pay"].to_numpy(float))), SCHEMA.classes, SCHEMA, "pay above 5", feeds="frame")
    return RowsPanel(target, data)


def test_the_first_row_is_the_nearest_to_the_threshold_and_others_are_found(panel: RowsPanel, data: Dataset) -> None:
    assert panel.row == int(np.abs(data.x[:, 1] - 5).argmin())
    panel.picker.order.value = "wrong"
    assert data.y[panel.row] == 0 and 5 < data.x[panel.row, 1] <= 6
    panel.picker.find.value = "42"
    assert panel.row == 42
    panel.picker.find.value = "nobody"
    assert panel.row == 42


def test_an_edit_moves_decision_waterfall_and_neighbors_and_is_undone(panel: RowsPanel, data: Dataset) -> None:
    panel.choose(int(data.x[:, 1].argmin()))
    assert panel.now is not None and panel.form is not None and not panel.now.turned
    before = panel.chart.chart
    panel.form.set({panel._names["pay"]: 9.0})
    assert panel.now.turned and "is now decided yes; as it is in the data, no" in panel.now.sentence
    assert panel.chart.chart != before and panel.chart.chart["kind"] == "waterfall"
    assert [line["label"] for line in panel.chart.chart["references"]] == ["threshold"]
    ends = panel.chart.chart["series"][2]["x"]
    assert ends[1] == pytest.approx(float(panel.now.both.scores[1, 1]), abs=1e-6)
    assert panel.others.table is not None and all(row[2] == "no" for row in panel.others.table.rows)
    panel.undone()
    assert not panel.now.edited and panel.undo.disabled
    panel.form.set({panel._names["age"]: 200})
    assert "age is 200, outside 18 to 80." in str(panel.warned.tree)
    panel.form.set({panel._names["age"]: "old"})
    assert "valid row" in str(panel.verdict.tree)
    panel.back()
    assert not panel.now.edited


def test_the_smallest_change_is_found_and_kept_as_a_record(panel: RowsPanel, data: Dataset) -> None:
    panel.choose(int(data.x[:, 1].argmin()))
    panel.sought()
    until(lambda: not panel.search.disabled, 60)
    assert panel.now is not None and panel.now.turned
    assert panel.now.x[1] == pytest.approx(5, abs=1e-5) and "Smallest change found: pay" in str(panel.found.tree)
    panel.kept()
    (record,) = panel.session.records
    assert record.result.status is Status.FINDING and record.result.findings[0].evidence.tables == ("row",)
    assert [row[0] for row in record.result.tables[0].rows] == ["age", "pay", "color", "side", "since"]


def test_what_an_attacker_may_not_change_is_no_finding(panel: RowsPanel, data: Dataset) -> None:
    panel.choose(int(data.x[:, 1].argmin()))
    assert panel.form is not None
    panel.form.set({panel._names["age"]: 44})
    panel.kept()
    record = panel.session.records[-1]
    assert record.result.status is Status.INCOMPLETE and "may not change" in record.result.summary


def test_dates_are_dates_and_missing_is_empty(data: Dataset) -> None:
    values = values_of(SCHEMA, data.x[1])
    assert values["since"].count("-") == 2 and values_of(SCHEMA, data.x[0])["since"] is None
    assert np.array_equal(row_of(SCHEMA, data.x[1], values), data.x[1])
    moved = row_of(SCHEMA, data.x[1], {**values, "since": "1970-01-11", "side": "right", "color": "green"})
    assert moved[-1] == 10 and moved[3:5].tolist() == [0, 1] and moved[2] == 1
    assert np.isnan(row_of(SCHEMA, data.x[1], {**values, "since": None})[-1])
    with pytest.raises(Problem, match="a date in 'since'"):
        row_of(SCHEMA, data.x[1], {**values, "since": "soon"})
    assert beyond(SCHEMA, row_of(SCHEMA, data.x[1], {**values, "pay": 11.0})) == ["pay is 11, outside 0 to 10."]


def test_distances_count_shares_of_ranges_and_categories(data: Dataset, panel: RowsPanel) -> None:
    x = np.array([18.0, 0, 0, 1, 0, 0])
    rows = np.array([[18.0, 5, 0, 1, 0, 0], [18, 0, 1, 0, 1, 0], [18, 0, 0, 1, 0, np.nan]])
    assert distances(SCHEMA, x, rows).tolist() == [0.5, 2.0, 1.0]
    people = people_of(panel.explainer.target, data, 1, np.random.default_rng(0))
    nearest = people.ordered("nearest")
    assert np.all(np.diff(np.abs(people.scores[nearest] - 0.5)) >= 0)
