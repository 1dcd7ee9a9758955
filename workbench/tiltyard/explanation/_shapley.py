"""Shapley values of a model's output: permutation sampling with batched model calls, and DeepExplainer as a preview."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..datasets.schema import Schema
from ..errors import Problem, Unavailable
from ..progress import Progress
from ..targets.target import Target

if TYPE_CHECKING:
    import torch

Scale = Literal["probability", "log-odds"]
Score = Callable[[NDArray[np.float32]], NDArray[np.float64]]
Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
CALL, WALKED = 1024, 16384


@dataclass(frozen=True)
class Players:
    """Which columns of x move together: a number, a whole one-hot group, or a patch of pixels.

    ``member`` is intp (d,): the player of each column of the flattened x.
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

    @property
    def gap(self) -> Floats:
        """What the sum of the values misses of ``outputs - base``, (n,)."""
        missed: Floats = self.values.sum(1) - (self.outputs - self.base)
        return missed


@runtime_checkable
class Randomized(Protocol):
    """A target that draws its answer: its expected scores are a function that can be explained."""

    def expected_scores(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Mean of the scores over the target's own draws, float32 (n, k)."""


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
    """The function that is explained: float32 (n, *shape) to float64 (n, k), counted as queries.

    Log-odds ``log(p / (1 - p))`` come from a module's logits where there are any; else probabilities are
    held away from 0 and 1 by 1e-6.
    """
    if isinstance(target, Randomized):
        drawn = target.expected_scores
        return lambda x: _scaled(drawn(x).astype(np.float64), scale)
    if scale == "log-odds" and "gradients" in target.offers:
        return lambda x: _log_odds(target, x)
    return lambda x: _scaled(target.scores(x).astype(np.float64), scale)


def _scaled(scores: Floats, scale: Scale) -> Floats:
    if scale == "probability":
        return scores
    held = scores.clip(1e-6, 1 - 1e-6)
    odds: Floats = np.log(held) - np.log1p(-held)
    return odds


def _log_odds(target: Target, x: NDArray[np.float32]) -> Floats:
    import torch

    target.count(len(x))
    with torch.inference_mode():
        logits = target.module(torch.from_numpy(np.ascontiguousarray(x))).double()
        total = torch.logsumexp(logits, 1, keepdim=True)
        inside = torch.log(-torch.expm1((logits - total).clamp_max(-1e-15)))
        odds: Floats = (logits - total - inside).numpy()
    return odds if odds.shape[1] != 2 else np.stack([-(o := (logits[:, 1] - logits[:, 0]).numpy()), o], 1)


def permutation(
    score: Score,
    x: NDArray[np.float32],
    of: Indices,
    background: NDArray[np.float32],
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
        float32 (n, *shape) to float64 (n, k).
    x : float32 (n, *shape)
    of : intp (n,)
        The output column explained in each row.
    background : float32 (b, *shape)
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


def _chunked(score: Score, x: NDArray[np.float32], progress: Progress) -> Floats:
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
    x: NDArray[np.float32]
    back: NDArray[np.float32]
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
        columns: NDArray[np.bool_] = self.x[row] != self.back[behind]
        if len(self.players) == columns.shape[1]:
            return columns
        out = np.zeros((len(row), len(self.players)), bool)
        np.logical_or.at(out.T, self.players.member, columns.T)
        return out


def deep(
    target: Target, x: NDArray[np.float32], of: Indices, background: NDArray[np.float32], players: Players, progress: Progress
) -> Attribution:
    """DeepLIFT-style values by ``shap.DeepExplainer`` (Lundberg and Lee 2017, arXiv 1705.07874), summed over each player's columns.

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
    values, outputs, base = np.zeros((len(x), len(players))), np.zeros(len(x)), np.zeros(len(x))
    done = 0
    for index in np.unique(of):
        one = _one_output(module, int(index), len(target.classes))
        rows = np.flatnonzero(of == index)
        behind, wanted = torch.from_numpy(background.copy()), torch.from_numpy(x[rows])
        with torch.no_grad():
            base[rows] = one(behind).double().mean().item()
            outputs[rows] = one(wanted)[:, 0].double().numpy()
        target.count(len(background) + len(rows))
        for row in rows:
            progress.step(done / len(x), f"row {done + 1} of {len(x)}")
            part = _deep_row(one, behind, torch.from_numpy(x[row : row + 1].copy()))
            values[row] = np.bincount(players.member, part.ravel(), len(players))
            done += 1
    unit = "log-odds" if len(target.classes) == 2 else "logit"
    return Attribution(values, np.full_like(values, np.nan), base, outputs, players, unit)


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
