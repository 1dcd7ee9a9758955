"""Several networks of one make trained side by side as one batched product, each as `training.fit` trains it alone.

Shadow models are small, and a step of one costs more in calls than in sums. Covers chains of Linear and of layers without weights that look
at each number alone, on rows of a table; others are trained one after the other. A short timing decides.
"""

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..errors import Problem
from ..progress import Progress
from .architecture import Normalize
from .training import Batches, Recipe, class_logits, fit, fresh

Rows = Sequence[NDArray[np.intp]]
ALONE = (nn.ReLU, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Tanh, nn.Sigmoid, nn.Softplus, nn.Identity, Normalize)
NUMBERS = 2**22  # weights and activations of one stack, that it stays in the processor's caches or near them
TABLE = 2**28  # numbers of an encoded table that is held as a whole: 1 GB
TRIES = 3
CLEARLY = 0.9


def stackable(module: nn.Module, shape: tuple[int, ...]) -> bool:
    """Can networks of this make be trained as one batched product? Rows of numbers, and a chain of `nn.Linear` and `ALONE`."""
    if len(shape) != 1 or type(module) is not nn.Sequential:
        return False
    return any(type(layer) is nn.Linear for layer in module) and all(type(layer) in (nn.Linear, *ALONE) for layer in module)


class Stack:
    """Networks of one make, their weights stacked: (models, out, in) and (models, 1, out) of each linear layer."""

    def __init__(self, modules: Sequence[nn.Sequential], recipe: Recipe) -> None:
        self.layers = tuple(modules[0])
        self.weights: list[Tensor | None] = []
        self.biases: list[Tensor | None] = []
        for same in zip(*modules, strict=True):
            linear = [layer for layer in same if isinstance(layer, nn.Linear)]
            biases = [layer.bias for layer in linear if layer.bias is not None]
            self.weights.append(_stacked([layer.weight for layer in linear]) if linear else None)
            self.biases.append(_stacked(biases, 1) if biases else None)
        trained = [t for pair in zip(self.weights, self.biases, strict=True) for t in pair if t is not None]
        self.optimizer = torch.optim.Adam(trained, lr=recipe.rate, weight_decay=recipe.decay)

    def logits(self, x: Tensor) -> Tensor:
        """(models, n, classes) of x (models, n, columns)."""
        for layer, weight, bias in zip(self.layers, self.weights, self.biases, strict=True):
            if weight is None:
                x = layer(x)
            elif bias is None:
                x = torch.bmm(x, weight.transpose(1, 2))
            else:
                x = torch.baddbmm(bias, x, weight.transpose(1, 2))
        return x

    def step(self, x: Tensor, y: Tensor) -> None:
        """One step of each network on its own batch, x (models, n, columns) and y (models, n)."""
        self.optimizer.zero_grad(set_to_none=True)
        loss = nn.functional.cross_entropy(class_logits(self.logits(x).flatten(0, 1)), y.flatten(), reduction="none").view(y.shape).mean(1)
        whole = torch.isfinite(loss.detach())
        if not bool(whole.all()):
            raise Problem(
                "a finite loss while training", f"{float(loss.detach()[~whole][0])}", "Lower the learning rate, or check the rows"
            )
        torch.autograd.backward(loss.sum())
        self.optimizer.step()

    def write(self, modules: Sequence[nn.Sequential]) -> None:
        """Put each network's weights into its module."""
        with torch.no_grad():
            for place, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
                for i, module in enumerate(modules):
                    layer = module[place]
                    if weight is not None and isinstance(layer, nn.Linear):
                        layer.weight.copy_(weight[i])
                        if bias is not None:
                            layer.bias.copy_(bias[i, 0])


def _stacked(parts: Sequence[Tensor], before: int | None = None) -> Tensor:
    found = torch.stack([part.detach() for part in parts])
    return (found if before is None else found.unsqueeze(before)).requires_grad_()


