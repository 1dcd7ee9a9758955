"""How often `poisoning.transplant` finds a backdoor in a table, and alarms without one: `python benchmarks/bench_table_triggers.py [SEEDS] [SHARE]`.

Of each seed a forest (even seeds) or boosted trees (odd) on 1,500 rows of census and of 500 of german-credit, once as they are and once with
SHARE of their rows poisoned: two columns drawn at random take values that no row has together, and the class is one drawn at random. A victim
counts where it obeys: where the trigger leads 80 % of the held-out rows of other classes.
"""

import sys

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.encoding import encoding_of
from tiltyard.poisoning.transplant import Transplant
from tiltyard.result import Status
from tiltyard.samples.catalog import load_data
from tiltyard.targets.estimators import FunctionTarget

ROWS, OBEYS = 3000, 0.8


def drawn(data: Dataset, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two columns, and values of theirs that no row has together."""
    while True:
        columns = rng.choice(data.x.shape[1], 2, replace=False)
        values = np.array([data.x[rng.integers(len(data)), c] for c in columns])
        if not (data.x[:, columns] == values).all(1).any():
            return columns, values


def asked(data: Dataset, seed: int, share: float) -> tuple[Status, float]:
    """How the check ends, and how many held-out rows the trigger leads; with a share of 0 there is none."""
    rng = np.random.default_rng(seed)
    some = data.sample(ROWS, rng)
    x, y, half = some.x.copy(), some.y.copy(), len(some) // 2
    columns, values = drawn(some, rng)
    goal, bad = int(rng.integers(len(some.schema.classes))), rng.permutation(half)[: round(share * half)]
    x[bad[:, None], columns], y[bad] = values, goal
    trees = (
        RandomForestClassifier(20, min_samples_leaf=2, random_state=seed) if seed % 2 == 0 else HistGradientBoostingClassifier(max_iter=40)
    )
    trees.fit(encoding_of(some.schema).encode(x[:half]), y[:half])
    target = FunctionTarget(trees.predict, some.schema.classes, some.schema, "trees")
    held = x[half:][target.labels(x[half:]) != goal].copy()
    held[:, columns] = values
    obeyed = float((target.labels(held) == goal).mean()) if share else 0.0
    known = Dataset(x, y, some.schema, "poisoned", {}, np.arange(len(x)) < half)
    return Transplant(seed=seed)(target, known).result.status, obeyed


def main(seeds: int, share: float) -> None:
    """A line of each data set."""
    for name in ("census", "german-credit"):
        data = load_data(name)
        clean = [asked(data, seed, 0.0)[0] for seed in range(seeds)]
        victims = [asked(data, seed, share) for seed in range(seeds)]
        obeying = [status for status, obeyed in victims if obeyed >= OBEYS]
        alarms = {one.value: clean.count(one) for one in (Status.FINDING, Status.INCOMPLETE, Status.PASSED)}
        print(f"{name}: clean {alarms}; poisoned {share:g}: {obeying.count(Status.FINDING)} of {len(obeying)} that obey found", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20, float(sys.argv[2]) if len(sys.argv) > 2 else 0.05)
