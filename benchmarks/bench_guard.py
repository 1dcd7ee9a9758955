"""Does the input guard keep its promise? ``python benchmarks/bench_guard.py --guards 40``.

Each guard is built from half of the rows drawn anew and judged on all others. Prints the share of natural rows refused (mean over
guards, with the 95 % interval of a bootstrap over them; the splits share rows, so it is a little narrow), how many guards refused
more than allowed, how many of them by more than chance (Clopper-Pearson above it), and the fewest noise rows caught.
"""

import argparse

import numpy as np

from tiltyard.samples.catalog import load
from tiltyard.statistics.intervals import bootstrap, clopper_pearson
from tiltyard.validation._strange import noise
from tiltyard.validation.guard import apart, build

ALLOWED = 0.01


def main() -> None:
    """Print the table."""
    from dataclasses import replace

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--guards", type=int, default=40)
    given = parser.parse_args()
    for name in ("digits", "census"):
        data = replace(load(name).data, member=None)
        for reference in (500, 1000, 2000):
            shares, above, fewest, promised = [], 0, 1.0, 0.0
            for seed in range(given.guards):
                rng = np.random.default_rng(seed)
                own, held = apart(data, rng)
                guard = build(own, reference, 5, ALLOWED, rng)
                refused = guard.refused(held.x)
                shares.append(float(refused.mean()))
                above += clopper_pearson(int(refused.sum()), len(held))[0] > ALLOWED
                fewest = min(fewest, float(guard.refused(noise(data.schema, 200, rng)).mean()))
                promised = guard.promised
            found = np.array(shares)
            low, high = bootstrap(lambda i, found=found: float(found[i].mean()), len(found), np.random.default_rng(0), 2000)  # type: ignore[misc]
            print(
                f"{name:7} {reference:5} reference rows: {100 * found.mean():.2f} % [{100 * low:.2f}, {100 * high:.2f}] of natural rows refused, "
                f"promised at most {100 * promised:.2f} %; {int((found > ALLOWED).sum())} of {len(found)} guards over 1 %, {above} by more than "
                f"chance; noise caught {100 * fewest:.0f} % or more",
                flush=True,
            )


if __name__ == "__main__":
    main()
