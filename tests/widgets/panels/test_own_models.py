"""A panel takes a model and a table as a notebook holds them."""

import numpy as np
import pytest

from tiltyard.errors import Problem
from tiltyard_widgets.panels.attack import AttackPanel


def test_a_panel_takes_an_estimator_and_a_frame() -> None:
    import pandas as pd
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(size=80), "b": rng.normal(size=80)}).assign(sex=rng.choice(["f", "m"], 80))
    label = np.where(table["a"] > 0, "yes", "no")
    model = LogisticRegression().fit(table[["a", "b"]], label)
    panel = AttackPanel(model, table.assign(y=label), label="y", sensitive=["sex"])
    target, data = panel.session.ready()
    assert data.schema.columns == ("a", "b")
    assert list(data.sensitive) == ["sex"]
    np.testing.assert_array_equal(target.labels(data.x), (model.predict(table[["a", "b"]]) == "yes").astype(int))
    with pytest.raises(Problem, match="without b"):
        AttackPanel(model, table.drop(columns="b").assign(y=label), label="y")
