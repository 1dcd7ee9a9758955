"""SHAP, ours against shap's own: permutation in seconds at equal error, and trees in seconds and in how far the values lie apart.

A 30-feature multilayer perceptron, 200 rows, 100 background rows, one model for both. The error is the root
mean square distance to values from a budget large enough not to matter. Ours gets the fewest permutations with
which it is at least as near as shap's default. Then a forest and boosting of the same rows: our exact values, shap's `TreeExplainer`
without us, our permutation, each by seconds and by its distance to the exact values. Run: ``python benchmarks/bench_shap.py [--json]``.
"""

import json
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.explanation import _shapley as shapley
from tiltyard.explanation._trees import trees_of
from tiltyard.progress import Progress
from tiltyard.targets.architecture import build, mlp
from tiltyard.targets.estimators import SklearnTarget
from tiltyard.targets.torch_target import TorchTarget
from tiltyard.targets.training import Recipe, fit

FEATURES, ROWS, BACKGROUND = 30, 200, 100


def model(rng: np.random.Generator) -> tuple[TorchTarget, NDArray[np.float64]]:
    """A trained network on an uneven problem, and rows to explain."""
    import torch

    x = rng.normal(size=(4000, FEATURES)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] + x[:, 2] ** 2 + x[:, 3:10].sum(1) > 1).astype(np.int64)
    features = tuple(Feature(name=f"f{i}", kind="continuous", low=-9, high=9) for i in range(FEATURES))
    schema = Schema(features=features, label="y", classes=("no", "yes"))
    torch.manual_seed(0)
    network = build(mlp(FEATURES, (64, 32), 2, [0.0] * FEATURES, [1.0] * FEATURES))
    fit(network, x, y, Recipe(epochs=10), 0, Progress())
    return TorchTarget(network, schema.classes, schema), x.astype(np.float64)


def timed(function: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    values = function()
    return time.perf_counter() - start, values


def trees(x: NDArray[np.float64], y: NDArray[np.int64], rows: int = 40, background: int = 50) -> dict[str, dict[str, float]]:
    """Seconds and distance to exact values (root mean square), by model and method; and how far the sums miss the answers."""
    import shap
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier

    features = tuple(Feature(name=f"f{i}", kind="continuous", low=-9, high=9) for i in range(x.shape[1]))
    schema = Schema(features=features, label="y", classes=("no", "yes"))
    names, of = shapley.players(schema), np.ones(rows, np.intp)
    back, given = x[:background], x[background : background + rows]
    found = {}
    for model in (RandomForestClassifier(50, max_depth=8, random_state=0), GradientBoostingClassifier(random_state=0)):
        target = SklearnTarget(model.fit(x, np.array(["no", "yes"])[y]), schema)
        name = type(model).__name__
        made = trees_of(target, back, names)
        made.explain(given[:1], of[:1], names, Progress())
        clock, exact = timed(lambda made=made: made.explain(given, of, names, Progress()))  # type: ignore[misc]
        found[f"{name}, tiltyard exact"] = {"seconds": clock, "error": 0.0, "gap": float(np.abs(exact.gap).max())}
        explainer = shap.TreeExplainer(model, shap.maskers.Independent(back, background))
        clock, theirs = timed(lambda explainer=explainer: explainer.shap_values(given, check_additivity=False))  # type: ignore[misc]
        theirs = theirs[:, :, 1] if theirs.ndim == 3 else theirs
        found[f"{name}, shap TreeExplainer"] = {
            "seconds": clock,
            "error": float(np.sqrt(((theirs - exact.values) ** 2).mean())),
            "gap": float("nan"),
        }
        score = shapley.scorer(target, made.output)
        draw = np.random.default_rng(0)
        clock, drawn = timed(lambda score=score, draw=draw: shapley.permutation(score, given, of, back, names, 1, draw, Progress()))  # type: ignore[misc]
        error = float(np.sqrt(((drawn.values - exact.values) ** 2).mean()))
        found[f"{name}, tiltyard permutation"] = {"seconds": clock, "error": error, "gap": float(np.abs(drawn.gap).max())}
    return found


def main() -> None:
    warnings.simplefilter("ignore")
    import shap

    rng = np.random.default_rng(0)
    target, data = model(rng)
    x, back = data[:ROWS], data[ROWS : ROWS + BACKGROUND]
    of, names = np.ones(ROWS, np.intp), shapley.players(target.schema)
    score = shapley.scorer(target, "probability")

    def ours(pairs: int, background: int, seed: int) -> NDArray[np.float64]:
        found = shapley.permutation(score, x, of, back[:background], names, pairs, np.random.default_rng(seed), Progress())
        return found.values

    def theirs(rows: int = ROWS) -> NDArray[np.float64]:
        np.random.seed(1)  # noqa: NPY002 (the peer draws from the global state)
        explainer = shap.PermutationExplainer(lambda v: score(v.astype(np.float64))[:, 1], shap.maskers.Independent(back, BACKGROUND))
        values: NDArray[np.float64] = explainer(x[:rows], silent=True).values
        return values

    truth = ours(20, BACKGROUND, 99)
    distance = lambda values: float(np.sqrt(((values - truth) ** 2).mean()))  # noqa: E731
    ours(1, 2, 0)  # both warm: shap compiles with numba at the first call
    theirs(2)
    seconds, values = timed(theirs)
    found = {"shap PermutationExplainer": {"seconds": seconds, "error": distance(values), "pairs": 500 // (2 * FEATURES + 1)}}
    for pairs in (1, 2, 4, 8, 16):
        clock, mine = timed(lambda pairs=pairs: ours(pairs, BACKGROUND, pairs))  # type: ignore[misc]
        found["tiltyard"] = {"seconds": clock, "error": distance(mine), "pairs": pairs}
        if distance(mine) <= distance(values):
            break
    clock, _ = timed(lambda: shapley.deep(target, x, of, back, names, Progress()).values)
    found["DeepExplainer (log-odds)"] = {"seconds": clock, "error": float("nan"), "pairs": 0}
    ratio = seconds / found["tiltyard"]["seconds"]
    by_tree = trees(data[:1500, :8].astype(np.float64), (data[:1500, 0] * data[:1500, 1] > 0).astype(np.int64))
    if "--json" in sys.argv:
        print(
            json.dumps({"trees": by_tree, "rows": ROWS, "features": FEATURES, "background": BACKGROUND, "ratio": ratio, "methods": found})
        )
        return
    for name, row in found.items():
        print(f"{name:28} {row['seconds']:7.2f} s   rms error {row['error']:.2e}   pairs {row['pairs']}")
    for name, row in by_tree.items():
        print(f"{name:50} {row['seconds']:7.2f} s   rms from exact {row['error']:.1e}   sums miss by {row['gap']:.1e}")
    print(f"tiltyard is {ratio:.1f} times as fast at an error no larger (scale of the values: {np.abs(truth).max():.2f})")


if __name__ == "__main__":
    main()
