"""Trees that split by categories of their own: their leaves are the model's own, an attack finds what is there, and a proof is not contradicted."""

from itertools import product
from typing import Any

import numpy as np
import pytest
from tests.lazily import Lazily

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.encoding import encoding_of
from tiltyard.datasets.reading import read
from tiltyard.evasion.tabular import AGREES, LEAVES, Tabular
from tiltyard.targets.opening import open_target

pd: Any = Lazily("pandas")
tree_leaves: Any = Lazily("tiltyard.attacks.tree_leaves")
JOBS, CITIES = ("clerk", "nurse", "smith", "none"), tuple(f"c{i}" for i in range(9))
MAKES = ("histogram", "xgboost", "xgboost dart", "xgboost forest", "xgboost stopped", "lightgbm", "lightgbm many")


def people(n: int, seed: int, lacking: bool = True) -> Any:
    """A number, a whole number and two categories, one of them lacking in an eighth of the rows."""
    rng = np.random.default_rng(seed)
    job, city = rng.integers(0, 4, n), rng.integers(0, 9, n)
    age, loans = rng.random(n), rng.integers(0, 5, n)
    lost = lacking & (rng.random(n) < 0.125)
    score = 2 * age + np.array([-0.8, 0.6, 1.2, -1.5])[job] + (city % 3) * 0.9 - 0.3 * loans + rng.normal(0, 0.2, n)
    return pd.DataFrame(
        {
            "age": age,
            "job": pd.Categorical.from_codes(np.where(lost, -1, job), JOBS),
            "loans": loans,
            "city": pd.Categorical.from_codes(city, CITIES),
            "y": np.digitize(score, [1.2]),
        }
    )


def fitted(make: str) -> tuple[Any, Any]:
    """A model on categories as pandas has them, and its rows."""
    table = people(400, 0)
    x, y = table.drop(columns="y"), table["y"]
    if make == "histogram":
        from sklearn.ensemble import HistGradientBoostingClassifier

        return HistGradientBoostingClassifier(max_iter=8, max_leaf_nodes=8, random_state=0).fit(x, y), table
    if make.startswith("lightgbm"):
        lightgbm = pytest.importorskip("lightgbm")
        if make == "lightgbm many":
            y = y + (x["loans"] > 3)
            table = table.assign(y=y)
        few: dict[str, Any] = {"min_data_per_group": 5, "cat_smooth": 1, "max_cat_to_onehot": 2}
        return lightgbm.LGBMClassifier(n_estimators=6, num_leaves=8, n_jobs=1, verbose=-1, **few).fit(x, y), table
    xgboost = pytest.importorskip("xgboost")
    every: dict[str, dict[str, Any]] = {
        "xgboost dart": {"booster": "dart", "rate_drop": 0.5, "one_drop": 1},
        "xgboost forest": {"num_parallel_tree": 2, "subsample": 0.6},
        "xgboost stopped": {"n_estimators": 60, "early_stopping_rounds": 2, "learning_rate": 1.0},
    }
    model = xgboost.XGBClassifier(
        **{
            "n_estimators": 6,
            "max_depth": 3,
            "enable_categorical": True,
            "max_cat_to_onehot": 2,
            "n_jobs": 1,
            "random_state": 0,
            **every.get(make, {}),
        }
    )
    held = people(150, 7)
    return model.fit(x, y, eval_set=[(held.drop(columns="y"), held["y"])], verbose=False), table


@pytest.mark.parametrize("make", MAKES)
def test_every_row_lies_in_one_leaf_of_each_tree_and_the_leaves_add_up_to_its_scores(make: str) -> None:
    model, table = fitted(make)
    data = read(table, label="y")
    target = open_target(model, data=data)
    leaves = tree_leaves.read_leaves(target, data.x).leaves
    assert leaves is not None
    places = [encoding_of(data.schema).slices[name] for name in ("job", "city")]
    assert any((leaves.high[:, place] == 0.5).any() for place in places)
    z = encoding_of(data.schema).encode(data.x, np.float64)
    inside = ((z[:, None] > leaves.low) & (z[:, None] <= leaves.high)).all(2)
    assert (inside.sum(1) == leaves.trees).all()
    scores = target.scores(data.x)
    clear = scores.min(1) > 0.01  # XGBoost works out 1 - p in float32
    left = np.log(scores[clear]) - (inside @ leaves.value)[clear]
    assert clear.sum() > 50
    assert np.ptp(left - left[:, :1], axis=0).max() < 1e-4


def within_reach(data: Dataset, row: np.ndarray, eps: float) -> np.ndarray:
    """Many rows that differ by numbers within eps and one category at most."""
    ages = np.linspace(max(row[0] - eps, data.schema.low[0]), min(row[0] + eps, data.schema.high[0]), 9)
    low, high = data.schema.low[2], data.schema.high[2]
    loans = [n for n in np.arange(low, high + 1) if abs(n - row[2]) <= eps * (high - low) + 1e-9]
    jobs = [i for i, name in enumerate(data.schema.feature("job").categories) if name in JOBS]
    swaps = [(row[1], row[3]), *((j, row[3]) for j in jobs), *((row[1], c) for c in range(len(CITIES)))]
    return np.array([[a, j, n, c] for a, n, (j, c) in product(ages, loans, swaps)], float)


@pytest.mark.parametrize("make", ["histogram", "xgboost", "lightgbm"])
def test_what_is_proved_holds_and_what_is_found_is_the_models_own(make: str) -> None:
    model, table = fitted(make)
    data = read(table, label="y")
    target = open_target(model, data=data)
    rows = data.take(np.arange(40))
    rows = Dataset(rows.x, target.labels(rows.x), data.schema)
    check = Tabular(eps=0.1, flips=1, curve=False, rows=40, query_budget=100)
    result = check(target, rows).result
    lines = {row[0]: row[1] for one in result.tables if one.name == "evaluation" for row in one.rows}
    assert lines[LEAVES] == lines[AGREES] == "holds"
    proved = result.metric("proved_accuracy").value or 0
    robust = result.metric("robust_accuracy").value or 0
    still = np.mean([(target.labels(within_reach(data, row, 0.1 * (1 - 1e-9))) == y).all() for row, y in zip(rows.x, rows.y, strict=True)])
    assert 0 < proved <= min(robust, still)
    assert robust <= still + 0.05


def test_a_number_that_is_split_as_categories_are_is_said_to_be_so() -> None:
    lightgbm = pytest.importorskip("lightgbm")
    table = people(400, 0)[["age", "loans", "y"]]
    model = lightgbm.LGBMClassifier(n_estimators=4, num_leaves=4, n_jobs=1, verbose=-1, min_data_per_group=5)
    model.fit(table[["age", "loans"]], table["y"], categorical_feature=["loans"])
    data = read(table, label="y")
    found = tree_leaves.read_leaves(open_target(model, data=data), data.x)
    assert found.leaves is None
    assert "split the number 'loans' by categories" in found.why
