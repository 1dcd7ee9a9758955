"""The DP-SGD loop: Poisson sampling, clipping and noise by Opacus, in bounded memory, cancellable (Abadi et al. 2016, 1607.00133)."""

import copy
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from opacus import GradSampleModule
from opacus.optimizers import DPOptimizer
from torch import Tensor, nn

from ...errors import Problem
from ...privacy_accounting.budget import rate_of, steps_of
from ...progress import Progress
from ...result import Given
from ...targets.checkpoints import of_training, put_back, restored, store
from ...targets.training import Batches
from .layers import faults

Watch = Callable[[int, int, nn.Module], None]
GRADIENTS = 2**24


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
        do = "Set replace_layers to have them replaced" if all(f.substitute for f in found) else "Change the architecture"
        raise Problem("layers that DP-SGD can train", "; ".join(map(str, found)), do)


def generator(seed: int, stream: int, fresh: bool) -> torch.Generator:
    """One of the run's streams of chance (0 sampling, 1 noise), from the seed or from the operating system."""
    entropy = secrets.randbits(63) if fresh else int(np.random.SeedSequence([seed, stream]).generate_state(1, np.uint64)[0] >> 1)
    return torch.Generator().manual_seed(entropy)


def _base(module: nn.Module, plan: Plan) -> torch.optim.Optimizer:
    if plan.optimizer == "adam":
        return torch.optim.Adam(module.parameters(), lr=plan.rate)
    return torch.optim.SGD(module.parameters(), lr=plan.rate, momentum=0.9)


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
    wrapped = GradSampleModule(working, loss_reduction="sum")
    optimizer = DPOptimizer(
        _base(working, plan),
        noise_multiplier=plan.noise,
        max_grad_norm=plan.clip,
        expected_batch_size=max(1, min(plan.batch_size, len(x))),
        generator=generator(seed, 1, plan.fresh_noise),
    )
    labels = torch.from_numpy(np.ascontiguousarray(y))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        _epochs(wrapped, optimizer, x, labels, plan, generator(seed, 0, plan.fresh_noise), progress, watch, kept)
    clean.load_state_dict(working.state_dict())
    return clean.eval()


def _epochs(
    module: nn.Module,
    optimizer: DPOptimizer,
    x: Batches,
    y: Tensor,
    plan: Plan,
    sampling: torch.Generator,
    progress: Progress,
    watch: Watch | None,
    kept: Kept | None,
) -> None:
    n, rate = len(x), rate_of(len(x), plan.batch_size)
    total = steps_of(n, plan.batch_size, plan.epochs)
    chunk = max(1, min(512, GRADIENTS // max(1, sum(p.numel() for p in module.parameters()))))
    ends = {steps_of(n, plan.batch_size, e): e for e in range(1, plan.epochs + 1)}
    done = _gone_on(kept, module, optimizer, sampling) if kept is not None and kept.path.exists() else 0
    for step in range(done + 1, total + 1):
        progress.step((step - 1) / total, f"epoch {min(plan.epochs, 1 + (step - 1) * plan.epochs // total)} of {plan.epochs}")
        rows = (torch.rand(n, generator=sampling) < rate).nonzero().reshape(-1)
        _step(module.train(), optimizer, x, y, rows, chunk, progress)
        if watch is not None and step in ends:
            _refuse_nan(module)
            watch(ends[step], step, module.eval())
        if kept is not None and step in ends:
            _keep(kept, step, module, optimizer, sampling, plan)
    _refuse_nan(module)
    progress.step(1.0, "trained")


def _keep(kept: Kept, step: int, module: nn.Module, optimizer: DPOptimizer, sampling: torch.Generator, plan: Plan) -> None:
    tensors = of_training(module, optimizer.original_optimizer) | {"chance.torch": torch.get_rng_state()}
    if not plan.fresh_noise:
        tensors |= {"chance.sampling": sampling.get_state(), "chance.noise": optimizer.generator.get_state()}
    store(kept.path, kept.key, tensors, {"step": step, "trail": kept.trail})


def _gone_on(kept: Kept, module: nn.Module, optimizer: DPOptimizer, sampling: torch.Generator) -> int:
    """Put back what was kept; how many steps were taken then."""
    tensors, facts = restored(kept.path, kept.key)
    put_back(module, optimizer.original_optimizer, tensors)
    torch.set_rng_state(tensors["chance.torch"])
    if "chance.sampling" in tensors:
        sampling.set_state(tensors["chance.sampling"])
        optimizer.generator.set_state(tensors["chance.noise"])
    for name, values in facts["trail"].items():
        kept.trail[name][:] = values
    return int(facts["step"])


def _step(module: nn.Module, optimizer: DPOptimizer, x: Batches, y: Tensor, rows: Tensor, chunk: int, progress: Progress) -> None:
    """One private step over ``rows``, however many came up, ``chunk`` gradients in memory at a time."""
    parts = torch.split(rows, chunk) if len(rows) else (rows,)
    for i, part in enumerate(parts):
        progress.check()
        optimizer.zero_grad(set_to_none=True)
        optimizer.signal_skip_step(do_skip=i < len(parts) - 1)
        if len(part):
            batch = torch.from_numpy(np.ascontiguousarray(x[part.numpy()]))
            # An input that wants a gradient keeps torch from warning about Opacus's full backward hooks.
            logits = module(batch.requires_grad_() if batch.is_floating_point() else batch)
            torch.autograd.backward(nn.functional.cross_entropy(logits, y[part], reduction="sum"))
        else:
            for p in optimizer.params:
                p.grad_sample = torch.zeros((0, *p.shape))
        optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def _refuse_nan(module: nn.Module) -> None:
    if not all(bool(torch.isfinite(p).all()) for p in module.parameters()):
        raise Problem("finite weights while training privately", "NaN or inf", "Lower the learning rate or the noise")
