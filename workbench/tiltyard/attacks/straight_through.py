"""Gradients past what has none: what stands before a model's first layer with weights is passed by, backward only.

BPDA, Athalye, Carlini and Wagner 2018, arXiv:1802.00420: forward nothing changes, backward the step is taken for the identity, or for
a differentiable stand-in, which a model brings as its method ``stand_in`` from input rows to what its first layer is given.
"""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import Unavailable


class _Instead(torch.autograd.Function):
    """Forward the first of two tensors of one shape, backward the second."""

    @staticmethod
    def forward(context: Any, held: Tensor, passed: Tensor) -> Tensor:
        return held.clone()

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[None, Tensor]:
        return None, gradients[0]


class StraightThrough(nn.Module):
    """A copy of a module, equal forward, whose gradient passes by all that comes before its first layer with weights.

    Raises
    ------
    Unavailable
        When it is asked: where what that layer is given has another shape than the rows and the model brings no ``stand_in``.
    """

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = copy.deepcopy(inner)
        self._rows: Tensor | None = None
        self._passed = False
        given = (getattr(part, "stand_in", None) for part in self.inner.modules())
        self._stand_in: Callable[[Tensor], Tensor] | None = next((one for one in given if callable(one)), None)
        for part in self.inner.modules():
            if next(part.parameters(recurse=False), None) is not None:
                part.register_forward_pre_hook(self._hook)

    def _hook(self, part: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...] | None:
        if self._passed or self._rows is None or not isinstance(given[0], Tensor):
            return None
        self._passed = True
        passed = self._rows if self._stand_in is None else self._stand_in(self._rows)
        if passed.shape != given[0].shape:
            found = f"one that makes {tuple(given[0].shape[1:])} of them before its first layer"
            raise Unavailable(
                f"a model whose first layer takes rows of shape {tuple(passed.shape[1:])}",
                found,
                "Give the model a method stand_in(x): a differentiable step from rows to what that layer takes",
            )
        instead = _Instead.apply(given[0].detach(), passed)  # type: ignore[no-untyped-call]
        return (instead, *given[1:])

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, k)."""
        self._rows, self._passed = x, False
        try:
            out: Tensor = self.inner(x)
        finally:
            self._rows = None
        return out
