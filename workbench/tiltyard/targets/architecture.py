"""A network described in JSON and built from an allowlist: a model file never names code to import."""

from collections.abc import Callable
from functools import partial
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


class Embedding(nn.Embedding):
    """An embedding of rows of numbers, which are rounded to the whole numbers that it looks up."""

    differentiable = False

    def forward(self, x: Tensor) -> Tensor:
        """Vectors (n, steps, embedding_dim) of x (n, steps)."""
        return super().forward(x if x.dtype in (torch.int32, torch.int64) else x.round().long())


class LSTM(nn.LSTM):
    """The states of all steps, (n, steps, width) of (n, steps, features)."""

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, bidirectional: bool = False) -> None:
        super().__init__(input_size, hidden_size, num_layers, bias=bias, bidirectional=bidirectional, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """The output alone."""
        out: Tensor = super().forward(x)[0]
        return out


class GRU(nn.GRU):
    """The states of all steps, (n, steps, width) of (n, steps, features)."""

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, bidirectional: bool = False) -> None:
        super().__init__(input_size, hidden_size, num_layers, bias=bias, bidirectional=bidirectional, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """The output alone."""
        out: Tensor = super().forward(x)[0]
        return out


class EncoderLayer(nn.TransformerEncoderLayer):
    """A block of a transformer's encoder, on (n, steps, d_model)."""

    def __init__(self, d_model: int, nhead: int, dim_feedforward: int, gelu: bool = False, norm_first: bool = False) -> None:
        activation = "gelu" if gelu else "relu"
        super().__init__(d_model, nhead, dim_feedforward, 0.0, activation, batch_first=True, norm_first=norm_first)


class Step(nn.Module):
    """One vector (n, width) of a sequence (n, steps, width): a step of it, or what all steps have in common."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def forward(self, x: Tensor) -> Tensor:
        """(n, width)."""
        return STEPS[self.name](x)

    def extra_repr(self) -> str:
        """Which."""
        return self.name


class Transpose(nn.Module):
    """Steps and channels change places."""

    def forward(self, x: Tensor) -> Tensor:
        """(n, a, b) to (n, b, a)."""
        return x.transpose(1, 2)


def _last_both(x: Tensor) -> Tensor:
    half = x.shape[2] // 2
    return torch.cat([x[:, -1, :half], x[:, 0, half:]], 1)


STEPS: dict[str, Callable[[Tensor], Tensor]] = {
    "first_step": lambda x: x[:, 0],
    "last_step": lambda x: x[:, -1],
    "last_both": _last_both,
    "mean_step": lambda x: x.mean(1),
    "max_step": lambda x: x.amax(1),
}


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
    "conv1d": nn.Conv1d,
    "max_pool1d": nn.MaxPool1d,
    "avg_pool1d": nn.AvgPool1d,
    "adaptive_avg_pool1d": nn.AdaptiveAvgPool1d,
    "adaptive_max_pool1d": nn.AdaptiveMaxPool1d,
    "unflatten": nn.Unflatten,
    "transpose": Transpose,
    "embedding": Embedding,
    "lstm": LSTM,
    "gru": GRU,
    "encoder_layer": EncoderLayer,
    **{name: partial(Step, name) for name in STEPS},
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
