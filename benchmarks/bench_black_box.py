"""Square and HopSkipJump on a scikit-learn pipeline against its bare predict calls on the same rows: ``python benchmarks/bench_black_box.py``.

The pipeline (one-hot encoder, imputer, forest) notes every table it is given while an attack on 50 rows runs; then it answers the same
tables again by itself. Ratios of one run; never a timed test.
"""

import argparse
import time
from typing import Any

import numpy as np
import pandas as pd
import torch

from tiltyard.datasets.reading import read
from tiltyard.evasion.attack import Evasion
from tiltyard.evasion.hop_skip_jump import HopSkipJump
from tiltyard.evasion.square import Square
from tiltyard.targets.opening import open_target


def people(n: int, rng: np.random.Generator) -> pd.DataFrame:
    """A table of numbers, some of them missing, and categories."""
    table = {f"number_{i}": rng.normal(size=n).round(3) for i in range(8)}
    table["income"] = np.where(rng.random(n) < 0.1, np.nan, rng.lognormal(10, 1, n).round(2))
    for i in range(6):
        table[f"category_{i}"] = np.array([f"level {k}" for k in range(3 + 4 * i)])[rng.integers(0, 3 + 4 * i, n)]
    frame = pd.DataFrame(table)
    score = frame["number_0"] + frame["number_1"] + (frame["category_0"] == "level 1") + np.log(frame["income"].fillna(1e4)) - 10
    return frame.assign(y=np.where(score > 0.3, "good", "bad"))


def pipeline(frame: pd.DataFrame) -> Any:
    """One-hot encoder, imputer and forest, fitted."""
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    x = frame.drop(columns="y")
    words = [c for c in x if c.startswith("category")]
    numbers = [c for c in x if c not in words]
    columns = ColumnTransformer([("words", OneHotEncoder(handle_unknown="ignore"), words), ("numbers", SimpleImputer(), numbers)])
    return make_pipeline(columns, RandomForestClassifier(100, random_state=0)).fit(x, frame["y"])


class Noted:
    """Calls of one method, noted while they are passed on."""

    def __init__(self, method: Any) -> None:
        self.method = method
        self.given: list[Any] = []

    def __call__(self, x: Any) -> Any:
        self.given.append(x)
        return self.method(x)


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50)
    parser.add_argument("--queries", type=int, default=300)
    given = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    frame = people(2000, rng)
    model = pipeline(frame)
    data = read(people(500, rng), label="y")
    target = open_target(model, data=data)
    checks: tuple[Evasion, ...] = (Square(rows=given.rows, query_budget=given.queries), HopSkipJump(rows=given.rows))
    for check in checks:
        own = {name: Noted(getattr(model, name)) for name in ("predict", "predict_proba")}
        for name, noted in own.items():
            setattr(model, name, noted)
        start = time.process_time()
        record = check(target, data)
        whole = time.process_time() - start
        for name in own:
            delattr(model, name)
        start = time.process_time()
        for name, noted in own.items():
            for table in noted.given:
                getattr(model, name)(table)
        bare = time.process_time() - start
        asked = sum(len(noted.given) for noted in own.values())
        print(
            f"{check.id:24s} {record.result.status.value:8s} {whole:6.1f} s, bare {bare:6.1f} s in {asked:5d} calls: ratio {whole / bare:.2f}"
        )


if __name__ == "__main__":
    main()
