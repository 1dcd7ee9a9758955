"""The sum of clipped gradients of a batch, by one backward pass to the layers' outputs; by Opacus for what is not covered."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from .layer_sums import KINDS, LEAST_DIMENSIONS, Side

SMALL = 1e-6


class NotCovered(Exception):
    """Why the direct way does not hold for a module, in words."""


@dataclass(frozen=True)
class Clipped:
    """``sums``: clipped gradients summed over the batch, one for each trained parameter in the module's order; ``norms`` (n,) before clipping."""

    sums: list[Tensor]
    norms: Tensor


class Summing(Protocol):
    """How the clipped sum is had of ``params``; ``floats`` is about how many numbers one row takes in memory."""

    name: str
    params: list[nn.Parameter]
    floats: int

    def clipped(self, x: Tensor, y: Tensor, clip: float) -> Clipped: ...

    def close(self) -> None: ...


def trained(module: nn.Module) -> list[nn.Parameter]:
    """The parameters that are trained, each once, in the module's order."""
    return [p for p in module.parameters() if p.requires_grad]


def shares(norms: Tensor, clip: float) -> Tensor:
    """By what each row's gradient is multiplied so that its norm is at most ``clip``."""
    return (clip / (norms + SMALL)).clamp(max=1.0)


class Direct:
    """Norms and sums from the layers' inputs and output gradients (see `layer_sums`); no layer's weights ask for a gradient.

    Raises
    ------
    NotCovered
        A layer is of another kind, shares a parameter, is used twice, or its input or output is changed in place.
    """

    name = "one backward pass to the layers' outputs"

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.params = trained(module)
        self.layers = _covered(module)
        self.seen: dict[nn.Module, _Seen] = {}
        self.floats = 1
        self._plain = [layer for layer in module.modules() if getattr(layer, "inplace", False) is True]
        for layer in self._plain:
            layer.inplace = False  # type: ignore[assignment]
        for p in self.params:
            p.requires_grad_(False)
        self._hooks = [layer.register_forward_hook(self._record) for layer in self.layers]

    def close(self) -> None:
        """Leave the module as it was."""
        for hook in self._hooks:
            hook.remove()
        for p in self.params:
            p.requires_grad_()
        for layer in self._plain:
            layer.inplace = True  # type: ignore[assignment]

    def _record(self, layer: nn.Module, given: tuple[Tensor, ...], out: Tensor) -> None:
        if not torch.is_grad_enabled():
            return
        if layer in self.seen:
            raise NotCovered(f"{type(layer).__name__} is used twice")
        if len(given) != 1 or out.ndim < LEAST_DIMENSIONS.get(type(layer), 2):
            raise NotCovered(f"{type(layer).__name__} was given what is no batch")
        if not out.requires_grad:
            out.requires_grad_()
        self.seen[layer] = _Seen(given[0].detach(), given[0]._version, out, out._version)

    def clipped(self, x: Tensor, y: Tensor, clip: float) -> Clipped:
        """Of rows x (n, …) with classes y (n,), n > 0."""
        self.seen = {}
        try:
            with torch.enable_grad():
                loss = nn.functional.cross_entropy(self.module(x), y, reduction="sum")
                used = [layer for layer in self.layers if layer in self.seen]
                outs = [self.seen[layer].out for layer in used]
                back = torch.autograd.grad(loss, outs, allow_unused=True)
            with torch.no_grad():
                return self._sum([(layer, g) for layer, g in zip(used, back, strict=True) if g is not None], len(x), clip)
        finally:
            self.seen = {}

    def _sum(self, parts: list[tuple[nn.Module, Tensor]], n: int, clip: float) -> Clipped:
        self.floats = 1 + sum(_floats(layer, self.seen[layer], n) for layer, _ in parts)
        sides = [(layer, self._side(layer, g, n)) for layer, g in parts]
        norms = torch.stack([side.squares for _, side in sides]).sum(0).sqrt() if sides else torch.zeros(n)
        weights = shares(norms, clip)
        found: dict[int, Tensor] = {}
        for layer, side in sides:
            found |= {id(getattr(layer, name)): total for name, total in side.weighted(weights).items()}
        return Clipped([found[id(p)] if id(p) in found else torch.zeros_like(p) for p in self.params], norms)

    def _side(self, layer: nn.Module, g: Tensor, n: int) -> Side:
        seen = self.seen[layer]
        if seen.out._version != seen.after or seen.given._version != seen.before:
            raise NotCovered(f"what {type(layer).__name__} was given or gave is changed in place")
        if len(g) != n or len(seen.given) != n:
            raise NotCovered(f"{type(layer).__name__} was given what is no batch")
        return KINDS[type(layer)](layer, seen.given, g)


