"""Min-max training: every batch is attacked by PGD before the step (Madry et al. 2018, arXiv:1706.06083).

All randomness of an epoch is drawn from the seed and the epoch's number, and a checkpoint holds weights and
optimizer, so that a run that was cut off and resumed ends with the weights of one that was not.
"""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..attacks.categorical_moves import first_flip
from ..attacks.norms import Norm
from ..attacks.perturbation_space import PerturbationSpace, pgd
from ..datasets.encoding import EncodedRows
from ..errors import Problem
from ..formatting.numbers import percent
from ..progress import Progress
from ..targets.checkpoints import of_training, put_back, restored, store


@dataclass(frozen=True)
class Plan:
    """How to train. ``eps`` in ranges; it grows from 0 over the first ``ramp`` (0 to 1) of the epochs.

    ``shift`` moves each image by up to so many pixels at random; ``clean`` (0 to 1) is the share of the loss
    taken on the rows as they are.
    """

    norm: Norm
    eps: float
    steps: int
    epochs: int
    batch_size: int
    rate: float
    ramp: float = 0.3
    shift: int = 0
    clean: float = 0.0
    flips: int = 0


@dataclass(frozen=True)
class Watched:
    """Accuracy of the model after an epoch, on rows not trained on: as they are, and attacked."""

    epoch: int
    clean: float
    robust: float


@dataclass
class State:
    """The epochs done, and the accuracies after each; kept in the checkpoint."""

    epoch: int = 0
    seen: list[Watched] = field(default_factory=list)


def harden(
    module: nn.Module,
    x: EncodedRows,
    y: NDArray[np.int64],
    space: PerturbationSpace,
    plan: Plan,
    seed: int,
    watch: Callable[[nn.Module, Progress], tuple[float, float]],
    progress: Progress,
    checkpoint: Path | None = None,
    key: str = "",
) -> list[Watched]:
    """Train ``module`` in place; the accuracies after every epoch.

    Parameters
    ----------
    x : n rows, encoded where a batch reads them; y : int64 (n,)
    watch
        Clean and robust accuracy of the module as it is; it gets the progress, so that it stops when cancelled.
    checkpoint
        A file written after every epoch, and gone on from if it is there and of the run called ``key``.

    Raises
    ------
    Problem
        The loss stops being a number; the checkpoint is of another run, or cannot be read or written.
    """
    wanted = torch.from_numpy(np.ascontiguousarray(y))
    optimizer = torch.optim.Adam(module.parameters(), lr=plan.rate)
    state = _gone_on(checkpoint, key, module, optimizer) if checkpoint and checkpoint.exists() else State()
    progress.step(state.epoch / plan.epochs, f"from epoch {state.epoch + 1} of {plan.epochs}" if state.epoch else "starting")
    while state.epoch < plan.epochs:
        _epoch(module, x, wanted, space, plan, seed, state.epoch, optimizer, progress.part(1 / plan.epochs))
        clean, robust = watch(module.eval(), progress.part(0.0))
        state.epoch += 1
        state.seen.append(Watched(state.epoch, clean, robust))
        if checkpoint:
            store(checkpoint, key, of_training(module, optimizer), {"epoch": state.epoch, "seen": [asdict(w) for w in state.seen]})
        done = f"epoch {state.epoch} of {plan.epochs}: {percent(clean)} right, {percent(robust)} under attack"
        progress.step(state.epoch / plan.epochs, done)
    module.eval()
    return state.seen


def _epoch(
    module: nn.Module,
    inputs: EncodedRows,
    wanted: Tensor,
    space: PerturbationSpace,
    plan: Plan,
    seed: int,
    epoch: int,
    optimizer: torch.optim.Optimizer,
    progress: Progress,
) -> None:
    generator = torch.Generator().manual_seed((seed * 10_007 + epoch) % 2**63)
    for group in optimizer.param_groups:
        group["lr"] = plan.rate * (1 + math.cos(math.pi * epoch / plan.epochs)) / 2
    order = torch.randperm(len(inputs), generator=generator)
    steps = math.ceil(len(inputs) / plan.batch_size)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed * 10_007 + epoch)
        for i in range(steps):
            progress.step(i / steps, f"epoch {epoch + 1} of {plan.epochs}")
            rows = order[i * plan.batch_size : (i + 1) * plan.batch_size]
            grown = min(1.0, (epoch + i / steps) / max(plan.ramp * plan.epochs, 1e-9))
            batch = torch.from_numpy(np.require(inputs[rows.numpy()], requirements="W"))
            x = shifted(batch, plan.shift, generator) if plan.shift else batch
            _step(module, x, wanted[rows], space, plan, grown * plan.eps, generator, optimizer)


def _step(
    module: nn.Module,
    x: Tensor,
    y: Tensor,
    space: PerturbationSpace,
    plan: Plan,
    eps: float,
    generator: torch.Generator,
    optimizer: torch.optim.Optimizer,
) -> None:
    module.eval().requires_grad_(requires_grad=False)
    base = first_flip(module, x, y, space, plan.flips) if plan.flips else x
    bad = pgd(module, base, y, space, plan.norm, eps, plan.steps, generator).x if eps > 0 else base
    module.train().requires_grad_()
    optimizer.zero_grad(set_to_none=True)
    loss = nn.functional.cross_entropy(module(bad), y)
    if plan.clean:
        loss = (1 - plan.clean) * loss + plan.clean * nn.functional.cross_entropy(module(x), y)
    if not torch.isfinite(loss):
        raise Problem("a finite loss while training", f"{loss.item()}", "Lower the learning rate or eps")
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()


def shifted(x: Tensor, most: int, generator: torch.Generator) -> Tensor:
    """Images (n, c, h, w), each moved by up to ``most`` pixels in both directions; the edge is filled with 0."""
    n, c, h, w = x.shape
    padded = nn.functional.pad(x, (most,) * 4)
    down = torch.randint(0, 2 * most + 1, (n,), generator=generator)
    right = torch.randint(0, 2 * most + 1, (n,), generator=generator)
    rows = (down[:, None] + torch.arange(h))[:, None, :, None]
    cols = (right[:, None] + torch.arange(w))[:, None, None, :]
    return padded[torch.arange(n)[:, None, None, None], torch.arange(c)[None, :, None, None], rows, cols]


def _gone_on(path: Path, key: str, module: nn.Module, optimizer: torch.optim.Optimizer) -> State:
    """Put the checkpoint's weights and optimizer back; where it stood."""
    tensors, facts = restored(path, key)
    put_back(module, optimizer, tensors)
    return State(facts["epoch"], [Watched(**w) for w in facts["seen"]])
