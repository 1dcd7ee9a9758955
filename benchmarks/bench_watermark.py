"""What a watermark costs in accuracy, over many keys: ``python benchmarks/bench_watermark.py census digits --keys 10``.

Each shipped model is marked with ``--keys`` keys, by the defense and as in the paper (labels, triggers mixed in; Adi et al. 2018), and
judged on all held-out rows; then models trained anew on all rows but a fold are marked and judged on that fold, so that every row of the
data is held out once. A cost is the mean over keys and rows of right before less right after, in points, with a 95 % bootstrap over keys
and rows both drawn with replacement (the pigeonhole bootstrap, Owen 2007, arXiv 0712.1111), which is on the wide side. ``--survival`` also
prints the fewest matches over keys after each removal.
"""

import argparse
import hashlib
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from torch import nn

from tiltyard.datasets.dataset import Dataset
from tiltyard.progress import Progress
from tiltyard.samples.catalog import load
from tiltyard.targets.torch_target import TorchTarget
from tiltyard.targets.training import fit
from tiltyard.theft.watermark import MIXED, Watermark, embedded
from tiltyard.theft.watermark_survival import Answers, WatermarkSurvival
from tiltyard.theft.watermark_trigger import Triggers, chance, matched, triggers

COUNT = Watermark().count
Way = Callable[[TorchTarget, Dataset, Triggers, int], nn.Module]


def ours(base: TorchTarget, rows: Dataset, secret: Triggers, seed: int) -> nn.Module:
    """As the defense does it."""
    return embedded(base, rows, secret, Watermark().epochs, seed, Progress())


def papers(base: TorchTarget, rows: Dataset, secret: Triggers, seed: int) -> nn.Module:
    """The training routine goes on over rows and triggers, as many triggers a batch as the defense mixes in."""
    assert base.recipe is not None
    often = -(-MIXED * len(rows) // (base.recipe.batch_size * COUNT))
    x, y = (np.concatenate([a, *([b] * often)]) for a, b in ((rows.encoded, base.encoding.encode(secret.x)), (rows.y, secret.y)))
    recipe = base.recipe.model_copy(update={"epochs": Watermark().epochs, "batch_size": base.recipe.batch_size + MIXED})
    return fit(base.trainable(), x, y, recipe, seed, Progress())


def right(labels: Answers, rows: Dataset) -> NDArray[np.float64]:
    """1 for each row that is labeled rightly, else 0."""
    found: NDArray[np.float64] = (labels(rows.x) == rows.y).astype(np.float64)
    return found


def key(data: Dataset, seed: int) -> Triggers:
    """One of the benchmark's keys."""
    return triggers(hashlib.sha256(f"tiltyard benchmark key {seed}".encode()).digest(), COUNT, data.schema)


def spread(costs: list[NDArray[np.float64]], crossed: bool) -> str:
    """Mean cost in points and its interval: the same rows for every key (``crossed``), or each key with rows of its own."""
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(2000):
        keys = rng.integers(0, len(costs), len(costs))
        i = rng.integers(0, len(costs[0]), len(costs[0]))
        parts = [costs[k][i] if crossed else costs[k][rng.integers(0, len(costs[k]), len(costs[k]))] for k in keys]
        drawn.append(np.concatenate(parts).mean())
    low, high = np.quantile(drawn, [0.025, 0.975])
    return f"{100 * np.concatenate(costs).mean():+.2f} [{100 * low:+.2f}, {100 * high:+.2f}]"


def told(name: str, costs: list[NDArray[np.float64]], matches: list[int], k: int, crossed: bool, start: float) -> None:
    """One line."""
    flat = np.concatenate(costs)
    each = [round(100 * float(c.mean()), 2) for c in costs]
    p = chance(min(matches), COUNT, k)
    print(
        f"  {name:28} {spread(costs, crossed)} points   {100 * (flat != 0).mean():.2f} % of answers turned right or wrong   "
        f"by key {min(each):+.2f} to {max(each):+.2f}   fewest matches {min(matches)} (p = {p:.0e})   {time.process_time() - start:.0f} s",
        flush=True,
    )


def shipped(name: str, way: Way, title: str, keys: int) -> list[tuple[TorchTarget, Triggers]]:
    """The shipped model, marked with each key."""
    sample, start = load(name), time.process_time()
    base, held = sample.target, sample.data.unseen
    before, costs, matches, marked = right(base.labels, held), [], [], []
    for seed in range(keys):
        secret = key(sample.data, seed)
        made = base.made(way(base, sample.data.seen, secret, seed), "marked")
        costs.append(before - right(made.labels, held))
        matches.append(matched(made.labels(secret.x), secret))
        marked.append((made, secret))
    told(title, costs, matches, len(base.classes), True, start)
    return marked


def folds(name: str, count: int) -> None:
    """Models trained anew on all but a fold, marked, and judged on it."""
    sample, start = load(name), time.process_time()
    data, base = sample.data, sample.target
    place = np.random.default_rng(0).permutation(len(data)) % count
    costs, matches = [], []
    for fold in range(count):
        own, held, secret = data.take(place != fold), data.take(place == fold), key(data, 1000 + fold)
        fresh = base.retrain(own.x, own.y, fold, Progress())
        assert isinstance(fresh, TorchTarget)
        made = fresh.made(ours(fresh, own, secret, fold), "marked")
        costs.append(right(fresh.labels, held) - right(made.labels, held))
        matches.append(matched(made.labels(secret.x), secret))
    told(f"ours, {count} models anew", costs, matches, len(base.classes), False, start)


def survival(name: str, marked: list[tuple[TorchTarget, Triggers]]) -> None:
    """The fewest matches over keys after each removal, and the mean accuracy it leaves."""
    check, sample = WatermarkSurvival(), load(name)
    held = sample.data.unseen.sample(2 * check.rows, np.random.default_rng(0))
    judge, own = held.take(np.arange(len(held) // 2)), held.take(np.arange(len(held) // 2, len(held)))
    found: dict[str, list[tuple[int, float]]] = {}
    for target, secret in marked:
        for title, attack in check._attacks(target, own, secret).items():
            answers = attack(Progress())
            found.setdefault(title, []).append((matched(answers(secret.x), secret), float(right(answers, judge).mean())))
    for title, each in found.items():
        fewest, accuracy = min(m for m, _ in each), np.mean([a for _, a in each])
        print(f"    {title:24} {fewest:3} to {max(m for m, _ in each):3} of {COUNT} matches, accuracy {accuracy:.3f}", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=["census", "digits"])
    parser.add_argument("--keys", type=int, default=10)
    parser.add_argument("--folds", type=int, default=10)
    parser.add_argument("--survival", type=int, default=0, metavar="KEYS")
    given = parser.parse_args()
    for name in given.names:
        print(name)
        ways: dict[str, Way] = {"ours": ours, "labels, equal weights": papers}
        for title, way in ways.items():
            marked = shipped(name, way, title, given.keys)
            if given.survival:
                survival(name, marked[: given.survival])
        if given.folds > 1:
            folds(name, given.folds)


if __name__ == "__main__":
    main()
