"""From layers that have weights and what was chosen of the rest to an `Architecture`, with the file's tensors under its names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .architecture import LAYERS, Architecture, Layer
from .state_dict_parts import Part
from .state_dict_sizes import NO_SIZES, Sizes

if TYPE_CHECKING:
    from torch import Tensor

ACTIVATIONS = ("relu", "tanh", "gelu", "silu", "leaky_relu", "elu", "sigmoid", "none")
READS = {
    "the last step": "last_step",
    "the last step of each way": "last_both",
    "the mean over all": "mean_step",
    "the largest of each": "max_step",
}


@dataclass(frozen=True)
class Choices:
    """What weights do not say.

    Parameters
    ----------
    activation, pooling
        By their names in `architecture.LAYERS`; of the pooling ``max`` or ``avg``.
    norm_first
        Whether a norm stands before the activation.
    sizes
        Of the convolutions.
    read
        What of a sequence goes on, a key of `READS`.
    mean, std
        The input is ``(x - mean) / std``; empty where it is taken as it is.
    heads
        Of attention.
    groups
        Of a group norm; 0 for a layer norm.
    """

    activation: str = "relu"
    pooling: str = "max"
    norm_first: bool = True
    sizes: Sizes = NO_SIZES
    read: str = ""
    scale: str = "as it is"
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    heads: int = 1
    pre_norm: bool = False
    groups: int = 0

    def but(self, activation: str | None = None, pooling: str | None = None, norm_first: bool | None = None) -> "Choices":
        """The same with these instead."""
        return replace(
            self,
            activation=activation or self.activation,
            pooling=pooling or self.pooling,
            norm_first=self.norm_first if norm_first is None else norm_first,
        )


class Drawing:
    """Layers one after another, and of those with weights which part they are."""

    def __init__(self) -> None:
        self.layers: list[Layer] = []
        self.parts: dict[int, Part] = {}

    def add(self, kind: str, part: Part | None = None, **options: int | float | bool | list[float] | list[int]) -> None:
        """One layer more."""
        if part is not None:
            self.parts[len(self.layers)] = part
        self.layers.append(Layer(type=kind, options=options))

    @property
    def architecture(self) -> Architecture:
        return Architecture(layers=tuple(self.layers))


def drawn(parts: Sequence[Part], choices: Choices, shape: tuple[int, ...]) -> Drawing:
    """The network of these layers on rows of ``shape``."""
    made = Drawing()
    _input(made, parts[0], choices, shape)
    convolution = 0
    for i, part in enumerate(parts):
        before, after = (parts[i - 1] if i else None), (parts[i + 1] if i + 1 < len(parts) else None)
        if part.kind in ("conv1d", "conv2d"):
            _convolution(made, part, before, choices, convolution)
            convolution += 1
        elif part.kind in ("batch_norm", "norm"):
            _norm(made, part, parts[:i], choices)
        else:
            _other(made, part, choices)
        _between(made, part, before, after, choices, convolution)
    return made


def _input(made: Drawing, first: Part, choices: Choices, shape: tuple[int, ...]) -> None:
    if choices.mean:
        made.add("normalize", mean=list(choices.mean), std=list(choices.std), dims=len(shape))
    if len(shape) == 3 and first.kind == "linear":
        made.add("flatten")
    if len(shape) == 1 and first.kind in ("lstm", "gru", "encoder_layer"):
        made.add("unflatten", dim=1, unflattened_size=[shape[0] // first.inputs, first.inputs])
    if len(shape) == 1 and first.kind == "conv1d":
        made.add("unflatten", dim=1, unflattened_size=[first.inputs, shape[0] // first.inputs])


def _convolution(made: Drawing, part: Part, before: Part | None, choices: Choices, index: int) -> None:
    if before is not None and before.kind in ("embedding", "lstm", "gru", "encoder_layer"):
        made.add("transpose")
    groups = before.outputs // part.inputs if before is not None and part.kind == before.kind else 1
    ways = choices.sizes
    options: dict[str, int | list[int] | bool] = {
        "in_channels": part.inputs * groups, "out_channels": part.outputs, "kernel_size": list(part.kernel),
        "stride": ways.strides[index], "padding": ways.paddings[index], "groups": groups, "bias": "bias" in part.tensors,
    }  # fmt: skip
    made.add(part.kind, part, **options)


def _norm(made: Drawing, part: Part, before: Sequence[Part], choices: Choices) -> None:
    origin = next((p for p in reversed(before) if p.kind not in ("batch_norm", "norm")), None)
    image = origin is not None and origin.kind == "conv2d"
    if part.kind == "batch_norm":
        made.add("batch_norm2d" if image else "batch_norm1d", part, num_features=part.outputs, affine="weight" in part.tensors)
    elif origin is not None and origin.kind in ("conv1d", "conv2d"):
        made.add("group_norm", part, num_groups=choices.groups or 1, num_channels=part.outputs)
    else:
        made.add("layer_norm", part, normalized_shape=part.outputs)


def _other(made: Drawing, part: Part, choices: Choices) -> None:
    if part.kind == "linear":
        made.add("linear", part, in_features=part.inputs, out_features=part.outputs, bias="bias" in part.tensors)
    elif part.kind == "embedding":
        made.add("embedding", part, num_embeddings=part.inputs, embedding_dim=part.outputs)
    elif part.kind in ("lstm", "gru"):
        width = part.outputs // (1 + part.both_ways)
        bias = "bias_ih_l0" in part.tensors
        made.add(
            part.kind, part, input_size=part.inputs, hidden_size=width, num_layers=part.layers, bias=bias, bidirectional=part.both_ways
        )
    else:
        gelu, first = choices.activation == "gelu", choices.pre_norm
        made.add("encoder_layer", part, d_model=part.inputs, nhead=choices.heads, dim_feedforward=part.inner, gelu=gelu, norm_first=first)


def _between(made: Drawing, part: Part, before: Part | None, after: Part | None, choices: Choices, convolution: int) -> None:
    """What has no weights between this layer and the next."""
    if after is None:
        return
    origin = before if part.kind in ("batch_norm", "norm") and before is not None else part
    normed_next = after.kind in ("batch_norm", "norm")
    acts = origin.kind in ("linear", "conv1d", "conv2d")
    last_norm = part.kind in ("batch_norm", "norm")
    due = acts and ((not normed_next and (choices.norm_first or not last_norm)) or (normed_next and not choices.norm_first))
    if due and choices.activation != "none":
        made.add(choices.activation)
    if normed_next:
        return
    if origin.kind in ("conv1d", "conv2d"):
        _pooled(made, origin, after, choices, convolution - 1)
    elif origin.kind in ("embedding", "lstm", "gru", "encoder_layer") and after.kind == "linear" and choices.read:
        made.add(READS[choices.read]) if choices.read in READS else made.add("flatten")


def _pooled(made: Drawing, part: Part, after: Part, choices: Choices, index: int) -> None:
    dims = "1d" if part.kind == "conv1d" else "2d"
    if choices.sizes.pooled[index]:
        made.add(f"{choices.pooling}_pool{dims}", kernel_size=2)
    if after.kind in ("lstm", "gru", "encoder_layer"):
        made.add("transpose")
    if after.kind != "linear":
        return
    if choices.sizes.average:
        made.add(f"adaptive_{choices.pooling if dims == '1d' else 'avg'}_pool{dims}", output_size=1)
    made.add("flatten")


def weights_of(drawing: Drawing, tensors: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
    """The file's tensors under the names of the drawn network, and the numbers that scale its input."""
    found: dict[str, Tensor] = {}
    for index, layer in enumerate(drawing.layers):
        if layer.type == "normalize":
            fixed = LAYERS["normalize"](**layer.options).state_dict()
            found |= {f"{index}.{name}": tensor for name, tensor in fixed.items()}
    for index, part in drawing.parts.items():
        for leaf, name in part.tensors.items():
            tensor = tensors[name]
            found[f"{index}.{leaf}"] = tensor.t().contiguous() if part.transposed and leaf == "weight" else tensor
    return found
