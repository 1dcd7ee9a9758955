"""A state dict without its code: the layers that its tensors are of, and every usual network that can be made of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, product
from typing import TYPE_CHECKING

import numpy as np

from ..datasets.encoding import encoding_of
from ..datasets.schema import Schema
from ..errors import Plain
from .state_dict_layers import ACTIVATIONS, READS, Choices, Drawing, drawn
from .state_dict_order import ordered
from .state_dict_parts import Part, TensorFacts, parts_of
from .state_dict_sizes import NO_SIZES, Sizes, sizes

if TYPE_CHECKING:
    from torch import Tensor

    from ..datasets.dataset import Dataset

MOST_HEADS = 16
GIVE = 'Give architecture="layers.json", or factory="package.module:function"'
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
MNIST = ((0.1307,), (0.3081,))


@dataclass(frozen=True)
class Scale:
    """What is done to the input first."""

    words: str
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()


@dataclass(frozen=True)
class Proposal:
    """What a state dict's tensors say, and what is left to choose.

    Attributes
    ----------
    tensors
        All of them, in the order of the file.
    parts
        Layers with weights, in the order in which they follow one another.
    shape
        Of a row that the first of them takes.
    options
        For each thing that weights do not say its possible answers, the likeliest first.
    """

    tensors: tuple[TensorFacts, ...]
    parts: tuple[Part, ...]
    shape: tuple[int, ...]
    sizes: tuple[Sizes, ...]
    scales: tuple[Scale, ...]
    options: Mapping[str, tuple[str, ...]]

    def first(self, fixed: Mapping[str, str]) -> Iterator[Choices]:
        """Networks that differ in sizes, scale of the input and what is read; of the rest two activations stand for all."""
        for size, scale in product(self.sizes, self.scales):
            if not _among(fixed, "sizes", size.words) or not _among(fixed, "input", scale.words):
                continue
            for read, heads, pre in product(*(self._of(name, fixed) for name in ("read", "heads", "norm in a block"))):
                for activation in self._few_activations(fixed):
                    base = Choices(activation or ACTIVATIONS[0], sizes=size, read=read, scale=scale.words, mean=scale.mean, std=scale.std)
                    yield replace(base, heads=int(heads or 1), pre_norm=pre == "first")

    def others(self, base: Choices, fixed: Mapping[str, str]) -> Iterator[Choices]:
        """``base`` with every other activation, pooling and place of a norm."""
        names = ("activation", "pooling", "norm", "groups")
        for activation, pooling, norm, groups in product(*(self._of(name, fixed) for name in names)):
            made = base.but(activation or None, pooling or None, norm != "after the activation")
            yield replace(made, groups=0 if groups in ("", "layer norm") else int(groups))

    def drawing(self, choices: Choices) -> Drawing:
        """The network with these choices."""
        return drawn(self.parts, choices, self.shape)

    def chosen(self, choices: Choices) -> dict[str, str]:
        """The choices by the names of `options`, as far as there was one to make."""
        norm = "before the activation" if choices.norm_first else "after the activation"
        every = {
            "input": choices.scale,
            "sizes": choices.sizes.words,
            "activation": choices.activation,
            "pooling": choices.pooling,
            "norm": norm,
            "groups": str(choices.groups) if choices.groups else "layer norm",
            "read": choices.read,
            "heads": str(choices.heads),
            "norm in a block": "first" if choices.pre_norm else "last",
        }
        return {name: every[name] for name in self.options}

    def _of(self, name: str, fixed: Mapping[str, str]) -> tuple[str, ...]:
        return (fixed[name],) if name in fixed else self.options.get(name, ("",))

    def _few_activations(self, fixed: Mapping[str, str]) -> tuple[str, ...]:
        every = self._of("activation", fixed)
        return tuple(a for a in every if a in ("relu", "tanh")) or every[:1]


def _among(fixed: Mapping[str, str], name: str, value: str) -> bool:
    return fixed.get(name, value) == value


def facts(weights: "Mapping[str, Tensor]") -> tuple[TensorFacts, ...]:
    """Names, shapes and dtypes in the order of the file."""
    return tuple(TensorFacts(name, tuple(t.shape), str(t.dtype).removeprefix("torch.")) for name, t in weights.items())


def propose(tensors: Sequence[TensorFacts], schema: Schema, data: "Dataset | None" = None) -> Proposal:
    """The layers of these tensors for rows of this schema.

    Parameters
    ----------
    data
        Rows whose mean and spread are one answer to how the input was scaled.

    Raises
    ------
    Problem
        They make no network of the kinds known here, naming the tensor or the layer where that shows.
    """
    parts, left = parts_of(tensors)
    if left or not parts:
        names = ", ".join(left[:3]) + (" …" if len(left) > 3 else "")
        found = f"{names or 'none'} ({len(left)} of {len(tensors)} tensors are of no layer known here)"
        raise Plain("weights of linear, convolution, norm, embedding, LSTM, GRU or encoder layers", found, GIVE)
    parts = ordered(parts, len(schema.classes))
    _check_last(parts[-1], schema)
    shape = _taken(parts[0], schema)
    ways = _sizes(parts, shape)
    scales = _scales(parts[0], shape, schema, data)
    return Proposal(tuple(tensors), parts, shape, ways, scales, _options(parts, ways, scales))


def _check_last(last: Part, schema: Schema) -> None:
    k = len(schema.classes)
    if last.kind != "linear" or last.outputs not in ({k, 1} if k == 2 else {k}):
        found = f"{last.prefix or 'the last layer'} ({last.words})"
        raise Plain(f"a last linear layer of {k} outputs, one for each class ({', '.join(schema.classes[:8])})", found, GIVE)


def _taken(first: Part, schema: Schema) -> tuple[int, ...]:
    """The shape of the rows that the first layer takes: encoded columns, or the table's own."""
    shapes = {encoding_of(schema).shape, schema.shape}
    for shape in sorted(shapes, key=lambda s: s != encoding_of(schema).shape):
        if _takes(first, shape):
            return shape
    given = " or ".join("×".join(map(str, s)) for s in sorted(shapes))
    raise Plain(f"a first layer that takes rows of {given} numbers", f"{first.prefix or 'one'} ({first.words})", GIVE)


