"""Pipelines from skops files as people save them."""

from pathlib import Path

import numpy as np

from tiltyard.datasets.reading import read
from tiltyard.targets.opening import open_target


def test_a_pipeline_that_fills_missing_values_is_opened_from_skops(tmp_path: Path) -> None:
    import pandas as pd
    import skops.io
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"pay": rng.normal(0, 1, 60), "town": rng.choice(["a", "b"], 60)})
    frame["left"] = np.where(frame.pay > 0, "yes", "no")
    columns = ColumnTransformer([("n", SimpleImputer(), ["pay"]), ("c", OneHotEncoder(), ["town"])])
    skops.io.dump(make_pipeline(columns, LogisticRegression()).fit(frame[["pay", "town"]], frame.left), tmp_path / "p.skops")
    data = read(frame, label="left")
    assert (open_target(tmp_path / "p.skops", data=data).labels(data.x) == data.y).mean() > 0.9
