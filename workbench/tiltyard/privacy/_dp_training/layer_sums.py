"""Of one layer, from its input and the gradient at its output: each row's squared gradient norm, and the clipped sum of gradients.

No gradient of one row is written down where a product of its two sides says as much (Goodfellow 2015, 1510.01799; Li et al. 2021,
2110.05679; Bu et al. 2022, 2210.00038): for a sequence the norm comes from the two Gram matrices or from the row's own product, whichever
is fewer multiplications. The weighted sum is one product for all rows.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import group_norm, instance_norm, pad
from torch.nn.functional import layer_norm as normalized

Sums = dict[str, Tensor]


@dataclass(frozen=True)
class Side:
    """What a layer contributes: ``squares`` (n,), each row's squared norm over the layer's parameters; ``weighted`` takes weights (n,) to sums by name."""

    squares: Tensor
    weighted: Callable[[Tensor], Sums]


def squared(rows: Tensor) -> Tensor:
    """Squared norm of each row: (n, …) to (n,)."""
    flat = rows.flatten(1)
    found: Tensor = torch.linalg.vecdot(flat, flat)
    return found


def _of_rows(each: Sums, shapes: dict[str, torch.Size]) -> Side:
    """From every row's own gradient, by name (n, …)."""
    total = torch.stack([squared(rows) for rows in each.values()]).sum(0)
    return Side(total, lambda c: {name: (c @ rows.flatten(1)).view(shapes[name]) for name, rows in each.items()})


def _shapes(layer: nn.Module) -> dict[str, torch.Size]:
    return {name: p.shape for name, p in layer.named_parameters(recurse=False)}


def linear(layer: nn.Linear, x: Tensor, g: Tensor) -> Side:
    """x (n, …, in), g (n, …, out)."""
    if x.ndim == 2:
        return _plain(layer, x, g)
    n, a, b = len(x), x.reshape(len(x), -1, x.shape[-1]), g.reshape(len(g), -1, g.shape[-1])
    if 2 * a.shape[1] ** 2 <= a.shape[2] * b.shape[2]:
        return _sequence(layer, a, b)
    each = {"weight": torch.bmm(b.transpose(1, 2), a).view(n, -1)}
    if layer.bias is not None:
        each["bias"] = b.sum(1)
    return _of_rows(each, _shapes(layer))


def _plain(layer: nn.Linear, x: Tensor, g: Tensor) -> Side:
    own = torch.linalg.vecdot(x, x)
    has_bias = layer.bias is not None

    def weighted(c: Tensor) -> Sums:
        cut = g * c[:, None]
        return {"weight": cut.T @ x, **({"bias": c @ g} if has_bias else {})}

    return Side((own + 1 if has_bias else own) * torch.linalg.vecdot(g, g), weighted)


def _sequence(layer: nn.Linear, a: Tensor, b: Tensor) -> Side:
    squares = (torch.bmm(a, a.transpose(1, 2)) * torch.bmm(b, b.transpose(1, 2))).sum((1, 2)).clamp(min=0)
    has_bias = layer.bias is not None
    if has_bias:
        squares = squares + squared(b.sum(1))

    def weighted(c: Tensor) -> Sums:
        cut = (b * c[:, None, None]).flatten(0, 1)
        return {"weight": cut.T @ a.flatten(0, 1), **({"bias": cut.sum(0)} if has_bias else {})}

    return Side(squares, weighted)


