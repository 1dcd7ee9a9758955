"""Shapley values of a model's output: permutation sampling with batched model calls, and DeepExplainer as a preview."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..datasets.encoding import encoding_of
from ..datasets.schema import Rows, Schema
from ..errors import Problem, Unavailable
from ..progress import Progress
from ..targets.target import Target

if TYPE_CHECKING:
    import torch

Scale = Literal["probability", "log-odds"]
Score = Callable[[Rows], NDArray[np.float64]]
Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
CALL, WALKED = 1024, 16384
HELD, SMOOTH = 1e-6, 1e-300  # how near to 0 and 1 log-odds follow a probability: of any model, and of one that never reaches them


@dataclass(frozen=True)
class Players:
    """What is given to the model or taken from the background as a whole: a feature of the table, or a patch of pixels.

    ``member`` is intp (d,): the player of each column of the flattened x. A category is one column, so that no model is asked for a
    part of one.
    """

    names: tuple[str, ...]
    member: Indices

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class Attribution:
    """Shapley values of n rows over m players.

    ``values`` (n, m) sum over players to ``outputs - base``, both (n,); ``error`` (n, m) is the standard
    error from the permutations and the background rows drawn, NaN where the method gives none.
    """

    values: Floats
    error: Floats
    base: Floats
    outputs: Floats
    players: Players
    unit: str
    method: str = "permutation"

    @property
    def gap(self) -> Floats:
        """What the sum of the values misses of ``outputs - base``, (n,)."""
        missed: Floats = self.values.sum(1) - (self.outputs - self.base)
        return missed


@runtime_checkable
class Randomized(Protocol):
    """A target that draws its answer: its expected scores are a function that can be explained."""

    def expected_scores(self, x: Rows) -> Floats:
        """Mean of the scores over the target's own draws, float64 (n, k)."""