def _takes(first: Part, shape: tuple[int, ...]) -> bool:
    if len(shape) == 3:
        return first.inputs == (shape[0] if first.kind in ("conv2d", "batch_norm") else int(np.prod(shape)))
    if first.kind == "embedding":
        return True
    if first.kind in ("lstm", "gru", "conv1d", "encoder_layer"):
        return shape[0] % first.inputs == 0
    return first.inputs == shape[0] and first.kind != "conv2d"


def _sizes(parts: Sequence[Part], shape: tuple[int, ...]) -> tuple[Sizes, ...]:
    convolutions = [p for p in parts if p.kind in ("conv1d", "conv2d")]
    if not convolutions:
        return (NO_SIZES,)
    last = max(i for i, p in enumerate(parts) if p in convolutions)
    after = next((p for p in parts[last + 1 :] if p.kind not in ("batch_norm", "norm")), None)
    length = shape[0] // parts[0].inputs if parts[0].kind == "conv1d" else shape[0]
    found = sizes(convolutions, shape[1:] if len(shape) == 3 else (length,), after.inputs if after and after.kind == "linear" else None)
    if not found:
        of = "×".join(map(str, shape))
        wanted = f"{after.inputs} numbers that {after.prefix!r} takes" if after else "what follows"
        raise Plain(f"convolutions that bring {of} to the {wanted}", "no usual padding, stride and pooling that do", GIVE)
    return found


def _scales(first: Part, shape: tuple[int, ...], schema: Schema, data: "Dataset | None") -> tuple[Scale, ...]:
    """Ways to scale the input, as it is first."""
    found = [Scale("as it is")]
    if first.kind in ("embedding", "batch_norm"):
        return tuple(found)
    if len(shape) == 3:
        c, high = shape[0], float(schema.high.max())
        found.append(Scale("from −1 to 1", (high / 2,) * c, (high / 2,) * c))
        found.append(Scale("from 0 to 1", (0.0,) * c, (high,) * c) if high != 1 else Scale("from 0 to 255", (0.0,) * c, (1 / 255,) * c))
        for words, (mean, std) in (("as for ImageNet", IMAGENET), ("as for MNIST", MNIST)):
            found += [Scale(words, tuple(m * high for m in mean), tuple(s * high for s in std))] if len(mean) == c else []
    rows = data.encoded if data is not None and len(shape) == 3 else _rows(shape, schema, data)
    if rows is not None and len(rows) > 1:
        axes = (0, 2, 3) if len(shape) == 3 else (0,)
        mean, std = rows.mean(axes), rows.std(axes)
        one = tuple(float(s) or 1.0 for s in std)
        found.append(Scale("standardized by these rows", tuple(float(m) for m in mean), one))
    return tuple(found)


def _rows(shape: tuple[int, ...], schema: Schema, data: "Dataset | None") -> "np.ndarray[tuple[int, ...], np.dtype[np.floating]] | None":
    if data is None:
        return None
    return np.asarray(data.encoded if shape == encoding_of(schema).shape else data.x, np.float64)


def _options(parts: Sequence[Part], ways: tuple[Sizes, ...], scales: tuple[Scale, ...]) -> dict[str, tuple[str, ...]]:
    """What is left to choose, by name."""
    kinds = [p.kind for p in parts]
    convolutions = {"conv1d", "conv2d"} & set(kinds)
    acts = any(k in ("linear", "conv1d", "conv2d") for k in kinds[:-1])
    found: dict[str, tuple[str, ...]] = {"input": tuple(s.words for s in scales)} if len(scales) > 1 else {}
    if convolutions:
        found["sizes"] = tuple(s.words for s in ways)
    if acts:
        found["activation"] = ACTIVATIONS
    elif "encoder_layer" in kinds:
        found["activation"] = ("relu", "gelu")
    if any(any(s.pooled) for s in ways):
        found["pooling"] = ("max", "avg")
    if acts and {"batch_norm", "norm"} & set(kinds):
        found["norm"] = ("before the activation", "after the activation")
    found |= _sequence_options(parts)
    groups = [p.outputs for p in parts if p.kind == "norm"]
    if convolutions and groups:
        found["groups"] = tuple(str(g) for g in (8, 4, 16, 32, 2, 1) if all(n % g == 0 for n in groups))
    return found


def _sequence_options(parts: Sequence[Part]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for part, after in pairwise(parts):
        if part.kind in ("embedding", "lstm", "gru", "encoder_layer") and after.kind == "linear":
            reads = tuple(READS) if part.both_ways else tuple(r for r in READS if READS[r] != "last_both")
            found["read"] = reads if after.inputs == part.outputs else ("all steps side by side",)
        if part.kind == "encoder_layer":
            found["heads"] = tuple(str(h) for h in (4, 8, 2, 1, 16, 6, 12) if part.inputs % h == 0 and h <= MOST_HEADS)
            found["norm in a block"] = ("last", "first")
    return found
