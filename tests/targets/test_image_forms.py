"""Images are given to a model as the person gives them: in the person's own numbers, channels first or last, or as rows of pixels."""

from typing import Any

import numpy as np
import pytest


@pytest.fixture(scope="module")
def digits() -> tuple[Any, Any]:
    """Images (n, 8, 8), from 0 to 16, and their labels."""
    from sklearn.datasets import load_digits

    found = load_digits()
    return found.images, found.target


def linear(width: int, x: Any, y: Any) -> Any:
    """A linear layer over rows of pixels, fitted to ``x`` as it is."""
    import torch
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    fitted = make_pipeline(StandardScaler(), LogisticRegression(max_iter=200)).fit(x.reshape(len(x), -1), y)
    scaler, last = fitted[0], fitted[1]
    weights = last.coef_ / scaler.scale_
    layer = torch.nn.Linear(width, 10)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(weights))
        layer.bias.copy_(torch.tensor(last.intercept_ - weights @ scaler.mean_))
    return layer


def accuracy(model: Any, x: Any, y: Any) -> float:
    """What the product says of ``model``."""
    import tiltyard as ty

    target = ty.open(model, data=ty.read((x, y)))
    data = ty.read((x, y)).classed(target.classes)
    return float((target.labels(data.x) == data.y).mean())


def of(model: Any, rows: Any, y: Any) -> float:
    """Its own accuracy, asked without us."""
    import torch

    with torch.no_grad():
        return float((model(torch.tensor(rows, dtype=torch.float32)).argmax(1).numpy() == y).mean())


@pytest.mark.parametrize("scale", [1.0, 1 / 16, 255 / 16])
@pytest.mark.parametrize("shift", [0.0, -0.5])
def test_a_module_gets_fractions_as_they_are(digits: tuple[Any, Any], scale: float, shift: float) -> None:
    x, y = digits[0] * scale + shift * scale, digits[1]
    model = linear(64, x, y)
    own = of(model, x.reshape(len(x), -1), y)
    assert accuracy(model, x.reshape(len(x), -1), y) == own > 0.8
    import torch

    assert accuracy(torch.nn.Sequential(torch.nn.Flatten(), model), x, y) == own


@pytest.mark.parametrize("times", [1.0, 1 / 255])
def test_a_module_says_by_its_accuracy_in_which_numbers_it_takes_a_file_of_bytes(digits: tuple[Any, Any], times: float) -> None:
    x, y = (digits[0] / 16 * 255).astype(np.uint8), digits[1]
    import torch

    model = torch.nn.Sequential(torch.nn.Flatten(), linear(64, x * times, y))
    assert accuracy(model, x, y) == of(model, x * times, y) > 0.8


def test_a_module_of_channels_last_is_given_channels_last(digits: tuple[Any, Any]) -> None:
    import torch

    x, y = np.repeat(digits[0][..., None], 3, 3) * np.array([1.0, 0.5, 0.2]) / 16, digits[1]
    model = torch.nn.Sequential(torch.nn.Flatten(), linear(192, x, y))
    assert accuracy(model, x, y) == of(model, x, y) > 0.8


def test_a_function_of_images_gets_them_in_the_form_that_it_takes(digits: tuple[Any, Any]) -> None:
    x, y = (np.repeat(digits[0][..., None], 3, 3) * np.array([1.0, 0.5, 0.2]) / 16 * 255).astype(np.uint8), digits[1]
    layer = linear(192, x / 255, y)

    def predict(images: Any) -> Any:
        import torch

        assert images.shape[1:] == (8, 8, 3) and images.max() > 1
        with torch.no_grad():
            return layer(torch.tensor(images.reshape(len(images), -1) / 255, dtype=torch.float32)).softmax(1).numpy()

    assert accuracy(predict, x, y) == float((predict(x).argmax(1) == y).mean()) > 0.8


def test_a_module_that_names_its_outputs_is_asked_for_its_logits(digits: tuple[Any, Any]) -> None:
    import torch

    x, y = digits[0], digits[1]
    layer = linear(64, x, y)

    class Named(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = layer

        def forward(self, rows: Any) -> Any:
            return {"loss": None, "logits": self.layer(rows.flatten(1))}

    assert accuracy(Named(), x, y) == of(layer, x.reshape(len(x), -1), y)


def test_images_that_are_not_finite_are_refused(digits: tuple[Any, Any]) -> None:
    import tiltyard as ty
    from tiltyard.errors import Problem

    x = digits[0].copy()
    x[3, 2, 2] = np.nan
    with pytest.raises(Problem, match="finite pixels"):
        ty.read((x, digits[1]))
