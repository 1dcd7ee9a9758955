"""Can a model's gradients lead an attack? Asked on a few rows, before the attack: are there any, are they finite, do they agree with finite differences.

Carlini et al. 2019, arXiv:1902.06705, and Pintor et al. 2022, arXiv:2106.09947, list what makes an evaluation wrong.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..errors import Cancelled, Unavailable
from .norms import Norm, drawn
from .perturbation_space import PerturbationSpace, ascended, margins

ROWS = 24
SIZES = (0.02, 0.1, 0.5)  # of eps
WITHIN = (0.5, 2.0)  # a finite difference over what the gradient says
LEAST = 1e-5  # of the logits, below which float32 says nothing of a difference
MOST_WRONG = 0.1  # of the rows asked; of honest models it is none, or of tables one in 24
SATURATED = 0.5
LEVEL = 0.3  # of logits: what lies nearer to each other a softmax takes for equal
OTHERS = 3
ALONE = 4  # numbers of a row without a gradient that are moved alone
REACTS = 1e-3  # of the logits: a change of the margin that counts
VANISHING = 1e-3  # of such a change: when the gradient promises less of it, it leads nowhere


@dataclass(frozen=True)
class GradientFacts:
    """What was found on ``n`` rows: shares of them, and why there is no gradient at all where that is so.

    ``saturated`` rows have a cross-entropy whose gradient float32 holds as zero; ``zero`` ones a margin whose gradient is zero, or next to
    it, although the model reacts within eps or on the way to other rows; ``level`` ones logits so near to each other that a softmax takes
    all classes for equally likely, so that cross-entropy leads to none; ``unseen`` is the share of numbers whose derivative is zero although
    moving one alone within eps changes the logits; ``wrong`` is of ``compared`` rows the share whose gradient no finite difference bears out.
    """

    n: int
    absent: str = ""
    zero: float = 0.0
    infinite: float = 0.0
    wrong: float = 0.0
    compared: int = 0
    saturated: float = 0.0
    probabilities: bool = False
    level: float = 0.0
    unseen: float = 0.0

    @property
    def usable(self) -> bool:
        """Can an attack be led by them?"""
        return not self.absent and self.zero <= MOST_WRONG and self.infinite <= MOST_WRONG and self.wrong <= MOST_WRONG

    @property
    def hidden(self) -> bool:
        """Are the logits hidden by a softmax, or by a head that saturates?"""
        return self.probabilities or self.saturated > SATURATED


def probe(module: nn.Module, x: Tensor, y: Tensor, space: PerturbationSpace, norm: Norm, eps: float, seed: int) -> GradientFacts:
    """Facts of the gradients at random points within eps of the first rows; a model that draws is asked with equal draws."""
    x, y = x[:ROWS], y[:ROWS]
    generator = torch.Generator().manual_seed(seed)
    low, high = space.room(x)
    point = space.moved(x, torch.clamp(drawn(x, norm, eps, generator, space.free), low, high)).detach()
    with torch.random.fork_rng(devices=[]):
        try:
            gradient, logits = _asked(module, point, y, seed)
        except Unavailable as error:
            return GradientFacts(len(x), str(error))
        return _judged(module, point, y, space, eps if norm == "linf" else 0.1, gradient, logits, seed)


def _asked(module: nn.Module, x: Tensor, y: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    torch.manual_seed(seed)
    return ascended(module, x, lambda logits: margins(logits, y))


def _forward(module: nn.Module, x: Tensor, seed: int) -> Tensor:
    torch.manual_seed(seed)
    with torch.no_grad():
        out: Tensor = module(x)
        return out


def _answered(module: nn.Module, x: Tensor, seed: int) -> Tensor | None:
    """The logits at points as far as ranges go, None where the model does not take these."""
    try:
        return _forward(module, x, seed)
    except (Cancelled, KeyboardInterrupt):
        raise
    except Exception:
        return None


def _judged(
    module: nn.Module, x: Tensor, y: Tensor, space: PerturbationSpace, eps: float, gradient: Tensor, logits: Tensor, seed: int
) -> GradientFacts:
    low, high = space.room(x)
    slope = gradient * space.scale * space.free
    start, ratios = margins(logits, y), []
    for size in SIZES:
        change = torch.maximum(torch.minimum(slope.sign() * eps * size, high), low)
        there = space.moved(x, change)
        wanted = (slope * space.change(x, there)).flatten(1).sum(1)  # whole numbers move less far, or not at all
        got = margins(_forward(module, there, seed), y) - start
        clear = wanted.abs() > LEAST * logits.abs().amax(1)
        ratios.append(torch.where(clear, got / wanted.clamp_min(1e-30), torch.nan))
    zero = torch.zeros(len(x), dtype=torch.bool)
    for away in _moves(x, space, eps, logits):
        change = torch.maximum(torch.minimum(away, high), low)
        answer = _answered(module, space.moved(x, change), seed)
        if answer is not None:
            zero |= _leads_nowhere(slope, change, logits, answer, y)
    every = torch.stack(ratios)
    compared = (~every.isnan()).any(0)
    agree = ((every >= WITHIN[0]) & (every <= WITHIN[1])).any(0)
    entropy = _entropy_gradient(logits, y)
    return GradientFacts(
        len(x),
        "",
        _share(zero),
        _share(~logits.isfinite().all(1)),
        float((compared & ~agree).sum() / compared.sum().clamp_min(1)),
        int(compared.sum()),
        _share(entropy == 0),
        bool((logits >= 0).all()) and bool(((logits.sum(1) - 1).abs() < 1e-3).all()),
        _share(logits.amax(1) - logits.amin(1) < LEVEL) if logits.shape[1] > 2 else 0.0,  # of two classes there is one way only
        _unseen(module, x, space, eps, slope, logits, seed),
    )


def _unseen(module: nn.Module, x: Tensor, space: PerturbationSpace, eps: float, slope: Tensor, logits: Tensor, seed: int) -> float:
    """The share of numbers whose derivative is zero, times the share of some of them that the logits follow when one alone is moved."""
    low, high = space.room(x)
    dead = ((slope == 0) & (low < high)).flatten(1)
    if not bool(dead.any()):
        return 0.0
    generator, size = torch.Generator().manual_seed(seed), logits.abs().amax(1)
    reacts = torch.zeros(len(x), dtype=torch.float64)
    for _ in range(ALONE):
        one = torch.rand(dead.shape, generator=generator).masked_fill(~dead, -1.0).argmax(1, keepdim=True)
        found = torch.zeros(len(x), dtype=torch.bool)
        for end in (low.clamp_min(-eps), high.clamp_max(eps)):
            change = torch.zeros_like(dead, dtype=x.dtype).scatter(1, one, end.flatten(1).gather(1, one)).reshape(x.shape)
            found |= (_forward(module, space.moved(x, change), seed) - logits).abs().amax(1) > 1e-6 * size
        reacts += (found & dead.any(1)).double() / ALONE
    movable = (low < high).flatten(1).sum(1).clamp_min(1)
    return float((dead.sum(1) / movable * reacts).mean())


def _moves(x: Tensor, space: PerturbationSpace, eps: float, logits: Tensor) -> tuple[Tensor, ...]:
    """Changes in ranges that a model should react to: all numbers down or up by eps or as far as they go, or those of a row answered otherwise."""
    labels = logits.argmax(1)
    others = [x[labels == label][:1] for label in sorted(set(labels.tolist()))[:OTHERS]]
    level = torch.ones_like(x)
    return (*(level * far for far in (-eps, eps, -1.0, 1.0)), *(space.change(x, other.expand_as(x)) for other in others))


def _leads_nowhere(slope: Tensor, change: Tensor, logits: Tensor, there: Tensor, y: Tensor) -> Tensor:
    """Rows (n,) whose logits change by this move, although the gradient is zero or promises less than a thousandth of it."""
    size = logits.abs().amax(1)
    reacts = (there - logits).abs().amax(1) > 1e-6 * size
    got = (margins(there, y) - margins(logits, y)).abs()
    promised = (slope.abs() * change.abs()).flatten(1).sum(1)
    return (reacts & (slope.flatten(1).abs().amax(1) == 0)) | ((got > REACTS * size) & (promised < VANISHING * got))


def _entropy_gradient(logits: Tensor, y: Tensor) -> Tensor:
    """The largest derivative of cross-entropy by a logit, float32, (n,)."""
    return (logits.float().softmax(1) - nn.functional.one_hot(y, logits.shape[1])).abs().amax(1)


def _share(rows: Tensor) -> float:
    return float(rows.float().mean()) if len(rows) else 0.0
