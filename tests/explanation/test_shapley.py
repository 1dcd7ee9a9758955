"""Shapley values against closed forms and against shap itself."""

import warnings

import numpy as np
import pytest

from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.errors import Cancelled, Problem, Unavailable
from tiltyard.explanation import _shapley as shapley
from tiltyard.explanation._shapley import Players
from tiltyard.progress import Progress
from tiltyard.targets.estimators import FunctionTarget


def numbers(m: int) -> Players:
    return Players(tuple(f"f{i}" for i in range(m)), np.arange(m))


def schema(m: int) -> Schema:
    features = tuple(Feature(name=f"f{i}", kind="continuous", low=-9, high=9) for i in range(m))
    return Schema(features=features, label="y", classes=("no", "yes"))


def column(function):
    return lambda x: np.asarray(function(x), np.float64)[:, None]


def zeros(x):
    return np.zeros(len(x), np.intp)


def test_linear_model_equals_its_closed_form():
    rng = np.random.default_rng(0)
    w = rng.normal(size=6)
    x, back = rng.normal(size=(20, 6)), rng.normal(size=(15, 6))
    found = shapley.permutation(column(lambda v: v.astype(np.float64) @ w), x, zeros(x), back, numbers(6), 1, rng, Progress())
    assert np.allclose(found.values, w * (x - back.mean(0)), atol=1e-5)


def test_exact_on_an_interaction_solved_by_hand():
    # f = a*b from (0, 0) to (1, 1): each player adds 1/2 on average; with a pair of reversed orders exactly.
    x, back = np.ones((1, 2)), np.zeros((1, 2))
    found = shapley.permutation(column(lambda v: v[:, 0] * v[:, 1]), x, zeros(x), back, numbers(2), 1, np.random.default_rng(0), Progress())
    assert found.values.tolist() == [[0.5, 0.5]]


def bumpy(x):
    x = x.astype(np.float64)
    return np.tanh(x[:, 0] * x[:, 1]) + x[:, 2] ** 2 * x[:, 3] - np.abs(x[:, 4] - x[:, 0])


def test_adds_up_and_agrees_with_shaps_exact_explainer():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import shap

        rng = np.random.default_rng(1)
        x, back = rng.normal(size=(8, 5)), rng.normal(size=(25, 5))
        exact = shap.ExactExplainer(bumpy, shap.maskers.Independent(back, 100))(x).values
    found = shapley.permutation(column(bumpy), x, zeros(x), back, numbers(5), 64, rng, Progress())
    assert np.abs(found.gap).max() < 1e-9
    assert np.abs(found.values - exact).max() < 0.05
    assert (np.abs(found.values - exact) < 4 * found.error + 1e-6).all()


def test_the_standard_error_shrinks_with_the_budget():
    rng = np.random.default_rng(1)
    x, back = rng.normal(size=(5, 5)), rng.normal(size=(10, 5))
    few, many = (shapley.permutation(column(bumpy), x, zeros(x), back, numbers(5), k, rng, Progress()) for k in (1, 25))
    assert many.error.mean() < few.error.mean() / 3


def test_a_group_is_one_player_and_equal_columns_get_nothing():
    groups = Players(("a", "group"), np.array([0, 1, 1, 1]))
    x = np.array([[2, 1, 0, 0], [2, 0, 1, 0]])
    back = np.array([[2, 0, 1, 0]])
    calls = []

    def score(v):
        calls.append(len(v))
        return (v @ np.array([1.0, 5, 2, 0]))[:, None]

    found = shapley.permutation(score, x, zeros(x), back, groups, 3, np.random.default_rng(0), Progress())
    assert np.allclose(found.values, [[0, 3], [0, 0]])
    assert sum(calls) <= 3 + 2 * 3, "rows that are already known are not asked for again"


def test_picks_the_output_asked_for_in_each_row():
    x, back = np.eye(3), np.zeros((2, 3))
    found = shapley.permutation(
        lambda v: v.astype(np.float64), x, np.array([0, 0, 2]), back, numbers(3), 1, np.random.default_rng(0), Progress()
    )
    assert np.allclose(found.values, [[1, 0, 0], [0, 0, 0], [0, 0, 1]])


def test_same_seed_same_values_whatever_the_chunk(monkeypatch):
    rng = np.random.default_rng(3)
    x, back = rng.normal(size=(4, 5)), rng.normal(size=(10, 5))
    runs = []
    for call, walked in ((7, 11), (1024, 10_000)):
        monkeypatch.setattr(shapley, "CALL", call)
        monkeypatch.setattr(shapley, "WALKED", walked)
        runs.append(shapley.permutation(column(bumpy), x, zeros(x), back, numbers(5), 2, np.random.default_rng(7), Progress()).values)
    assert np.allclose(*runs, atol=1e-12)


