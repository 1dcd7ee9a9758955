"""Layers that weights belong to, as far as names and shapes of the tensors say: the wizard's first step."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ..errors import Problem

Kind = Literal["linear", "conv1d", "conv2d", "batch_norm", "norm", "embedding", "lstm", "gru", "encoder_layer"]
MOST = 2_000
GATES = {4: "lstm", 3: "gru"}
_EMBEDS = re.compile(r"emb|wte|token|lookup|vocab", re.IGNORECASE)
_LEAVES = (
    ("num_batches_tracked", r"num_batches|n_tracked"),
    ("running_mean", r"mean|mu$"),
    ("running_var", r"var"),
    ("bias", r"bias|beta|shift|offset|^b$"),
    ("weight", r"weight|kernel|gamma|scale|embedding|^w$"),
)
_ENCODER = ("self_attn.in_proj_weight", "self_attn.out_proj.weight", "linear1.weight", "linear2.weight", "norm1.weight", "norm2.weight")


@dataclass(frozen=True)
class TensorFacts:
    """A tensor's name, shape and dtype, as the file's header has them."""

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class Part:
    """A layer that has weights.

    Parameters
    ----------
    kind
        What its tensors are of; ``norm`` is a layer or a group norm.
    prefix
        What their names have in common.
    inputs, outputs
        Its width: channels, features, the vocabulary of an embedding.
    kernel
        Of a convolution.
    tensors
        The file's name of each tensor by torch's own.
    transposed
        Whether its matrix lies the other way round, as other libraries write it.
    layers, both_ways
        Of a recurrent layer.
    inner
        Of a transformer's block, the width of its two linear layers between.
    """

    kind: Kind
    prefix: str
    inputs: int
    outputs: int
    kernel: tuple[int, ...] = ()
    tensors: Mapping[str, str] = field(default_factory=dict)
    transposed: bool = False
    layers: int = 1
    both_ways: bool = False
    inner: int = 0

    @property
    def words(self) -> str:
        """What it is, for a person."""
        size = f"{self.inputs} → {self.outputs}" if self.kind not in ("batch_norm", "norm") else f"{self.outputs}"
        kernel = " " + "×".join(map(str, self.kernel)) if self.kernel else ""
        more = f", {self.layers} layers" if self.layers > 1 else ""
        return f"{self.kind.replace('_', ' ')}{kernel} {size}{more}{', both ways' * self.both_ways}"


def parts_of(tensors: Sequence[TensorFacts]) -> tuple[tuple[Part, ...], tuple[str, ...]]:
    """The layers in the order of the file, and the names of tensors of which no layer is known.

    Raises
    ------
    Problem
        There are more tensors than a wizard is for.
    """
    if len(tensors) > MOST:
        raise Problem(
            f"weights of at most {MOST:,} tensors to find their layers", f"{len(tensors):,}", "Give the architecture or a factory"
        )
    found: list[Part] = []
    left: list[str] = []
    for prefix, group in _groups(tensors).items():
        part = _part(prefix, group)
        if part is not None:
            found.append(part)
        else:
            left += [t.name for t in group.values()]
    return tuple(found), tuple(left)


def _groups(tensors: Sequence[TensorFacts]) -> dict[str, dict[str, TensorFacts]]:
    """Tensors by layer, and in it by torch's own name."""
    blocks = _encoder_prefixes(tensors)
    groups: dict[str, dict[str, TensorFacts]] = {}
    for tensor in tensors:
        block = next((b for b in blocks if tensor.name.startswith(b)), None)
        prefix, leaf = (block, tensor.name[len(block) :]) if block is not None else _split(tensor.name)
        groups.setdefault(prefix, {})[leaf] = tensor
    return groups


def _encoder_prefixes(tensors: Sequence[TensorFacts]) -> tuple[str, ...]:
    """Prefixes of whole ``nn.TransformerEncoderLayer`` blocks."""
    names = {t.name for t in tensors}
    begins = [t.name[: -len(_ENCODER[0])] for t in tensors if t.name.endswith(_ENCODER[0])]
    return tuple(b for b in begins if all(b + leaf in names for leaf in _ENCODER))


