"""What a thief gets for its rows: fidelity against queries of the three thieves, and how many rows it asked twice (none).

python benchmarks/bench_thieves.py [digits|census] [seeds]
"""

import sys

import numpy as np

from tiltyard.samples.catalog import load
from tiltyard.targets.estimators import FunctionTarget
from tiltyard.theft._transfer_set import keys
from tiltyard.theft.extraction import Extraction


def main(name: str, seeds: int) -> None:
    sample = load(name)
    inner = sample.target
    for strategy in ("natural", "adaptive", "jacobian"):
        for access in ("scores", "labels"):
            for seed in range(seeds):
                asked: list[np.ndarray] = []

                def scores(x: np.ndarray, asked: list[np.ndarray] = asked) -> np.ndarray:
                    asked.append(x)
                    return inner.scores(x)

                spied = FunctionTarget(scores, inner.classes, inner.schema, name)
                result = Extraction(strategy=strategy, access=access, seed=seed)(spied, sample.data).result
                paid = int(result.metric("queries").value or 0)
                twice = paid - len(set(keys(np.concatenate(asked)[-paid:])))
                curve = ", ".join(
                    f"{x:.0f}: {y:.3f}" for x, y in zip(result.charts[0].series[0].x, result.charts[0].series[0].y, strict=True)
                )
                print(f"{name} {strategy} {access} seed {seed}: {paid} rows, {twice} twice; fidelity {curve}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "digits", int(sys.argv[2]) if len(sys.argv) > 2 else 3)
