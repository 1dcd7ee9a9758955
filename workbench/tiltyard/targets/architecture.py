"""A network described in JSON and built from an allowlist: a model file never names code to import."""

from collections.abc import Callable
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from ..errors import Problem
from ..result import Frozen

WIDEST = 10_000


class Layer(Frozen):
    """One layer: its type among `LAYERS` and that type's own keyword arguments."""

    type: str
    options: dict[str, int | float | bool | list[float] | list[int]] = {}


class Architecture(Frozen):
    """A chain of layers from raw x to logits."""

    layers: tuple[Layer, ...]


class Normalize(nn.Module):
    """``(x - mean) / std`` with fixed numbers, so that attacks and budgets see raw units."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: list[float], std: list[float], dims: int = 1) -> None:
        super().__init__()
        shape = (1, len(mean)) + (1,) * (dims - 1)
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).reshape(shape))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32).reshape(shape))

    def forward(self, x: Tensor) -> Tensor:
        """Same shape as x."""
        return (x - self.mean) / self.std


class Affine(nn.Module):
    """``x @ matrix + shift`` with fixed numbers (features, features) and (features,): what is done to the columns before the model."""

    matrix: Tensor
    shift: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        if not 0 < features <= WIDEST:
            raise ValueError(f"features {features} is not from 1 to {WIDEST}")
        self.register_buffer("matrix", torch.eye(features))
        self.register_buffer("shift", torch.zeros(features))

    def forward(self, x: Tensor) -> Tensor:
        """Same shape as x, (n, features)."""
        return x @ self.matrix + self.shift


LAYERS: dict[str, Callable[..., nn.Module]] = {
    "normalize": Normalize,
    "affine": Affine,
    "linear": nn.Linear,
    "conv2d": nn.Conv2d,
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "flatten": nn.Flatten,
    "max_pool2d": nn.MaxPool2d,
    "avg_pool2d": nn.AvgPool2d,
    "adaptive_avg_pool2d": nn.AdaptiveAvgPool2d,
    "batch_norm1d": nn.BatchNorm1d,
    "batch_norm2d": nn.BatchNorm2d,
    "group_norm": nn.GroupNorm,
    "layer_norm": nn.LayerNorm,
    "dropout": nn.Dropout,
}
LARGEST = 10**9


def read(text: str) -> Architecture:
    """An architecture from its JSON; a `Problem` in one line where it is not one."""
    try:
        return Architecture.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the document"
        raise Problem('an architecture {"layers": [{"type": …, "options": …}]}', f"{first['msg'].lower()} at {where}", "Fix it") from None


def _layer(layer: Layer, index: int) -> nn.Module:
    if layer.type not in LAYERS:
        raise Problem(f"layer {index} among {', '.join(LAYERS)}", repr(layer.type), "Use these, or give an importable factory")
    numbers: list[Any] = [n for v in layer.options.values() for n in (v if isinstance(v, list) else [v])]
    size = 1.0
    for number in layer.options.values():
        size *= max(abs(float(number)), 1.0) if not isinstance(number, list) else 1.0
    if size > LARGEST or len(numbers) > 10**6:
        raise Problem(
            f"a layer of at most {LARGEST:,} weights", f"layer {index} ({layer.type}) with options of size {size:.3g}", "Check it"
        )
    try:
        return LAYERS[layer.type](**layer.options)
    except (TypeError, ValueError, RuntimeError) as error:
        raise Problem(f"options that {layer.type} takes", f"{layer.options} ({error})", f"Fix layer {index}") from None


def build(architecture: Architecture) -> nn.Sequential:
    """The network with fresh weights, in the order given."""
    return nn.Sequential(*(_layer(layer, i) for i, layer in enumerate(architecture.layers)))


def mlp(inputs: int, hidden: tuple[int, ...], classes: int, mean: list[float], std: list[float]) -> Architecture:
    """A multilayer perceptron on normalized columns."""
    layers = [Layer(type="normalize", options={"mean": mean, "std": std})]
    width = inputs
    for size in hidden:
        layers += [Layer(type="linear", options={"in_features": width, "out_features": size}), Layer(type="relu")]
        width = size
    layers.append(Layer(type="linear", options={"in_features": width, "out_features": classes}))
    return Architecture(layers=tuple(layers))


def cnn(channels: tuple[int, int], hidden: int, classes: int) -> Architecture:
    """A small convolutional network on 1×28×28 images."""
    a, b = channels
    conv = {"kernel_size": 3, "padding": 1}
    layers = (
        Layer(type="conv2d", options={"in_channels": 1, "out_channels": a, **conv}),
        Layer(type="relu"),
        Layer(type="max_pool2d", options={"kernel_size": 2}),
        Layer(type="conv2d", options={"in_channels": a, "out_channels": b, **conv}),
        Layer(type="relu"),
        Layer(type="max_pool2d", options={"kernel_size": 2}),
        Layer(type="flatten"),
        Layer(type="linear", options={"in_features": b * 49, "out_features": hidden}),
        Layer(type="relu"),
        Layer(type="linear", options={"in_features": hidden, "out_features": classes}),
    )
    return Architecture(layers=layers)