def fit_stacked(
    module: nn.Sequential, x: Tensor, y: Tensor, rows: Rows, recipe: Recipe, seeds: Sequence[int], progress: Progress
) -> list[nn.Module]:
    """Networks of the make of ``module``, number i trained on the rows ``rows[i]`` from ``seeds[i]``, in eval mode.

    Parameters
    ----------
    x : float (n, columns), encoded; y : int64 (n,)
    rows
        Places in x; networks with as many rows are stacked, as far as `NUMBERS` goes.

    Returns
    -------
    As `training.fit` on each, but for the order of sums: equal to about 1e-6.
    """
    made: list[nn.Sequential] = []
    for seed in seeds:
        one = fresh(module, seed).requires_grad_().train()
        assert isinstance(one, nn.Sequential)
        made.append(one)
    for which in _stacks(module, rows, recipe):
        part = progress.part(len(which) / len(rows))
        stack = Stack([made[i] for i in which], recipe)
        _trained(stack, x, y, [rows[i] for i in which], recipe, [seeds[i] for i in which], part)
        stack.write([made[i] for i in which])
    return [one.eval() for one in made]


def _stacks(module: nn.Module, rows: Rows, recipe: Recipe) -> list[list[int]]:
    """Places of networks that are stacked together."""
    each = sum(p.numel() for p in module.parameters()) + recipe.batch_size * sum(
        layer.out_features for layer in module.modules() if isinstance(layer, nn.Linear)
    )
    most = max(1, NUMBERS // each)
    found = []
    for size in sorted({len(r) for r in rows}):
        same = [i for i, r in enumerate(rows) if len(r) == size]
        found += [same[i : i + most] for i in range(0, len(same), most)]
    return found


def _trained(stack: Stack, x: Tensor, y: Tensor, rows: Rows, recipe: Recipe, seeds: Sequence[int], progress: Progress) -> None:
    """The batches of each network in the order that it would meet them alone."""
    orders = [torch.Generator().manual_seed(seed) for seed in seeds]
    places = torch.from_numpy(np.stack(rows))
    n = places.shape[1]
    steps = max(1, (n + recipe.batch_size - 1) // recipe.batch_size)
    for epoch in range(recipe.epochs):
        shuffled = torch.stack([own[torch.randperm(n, generator=order)] for own, order in zip(places, orders, strict=True)])
        for i in range(steps):
            progress.step(
                (epoch * steps + i) / (recipe.epochs * steps), f"{len(rows)} models together, epoch {epoch + 1} of {recipe.epochs}"
            )
            batch = shuffled[:, i * recipe.batch_size : (i + 1) * recipe.batch_size]
            stack.step(x[batch], y[batch])
    progress.step(1.0, "trained")


def speedup(module: nn.Sequential, rows: Batches, y: NDArray[np.int64], models: int, recipe: Recipe) -> float:
    """How many times quicker a step of ``models`` networks together is than theirs one by one, from a few steps of each, on copies of the module.

    Parameters
    ----------
    rows : (n, columns)
        As `training.fit` takes them; y : int64 (n,).
    """
    size = min(recipe.batch_size, len(rows))
    x = torch.from_numpy(np.ascontiguousarray(rows[np.arange(size)]))
    together = Stack([copy.deepcopy(module) for _ in range(models)], recipe)
    batches, answers = x.expand(models, *x.shape).contiguous(), torch.from_numpy(y[:size]).repeat(models, 1)
    few = recipe.model_copy(update={"epochs": TRIES, "batch_size": size})
    alone = copy.deepcopy(module)
    one = _least(lambda: fit(alone, _First(rows, size), y[:size], few, 0, Progress()), 2) / TRIES
    return models * one / max(_least(lambda: together.step(batches, answers), TRIES), 1e-9)


def quicker(module: nn.Sequential, rows: Batches, y: NDArray[np.int64], models: int, recipe: Recipe) -> bool:
    """Are ``models`` networks clearly quicker together than one by one? See `speedup`."""
    return speedup(module, rows, y, models, recipe) > 1 / CLEARLY


@dataclass(frozen=True)
class _First:
    """The first ``size`` rows."""

    rows: Batches
    size: int

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, places: NDArray[np.intp]) -> NDArray[Any]:
        return self.rows[places]


def _least(call: Callable[[], object], times: int) -> float:
    """The least of ``times`` runs in seconds, after one that makes room."""
    call()
    found = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        found.append(time.perf_counter() - start)
    return min(found)
