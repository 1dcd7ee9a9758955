"""Networks of Keras 3 and skorch in a notebook: each answers as its own library does."""

import sys
from typing import Any

import numpy as np
import pytest

from tiltyard.targets.opening import open_target


def frame(n: int = 120) -> Any:
    import pandas as pd

    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(size=n), "b": rng.integers(0, 9, n), "c": rng.normal(0, 3, n)})
    return table.assign(y=np.where(table.a + table.b / 9 > 0.5, "yes", "no"))


def data(table: Any) -> Any:
    from tiltyard.datasets.reading import read

    return read(table, label="y")


@pytest.fixture
def keras(monkeypatch: pytest.MonkeyPatch) -> Any:
    if "keras" not in sys.modules:
        monkeypatch.setenv("KERAS_BACKEND", "torch")
    return pytest.importorskip("keras")


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras 3.15 with NumPy 2.4
@pytest.mark.parametrize("end", ["sigmoid", "softmax", "logits"])
def test_a_keras_model_answers_as_keras_predicts(keras: Any, end: str) -> None:
    import torch

    keras.utils.set_random_seed(0)
    last = (
        keras.layers.Dense(1, activation="sigmoid")
        if end == "sigmoid"
        else keras.layers.Dense(2, activation="softmax" if end == "softmax" else None)
    )
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dropout(0.5), last])
    table = frame()
    rows = data(table)
    target = open_target(model, data=rows)
    own = model.predict(table[["a", "b", "c"]].to_numpy(np.float32), verbose=0).astype(np.float64)
    if end == "sigmoid":
        own = np.concatenate([1 - own, own], 1)
    if end == "logits":
        own = torch.softmax(torch.from_numpy(own), 1).numpy()
    np.testing.assert_allclose(target.scores(rows.x), own, atol=1e-6)
    np.testing.assert_array_equal(target.labels(rows.x), own.argmax(1))
    assert "gradients" in target.offers
    given = torch.from_numpy(rows.encoded).requires_grad_()
    assert torch.autograd.grad(target.module(given)[:, 1].sum(), given)[0].abs().sum() > 0


@pytest.mark.parametrize("dtype", ["text", "numbers"])
def test_a_classifier_of_skorch_answers_as_skorch(dtype: str) -> None:
    skorch = pytest.importorskip("skorch")
    import torch
    from torch import nn

    torch.manual_seed(0)
    table = frame()
    x = table[["a", "b", "c"]].to_numpy(np.float32)
    labels = table["y"].to_numpy(object) if dtype == "text" else (table["y"] == "yes").to_numpy(np.int64)
    settings = {"criterion": nn.CrossEntropyLoss, "max_epochs": 5, "verbose": 0, "train_split": None}
    net = skorch.NeuralNetClassifier(nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 2)), **settings)
    net.fit(x, (table["y"] == "yes").to_numpy(np.int64))
    rows = data(table.assign(y=labels))
    target = open_target(net, data=rows, classes=("no", "yes") if dtype == "text" else None)
    np.testing.assert_array_equal(target.scores(rows.x), net.predict_proba(x).astype(np.float64))
    np.testing.assert_array_equal(target.labels(rows.x), net.predict(x))
