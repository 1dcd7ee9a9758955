"""Uneven shards: FedAvg beside FedProx, SCAFFOLD and FedAdam, and the model trained in one place.

    python benchmarks/bench_uneven.py [SEEDS] [ROWS] [ALPHA...]

Digits, ten clients with few classes each (alpha 0.1 and 100), eight rounds of three local epochs on 2,000 rows; accuracy on held-out rows, mean and extremes over the seeds,
and of each way the mean difference from FedAvg on the same shards, with how many of the seeds it was better on. A minute a seed on one core.
"""

import sys

from tiltyard.check import named
from tiltyard.federated.training import Training
from tiltyard.samples.catalog import load

WAYS: dict[str, dict[str, object]] = {
    "FedAvg": {},
    "FedProx, mu 0.1": {"mu": 0.1},
    "FedProx, mu 1": {"mu": 1.0},
    "SCAFFOLD": {"scaffold": True},
    "FedAdam, rate 0.01": {"server_rate": 0.01},
    "FedAdam, rate 0.03": {"server_rate": 0.03},
}


def main(seeds: int, rows: int, alphas: tuple[float, ...]) -> None:
    """One row a way and alpha."""
    sample = load("digits")
    for alpha in alphas:
        plain: list[float] = []
        for name, more in WAYS.items():
            found = []
            for seed in range(seeds):
                facts = {"rows": rows, "rounds": 8, "local_epochs": 3, "alpha": alpha, "seed": seed, **more}
                result = named(Training, facts)(sample.target, sample.data).record.result  # type: ignore[operator]
                found.append(result.metric("accuracy_after").value or 0.0)
            plain = plain or found
            gains = [one - other for one, other in zip(found, plain, strict=True)]
            beyond = f"{sum(gains) / seeds:+.3f}, better on {sum(gain > 0 for gain in gains)} of {seeds}"
            print(f"alpha {alpha:5g}  {name:20s} {sum(found) / seeds:.3f} ({min(found):.3f} to {max(found):.3f}); {beyond}", flush=True)


if __name__ == "__main__":
    given = sys.argv[1:]
    main(int(given[0]) if given else 3, int(given[1]) if len(given) > 1 else 2000, tuple(map(float, given[2:])) or (0.1, 100.0))
