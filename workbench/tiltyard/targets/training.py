"""The plain training loop: seeded, cancellable, the same for shipped models, shadow models and thieves."""

import copy
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from ..errors import Problem
from ..progress import Progress
from ..result import Given

Perturb = Callable[[nn.Module, Tensor, Tensor], Tensor]
Correction = Callable[[nn.Module], None]


class Batches(Protocol):
    """Encoded rows (n, *shape), an array of them or `EncodedRows`, read at the places that are asked for."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: NDArray[np.intp], /) -> NDArray[Any]: ...


class Recipe(Given):
    """How a torch target was trained, so that it can be trained again."""

    epochs: int = Field(10, ge=1, le=10_000, description="passes over the rows")
    batch_size: int = Field(128, ge=1, description="rows in a step")
    rate: float = Field(1e-3, gt=0, description="Adam's learning rate")
    decay: float = Field(0.0, ge=0, description="weight decay")


def fresh(module: nn.Module, seed: int) -> nn.Module:
    """A copy with its weights drawn anew from ``seed``; fixed numbers (normalization) are kept."""
    clone = copy.deepcopy(module)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for layer in clone.modules():
            reset = getattr(layer, "reset_parameters", None)
            if callable(reset):
                reset()
    return clone


def class_logits(out: Tensor) -> Tensor:
    """Logits (n, k) of what a module answers; one logit (n,) or (n, 1) is that of the second of two classes, and the first has 0."""
    out = out[:, None] if out.ndim == 1 else out
    return torch.cat([torch.zeros_like(out), out], 1) if out.shape[1] == 1 else out


def fit(
    module: nn.Module,
    x: Batches,
    y: NDArray[np.int64],
    recipe: Recipe,
    seed: int,
    progress: Progress,
    perturb: Perturb | None = None,
    soft: NDArray[np.floating[Any]] | None = None,
    correction: Correction | None = None,
) -> nn.Module:
    """Train ``module`` in place by Adam on cross-entropy and return it in eval mode.

    Parameters
    ----------
    x : (n, *shape), float32 for most modules; y : int64 (n,) class indices
    perturb
        Applied to each batch before the step (adversarial training).
    soft : (n, k) or None
        Probabilities to learn instead of ``y`` (distillation, theft by scores).
    correction
        Changes the gradients of each step before the optimizer takes them (FedProx, SCAFFOLD).

    Raises
    ------
    Problem
        When the loss stops being a number.
    """
    order = torch.Generator().manual_seed(seed)
    wanted = torch.from_numpy(np.ascontiguousarray(y if soft is None else soft, np.int64 if soft is None else np.float32))
    optimizer = torch.optim.Adam(module.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
    steps = max(1, (len(x) + recipe.batch_size - 1) // recipe.batch_size)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for epoch in range(recipe.epochs):
            rows = torch.randperm(len(x), generator=order)
            for i in range(steps):
                progress.step((epoch * steps + i) / (recipe.epochs * steps), f"epoch {epoch + 1} of {recipe.epochs}")
                batch = rows[i * recipe.batch_size : (i + 1) * recipe.batch_size]
                part, answer = torch.from_numpy(np.ascontiguousarray(x[batch.numpy()])), wanted[batch]
                if perturb is not None:
                    part = perturb(module.eval(), part, answer)
                _step(module.train(), part, answer, optimizer, correction)
    progress.step(1.0, "trained")
    return module.eval()


def _step(module: nn.Module, x: Tensor, y: Tensor, optimizer: torch.optim.Optimizer, correction: Correction | None = None) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss = nn.functional.cross_entropy(class_logits(module(x)), y)
    if not torch.isfinite(loss):
        raise Problem("a finite loss while training", f"{loss.item()}", "Lower the learning rate, or check the rows")
    loss.backward()  # type: ignore[no-untyped-call]
    if correction is not None:
        correction(module)
    optimizer.step()
