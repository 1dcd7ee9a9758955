"""The extraction detector, measured: false alarms on honest keys and thieves caught: ``python benchmarks/bench_extraction_detector.py [census digits]``.

Honest keys ask held-out rows; the detector knows rows the model was trained on. ``any`` asks at random, ``one class`` only rows that get one
answer, ``one group`` (of a table) only rows with one category of a random feature, which is honest and unlike the rest, so its alarms say
what an operator must expect. Keys draw from one pool of held-out
rows, so the interval (Clopper and Pearson, 95 %) is that of keys given this pool. Thieves are those of `theft.extraction` and random
rows; ``natural`` asks honest rows and cannot be seen. Never a timed test.
"""

import argparse
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from tiltyard.datasets.schema import Rows
from tiltyard.samples.catalog import Sample, load
from tiltyard.serving.extraction_detector import ExtractionDetector, Honest, learned
from tiltyard.statistics.intervals import clopper_pearson
from tiltyard.targets.decision import Scores
from tiltyard.targets.estimators import FunctionTarget
from tiltyard.theft.equations import drawn
from tiltyard.theft.extraction import Extraction


def known(sample: Sample) -> Honest:
    """What the owner knows of honest rows."""
    rows = sample.data.seen.sample(3000, np.random.default_rng(1)).x
    return learned(rows, sample.target.predictions(rows), sample.target.schema)


def flagged(sample: Sample, honest: Honest, asked: Iterator[Rows]) -> list[bool]:
    """Is each key that asked these rows flagged?"""
    detector, found = ExtractionDetector(honest), []
    for i, x in enumerate(asked):
        answers = sample.target.predictions(x)
        detector(x, answers.scores, answers.labels, str(i))
        found.append(detector.of(str(i)).flagged)
    return found


def honest_keys(sample: Sample, keys: int, rows: int, one_class: bool) -> Iterator[Rows]:
    """Held-out rows of each key."""
    pool = sample.data.unseen.x
    answers = sample.target.labels(pool)
    rng = np.random.default_rng(5)
    for _ in range(keys):
        here = np.flatnonzero(answers == rng.choice(answers)) if one_class else np.arange(len(pool))
        yield pool[rng.choice(here, min(rows, len(here)), replace=False)]


def grouped_keys(sample: Sample, keys: int, rows: int) -> Iterator[Rows]:
    """Held-out rows of each key, all with one category that at least 300 rows have."""
    pool = sample.data.unseen.x
    encoded, encoding = sample.data.unseen.encoded, sample.target.encoding
    columns = [c for group in encoding.groups for c in range(group.start, group.stop) if (encoded[:, c] == 1).sum() >= 300]
    rng = np.random.default_rng(7)
    for _ in range(keys):
        here = np.flatnonzero(encoded[:, rng.choice(columns)] == 1)
        yield pool[rng.choice(here, min(rows, len(here)), replace=False)]


def stolen(sample: Sample, strategy: str, query_budget: int, seed: int) -> Rows:
    """What a thief asks, in order; by Jacobian augmentation in ten rounds, as in fewer it asks the same rows again."""
    points = 10 if strategy == "jacobian" else 3
    seen: list[Rows] = []

    schema = sample.target.schema

    def answer(table: Any) -> Scores:
        seen.append(table.copy() if schema.images else schema.encode(table))
        return sample.target.scores(seen[-1])

    target = FunctionTarget(answer, sample.target.classes, schema, "extracted", "frame")
    Extraction.model_validate(
        {"query_budget": query_budget, "strategy": strategy, "points": points, "epochs": 5, "rows": 100, "seed": seed}
    )(target, sample.data)
    return np.concatenate(seen[1:])


def thieves(sample: Sample) -> dict[str, Callable[[int], Rows]]:
    """Rows of a thief by its seed."""
    strategies = ("jacobian", "adaptive", "natural")
    schema = sample.target.schema
    return {
        "random rows, 300": lambda seed: drawn(schema, 300, np.random.default_rng(seed)),
        **{f"{way}, 600 rows": partial(stolen, sample, way, 600) for way in strategies},
    }


def told(name: str, who: str, found: list[bool]) -> None:
    """One line with its interval and n."""
    hits, n = sum(found), len(found)
    low, high = clopper_pearson(hits, n)
    print(f"{name:8s} {who:38s} flagged {hits:4d} of {n:4d}   {hits / n:6.1%}  ({low:.1%} to {high:.1%})", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("samples", nargs="*", default=["census", "digits"])
    parser.add_argument("--keys", type=int, default=1000)
    parser.add_argument("--thieves", type=int, default=10)
    given = parser.parse_args()
    for name in given.samples:
        sample = load(name)
        honest, rows = known(sample), 1000 if name == "census" else 500
        for words, one in (("any", False), ("one class", True)):
            told(name, f"honest, {rows} rows, {words}", flagged(sample, honest, honest_keys(sample, given.keys, rows, one)))
        if sample.target.encoding.groups:
            told(name, f"honest, {rows} rows, one group", flagged(sample, honest, grouped_keys(sample, given.keys, rows)))
        for words, thief in thieves(sample).items():
            told(name, f"thief, {words}", flagged(sample, honest, map(thief, range(given.thieves))))


if __name__ == "__main__":
    main()