def convolution(layer: nn.Conv1d | nn.Conv2d, x: Tensor, g: Tensor) -> Side:
    """x (n, in, *space), g (n, out, *space): every row's own product of output gradient and windows."""
    x = _padded(layer, x)
    flat = isinstance(layer, nn.Conv1d)
    kernel, stride, dilation = ((1, *pair) if flat else pair for pair in (layer.kernel_size, layer.stride, layer.dilation))
    if flat:
        x, g = x.unsqueeze(2), g.unsqueeze(2)
    seen = _windows(x, kernel, stride, dilation, g.shape[2:])
    n, groups, back = len(x), layer.groups, g.flatten(2)
    split_g, split_x = (t.reshape(n * groups, t.shape[1] // groups, -1) for t in (back, seen))
    each = {"weight": torch.bmm(split_g, split_x.transpose(1, 2)).view(n, -1)}
    if layer.bias is not None:
        each["bias"] = back.sum(2)
    return _of_rows(each, _shapes(layer))


def _padded(layer: nn.Conv1d | nn.Conv2d, x: Tensor) -> Tensor:
    around = layer._reversed_padding_repeated_twice
    if not any(around):
        return x
    return pad(x, around, mode="constant" if layer.padding_mode == "zeros" else layer.padding_mode)


def _windows(x: Tensor, kernel: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...], out: torch.Size) -> Tensor:
    """Every window of x (n, c, h, w), copied: (n, c times kernel, windows)."""
    x = x.contiguous()
    n, c = x.shape[:2]
    steps = x.stride()
    shape = (n, c, *kernel, *out)
    across = (steps[2] * dilation[0], steps[3] * dilation[1], steps[2] * stride[0], steps[3] * stride[1])
    return x.as_strided(shape, (steps[0], steps[1], *across)).reshape(n, c * kernel[0] * kernel[1], -1)


def embedding(layer: nn.Embedding, ids: Tensor, g: Tensor) -> Side:
    """ids (n, …), g (n, …, width). The row of ``padding_idx`` has no gradient."""
    places, back = ids.reshape(len(ids), -1), g.reshape(len(g), -1, g.shape[-1])
    if layer.padding_idx is not None:
        back = back * (places != layer.padding_idx)[..., None]
    same = places[:, :, None] == places[:, None, :]
    squares = (torch.bmm(back, back.transpose(1, 2)) * same).sum((1, 2)).clamp(min=0)

    def weighted(c: Tensor) -> Sums:
        total = torch.zeros_like(layer.weight)
        return {"weight": total.index_add_(0, places.flatten(), (back * c[:, None, None]).flatten(0, 1))}

    return Side(squares, weighted)


def layer_norm(layer: nn.LayerNorm, x: Tensor, g: Tensor) -> Side:
    """x and g (n, …, *normalized)."""
    scaled = g * normalized(x, layer.normalized_shape, None, None, layer.eps)
    each = {"weight": _over(scaled, layer.normalized_shape)}
    if layer.bias is not None:
        each["bias"] = _over(g, layer.normalized_shape)
    return _of_rows(each, _shapes(layer))


def _over(t: Tensor, kept: tuple[int, ...]) -> Tensor:
    """The sum over all places of a row but the last ``kept``: (n, size)."""
    return t.reshape(len(t), -1, *kept).sum(1).flatten(1)


def channel_norm(layer: nn.GroupNorm | nn.InstanceNorm1d | nn.InstanceNorm2d, x: Tensor, g: Tensor) -> Side:
    """x and g (n, channels, *space): normalization over groups of channels, or over each channel."""
    groups = layer.num_groups if isinstance(layer, nn.GroupNorm) else 0
    plain = group_norm(x, groups, None, None, layer.eps) if groups else instance_norm(x, eps=layer.eps)
    each = {"weight": _channels(g * plain)}
    if layer.bias is not None:
        each["bias"] = _channels(g)
    return _of_rows(each, _shapes(layer))


def _channels(t: Tensor) -> Tensor:
    return t.flatten(2).sum(2) if t.ndim > 2 else t


KINDS: dict[type[nn.Module], Callable[..., Side]] = {
    nn.Linear: linear,
    nn.Conv1d: convolution,
    nn.Conv2d: convolution,
    nn.Embedding: embedding,
    nn.LayerNorm: layer_norm,
    nn.GroupNorm: channel_norm,
    nn.InstanceNorm1d: channel_norm,
    nn.InstanceNorm2d: channel_norm,
}
LEAST_DIMENSIONS: dict[type[nn.Module], int] = {nn.Conv1d: 3, nn.Conv2d: 4, nn.InstanceNorm1d: 3, nn.InstanceNorm2d: 4, nn.Linear: 2}
