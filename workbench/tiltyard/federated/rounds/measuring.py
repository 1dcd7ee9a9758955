"""Accuracy, loss and attack success rate of the shared model after a round."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...attacks.triggers import Trigger
from ...datasets.dataset import Dataset
from ...datasets.encoding import encoding_of
from ...result import Frozen
from .plan import Plan


@dataclass(frozen=True)
class Held:
    """Encoded rows no client has: as they are, and, where a backdoor is planted, those of other classes with the trigger on them."""

    x: NDArray[np.float32]
    y: NDArray[np.int64]
    triggered: NDArray[np.float32] | None = None

    @classmethod
    def of(cls, plan: Plan, rows: Dataset, mark: Trigger | None) -> "Held":
        """From rows of a data set."""
        encode = encoding_of(rows.schema).encode
        stamped = encode(mark.stamped(rows.x[rows.y != plan.goal])) if mark is not None else None
        return cls(encode(rows.x), rows.y, stamped)


class Loss(Frozen):
    """Mean cross-entropy over held-out rows, in nats, within ``low`` to ``high`` at 95 % (normal approximation)."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Tensor) -> "Loss | None":
        """From the loss of each row (n,); None where one is not a number."""
        if not torch.isfinite(values).all():
            return None
        mean = float(values.mean())
        half = 1.96 * float(values.std(correction=0)) / len(values) ** 0.5
        return cls(mean=mean, low=max(mean - half, 0.0), high=mean + half)


@dataclass(frozen=True)
class Seen:
    """Rows right of ``rows``; attack successes ``hits`` of ``tries`` (0 of 0 where nobody attacks); the loss where it is a number."""

    right: int
    rows: int
    hits: int = 0
    tries: int = 0
    loss: Loss | None = None


def logits(module: nn.Module, x: NDArray[np.float32]) -> Tensor:
    """Logits (n, k) of a module that returns them, or one logit (n,) or (n, 1)."""
    from ...targets.torch_target import Logits

    head = Logits(module, "logits").eval()
    with torch.inference_mode():
        return torch.cat([head(torch.from_numpy(np.ascontiguousarray(x[i : i + 1024]))) for i in range(0, len(x), 1024)])


def decided(scored: Tensor, plan: Plan) -> NDArray[np.int64]:
    """The classes that logits (n, k) decide by the plan's rule, int64 (n,)."""
    moved = scored + torch.tensor(plan.offsets) if plan.offsets else scored
    return np.asarray(moved.argmax(1).numpy(), np.int64)


def seen(module: nn.Module, held: Held, plan: Plan, classes: int) -> Seen:
    """Accuracy, and the attack's own success: rows called by the next class (label flip), wrong rows (sign flip),
    triggered rows of other classes called the goal (model replacement)."""
    scored = logits(module, held.x)
    found = decided(scored, plan)
    loss = Loss.of(nn.functional.cross_entropy(scored, torch.from_numpy(np.ascontiguousarray(held.y)), reduction="none"))
    right, n = int((found == held.y).sum()), len(held.y)
    hits, tries = _success(module, found, held, plan, classes)
    return Seen(right, n, hits, tries, loss)


def _success(module: nn.Module, found: NDArray[np.int64], held: Held, plan: Plan, classes: int) -> tuple[int, int]:
    if not plan.malicious:
        return 0, 0
    if plan.attack == "label_flip":
        return int((found == (held.y + 1) % classes).sum()), len(held.y)
    if held.triggered is None:
        return int((found != held.y).sum()), len(held.y)
    obeyed = decided(logits(module, held.triggered), plan) == plan.goal if len(held.triggered) else np.zeros(0, bool)
    return int(obeyed.sum()), len(held.triggered)
