"""Trees behind pipelines: their leaves are brought back to the table's columns, exactly on a single tree; and proofs that no attack contradicts."""

from typing import Any

import numpy as np
import pytest
from tests.lazily import Lazily

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.encoding import encoding_of
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.evasion.tabular import AGREES, LEAVES, Tabular
from tiltyard.result import CheckResult
from tiltyard.targets.opening import open_target

leaf_bounds, tree_leaves = Lazily("tiltyard.attacks.leaf_bounds"), Lazily("tiltyard.attacks.tree_leaves")
spaces = Lazily("tiltyard.attacks.perturbation_space")

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


def labelled(x: np.ndarray, classes: int = 2) -> np.ndarray:
    noise = 0.3 * np.random.default_rng(1).normal(size=len(x))
    found: np.ndarray = np.digitize(
        np.sin(7 * x[:, 0]) + x[:, 1] / 10 - x[:, 2] + (x[:, 3] == 1) + noise, [1.0] if classes == 2 else [0.6, 1.6]
    )
    return found


def before(encoder: str) -> Any:
    """Numbers scaled and a part turned round, categories as `encoder` makes them: columns change places."""
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler

    codes = OneHotEncoder() if encoder == "onehot" else OrdinalEncoder()
    falling = FunctionTransformer(np.negative)
    return ColumnTransformer([("c", codes, ["color"]), ("s", StandardScaler(), ["n", "fixed"]), ("f", falling, ["a"])])


def model(make: str) -> Any:
    from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.tree import DecisionTreeClassifier

    return {
        "tree": lambda: DecisionTreeClassifier(max_depth=7, random_state=0),
        "forest": lambda: RandomForestClassifier(8, max_depth=5, random_state=0, n_jobs=1),
        "boosting": lambda: GradientBoostingClassifier(n_estimators=8, random_state=0),
        "histogram": lambda: HistGradientBoostingClassifier(max_iter=8, random_state=0),
        "xgboost": lambda: pytest.importorskip("xgboost").XGBClassifier(n_estimators=8, max_depth=3, n_jobs=1),
        "lightgbm": lambda: pytest.importorskip("lightgbm").LGBMClassifier(n_estimators=8, num_leaves=8, n_jobs=1, verbose=-1),
    }[make]()


def fitted(make: str, encoder: str, classes: int = 2) -> tuple[Any, Dataset]:
    """A model behind a pipeline, or with no ``encoder`` on the encoded columns."""
    from sklearn.pipeline import make_pipeline

    names = ("no", "yes") if classes == 2 else ("few", "some", "many")
    schema, x = SCHEMA.model_copy(update={"classes": names}), rows(0, 500)
    data = Dataset(x, labelled(x, classes).astype(np.int64), schema)
    y = data.y if make in ("xgboost", "lightgbm") else np.array(names)[data.y]
    if not encoder:
        return open_target(model(make).fit(encoding_of(schema).encode(x, np.float64), y), data=data, classes=names), data
    return open_target(make_pipeline(before(encoder), model(make)).fit(schema.decode(x), y), data=data, classes=names), data


MADE = [
    ("tree", "onehot"),
    ("forest", "ordinal"),
    ("boosting", "onehot"),
    ("histogram", "ordinal"),
    ("histogram", ""),
    ("xgboost", "onehot"),
]


@pytest.mark.parametrize(("make", "encoder"), [*MADE, ("lightgbm", "ordinal")])
def test_every_row_lies_in_one_leaf_of_each_tree_and_its_answer_is_one_in_a_leaf(make: str, encoder: str) -> None:
    target, data = fitted(make, encoder)
    leaves = tree_leaves.read_leaves(target, data.x).leaves
    assert leaves is not None
    z = encoding_of(SCHEMA).encode(data.x, np.float64)
    z = z.astype(np.float32).astype(np.float64) if leaves.narrow else z
    inside = ((z[:, None] > leaves.low) & (z[:, None] <= leaves.high)).all(2)
    assert (inside.sum(1) == leaves.trees).all()
    _, group = np.unique(inside, axis=0, return_inverse=True)
    scores = target.scores(data.x)[:, 1]
    for one in np.unique(group):
        assert np.ptp(scores[group == one]) < 1e-6


def test_a_threshold_lies_just_where_the_pipeline_crosses_it() -> None:
    target, data = fitted("tree", "ordinal")
    leaves = tree_leaves.read_leaves(target, data.x).leaves
    assert leaves is not None
    cuts = np.unique(leaves.high[:, 0][np.isfinite(leaves.high[:, 0])])
    assert len(cuts) > 5
    matrix = target.estimator[:-1]
    for cut in cuts:
        pair = np.repeat(rows(0, 1), 2, 0)
        pair[:, 0] = cut, np.nextafter(cut, 2)
        first, second = np.asarray(matrix.transform(target.rows(pair)), np.float32)[:, 3]
        assert first > second
    scaler = target.estimator[0].named_transformers_["s"]
    whole = np.unique(leaves.high[:, 1][np.isfinite(leaves.high[:, 1])])
    tree = target.estimator[-1].tree_
    wanted = np.unique(np.floor(tree.threshold[tree.feature == 1] * scaler.scale_[0] + scaler.mean_[0]))
    assert (whole == wanted).all()


