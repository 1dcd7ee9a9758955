"""False alarms of the monitor on 1,000 windows without drift, and what it finds after a shift of half a standard deviation in one column.

    python benchmarks/bench_monitor.py [WINDOWS] [ROWS]

The rows are those of the census sample, drawn with replacement from one half (the reference is the other half), so that
nothing drifts; then the column ``age`` is shifted. Prints shares with their 95 % intervals.
"""

import sys
import time

import numpy as np

from tiltyard.monitoring.columns import of_rows, with_answers
from tiltyard.monitoring.reference import Truth, reference
from tiltyard.samples.catalog import load
from tiltyard.statistics.intervals import clopper_pearson


def share(hits: int, n: int) -> str:
    low, high = clopper_pearson(hits, n)
    return f"{hits} of {n} ({hits / n:.2%}, 95 % from {low:.2%} to {high:.2%})"


def main(windows: int = 1000, rows: int = 500) -> None:
    sample = load("census")
    x = sample.data.x[np.random.default_rng(0).permutation(len(sample.data))]
    answer = sample.target.predictions(x)
    y = sample.data.y[np.random.default_rng(0).permutation(len(sample.data))]
    every = with_answers(of_rows(x, sample.data.schema), answer.scores, answer.labels, sample.target.classes)
    half = len(x) // 2
    right = answer.labels == y
    held = reference(every.take(np.arange(half)), Truth(int(right[:half].sum()), half))
    rng = np.random.default_rng(1)
    shift = 0.5 * float(np.nanstd(every.numbers["age"]))
    alarms = {0.05: 0, 0.01: 0}
    found = named = 0
    begun = time.perf_counter()
    for i in range(windows):
        chosen = rng.choice(np.arange(half, len(x)), rows, replace=False)
        columns, truth = every.take(chosen), Truth(int(right[chosen].sum()), rows)
        for level in alarms:
            window = held.window(columns, i, level, truth)
            alarms[level] += window.state == "alarm"
        if i < 200:
            columns.numbers["age"] = columns.numbers["age"] + shift
            window = held.window(columns, i, 0.01, truth)
            found += window.state == "alarm"
            named += bool(window.drifting) and window.drifting[0].what == "age"
    print(f"{windows} windows of {rows} rows, reference {held.columns.n} rows, {len(window.drifts)} tests a window")
    for level, hits in alarms.items():
        print(f"no drift, level {level}: alarms in {share(hits, windows)}")
    print(f"age shifted by half a standard deviation: found in {share(found, min(windows, 200))}, named first in {named}")
    print(f"{(time.perf_counter() - begun) / (2 * windows + min(windows, 200)):.3f} s a window")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