@dataclass(frozen=True)
class _Seen:
    given: Tensor
    before: int
    out: Tensor
    after: int


def _floats(layer: nn.Module, seen: _Seen, n: int) -> int:
    """Numbers for a row: input, output and its gradient; of a convolution also the windows and the row's own product."""
    given, out = seen.given.numel() // n, seen.out.numel() // n
    if isinstance(layer, nn.Conv1d | nn.Conv2d):
        return given * (1 + math.prod(layer.kernel_size) // math.prod(layer.stride)) + 2 * out + layer.weight.numel()
    own = layer.weight.numel() if isinstance(layer, nn.Linear) and seen.out.ndim > 2 else 0
    return given + 2 * out + own


def _covered(module: nn.Module) -> list[nn.Module]:
    """The layers with parameters to train, each of a kind that is covered and sharing none; all parameters of a layer trained."""
    owners: dict[int, nn.Module] = {}
    found = []
    for layer in module.modules():
        own = list(layer.parameters(recurse=False))
        wanted = [p for p in own if p.requires_grad]
        if not wanted:
            continue
        if type(layer) not in KINDS or len(wanted) < len(own) or odd(layer):
            raise NotCovered(type(layer).__name__)
        if any(owners.setdefault(id(p), layer) is not layer for p in own):
            raise NotCovered("a parameter is shared")
        found.append(layer)
    return found


def odd(layer: nn.Module) -> bool:
    """Options under which the gradient is another than the plain one."""
    if isinstance(layer, nn.Embedding):
        return layer.max_norm is not None or layer.scale_grad_by_freq or layer.sparse
    changed = any((layer._forward_pre_hooks, layer._forward_hooks, getattr(layer, "parametrizations", None)))
    return bool(getattr(layer, "track_running_stats", False)) or changed


class PerRow:
    """By Opacus: every row's gradient is written down, then clipped and summed."""

    name = "Opacus's gradients per row"

    def __init__(self, module: nn.Module) -> None:
        from opacus import GradSampleModule

        self.params = trained(module)
        self.floats = 2 * sum(p.numel() for p in self.params) + 1
        tables = [layer for layer in module.modules() if isinstance(layer, nn.Embedding) and layer.padding_idx is not None]
        self.padding = {id(layer.weight): layer.padding_idx for layer in tables}
        self.module = GradSampleModule(module, loss_reduction="sum")

    def close(self) -> None:
        """Take Opacus's hooks off the module."""
        self.module.remove_hooks()

    def clipped(self, x: Tensor, y: Tensor, clip: float) -> Clipped:
        """Of rows x (n, …) with classes y (n,), n > 0."""
        self.module.zero_grad(set_to_none=True)
        # An input that wants a gradient keeps torch from warning about Opacus's full backward hooks.
        logits = self.module(x.requires_grad_() if x.is_floating_point() else x)
        torch.autograd.backward(nn.functional.cross_entropy(logits, y, reduction="sum"))
        with torch.no_grad():
            rows = [_rows(p, len(x)) for p in self.params]
            for p, r in zip(self.params, rows, strict=True):
                if (place := self.padding.get(id(p))) is not None:
                    r[:, place] = 0.0  # Opacus counts the gradient of padding, which torch leaves out
            norms = torch.stack([(r.flatten(1) ** 2).sum(1) for r in rows]).sum(0).sqrt()
            weights = shares(norms, clip)
            sums = [(weights @ r.flatten(1)).view_as(p) for p, r in zip(self.params, rows, strict=True)]
        self.module.zero_grad(set_to_none=True)
        return Clipped(sums, norms)


def _rows(p: nn.Parameter, n: int) -> Tensor:
    """Opacus's gradients of one parameter, (n, …); a parameter that was not used has none."""
    found = getattr(p, "grad_sample", None)
    if found is None:
        return torch.zeros((n, *p.shape))
    parts: Iterable[Tensor] = found if isinstance(found, list) else [found]
    return torch.stack(list(parts)).sum(0)
