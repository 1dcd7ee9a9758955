"""Grades an attack that a student wrote: are the rows valid, within the budget, and do they fool the defense as they should?"""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import PrivateAttr

from ..check import Check, parameter
from ..datasets.dataset import Dataset
from ..errors import Problem
from ..progress import Progress
from ..result import CheckResult, Evidence, Finding, Metric, Severity, Status
from ..statistics.intervals import rate
from ..targets.target import Target

ROWS, EPS, SLACK = 50, 0.1, 1e-5
STEPS = 20
MARGIN = 0.06  # three rows of fifty: what an attack may leave beyond what the model without the defense withstands


BROKEN = Finding(
    title="An attack of one's own breaks the defense",
    severity=Severity.HIGH,
    evidence=Evidence(metrics=("robust_accuracy", "undefended_accuracy")),
    advice="Judge the defense by attacks that know of it, and change the model rather than the view of it.",
)


class Ladder(Check):
    """Adversarial rows that somebody made, held against the rules and against what the model without its defense withstands."""

    id: ClassVar[str] = "labs.ladder"
    title: ClassVar[str] = "Attack of one's own"
    question: ClassVar[str] = "Do these rows keep the rules, and do they break the defense?"
    needs: ClassVar[frozenset[str]] = frozenset({"labels", "images"})
    headline: ClassVar[str] = "robust_accuracy"

    defense: str = parameter("", "Name of the rung")
    rows: int = parameter(ROWS, "The first held-out rows", "rows", ge=1, le=1000)
    eps: float = parameter(EPS, "How far a pixel may move", "share of range", gt=0, le=1)
    _x: Any = PrivateAttr(None)

    def on(self, x: object) -> "Ladder":
        """The same with the rows to be graded."""
        made = self.model_copy()
        made._x = x
        return made

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        natural, y = first_rows(data, self.rows)
        x = _array(self._x, natural.shape)
        outside, moved = _outside(x, data), float(np.abs(x - natural).max())
        progress.step(0.3, "asking the defense")
        fooled = target.labels(x.astype(np.float32)) == y
        progress.step(0.6, "attacking the model without it")
        limit = _undefended(self.defense, natural, y, self.eps)
        metrics = (
            rate("robust_accuracy", "Robust accuracy", int(fooled.sum()), len(y), safer="higher"),
            rate("undefended_accuracy", "Robust accuracy without the defense", int(limit.sum()), len(y), safer="higher"),
            Metric(name="outside", label="Pixels outside 0 to 1", value=float(outside), unit="pixels", n=x.size),
            Metric(name="largest_change", label="Largest change of a pixel", value=moved, n=x.size),
        )
        # The rules are judged by the question, which also says to the student which of them was broken.
        kept = outside == 0 and moved <= self.eps + SLACK
        words = f"{100 * fooled.mean():.0f} % of {len(y)} rows withstand; without the defense {100 * limit.mean():.0f} %."
        broken = kept and moved > 0 and fooled.mean() <= limit.mean() + MARGIN
        return CheckResult(
            status=Status.FINDING if broken else Status.INCOMPLETE,
            summary=f"{words} The defense adds nothing that an attack does not take away." if broken else words,
            metrics=metrics,
            findings=(BROKEN,) if broken else (),
        )


def first_rows(data: Dataset, rows: int = ROWS) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The rows that are to be attacked: float32 (rows, 1, 28, 28) in 0 to 1, and their labels (rows,)."""
    unseen = data.unseen
    return np.asarray(unseen.x[:rows], np.float32), unseen.y[:rows]


def _array(x: object, shape: tuple[int, ...]) -> NDArray[np.float64]:
    found = np.asarray(x.detach().numpy() if hasattr(x, "detach") else x)
    if found.shape != shape or not np.issubdtype(found.dtype, np.number):
        raise Problem(f"numbers of shape {shape}", f"{found.dtype} of shape {found.shape}", "Give a row for each row, in the same order")
    if not np.isfinite(found).all():
        raise Problem("pixels that are numbers", "nan or inf", "Look for a division by zero")
    return found.astype(np.float64)


def _outside(x: NDArray[np.float64], data: Dataset) -> int:
    """How many pixels lie outside their range."""
    low, high = data.schema.low, data.schema.high
    return int(((x < low - SLACK) | (x > high + SLACK)).sum())


def _undefended(name: str, x: NDArray[np.float32], y: NDArray[np.int64], eps: float) -> NDArray[np.bool_]:
    """Which rows the model without its defense still gets right after PGD; the strongest honest attack that is quick."""
    from ..samples.broken import load_broken

    return _pgd(load_broken(name).undefended.module, x, y, eps)


def _pgd(module: Any, x: NDArray[np.float32], y: NDArray[np.int64], eps: float) -> NDArray[np.bool_]:
    import torch

    start, labels = torch.from_numpy(x), torch.from_numpy(y)
    at, held = start.clone(), torch.ones(len(y), dtype=torch.bool)
    for step in range(STEPS):
        at.requires_grad_()
        logits = module(at)
        held &= logits.argmax(1) == labels
        (gradient,) = torch.autograd.grad(torch.nn.functional.cross_entropy(logits, labels, reduction="sum"), at)
        size = 2 * eps / STEPS * (1.5 if step < STEPS // 2 else 0.5)
        at = (start + (at.detach() + size * gradient.sign() - start).clamp(-eps, eps)).clamp(0, 1)
    with torch.no_grad():
        held &= module(at).argmax(1) == labels
    kept: NDArray[np.bool_] = held.numpy()
    return kept
