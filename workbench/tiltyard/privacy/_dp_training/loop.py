"""The DP-SGD loop: Poisson sampling, clipped sums, noise, a step; in bounded memory, cancellable (Abadi et al. 2016, 1607.00133).

Parameters lie in one vector, so that noise and the optimizer's step are a few operations whatever the layers. The sum is divided by the
expected batch size, whatever came up; a step without rows is noise alone.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...errors import Problem
from ...privacy_accounting.budget import rate_of, steps_of
from ...progress import Progress
from ...result import Given
from ...targets.checkpoints import of_training, put_back, restored, store
from ...targets.training import Batches
from .chance import Chance, FromSystem, Seeded, drawn
from .clipped_sums import Summing
from .layers import faults
from .summing import summing

Watch = Callable[[int, int, nn.Module], None]
GRADIENTS = 2**24
LARGEST_CHUNK = 4096


class Plan(Given):
    """How to train privately; ``noise`` 0 is clipping alone, which is not private."""

    noise: float
    clip: float
    batch_size: int
    epochs: int
    rate: float
    optimizer: Literal["adam", "sgd"]
    fresh_noise: bool = False


@dataclass(frozen=True)
class Kept:
    """Where a training under way is kept after each epoch, and gone on from if that is there.

    ``trail`` are lists that ``watch`` fills; they are kept and filled again with the rest. The file holds the generators of chance, and
    so what noise will come, unless the plan wants fresh noise: then none is kept, and going on draws anew.
    """

    path: Path
    key: str
    trail: dict[str, list[int]]


def refuse_faults(module: nn.Module) -> None:
    """A `Problem` in one line that names every layer DP-SGD cannot train."""
    if found := faults(module):
        do = (
            "Replace them, or set replace_layers of privacy.dp_sgd, which does"
            if all(f.substitute for f in found)
            else "Change the architecture"
        )
        raise Problem("layers that DP-SGD can train", "; ".join(map(str, found)), do)


class Steps:
    """One private step after another: the clipped sum, its noise, the optimizer. The parameters are views of one vector."""

    def __init__(self, how: Summing, plan: Plan, n: int) -> None:
        self.how, self.plan = how, plan
        self.denominator = float(max(1, min(plan.batch_size, n)))
        sizes = [p.numel() for p in how.params]
        self.flat = nn.Parameter(torch.cat([p.detach().flatten() for p in how.params]))
        for p, place in zip(how.params, torch.split(self.flat.data, sizes), strict=True):
            p.data = place.view_as(p)
        self.gradient = torch.zeros_like(self.flat.data)
        self.noise = torch.empty_like(self.gradient)
        self.parts = list(torch.split(self.gradient, sizes))
        self.optimizer = _base(self.flat, plan)

    def take(self, x: Batches, y: Tensor, rows: Tensor, chance: Chance, progress: Progress) -> None:
        """A step over ``rows``, however many came up; the sum is the same in chunks, and of no rows it is 0."""
        if 0 < len(rows) <= self.chunk:
            progress.check()
            found = self.how.clipped(_read(x, rows), y[rows], self.plan.clip)
            torch.cat([one.reshape(-1) for one in found.sums], out=self.gradient)
        else:
            self._in_chunks(x, y, rows, progress)
        if self.plan.noise > 0:
            chance.fill(self.noise, self.plan.noise * self.plan.clip)
            self.gradient.add_(self.noise)
        self.flat.grad = self.gradient.div_(self.denominator)
        self.optimizer.step()

    def _in_chunks(self, x: Batches, y: Tensor, rows: Tensor, progress: Progress) -> None:
        self.gradient.zero_()
        for part in torch.split(rows, self.chunk) if len(rows) else ():
            progress.check()
            found = self.how.clipped(_read(x, part), y[part], self.plan.clip)
            torch._foreach_add_(self.parts, [one.flatten() for one in found.sums])

    @property
    def chunk(self) -> int:
        """Rows at a time, so that what they take in memory is bounded."""
        return max(1, min(LARGEST_CHUNK, GRADIENTS // self.how.floats))


def _read(x: Batches, rows: Tensor) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(x[rows.numpy()]))


def _base(flat: nn.Parameter, plan: Plan) -> torch.optim.Optimizer:
    if plan.optimizer == "adam":
        return torch.optim.Adam([flat], lr=plan.rate)
    return torch.optim.SGD([flat], lr=plan.rate, momentum=0.9)


def train(
    module: nn.Module,
    x: Batches,
    y: NDArray[np.int64],
    plan: Plan,
    seed: int,
    progress: Progress,
    watch: Watch | None = None,
    kept: Kept | None = None,
) -> nn.Module:
    """A trained copy of ``module`` (to logits), in eval mode; ``module`` itself is left as it was.

    Parameters
    ----------
    x
        n rows as the module eats them, an array or rows that are encoded a batch at a time.
    y : int64 (n,)
    watch
        Called after each epoch with epoch (from 1), steps taken and the module in eval mode.
    kept
        A checkpoint written after each epoch, that a run which was cut off goes on from to the same weights.

    Raises
    ------
    Problem
        Where a layer cannot be trained, or the weights stop being numbers.
    """
    working = copy.deepcopy(module).requires_grad_().train()
    clean = copy.deepcopy(working)
    refuse_faults(working)
    labels = torch.from_numpy(np.ascontiguousarray(y))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        how = summing(working, _read(x, torch.arange(min(2, len(x)))), labels[:2])
        try:
            run = _Run(working, Steps(how, plan, len(x)), FromSystem() if plan.fresh_noise else Seeded(seed), plan)
            run.epochs(x, labels, progress, watch, kept)
        finally:
            how.close()
    clean.load_state_dict(working.state_dict())
    return clean.eval()


@dataclass(frozen=True)
class _Run:
    module: nn.Module
    steps: Steps
    chance: FromSystem | Seeded
    plan: Plan

    def epochs(self, x: Batches, y: Tensor, progress: Progress, watch: Watch | None, kept: Kept | None) -> None:
        """All steps, with what is seen and kept after each epoch."""
        n, plan = len(x), self.plan
        rate, total = rate_of(n, plan.batch_size), steps_of(n, plan.batch_size, plan.epochs)
        ends = {steps_of(n, plan.batch_size, e): e for e in range(1, plan.epochs + 1)}
        done = self._gone_on(kept) if kept is not None and kept.path.exists() else 0
        self.module.train()
        for step in range(done + 1, total + 1):
            progress.step((step - 1) / total, f"epoch {min(plan.epochs, 1 + (step - 1) * plan.epochs // total)} of {plan.epochs}")
            self.steps.take(x, y, drawn(n, rate, self.chance), self.chance, progress)
            if watch is not None and step in ends:
                _refuse_nan(self.module)
                watch(ends[step], step, self.module.eval())
                self.module.train()
            if kept is not None and step in ends:
                self._keep(kept, step)
        _refuse_nan(self.module)
        progress.step(1.0, "trained")

    def _keep(self, kept: Kept, step: int) -> None:
        tensors = of_training(self.module, self.steps.optimizer) | {"chance.torch": torch.get_rng_state()}
        if isinstance(self.chance, Seeded):
            tensors |= {"chance.sampling": self.chance.coins.get_state(), "chance.noise": self.chance.noise.get_state()}
        store(kept.path, kept.key, tensors, {"step": step, "trail": kept.trail})

    def _gone_on(self, kept: Kept) -> int:
        """Put back what was kept; how many steps were taken then."""
        tensors, facts = restored(kept.path, kept.key)
        put_back(self.module, self.steps.optimizer, tensors)
        torch.set_rng_state(tensors["chance.torch"])
        if isinstance(self.chance, Seeded):
            self.chance.coins.set_state(tensors["chance.sampling"])
            self.chance.noise.set_state(tensors["chance.noise"])
        for name, values in facts["trail"].items():
            kept.trail[name][:] = values
        return int(facts["step"])


def _refuse_nan(module: nn.Module) -> None:
    if not all(bool(torch.isfinite(p).all()) for p in module.parameters()):
        raise Problem("finite weights while training privately", "NaN or inf", "Lower the learning rate or the noise")
