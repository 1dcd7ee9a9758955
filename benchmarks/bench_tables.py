"""Square, HopSkipJump and the strong evaluation of tables at equal queries: ``python benchmarks/bench_tables.py --rows 60 --queries 300``.

On the shipped census with its relations: the shipped network, and a forest and a boosting trained on 4,000 of its rows. Printed are robust
accuracy, the rows that the attacks asked for, and how many fooling rows break a relation, which none may.
"""

import argparse
import time
from typing import Any

import numpy as np
import torch

from tiltyard.datasets.dataset import Dataset
from tiltyard.evasion.attack import Evasion
from tiltyard.evasion.hop_skip_jump import HopSkipJump
from tiltyard.evasion.square import Square
from tiltyard.evasion.tabular import Tabular
from tiltyard.result import CheckResult
from tiltyard.samples.catalog import load
from tiltyard.targets.estimators import SklearnTarget
from tiltyard.targets.target import Target

TRAINED = 4_000


def targets(data: Dataset, network: Target) -> dict[str, Target]:
    """A forest, a boosting and the network."""
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier

    some = data.seen.take(np.arange(TRAINED))
    y = np.array(data.schema.classes)[some.y]
    models: tuple[Any, ...] = (
        RandomForestClassifier(30, min_samples_leaf=5, random_state=0, n_jobs=1),
        GradientBoostingClassifier(n_estimators=60, random_state=0),
    )
    found: dict[str, Target] = {type(m).__name__: SklearnTarget(m.fit(some.encoded, y), data.schema) for m in models}
    return {**found, "network": network}


def broken(result: CheckResult) -> str:
    """The line of the evaluation on relations."""
    return next((str(row[2]) for table in result.tables for row in table.rows if "relations" in str(row[0])), "not asked")


def main() -> None:
    """Print a line for each model and attack."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=60)
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--eps", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    sample = load("census")
    common: dict[str, Any] = {"rows": given.rows, "query_budget": given.queries, "eps": given.eps, "seed": given.seed, "curve": False}
    checks: tuple[Evasion, ...] = (
        Square(**common),
        HopSkipJump(**common),
        Tabular(**common, trees=False, gradients=False),
        Tabular(**common),
    )
    for name, target in targets(sample.data, sample.target).items():
        for check, label in zip(checks, ("Square", "HopSkipJump", "tabular, scores alone", "tabular"), strict=True):
            start, asked = time.process_time(), target.queries
            result = check(target, sample.data).result
            took = time.process_time() - start
            robust = f"{100 * (result.metrics[0].value or 0):5.1f} %"
            print(
                f"{name:28s} {label:22s} robust {robust}  {target.queries - asked:7d} rows asked {took:6.1f} s  {broken(result)}",
                flush=True,
            )


if __name__ == "__main__":
    main()
