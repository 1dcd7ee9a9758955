"""A target is the model as it was opened: what somebody does to it later is not answered under the old fingerprint."""

from typing import Any

import numpy as np
import pytest


@pytest.fixture
def rows() -> tuple[Any, Any]:
    """Two columns, of which the first decides."""
    x = np.random.default_rng(0).normal(size=(80, 2))
    return x, x[:, 0] > 0


def test_an_estimator_that_is_fitted_again_is_another_model(rows: tuple[Any, Any]) -> None:
    from sklearn.linear_model import LogisticRegression

    import tiltyard as ty

    x, y = rows
    model = LogisticRegression().fit(x, y)
    data = ty.read((x, y))
    target = ty.open(model, data=data)
    before = target.labels(data.x)
    model.fit(x, ~y)
    np.testing.assert_array_equal(target.labels(data.x), before)
    again = ty.open(model, data=data)
    assert again.fingerprint != target.fingerprint
    assert (again.labels(data.x) != before).mean() > 0.9


def test_a_module_stays_as_it_was_given(rows: tuple[Any, Any]) -> None:
    import torch

    import tiltyard as ty

    model = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Dropout(0.5), torch.nn.ReLU(), torch.nn.Linear(8, 2))
    data = ty.read(rows)
    target = ty.open(model, data=data)
    assert model.training and model[1].training
    assert any("was in training mode" in said for said in target.assumptions)
    before = target.labels(data.x)
    with torch.no_grad():
        model[3].weight.mul_(-1)
        model[3].bias.mul_(-1)
    np.testing.assert_array_equal(target.labels(data.x), before)


def test_a_module_in_evaluation_mode_has_nothing_to_say_about_it(rows: tuple[Any, Any]) -> None:
    import torch

    import tiltyard as ty

    model = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 2)).eval()
    assert not any("training mode" in said for said in ty.open(model, data=ty.read(rows)).assumptions)


def test_a_model_that_cannot_be_copied_is_taken_as_it_is(rows: tuple[Any, Any]) -> None:
    import threading

    from sklearn.linear_model import LogisticRegression

    import tiltyard as ty

    model = LogisticRegression().fit(*rows)
    model.lock = threading.Lock()
    assert ty.open(model, data=ty.read(rows)).labels(ty.read(rows).x).shape == (80,)
