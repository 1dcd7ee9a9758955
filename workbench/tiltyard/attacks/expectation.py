"""Attacks on a model that draws: they ask again and use what it answers on average.

Athalye et al. 2018, arXiv:1802.00420, "expectation over transformation": a gradient averaged over draws. One answer of such a
model says little, and the best of many says less; so what it decides is the majority of `REPEATS` answers.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..datasets.schema import Rows
from ..targets.decision import Labels, Prediction, Scores
from ..targets.target import Target, uncounted

REPEATS = 11
ROUNDS = 5  # of as many answers, when it is settled what a row that was attacked counts as
SETTLED = 0.5  # how much larger the share of wrong answers is before a search that can go on is content: at least 9 of 11


def repeats(target: Target) -> int:
    """How often each row is asked: once of a model that does not draw."""
    return REPEATS if target.noise > 0 or target.fingerprint in _drawing.get() else 1


_drawing: ContextVar[frozenset[str]] = ContextVar("tiltyard_drawing", default=frozenset())
TWICE, FEW, AGAIN = 64, 8, 2  # a model that draws once a call may draw alike in two


def draws(target: Target, x: Rows) -> bool:
    """Does it answer a few rows differently when asked twice, by its labels, its scores or its logits? Not counted; an endpoint is not asked."""
    if target.noise > 0 or "url" in target.offers or len(x) == 0:
        return target.noise > 0
    with uncounted():
        if _differs(target, x[:TWICE]) or any(_differs(target, x[:FEW]) for _ in range(AGAIN)):
            return True
        return "gradients" in target.offers and _logits_draw(target, x[:TWICE])


def _differs(target: Target, x: Rows) -> bool:
    one, other = target.predictions(x), target.predictions(x)
    return bool((one.labels != other.labels).any()) or float(np.abs(one.scores - other.scores).max()) > target.close


def _logits_draw(target: Target, x: Rows) -> bool:
    z = torch.from_numpy(np.require(target.encoding.encode(x, np.float32, holding=True), requirements="W"))
    with torch.no_grad():
        one, other = target.module(z), target.module(z)
    return bool((one - other).abs().max() > 1e-4 * one.abs().max())


@contextmanager
def drawing(target: Target, draws: bool) -> Iterator[None]:
    """While it lasts, a target found to draw is asked as often as one of which opening found it."""
    token = _drawing.set(_drawing.get() | ({target.fingerprint} if draws else set()))
    try:
        yield
    finally:
        _drawing.reset(token)


def repeats_of(module: nn.Module) -> int:
    """How often a module asks a target for each row: `Expected` and those of `queries`, also within another."""
    return max(int(getattr(part, "repeats", 1)) for part in module.modules())


def settled(module: nn.Module) -> float:
    """By what share of answers a row has to fool before a search leaves it: so that it still does when it is asked anew."""
    return SETTLED if repeats_of(module) > 1 else 0.0


@dataclass(frozen=True)
class Votes:
    """Of the answers to a row the ``share`` that says each class, and the mean ``scores``; both float64 (n, k)."""

    share: NDArray[np.float64]
    scores: Scores


def votes(target: Target, x: Rows) -> Votes:
    """Labels and scores of as many answers as `repeats` says."""
    every = [target.predictions(x) for _ in range(repeats(target))]
    return Votes(_share([one.labels for one in every], target), np.mean([one.scores for one in every], 0))


def label_votes(target: Target, x: Rows) -> NDArray[np.float64]:
    """The share of answers that says each class, float64 (n, k), where only labels are asked for."""
    return _share([target.labels(x) for _ in range(repeats(target))], target)


def _share(every: list[Labels], target: Target) -> NDArray[np.float64]:
    counts = np.zeros((len(every[0]), len(target.classes)))
    for one in every:
        counts[np.arange(len(one)), one] += 1
    return counts / len(every)


def answers(target: Target, x: Rows) -> Prediction:
    """What the target decides and its scores; of one that draws the commonest of its answers and their mean scores."""
    found = votes(target, x)
    return Prediction(found.share.argmax(1).astype(np.int64), found.scores)


def settled_answers(target: Target, x: Rows) -> Prediction:
    """As `answers`, of one that draws by `ROUNDS` times as many, asked anew and not counted; an endpoint is asked no more often.

    A search keeps what fooled it, by luck too, and where the model draws once for all rows of a call their luck is the same.
    """
    if repeats(target) == 1 or "url" in target.offers:
        return answers(target, x)
    found = [votes(target, x)]
    with uncounted():
        found += [votes(target, x) for _ in range(ROUNDS - 1)]
    share = np.mean([each.share for each in found], 0)
    return Prediction(share.argmax(1).astype(np.int64), np.mean([each.scores for each in found], 0))


def labels(target: Target, x: Rows) -> Labels:
    """What the target decides, (n,); of one that draws the commonest of its answers."""
    found: Labels = label_votes(target, x).argmax(1).astype(np.int64)
    return found


class Expected(nn.Module):
    """The logarithm of a module's mean probabilities over ``times`` draws: its gradient is the expectation over its noise.

    Each draw is a call of its own, for some modules draw once for all rows of a call (a random shift, a random size).
    """

    def __init__(self, inner: nn.Module, times: int = REPEATS) -> None:
        super().__init__()
        self.inner = inner
        self.repeats = times

    def forward(self, x: Tensor) -> Tensor:
        """Log probabilities (n, k)."""
        return torch.logsumexp(torch.stack([self.inner(x).log_softmax(1) for _ in range(self.repeats)]), 0)


def expected(module: nn.Module, target: Target) -> nn.Module:
    """The target's module, or where it draws its expectation."""
    return module if repeats(target) == 1 else Expected(module)