def players(schema: Schema, patch: int = 4) -> Players:
    """The features of a table, or the ``patch`` by ``patch`` pixel squares of an image (all channels together)."""
    if not schema.images:
        widths = [f.width for f in schema.features]
        return Players(tuple(f.name for f in schema.features), np.repeat(np.arange(len(widths)), widths))
    channels, height, width = schema.shape
    across = -(-width // patch)
    square = (np.arange(height) // patch)[:, None] * across + (np.arange(width) // patch)[None, :]
    names = tuple(f"rows {r * patch}+, columns {c * patch}+" for r in range(-(-height // patch)) for c in range(across))
    return Players(names, np.tile(square.ravel(), channels).astype(np.intp))


def scorer(target: Target, scale: Scale) -> Score:
    """The function that is explained: rows (n, *shape) to float64 (n, k), counted as queries.

    It is the model's scores, whatever it decides by: its labels, 0 or 1 for each class, where it has no scores. Log-odds
    ``log(p / (1 - p))`` of a model that may answer 0 or 1 are held at those of 1e-6.
    """
    least = SMOOTH if "gradients" in target.offers else HELD
    scores = target.expected_scores if isinstance(target, Randomized) else target.scores
    return lambda x: _scaled(np.asarray(scores(x), np.float64), scale, least)


def _scaled(scores: Floats, scale: Scale, least: float) -> Floats:
    if scale == "probability":
        return scores
    rows, top = np.arange(len(scores)), scores.argmax(1)
    rest = scores.copy()
    rest[rows, top] = 0
    others = scores.sum(1, keepdims=True) - scores
    others[rows, top] = rest.sum(1)  # summed, for a difference loses the digits where one score is near 1
    odds: Floats = np.log(scores.clip(min=least)) - np.log(others.clip(min=least))
    return odds


def permutation(
    score: Score,
    x: Rows,
    of: Indices,
    background: Rows,
    players: Players,
    pairs: int,
    rng: np.random.Generator,
    progress: Progress,
    unit: str = "probability",
) -> Attribution:
    """Shapley values by antithetic permutations (Castro et al. 2009; Mitchell et al. 2022, arXiv 2104.12199).

    Departs from shap's ``PermutationExplainer`` in that every background row walks its own ``pairs`` permutations
    (forward and reversed) instead of all of them walking the same few, so that one pair a background row already
    averages over as many orders as there are rows; and in that walks of all rows share large model calls. Each
    walk telescopes from f(background) to f(x), so the sum is exact.

    Parameters
    ----------
    score
        Rows (n, *shape) to float64 (n, k).
    x : rows (n, *shape)
    of : intp (n,)
        The output column explained in each row.
    background : rows (b, *shape)
    pairs
        Antithetic pairs a background row, at least 1.

    Returns
    -------
    Attribution
        ``error`` holds the spread over background rows too: it is no smaller than the error of the sampling alone.
    """
    if pairs < 1 or len(background) < 1:
        raise Problem("at least one permutation and one background row", f"{pairs} and {len(background)}", "Raise them")
    n, b = len(x), len(background)
    flat, back = x.reshape(n, -1), background.reshape(b, -1)
    rows = np.arange(n)
    at_x = _chunked(score, x, progress)[rows, of]
    at_back = _chunked(score, background, progress)
    walks = _Walks(lambda mixed: _chunked(score, mixed, progress), flat, back, x.shape[1:], of, at_x, at_back, players)
    total, square = np.zeros((n, len(players))), np.zeros((n, len(players)))
    count, size = b * pairs, max(1, WALKED // (2 * len(players)))
    for start in range(0, n * count, size):
        progress.step(start / (n * count), f"row {start // count + 1} of {n}")
        chunk = np.arange(start, min(start + size, n * count))
        row = chunk // count
        order = rng.random((len(chunk), len(players))).argsort(1)
        part = (walks.walk(row, chunk // pairs % b, order) + walks.walk(row, chunk // pairs % b, order[:, ::-1])) / 2
        np.add.at(total, row, part)
        np.add.at(square, row, part**2)
    progress.step(1.0, "attributed")
    mean = total / count
    spread = np.maximum(square / count - mean**2, 0) / max(count - 1, 1)
    error = np.sqrt(spread) if count > 1 else np.full_like(mean, np.nan)
    return Attribution(mean, error, at_back[:, of].mean(0), at_x, players, unit)


def _chunked(score: Score, x: Rows, progress: Progress) -> Floats:
    """``score(x)`` in calls of fixed size: a size that followed the clock would change the last bits from run to run."""
    parts = []
    for start in range(0, len(x), CALL):
        progress.check()
        parts.append(score(x[start : start + CALL]))
    return np.concatenate(parts)


@dataclass(frozen=True)
class _Walks:
    """Walks from background rows to explained rows, one player at a time."""

    score: Score
    x: Rows
    back: Rows
    shape: tuple[int, ...]
    of: Indices
    at_x: Floats
    at_back: Floats
    players: Players

    def walk(self, row: Indices, behind: Indices, order: Indices) -> Floats:
        """What each player adds when it enters in ``order`` (w, m); float64 (w, m)."""
        w, m = order.shape
        rank = order.argsort(1)
        moved = np.take_along_axis(self._differs(row, behind), order, 1)
        moved[:, -1] = False
        walk, step = np.nonzero(moved)
        path = np.empty((w, m + 1))
        path[:, 0], path[:, -1] = self.at_back[behind, self.of[row]], self.at_x[row]
        if len(walk):
            inside = (rank[walk] <= step[:, None])[:, self.players.member]
            mixed = np.where(inside, self.x[row[walk]], self.back[behind[walk]])
            path[walk, step + 1] = self.score(mixed.reshape(-1, *self.shape))[np.arange(len(walk)), self.of[row[walk]]]
        last = np.maximum.accumulate(np.where(moved, np.arange(1, m + 1), 0), 1)[:, :-1]
        path[:, 1:-1] = np.take_along_axis(path, last, 1)
        return np.take_along_axis(np.diff(path, axis=1), rank, 1)

    def _differs(self, row: Indices, behind: Indices) -> NDArray[np.bool_]:
        columns = differs(self.x[row], self.back[behind])
        if len(self.players) == columns.shape[1]:
            return columns
        out = np.zeros((len(row), len(self.players)), bool)
        np.logical_or.at(out.T, self.players.member, columns.T)
        return out


def differs(one: Rows, other: Rows) -> NDArray[np.bool_]:
    """Where two arrays of rows differ; two cells without a number are the same."""
    found: NDArray[np.bool_] = (one != other) & ~(np.isnan(one) & np.isnan(other))
    return found


def deep(target: Target, x: Rows, of: Indices, background: Rows, players: Players, progress: Progress) -> Attribution:
    """DeepLIFT-style values by ``shap.DeepExplainer`` (Lundberg and Lee 2017, arXiv 1705.07874), summed over each player's encoded columns.

    Explains the log-odds of the class where there are two and its logit where there are more. An approximation
    whose `Attribution.gap` says how far it misses additivity.

    Raises
    ------
    Unavailable
        Where the target has no module, or shap cannot follow its layers.
    """
    import copy

    import torch

    module = copy.deepcopy(target.module)
    encoding = encoding_of(target.schema)
    z, behind_z = encoding.encode(x), encoding.encode(background)
    member = _encoded_member(players, target.schema)
    values, outputs, base = np.zeros((len(x), len(players))), np.zeros(len(x)), np.zeros(len(x))
    done = 0
    for index in np.unique(of):
        one = _one_output(module, int(index), len(target.classes))
        rows = np.flatnonzero(of == index)
        behind, wanted = torch.from_numpy(behind_z.copy()), torch.from_numpy(z[rows])
        with torch.no_grad():
            base[rows] = one(behind).double().mean().item() - _decided_by(target, int(index))
            outputs[rows] = one(wanted)[:, 0].double().numpy() - _decided_by(target, int(index))
        target.count(len(background) + len(rows))
        for row in rows:
            progress.step(done / len(x), f"row {done + 1} of {len(x)}")
            part = _deep_row(one, behind, torch.from_numpy(z[row : row + 1].copy()))
            values[row] = np.bincount(member, part.ravel(), len(players))
            done += 1
    unit = "log-odds" if len(target.classes) == 2 else "logit"
    return Attribution(values, np.full_like(values, np.nan), base, outputs, players, unit, "deep")


def _decided_by(target: Target, index: int) -> float:
    """How far the decision rule moves the explained number in the module's logits away from the scores' own."""
    offsets = (target.decision.offsets if target.decision is not None else None) or (0.0,) * len(target.classes)
    return offsets[index] - offsets[1 - index] if len(offsets) == 2 else offsets[index]


def _encoded_member(players: Players, schema: Schema) -> Indices:
    """The player of each encoded column, intp."""
    if schema.images:
        return players.member
    encoding = encoding_of(schema)
    first = np.array([schema.slices[f.name].start for f in schema.features], np.intp)
    found: Indices = np.repeat(players.member[first], encoding.widths)
    return found


def _deep_row(one: "torch.nn.Module", background: "torch.Tensor", row: "torch.Tensor") -> Floats:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import shap

            found = shap.DeepExplainer(one, background).shap_values(row, check_additivity=False)
        values: Floats = np.asarray(found, np.float64)[0]
        return values
    except (RuntimeError, AssertionError, AttributeError, KeyError, NotImplementedError) as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise Unavailable("layers that DeepExplainer can follow", reason, "Use method='permutation'") from None


def _one_output(module: "torch.nn.Module", index: int, classes: int) -> "torch.nn.Module":
    import torch

    class OneOutput(torch.nn.Module):
        """One column of the logits; the difference to the other where there are two."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = module

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = self.inner(x)
            return logits[:, [index]] - logits[:, [1 - index]] if classes == 2 else logits[:, [index]]

    return OneOutput().eval()
