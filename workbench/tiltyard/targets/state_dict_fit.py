"""Which of the networks that a state dict allows answers labeled rows best."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..datasets.encoding import encoding_of
from ..errors import Plain, Problem
from ..progress import Progress
from ..result import Metric
from ..statistics.intervals import rate
from .architecture import Architecture, build
from .state_dict import GIVE, Proposal
from .state_dict_layers import ACTIVATIONS, Choices, weights_of

if TYPE_CHECKING:
    from ..datasets.dataset import Dataset

ROWS, FEW = 2_000, 200
MOST = 400
KEPT = 8
SAME = 1e-5
SURE = 3.0  # standard errors
AGREE = 0.99


@dataclass(frozen=True)
class Answers:
    """What a network gives for rows: logits (n, k), −log of the score of the right class (n,), and how far its norms are from theirs.

    ``strange`` is the mean distance of what comes to each batch norm from the mean and variance that it keeps of its training, in
    standard deviations; 0 without one. It needs no labels, and is small for the network that was trained.
    """

    logits: Tensor
    losses: Tensor
    strange: float

    @property
    def labels(self) -> NDArray[np.int64]:
        return self.logits.argmax(1).numpy()


@dataclass(frozen=True)
class Tried:
    """A network and how it answers the rows.

    Attributes
    ----------
    chosen
        What was chosen, by the names of `Proposal.options`.
    accuracy, loss
        On the rows tried; the loss is the mean of −log of the score of the right class.
    right
        Bool (n,): the rows it answers right.
    """

    choices: Choices
    chosen: Mapping[str, str]
    architecture: Architecture
    accuracy: Metric
    loss: float
    strange: float
    labels: NDArray[np.int64]
    right: NDArray[np.bool_]
    losses: NDArray[np.float64]

    @property
    def share(self) -> float:
        return self.accuracy.value or 0.0


OPTIMISTIC = "These rows settled the choice, so what is measured on them may flatter it a little."


@dataclass(frozen=True)
class Settled:
    """What is to be said of a target whose network was chosen by trying: in ``note``, and what undermines it in ``doubts``."""

    note: str
    doubts: tuple[str, ...]


@dataclass(frozen=True)
class Fitted:
    """Networks tried on all rows, the best first; those that answer alike stand there once.

    Attributes
    ----------
    tries
        How many networks were tried, most of them on fewer rows.
    majority
        The share of the most frequent class.
    """

    best: Tried
    others: tuple[Tried, ...]
    tries: int
    rows: int
    majority: float

    @property
    def equals(self) -> tuple[Tried, ...]:
        """Those after the first that are not shown to be worse: by being right less often, or by that and a larger loss."""
        return tuple(t for t in self.others if _as_right(t, self.best) and not _worse(t, self.best))

    @property
    def note(self) -> str:
        """What was chosen and what came next, in a sentence."""
        chosen = "; ".join(f"{name}: {value}" for name, value in self.best.chosen.items())
        second = f", the next best on {_percent(self.others[0])} ({_differs(self.others[0], self.best)})" if self.others else ""
        return (
            f"The layers were found by shape and order, the rest by trying {self.tries} networks on {self.rows:,} labeled rows: "
            f"{chosen or 'nothing was left to choose'}. It is right on {_percent(self.best)}{second}. {OPTIMISTIC}"
        )

    def settled(self, chosen: Tried) -> Settled:
        """What is to be said where ``chosen``, one of those tried, is taken."""
        if chosen is self.best:
            return Settled(self.note, self.doubts)
        differs = _differs(chosen, self.best)
        note = (
            f"Of {self.tries} networks tried on {self.rows:,} labeled rows one was taken by hand ({differs}); it is right on "
            f"{_percent(chosen)}, the likeliest on {_percent(self.best)}. {OPTIMISTIC}"
        )
        worse = f"The network taken by hand ({differs}) is right on {_percent(chosen)}, another on {_percent(self.best)}"
        return Settled(note, self.doubts if chosen in self.equals else (*self.doubts, worse))

    @property
    def doubts(self) -> tuple[str, ...]:
        """What undermines the choice."""
        found = []
        if (self.best.accuracy.low or 0.0) <= self.majority:
            found.append(
                f"No network of these weights is shown to be better than always the most frequent class: the best is right on "
                f"{_percent(self.best)} of {self.rows:,} rows, that one on {100 * self.majority:.1f} %"
            )
        other = [t for t in self.equals if agreement(t, self.best) < AGREE]
        if other:
            listed = "; ".join(
                f"{_differs(t, self.best)} ({_percent(t)}, the same answer on {100 * agreement(t, self.best):.1f} %)" for t in other[:3]
            )
            found.append(
                f"The architecture is a guess: on {self.rows:,} rows others are not shown to be worse than the one chosen "
                f"({_percent(self.best)}): {listed}"
            )
        return tuple(found)


def _percent(tried: Tried) -> str:
    return f"{100 * tried.share:.1f} %"


def _differs(tried: Tried, best: Tried) -> str:
    return ", ".join(f"{name} {value}" for name, value in tried.chosen.items() if best.chosen.get(name) != value) or "other inside"


def agreement(one: Tried, other: Tried) -> float:
    """The share of rows that both answer alike."""
    return float((one.labels == other.labels).mean())


def _as_right(tried: Tried, best: Tried) -> bool:
    """Is it right as often, as far as rows can show on which just one of the two is?"""
    wins, losses = int((best.right & ~tried.right).sum()), int((tried.right & ~best.right).sum())
    return bool(wins - losses <= SURE * np.sqrt(wins + losses))


def _worse(tried: Tried, best: Tried) -> bool:
    """Is it right on fewer rows, and its loss larger than chance would have it?"""
    gap = tried.losses - best.losses
    return bool(tried.share < best.share and gap.mean() > SURE * gap.std() / np.sqrt(len(gap)))


def ranked(tried: list[Tried]) -> list[Tried]:
    """The best first, of those given likelier first.

    Of those that are right as often as the most often right the least strange comes first, then that with the least loss; a loss that
    is less by under two parts in a hundred does not outweigh what is likelier.
    """
    top = max(tried, key=lambda t: (t.share, -t.loss))
    as_right = [t for t in tried if _as_right(t, top)]
    usual = min(t.strange for t in as_right) + 0.01
    near = [t for t in as_right if t.strange <= usual]
    least = min(t.loss for t in near) * 1.02
    best = next(t for t in near if t.loss <= least)
    rest = sorted((t for t in tried if t is not best), key=lambda t: (not _as_right(t, top), round(t.strange, 2), t.loss))
    return [best, *rest]


def usual_first(choices: Choices) -> tuple[int, int]:
    """A key that puts the usual activation and pooling first."""
    return ACTIVATIONS.index(choices.activation), choices.pooling != "max"


class Trial:
    """Tries networks of a proposal on rows."""

    def __init__(self, proposal: Proposal, weights: Mapping[str, Tensor], data: "Dataset", order: tuple[int, ...] = ()) -> None:
        self.proposal = proposal
        self.weights = weights
        self.order = order
        rows = data.unseen if len(data.unseen) else data
        part = rows.sample(min(ROWS, len(rows)), np.random.default_rng(0))
        whole = proposal.shape == encoding_of(data.schema).shape
        self.x = torch.from_numpy(np.array(part.encoded if whole else part.x, np.float32))
        self.y = torch.from_numpy(np.array(part.y, np.int64))
        self.tries = 0
        self.scores: dict[Choices, Tensor] = {}

    def answers(self, choices: Choices, rows: int) -> Answers | None:
        """What the network gives for the first ``rows`` rows; None where there cannot be such a one."""
        self.tries += 1
        try:
            logits, strange = self._asked(choices, self.x[:rows])
        except (RuntimeError, ValueError, Problem):
            return None
        if logits.ndim != 2 or not torch.isfinite(logits).all():
            return None
        return Answers(logits, nn.functional.cross_entropy(logits, self.y[:rows], reduction="none").double(), strange)

    def _asked(self, choices: Choices, x: Tensor) -> tuple[Tensor, float]:
        drawing = self.proposal.drawing(choices)
        with torch.device("meta"):
            module = build(drawing.architecture)
        module.load_state_dict(completed(module, weights_of(drawing, self.weights)), assign=True)
        strange = watched(module)
        with torch.inference_mode():
            out: Tensor = module.float().eval()(x)
        out = out[:, None] if out.ndim == 1 else out
        out = torch.cat([torch.zeros_like(out), out], 1) if out.shape[1] == 1 else out
        return (out[:, list(self.order)] if self.order else out), float(np.mean(strange)) if strange else 0.0

    def tried(self, choices: Choices) -> Tried | None:
        """The network on all rows."""
        found = self.answers(choices, len(self.x))
        if found is None:
            return None
        self.scores[choices] = torch.softmax(found.logits, 1)
        right = found.labels == self.y.numpy()
        accuracy = rate("accuracy", "Accuracy", int(right.sum()), len(right), "higher")
        architecture, chosen = self.proposal.drawing(choices).architecture, self.proposal.chosen(choices)
        return Tried(
            choices, chosen, architecture, accuracy, float(found.losses.mean()), found.strange, found.labels, right, found.losses.numpy()
        )

    def best(self, choices: Iterable[Choices], keep: int, progress: Progress, left: int) -> list[Choices]:
        """The ``keep`` with the least loss and strangeness on a few rows, of at most ``left``."""
        found: list[tuple[float, int, Choices]] = []
        for i, one in enumerate(choices):
            if i >= left:
                break
            progress.step(min(i / left, 1.0), f"{self.tries} networks tried")
            answers = self.answers(one, min(FEW, len(self.x)))
            if answers is not None:
                found.append((float(answers.losses.mean()) + answers.strange, i, one))
        return [one for _, _, one in sorted(found, key=lambda item: item[:2])[:keep]]

    def distinct(self, tried: list[Tried]) -> list[Tried]:
        """Without those that answer as an earlier one does."""
        kept: list[Tried] = []
        for one in tried:
            if all((self.scores[k.choices] - self.scores[one.choices]).abs().max() > SAME for k in kept):
                kept.append(one)
        return kept


def watched(module: nn.Module) -> list[float]:
    """A list that a pass through ``module`` fills: of each batch norm how far its input is from what it keeps of its training."""
    found: list[float] = []

    def look(norm: nn.Module, given: tuple[Tensor, ...]) -> None:
        x = given[0].transpose(0, 1).flatten(1).double()
        mean, var = norm.running_mean, norm.running_var
        if isinstance(mean, Tensor) and isinstance(var, Tensor):
            away = (x.mean(1) - mean).abs() / (var + 1e-5).sqrt() + ((x.var(1) + 1e-5) / (var + 1e-5)).log().abs()
            found.append(float(away.mean()))

    for part in module.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            part.register_forward_pre_hook(look)
    return found


def completed(module: nn.Module, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """``weights`` as float32, with zeros for the counters that a file may lack."""
    found = {name: t.float() if t.is_floating_point() else t for name, t in weights.items()}
    for name, place in module.state_dict().items():
        if name.endswith("num_batches_tracked"):
            found.setdefault(name, torch.zeros(place.shape, dtype=place.dtype))
    return found


def fit(
    proposal: Proposal,
    weights: Mapping[str, Tensor],
    data: "Dataset",
    progress: Progress | None = None,
    fixed: Mapping[str, str] | None = None,
    order: tuple[int, ...] = (),
) -> Fitted:
    """Try at most `MOST` networks on up to 200 rows, and the best of them on up to 2,000.

    Parameters
    ----------
    fixed
        Choices that a person made, by the names of `Proposal.options`.
    order
        Which output is each class of the data; empty where they are in their order.

    Raises
    ------
    Problem
        None of them takes the rows.
    Cancelled
        When ``progress`` is cancelled.
    """
    progress, fixed, trial = progress or Progress(), fixed or {}, Trial(proposal, weights, data, order)
    first = trial.best(proposal.first(fixed), KEPT, progress.part(0.5), MOST // 2)
    second = dict.fromkeys(other for base in first for other in proposal.others(base, fixed))
    chosen = trial.best(second, KEPT, progress.part(0.4), MOST // 2)
    tried = [t for one in sorted(chosen, key=usual_first) if (t := trial.tried(one)) is not None]
    if not tried:
        raise Plain("a network of these weights that takes the rows", "none", GIVE)
    best, *others = trial.distinct(ranked(tried))
    counts = np.bincount(trial.y.numpy())
    return Fitted(best, tuple(others), trial.tries, len(trial.x), float(counts.max() / counts.sum()))