def _split(name: str) -> tuple[str, str]:
    """The layer's name and torch's own name of the tensor in it."""
    if numbered := re.fullmatch(r"([A-Za-z]+)_?(\d+)", name):
        prefix, leaf = numbered[2], numbered[1]
    else:
        prefix, _, leaf = name.rpartition(".") if "." in name else name.rpartition("/") if "/" in name else name.rpartition("_")
    if re.fullmatch(r"(weight|bias)_(ih|hh)_l\d+(_reverse)?", leaf):
        return prefix, leaf
    return prefix, next((ours for ours, pattern in _LEAVES if re.search(pattern, leaf, re.IGNORECASE)), leaf)


def _part(prefix: str, group: dict[str, TensorFacts]) -> Part | None:
    if "self_attn.in_proj_weight" in group:
        width = group["self_attn.in_proj_weight"].shape[-1]
        names = {leaf: t.name for leaf, t in group.items()}
        return Part("encoder_layer", prefix.rstrip("."), width, width, (), names, inner=group["linear1.weight"].shape[0])
    group = {leaf: t for leaf, t in group.items() if leaf != "num_batches_tracked"}
    shapes = {leaf: t.shape for leaf, t in group.items()}
    names = {leaf: t.name for leaf, t in group.items()}
    many = [leaf for leaf, shape in shapes.items() if len(shape) > 1]
    if len(many) > 1:
        return _recurrent(prefix, shapes, names)
    if not many:
        return _norm(prefix, shapes, names)
    if set(shapes) - {many[0], "bias"}:
        return None
    names = {"weight": names[many[0]], **({"bias": names["bias"]} if "bias" in names else {})}
    return _weighted(prefix, shapes[many[0]], shapes.get("bias"), names)


def _weighted(prefix: str, shape: tuple[int, ...], bias: tuple[int, ...] | None, names: dict[str, str]) -> Part | None:
    """A convolution, a linear layer or an embedding."""
    if bias is not None and (len(bias) != 1 or bias[0] not in (shape[0], shape[1])):
        return None
    if len(shape) in (3, 4):
        return Part("conv1d" if len(shape) == 3 else "conv2d", prefix, shape[1], shape[0], shape[2:], names)
    if len(shape) != 2:
        return None
    if bias is None and _EMBEDS.search(f"{prefix} {names['weight']}"):
        return Part("embedding", prefix, shape[0], shape[1], (), names)
    transposed = bias is not None and bias[0] != shape[0]
    return Part("linear", prefix, *(shape if transposed else shape[::-1]), (), names, transposed)


def _norm(prefix: str, shapes: dict[str, tuple[int, ...]], names: dict[str, str]) -> Part | None:
    sizes = set(shapes.values())
    if len(sizes) != 1 or len(size := sizes.pop()) != 1:
        return None
    if {"running_mean", "running_var"} <= set(shapes) <= {"weight", "bias", "running_mean", "running_var"}:
        return Part("batch_norm", prefix, size[0], size[0], (), names)
    return Part("norm", prefix, size[0], size[0], (), names) if set(shapes) == {"weight", "bias"} else None


def _recurrent(prefix: str, shapes: dict[str, tuple[int, ...]], names: dict[str, str]) -> Part | None:
    """An LSTM or a GRU: as many rows as gates times its width."""
    first, second = shapes.get("weight_ih_l0"), shapes.get("weight_hh_l0")
    if first is None or second is None or len(first) != 2 or len(second) != 2 or not second[1] or second[0] % second[1]:
        return None
    gates = second[0] // second[1]
    if gates not in GATES:
        return None
    layers = len([leaf for leaf in shapes if re.fullmatch(r"weight_ih_l\d+", leaf)])
    both = "weight_ih_l0_reverse" in shapes
    kind: Kind = "lstm" if gates == 4 else "gru"
    return Part(kind, prefix, first[1], second[1] * (1 + both), (), names, False, layers, both)
