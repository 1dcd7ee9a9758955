"""The budget on the sliders is the one that is trained; what is refused is put back, stays said, and blocks the run."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.errors import Problem
from tiltyard_widgets.panels.budget_view import FIRST, MEANING, BudgetView

from .waiting import until

if TYPE_CHECKING:
    from tiltyard.privacy_accounting.budget import Budget, Curve


def line(view: BudgetView) -> str:
    """What the line under the chart says."""
    return str(view.line.tree)


@pytest.fixture
def view() -> BudgetView:
    made = BudgetView(2000)
    until(lambda: "Loading" not in line(made))
    return made


@pytest.mark.parametrize(
    ("name", "value"), [("epsilon", 1.5), ("noise", 0.3), ("noise", 30.0), ("epochs", 17), ("batch", 100), ("delta", 1e-7)]
)
def test_what_is_shown_is_what_is_passed_on_and_accounted_for(view: BudgetView, name: str, value: float) -> None:
    from tiltyard.privacy.dp_sgd import DPSGD

    getattr(view, name).value = value
    values = view.values()
    budget = DPSGD.model_validate(values).budget(2000)
    assert values["noise_multiplier"] == view.noise.value == budget.noise_multiplier
    assert values["epsilon"] == budget.epsilon
    assert budget.epsilon <= view.epsilon.value <= budget.epsilon * 1.001
    assert values["delta"] == view.delta.value == budget.delta
    assert (view.epochs.value, view.batch.value) == (budget.epochs, budget.batch_size)
    assert f"Epsilon {budget.epsilon:.4g} at delta" in line(view)


def test_a_refused_setting_is_put_back_stays_said_and_blocks_the_run(view: BudgetView) -> None:
    before = view.values()
    view.delta.value = 0.2
    assert view.delta.value == before["delta"]
    assert "a delta below 0.1; found 0.2" in line(view)
    view.over.value = "batch_size"
    assert "a delta below 0.1; found 0.2" in line(view)
    with pytest.raises(Problem, match=r"found 0\.2"):
        view.values()
    view.epsilon.value = 2.0
    assert "found 0.2" not in line(view)
    assert view.values()["epsilon"] == pytest.approx(2.0, rel=3e-4)


def test_an_epsilon_past_all_meaning_is_refused_and_not_clamped(view: BudgetView) -> None:
    view.epochs.value, view.batch.value = 60, 2000
    view.hold.value = "noise"
    shown = view.noise.value
    view.noise.value = 0.1
    assert "an epsilon of at most 1000" in line(view)
    assert view.noise.value == shown
    with pytest.raises(Problem, match="at most 1000"):
        view.values()


def test_a_delta_of_one_in_n_warns(view: BudgetView) -> None:
    view.delta.value = 1e-3
    assert "not below 1 / 2,000 rows" in line(view)
    assert view.values()["delta"] == 1e-3


def test_six_rows_are_no_training_set() -> None:
    view = BudgetView(6)
    until(lambda: view.refused is not None)
    assert "at least 20 rows to train on" in line(view)
    with pytest.raises(Problem, match="found 6"):
        view.values()
    view.resize(500)
    until(lambda: view.budget is not None)
    assert view.values()["batch_size"] <= 500


def test_rows_held_out_are_not_counted() -> None:
    from tiltyard.privacy._dp_training.outcome import split
    from tiltyard.privacy.dp_sgd import training_rows
    from tiltyard.testing.grounds import table

    data = table().data
    nobody = Dataset(data.x, data.y, data.schema)
    for some in (data, nobody):
        assert training_rows(some) == len(split(some, np.random.default_rng(0)).train)


def test_the_picture_of_what_epsilon_means_is_one_choice_away(view: BudgetView) -> None:
    assert "right at most" in line(view)
    view.over.value = MEANING


def test_a_move_while_the_accountant_loads_is_not_lost() -> None:
    view = BudgetView(2000)
    view.epsilon.value = 1.5
    assert view.values()["epsilon"] == pytest.approx(1.5, rel=4e-4)
    assert view.epsilon.value == 1.5


def test_the_curve_comes_at_once_as_a_bound_and_then_finer(view: BudgetView) -> None:
    shown: list[tuple[str, ...]] = []
    show = view.chart.show
    view.chart.show = lambda chart: (shown.append(tuple(s.name for s in chart.series)), show(chart))[1]  # type: ignore[method-assign, union-attr, func-returns-value]
    view.over.value = "batch_size"
    until(lambda: len(shown) >= 2)
    assert shown[0][0] == FIRST and shown[1][0] == "epsilon"
    assert len(shown) == 2


def test_the_finer_curve_is_reckoned_once_for_many_moves_and_is_that_of_the_last(view: BudgetView, monkeypatch: pytest.MonkeyPatch) -> None:
    from tiltyard.privacy_accounting import budget as module

    asked: list[float] = []
    reckoned = module.curve

    def curve(budget: "Budget", **given: Any) -> "Curve":
        asked.append(budget.noise_multiplier)
        return reckoned(budget, **given)

    until(lambda: view.chart.shown is not None and view.chart.shown.series[0].name == "epsilon")
    monkeypatch.setattr(module, "curve", curve)
    with view._lock:  # so that no move is slower than the rest
        for noise in (1.1, 1.2, 1.3, 1.4):
            view.noise.value = noise
    until(lambda: view.chart.shown is not None and view.chart.shown.series[0].name == "epsilon")
    assert asked == [1.4]
    assert view.chart.shown is not None and view.budget is not None
    assert view.chart.shown.series[0].y == reckoned(view.budget).epsilon
