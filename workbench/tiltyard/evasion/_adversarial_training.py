"""Min-max training: every batch is attacked before the step, by PGD (Madry et al. 2018, arXiv:1706.06083), as TRADES says, or by one gradient.

A single gradient (Wong et al. 2020, arXiv:2001.03994) can overfit catastrophically: robust accuracy breaks down within an epoch. Every
epoch is watched for that; where it happens its weights are dropped and training goes on with PGD from those before it.

All randomness of an epoch is drawn from the seed and the epoch's number, and a checkpoint holds weights and
optimizer, so that a run that was cut off and resumed ends with the weights of one that was not.
"""

import math
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..attacks.categorical_moves import first_flip
from ..attacks.climbing import pgd
from ..attacks.norms import Norm, drawn, project_within
from ..attacks.perturbation_space import PerturbationSpace, slope
from ..attacks.standing import step
from ..datasets.encoding import EncodedRows
from ..errors import Problem
from ..formatting.numbers import percent
from ..progress import Progress
from ..targets.checkpoints import of_training, put_back, restored, store
from ..targets.torch_target import Logits
from ._trades import farthest
from ._trades import loss as trades_loss

Method = Literal["pgd", "trades", "single_step"]
COLLAPSED = 0.5  # of the best robust accuracy so far: less is an overfit to the single step
SINGLE = 1.25  # the single step, in eps, from a random start


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
    method: Method = "pgd"
    beta: float = 6.0


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
    collapsed: int = 0  # the epoch whose weights were dropped, 0 for none

    def broke_down(self, robust: float) -> bool:
        """Is this less than half of the best there was?"""
        return bool(self.seen) and robust < COLLAPSED * max(one.robust for one in self.seen)

    def facts(self) -> dict[str, Any]:
        """As a checkpoint keeps it."""
        return {"epoch": self.epoch, "seen": [asdict(w) for w in self.seen], "collapsed": self.collapsed}


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
) -> State:
    """Train ``module`` in place; the accuracies after every epoch, and which one overfitted to a single step.

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
        single = plan.method == "single_step" and not state.collapsed
        before = deepcopy(of_training(module, optimizer)) if single else {}
        now = plan if single or plan.method != "single_step" else replace(plan, method="pgd")
        _epoch(Logits(module, "logits"), x, wanted, space, now, seed, state.epoch, optimizer, progress.part(1 / plan.epochs))
        clean, robust = watch(module.eval(), progress.part(0.0))
        if single and state.broke_down(robust):
            state.collapsed = state.epoch + 1
            put_back(module, optimizer, before)
            progress.step(state.epoch / plan.epochs, f"epoch {state.collapsed} overfitted to the single step: again, by PGD")
            continue
        state.epoch += 1
        state.seen.append(Watched(state.epoch, clean, robust))
        if checkpoint:
            store(checkpoint, key, of_training(module, optimizer), state.facts())
        done = f"epoch {state.epoch} of {plan.epochs}: {percent(clean)} right, {percent(robust)} under attack"
        progress.step(state.epoch / plan.epochs, done)
    module.eval()
    return state


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
    bad = _attacked(module, base, y, space, plan, eps, generator) if eps > 0 else base
    module.train().requires_grad_()
    optimizer.zero_grad(set_to_none=True)
    loss = nn.functional.cross_entropy(module(bad), y) if plan.method != "trades" else trades_loss(module, x, bad, y, plan.beta)
    if plan.clean:
        loss = (1 - plan.clean) * loss + plan.clean * nn.functional.cross_entropy(module(x), y)
    if not torch.isfinite(loss):
        raise Problem("a finite loss while training", f"{loss.item()}", "Lower the learning rate or eps")
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()


def _attacked(
    module: nn.Module, x: Tensor, y: Tensor, space: PerturbationSpace, plan: Plan, eps: float, generator: torch.Generator
) -> Tensor:
    """The rows to train on in place of x (n, *shape)."""
    if plan.method == "trades":
        return farthest(module, x, space, plan.norm, eps, plan.steps, generator)
    if plan.method == "single_step":
        return _one_step(module, x, y, space, plan.norm, eps, generator)
    return pgd(module, x, y, space, plan.norm, eps, plan.steps, generator).x


def _one_step(
    module: nn.Module, x: Tensor, y: Tensor, space: PerturbationSpace, norm: Norm, eps: float, generator: torch.Generator
) -> Tensor:
    """One gradient from a random point of the ball, a step of `SINGLE` eps, and back into the ball."""
    low, high = space.room(x)
    if norm == "linf":
        low, high = low.clamp_min(-eps), high.clamp_max(eps)
    start = project_within(drawn(x, norm, eps, generator, space.free), norm, eps, low, high)
    gradient, _ = slope(module, space.moved(x, start), y)
    gradient = gradient if space.plain else gradient * space.scale * space.free
    return space.moved(x, project_within(start + step(gradient, start, norm, SINGLE * eps, low, high), norm, eps, low, high))


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
    return State(facts["epoch"], [Watched(**w) for w in facts["seen"]], facts.get("collapsed", 0))