def test_patches_cover_an_image():
    images = Schema(features=(Feature(name="image", kind="pixels", shape=(1, 10, 8)),), label="y", classes=("a", "b"))
    found = shapley.players(images, patch=4)
    assert len(found) == 3 * 2
    assert np.bincount(found.member).tolist() == [16, 16, 16, 16, 8, 8]


def test_log_odds_of_probabilities():
    target = FunctionTarget(lambda x: 1 / (1 + np.exp(-x[:, 0])), ("no", "yes"), schema(1))
    found = shapley.scorer(target, "log-odds")(np.array([[2.0], [-1.0]]))
    assert np.allclose(found[:, 1], [2, -1], atol=1e-4) and np.allclose(found[:, 0], [-2, 1], atol=1e-4)


def test_log_odds_keep_their_digits_where_a_module_is_sure():
    import torch
    from torch import nn

    from tiltyard.targets.torch_target import TorchTarget

    module = nn.Linear(1, 3, bias=False)
    module.weight.data = torch.tensor([[40.0], [0.0], [-40.0]])
    target = TorchTarget(module, ("a", "b", "c"), schema(1).model_copy(update={"classes": ("a", "b", "c")}))
    found = shapley.scorer(target, "log-odds")(np.array([[1.0], [-2.0]]))
    assert np.allclose(found, [[40, -40, -80], [-160, -80, 80]], atol=1e-6)


def test_cells_without_a_number_are_no_difference():
    x, back = np.array([[np.nan, 1.0]]), np.array([[np.nan, 0.0]])
    calls = []

    def score(v):
        calls.append(len(v))
        return np.where(np.isnan(v[:, 0]), 2 * v[:, 1], 0.0)[:, None]

    found = shapley.permutation(score, x, zeros(x), back, numbers(2), 2, np.random.default_rng(0), Progress())
    assert found.values.tolist() == [[0, 2]] and sum(calls) <= 2 + 4


def test_no_background_is_a_problem():
    x = np.zeros((1, 2))
    with pytest.raises(Problem, match="background"):
        shapley.permutation(column(bumpy), x, zeros(x), x[:0], numbers(2), 1, np.random.default_rng(0), Progress())


def test_cancel_within_one_batch():
    asked = []

    def slow(x):
        asked.append(len(x))
        if len(asked) == 3:
            progress.cancel()
        return np.zeros((len(x), 1))

    rng, progress = np.random.default_rng(0), Progress()
    x = rng.normal(size=(200, 20))
    with pytest.raises(Cancelled):
        shapley.permutation(slow, x, zeros(x), x[:50], numbers(20), 5, rng, progress)
    assert len(asked) == 3
    assert max(asked) <= 1024


class TestDeep:
    def torch_target(self, layers):
        import torch
        from torch import nn

        from tiltyard.targets.torch_target import TorchTarget

        torch.manual_seed(0)
        return TorchTarget(nn.Sequential(*layers(nn)), ("no", "yes"), schema(4))

    def test_agrees_with_permutation_on_a_linear_module(self):
        target = self.torch_target(lambda nn: [nn.Linear(4, 2)])
        rng = np.random.default_rng(0)
        x, back = rng.normal(size=(5, 4)), rng.normal(size=(9, 4))
        of = np.ones(5, np.intp)
        fast = shapley.deep(target, x, of, back, numbers(4), Progress())
        kept = shapley.permutation(shapley.scorer(target, "log-odds"), x, of, back, numbers(4), 1, rng, Progress())
        assert np.allclose(fast.values, kept.values, atol=1e-4) and np.allclose(fast.outputs, kept.outputs, atol=1e-4)

    def test_adds_up_on_a_relu_network(self):
        target = self.torch_target(lambda nn: [nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2)])
        x = np.random.default_rng(0).normal(size=(6, 4))
        found = shapley.deep(target, x, np.ones(6, np.intp), x[:3], numbers(4), Progress())
        assert np.abs(found.gap).max() < 1e-3

    def test_a_threshold_moves_neither_values_nor_answers(self):
        from tiltyard.targets.decision import threshold

        target = self.torch_target(lambda nn: [nn.Linear(4, 2)])
        x = np.random.default_rng(0).normal(size=(5, 4))
        before = shapley.deep(target, x, np.ones(5, np.intp), x[:3], numbers(4), Progress())
        target.decide(threshold(0.9, target.classes))
        after = shapley.deep(target, x, np.ones(5, np.intp), x[:3], numbers(4), Progress())
        kept = shapley.scorer(target, "log-odds")(x)[:, 1]
        assert np.allclose(before.outputs, after.outputs) and np.allclose(before.values, after.values)
        assert np.allclose(after.outputs, kept, atol=1e-5)

    def test_says_so_without_a_module(self):
        target = FunctionTarget(lambda x: np.full(len(x), 0.5), ("no", "yes"), schema(2))
        x = np.zeros((1, 2))
        with pytest.raises(Unavailable):
            shapley.deep(target, x, zeros(x), x, numbers(2), Progress())
