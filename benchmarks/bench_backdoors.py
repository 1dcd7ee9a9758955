"""Backdoors without the training data: hits of Neural Cleanse and STRIP on BadNets victims, and their false alarms on clean models.

    python benchmarks/bench_backdoors.py [SEEDS]

Digits (10 classes), the shipped architecture trained anew on 1,500 rows, a tenth of them stamped with a patch of 4 by 4 pixels for the victims. Some minutes a seed.
Prints how each check ended, and whether it named the right class.
"""

import sys
from collections import Counter

import numpy as np

from tiltyard.attacks.triggers import trigger
from tiltyard.check import Check
from tiltyard.datasets.dataset import Dataset
from tiltyard.poisoning.neural_cleanse import NeuralCleanse
from tiltyard.poisoning.strip import Strip
from tiltyard.progress import Progress
from tiltyard.samples.catalog import load

ROWS, SHARE, GOAL = 1500, 0.1, 3


def stamped(data: Dataset, rows: Dataset, seed: int) -> Dataset:
    """``rows`` with a tenth stamped and called `GOAL`, then the held-out rows of ``data``."""
    mark = trigger(data, 4, np.random.default_rng(seed))
    x, y = rows.x.copy(), rows.y.copy()
    bad = np.random.default_rng(seed).permutation(len(rows))[: round(SHARE * len(rows))]
    x[bad], y[bad] = mark.stamped(x[bad]), GOAL
    return joined(data, x, y)


def joined(data: Dataset, x: np.ndarray, y: np.ndarray) -> Dataset:
    """These training rows and the held-out rows of ``data``."""
    held = data.unseen
    return Dataset(
        np.concatenate([x, held.x]), np.concatenate([y, held.y]), data.schema, data.name, {}, np.arange(len(x) + len(held)) < len(x)
    )


def main(seeds: int) -> None:
    """Counts over the seeds."""
    sample = load("digits")
    ended: Counter[tuple[str, str, str]] = Counter()
    for seed in range(seeds):
        rows = sample.data.seen.sample(ROWS, np.random.default_rng(seed))
        for kind, data in (("clean", joined(sample.data, rows.x, rows.y)), ("victim", stamped(sample.data, rows, seed))):
            model = sample.target.retrain(data.seen.x, data.seen.y, seed, Progress())
            checks: tuple[Check, ...] = (
                NeuralCleanse(rows=100, steps=100, starts=1, seed=seed),
                Strip(rows=300, clean=600, draws=20, seed=seed),
            )
            for check in checks:
                result = check(model, data).result
                named = bool(result.findings) and sample.target.classes[GOAL] in result.findings[0].title
                ended[kind, check.id, str(result.status) + (" right class" if named else "")] += 1
                print(f"{seed} {kind:7s} {check.id}: {result.status}: {result.summary[:150]}", flush=True)
    for key, count in sorted(ended.items()):
        print(*key, f"{count} of {seeds}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
