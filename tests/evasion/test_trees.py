"""Trees: leaves read from the libraries' dumps are the model's own, a tree by hand, and the exact robust accuracy of a single tree."""

from typing import Any

import numpy as np
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.evasion.tabular import Tabular

COLORS = ("red", "green", "blue")
FEATURES = (
    Feature(name="a", kind="continuous", low=0, high=1),
    Feature(name="n", kind="integer", low=0, high=20),
    Feature(name="fixed", kind="continuous", low=0, high=1, mutable=False),
    Feature(name="color", kind="categorical", categories=COLORS),
)
SCHEMA = Schema(features=FEATURES, label="y", classes=("no", "yes"))


def rows(seed: int, n: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.column_stack([rng.random(n), rng.integers(0, 21, n), rng.random(n), rng.integers(0, 3, n)]).astype(float)


def labelled(x: np.ndarray, seed: int) -> np.ndarray:
    noise = 0.3 * np.random.default_rng(seed).normal(size=len(x))
    return (np.sin(7 * x[:, 0]) + x[:, 1] / 10 - x[:, 2] + (x[:, 3] == 1) + noise > 1).astype(int)


def fitted(make: str) -> tuple[Any, Any]:
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
    from sklearn.tree import DecisionTreeClassifier

    from tiltyard.datasets.encoding import encoding_of
    from tiltyard.targets.opening import open_target

    x = rows(0, 600)
    data = Dataset(x, labelled(x, 1), SCHEMA)
    z, y = encoding_of(SCHEMA).encode(x, np.float64), np.array(SCHEMA.classes)[data.y]
    if make == "catboost":
        library = pytest.importorskip(make)
        settings = {"iterations": 8, "depth": 3, "thread_count": 1, "verbose": False, "allow_writing_files": False}
        return open_target(library.CatBoostClassifier(**settings).fit(z, data.y), data=data, classes=SCHEMA.classes), data
    if make in ("xgboost", "lightgbm"):
        library = pytest.importorskip(make)
        model = (
            library.XGBClassifier(n_estimators=8, max_depth=3, n_jobs=1)
            if make == "xgboost"
            else library.LGBMClassifier(n_estimators=8, num_leaves=8, n_jobs=1, verbose=-1)
        )
        return open_target(model.fit(z, data.y), data=data, classes=SCHEMA.classes), data
    model = {
        "tree": DecisionTreeClassifier(max_depth=7, random_state=0),
        "forest": RandomForestClassifier(8, max_depth=5, random_state=0, n_jobs=1),
        "boosting": GradientBoostingClassifier(n_estimators=8, random_state=0),
    }[make]
    return open_target(model.fit(z, y), data=data), data


@pytest.mark.parametrize("make", ["tree", "forest", "boosting", "xgboost", "lightgbm", "catboost"])
def test_every_row_lies_in_one_leaf_of_each_tree_and_its_answer_is_one_in_a_leaf(make: str) -> None:
    from tiltyard.attacks.tree_leaves import leaves_of
    from tiltyard.datasets.encoding import encoding_of

    target, data = fitted(make)
    leaves = leaves_of(target, data.x)
    assert leaves is not None
    z = encoding_of(SCHEMA).encode(data.x, np.float64).astype(np.float32).astype(np.float64)
    inside = ((z[:, None] > leaves.low) & (z[:, None] <= leaves.high)).all(2)
    assert (inside.sum(1) == leaves.trees).all()
    _, group = np.unique(inside, axis=0, return_inverse=True)
    scores = target.scores(data.x)[:, 1]
    for one in np.unique(group):
        assert np.ptp(scores[group == one]) < 1e-6


def by_brute_force(target: Any, x: np.ndarray, eps: float, flips: int) -> bool:
    """Is there a row within reach that is answered otherwise? Every number beside every threshold, every whole number, every color."""
    tree = target.estimator.tree_
    cuts = tree.threshold[tree.feature == 0]
    beside = [np.nextafter(cuts.astype(np.float32), np.float32(way)).astype(float) for way in (-1, 2)]
    a = np.unique(np.concatenate([[x[0]], cuts, *beside]))
    a = a[(np.abs(a - x[0]) <= eps) & (a >= 0) & (a <= 1)]
    n = np.arange(21)[np.abs(np.arange(21) - x[1]) <= eps * 20 + 1e-9]
    colors = [x[3]] if not flips else [0.0, 1.0, 2.0]
    grid = np.array([[i, j, x[2], c] for i in a for j in n for c in colors])
    return bool((target.labels(grid) != target.labels(x[None])[0]).any())


@pytest.mark.parametrize("flips", [0, 1])
def test_on_a_single_tree_it_is_exact(flips: int) -> None:
    target, _ = fitted("tree")
    x = rows(5, 70)
    data = Dataset(x, target.labels(x), SCHEMA)
    found = Tabular(eps=0.06, flips=flips, curve=False, query_budget=5)(target, data).result
    exact = np.mean([by_brute_force(target, row, 0.06, flips) for row in x])
    assert next(m for m in found.metrics if m.name == "success_rate").value == pytest.approx(exact)
    alone = Tabular(eps=0.06, flips=flips, curve=False, query_budget=5, trees=False)(target, data).result
    assert float(next(m for m in alone.metrics if m.name == "success_rate").value or 0) < exact  # the leaves are what finds them


def test_the_nearest_point_of_a_leaf_by_hand() -> None:
    import torch

    from tiltyard.attacks.leaf_search import nearest
    from tiltyard.attacks.perturbation_space import PerturbationSpace
    from tiltyard.attacks.table_search import Ball

    space = PerturbationSpace.of(SCHEMA, torch.float64)
    x = torch.tensor([0.5, 10.0, 0.5, 1.0, 0.0, 0.0], dtype=torch.float64)
    infinite = np.full(6, np.inf)
    low, high = np.tile(-infinite, (4, 1)), np.tile(infinite, (4, 1))
    low[0, 0], high[0, 1] = 0.55, 8.5  # a to just above 0.55, n to 8
    low[1, 0] = 0.7  # too far
    low[2, 2] = 0.6  # may not be changed
    low[3, 4] = 0.5  # green
    points = nearest(Ball(space, "linf", 0.1, 1), x, x, low, high).tolist()
    assert len(points) == 2
    assert points[1] == pytest.approx([0.55, 8, 0.5, 1, 0, 0], abs=1e-6)
    assert points[1][0] > 0.55
    assert points[0] == [0.5, 10, 0.5, 0, 1, 0]
