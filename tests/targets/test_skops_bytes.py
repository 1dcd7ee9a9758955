"""Equal estimators are equal bytes, which skops and the scan read as any others."""

from typing import Any

import numpy as np

from tiltyard.artifacts.verdict import scan_content
from tiltyard.targets.skops_bytes import skops_bytes


def fitted(seed: int = 0) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(seed)
    x = rng.normal(size=(60, 3))
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(x, (x[:, 0] + rng.normal(size=60) > 0).astype(int))


def test_equal_estimators_are_equal_bytes_and_read_back_as_they_were() -> None:
    import skops.io

    one, two = fitted(), fitted()
    assert skops.io.dumps(one) != skops.io.dumps(two)  # by places in memory
    content = skops_bytes(one)
    assert content == skops_bytes(two) != skops_bytes(fitted(1))
    x = np.random.default_rng(2).normal(size=(20, 3))
    np.testing.assert_array_equal(skops.io.loads(content).predict_proba(x), one.predict_proba(x))
    assert scan_content("model.skops", content).safe


def test_what_stands_twice_stays_one_object() -> None:
    import skops.io

    shared = np.arange(5.0)
    read = skops.io.loads(skops_bytes({"a": shared, "b": shared, "file": "schema.json", "c": np.arange(3)}))
    assert read["a"] is read["b"] and read["file"] == "schema.json"
    np.testing.assert_array_equal(read["c"], np.arange(3))