def by_brute_force(target: Any, x: np.ndarray, eps: float, flips: int) -> bool:
    """Is any row within reach answered otherwise? Beside every threshold of the tree on what it is given of ``a``, every whole number, every color."""
    pipe = target.estimator
    tree = pipe[-1].tree_
    cuts = -tree.threshold[tree.feature == tree.n_features - 1]
    a = np.unique(np.concatenate([[x[0]], *(cuts + way for way in (-1e-6, 0, 1e-6)), [x[0] - eps, x[0] + eps]]))
    a = a[(np.abs(a - x[0]) <= eps) & (a >= 0) & (a <= 1)]
    n = np.arange(21)[np.abs(np.arange(21) - x[1]) <= eps * 20 + 1e-9]
    grid = np.array([[i, j, x[2], c] for i in a for j in n for c in ([x[3]] if not flips else [0.0, 1.0, 2.0])])
    return bool((target.labels(grid) != target.labels(x[None])[0]).any())


def metric(result: CheckResult, name: str) -> float:
    return float(result.metric(name).value or 0)


def line(result: CheckResult, name: str) -> tuple[Any, ...]:
    return next(row for table in result.tables if table.name == "evaluation" for row in table.rows if row[0] == name)


@pytest.mark.parametrize(("encoder", "flips"), [("onehot", 0), ("ordinal", 1)])
def test_behind_a_pipeline_a_single_tree_is_exact_and_so_is_its_proof(encoder: str, flips: int) -> None:
    target, _ = fitted("tree", encoder)
    x = rows(5, 25)
    found = Tabular(eps=0.06, flips=flips, curve=False, query_budget=5)(target, Dataset(x, target.labels(x), SCHEMA)).result
    exact = float(np.mean([by_brute_force(target, row, 0.06, flips) for row in x]))
    assert 0 < exact < 1
    assert metric(found, "success_rate") == pytest.approx(exact)
    assert metric(found, "proved_accuracy") == pytest.approx(1 - exact)
    assert line(found, LEAVES)[1] == line(found, AGREES)[1] == "holds"


@pytest.mark.parametrize(("make", "encoder", "classes"), [(*MADE[i], k) for i, k in ((1, 3), (2, 3), (4, 3), (5, 2))])
def test_no_row_within_reach_of_a_proof_is_answered_otherwise(make: str, encoder: str, classes: int) -> None:
    import torch

    target, data = fitted(make, encoder, classes)
    leaves = tree_leaves.read_leaves(target, data.x).leaves
    assert leaves is not None
    space, x, rng = spaces.PerturbationSpace.of(target.schema, torch.float64), rows(7, 60), np.random.default_rng(0)
    sample = Dataset(x, target.labels(x).astype(np.int64), target.schema)
    shares = []
    for eps, flips in ((0.01, 0), (0.08, 0), (0.08, 1)):
        proof = leaf_bounds.proved(target, sample, leaves, space, eps, flips).rows
        assert proof is not None
        shares.append(float(proof.mean()))
        near = np.repeat(x[proof], 100, 0)
        near[:, 0] = (near[:, 0] + eps * rng.choice([-1.0, 1.0, rng.random()], len(near))).clip(0, 1)
        near[:, 1] = (near[:, 1] + np.trunc(20 * eps * rng.choice([-1, 0, 1], len(near)))).clip(0, 20)
        near[:, 3] = rng.integers(0, 3, len(near)) if flips else near[:, 3]
        if proof.any():
            assert (target.labels(near) == np.repeat(sample.y[proof], 100)).all()
    assert shares[0] > shares[1] >= shares[2]
    assert shares[0] > 0.3


def test_no_attack_contradicts_a_proof() -> None:
    target, data = fitted("histogram", "", 3)
    found = Tabular(eps=0.03, rows=25, curve=False, query_budget=20)(target, data).result
    assert 0.1 < metric(found, "proved_accuracy") <= metric(found, "robust_accuracy")
    assert line(found, AGREES)[1] == "holds"


def test_what_cannot_be_brought_back_is_said() -> None:
    from sklearn.decomposition import PCA
    from sklearn.pipeline import make_pipeline

    x = rows(0, 300)
    data = Dataset(x, labelled(x).astype(np.int64), SCHEMA)
    y = np.array(SCHEMA.classes)[data.y]
    mixed = open_target(make_pipeline(before("ordinal"), PCA(3), model("tree")).fit(SCHEMA.decode(x), y), data=data)
    assert "made of 'a' and others" in tree_leaves.read_leaves(mixed, x).why
    found = Tabular(rows=20, curve=False, query_budget=5)(mixed, data).result
    assert line(found, LEAVES)[1] == "not asked"
    assert not any(m.name == "proved_accuracy" for m in found.metrics)


def test_a_step_that_is_not_known_to_be_monotone_proves_nothing() -> None:
    import torch
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    numbers = SCHEMA.model_copy(update={"features": FEATURES[:3]})
    x = rows(0, 300)
    data = Dataset(x[:, :3], labelled(x).astype(np.int64), numbers)
    y = np.array(numbers.classes)[data.y]
    for step, known in ((FunctionTransformer(cubed), False), (FunctionTransformer(np.arctan), True), (StandardScaler(), True)):
        target = open_target(make_pipeline(step, model("tree")).fit(numbers.decode(data.x), y), data=data)
        leaves = tree_leaves.read_leaves(target, data.x).leaves
        assert leaves is not None
        proof = leaf_bounds.proved(target, data, leaves, spaces.PerturbationSpace.of(numbers, torch.float64), 0.01, 0)
        assert (proof.rows is not None) == known
        assert ("not known to be monotone" in proof.why) != known


def cubed(x: Any) -> Any:
    return x**3
