"""The extraction detector: do a key's queries look like honest ones?

In the manner of PRADA (Juuti et al. 2019, arXiv 1805.02628), which looks at each client's distribution of distances from a
query to the nearest earlier one of the same class. PRADA holds that distribution against a normal one; honest rows of a
table are not normal (one-hot groups), and uniform random rows are. So we take the distance to the nearest of known honest
rows with the same answer, and with it the margin of the answer, which a thief who asks where the copy is unsure makes
small. Each is given by its rank among honest rows of the same answer, so that a block's ranks are even whatever classes it
asks for; the one-sided Kolmogorov-Smirnov statistic says how much farther, or less sure, they are than even ones. Limits
come from blocks drawn of the honest rows, half of them of one class. A row asked again within a block teaches a thief
nothing and is not counted: who honestly asks one row every minute is not strange for it.

What it cannot see: a thief who asks honest rows (against that helps only the budget), one who spreads over many keys, or
fewer different rows than two blocks. Who honestly asks unlike the honest rows, as one group of people alone, can be
flagged too: it is a question for an operator, not a proof. How often, measured: ``benchmarks/bench_extraction_detector.py``.
"""

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..datasets.encoding import Encoding, encoding_of
from ..datasets.schema import Rows, Schema
from ..errors import Problem
from ..targets.decision import Prediction, Scores

BLOCK = 100
DRAWS = 4000
ALLOWED = 0.001
WIDTH = 32
LEAST = 5 * BLOCK
KNOWN = 2000
FEWEST = 20
MOST = 20_000
SIDES: tuple[Literal["left", "right"], ...] = ("left", "right")


@dataclass(frozen=True)
class View:
    """Rows as the detector keeps them: encoded, scaled by the schema's ranges, a missing number in their middle, and, where they are wide,
    projected to 32 random directions."""

    encoding: Encoding
    low: NDArray[np.float64]
    span: NDArray[np.float64]
    directions: NDArray[np.float32] | None

    @classmethod
    def of(cls, schema: Schema, rng: np.random.Generator) -> "View":
        """The view of a schema's rows; distances keep within a few percent (Johnson and Lindenstrauss 1984)."""
        encoding = encoding_of(schema)
        low, high = encoding.low.ravel(), encoding.high.ravel()
        wide = low.size > 2 * WIDTH
        directions = rng.normal(size=(low.size, WIDTH)).astype(np.float32) / np.float32(np.sqrt(WIDTH)) if wide else None
        return cls(encoding, low, np.maximum(high - low, 1e-9), directions)

    def __call__(self, x: Rows) -> NDArray[np.float32]:
        """Float32 (n, at most 64)."""
        encoded = self.encoding.encode(x, np.float64).reshape(len(x), -1)
        scaled: NDArray[np.float32] = np.nan_to_num((encoded - self.low) / self.span, nan=0.5).astype(np.float32)
        return scaled if self.directions is None else scaled @ self.directions


def nearest(
    z: NDArray[np.float32], labels: NDArray[np.int64], known: NDArray[np.float32], answers: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The distance of each row to the nearest known one with its label; of a label that no known row has, to the nearest of all."""
    apart = ((z**2).sum(1)[:, None] - 2 * z @ known.T + (known**2).sum(1)).astype(np.float64)
    other = labels[:, None] != answers[None]
    least = np.where(other & ~other.all(1, keepdims=True), np.inf, apart).min(1)
    found: NDArray[np.float64] = np.sqrt(np.maximum(least, 0))
    return found


def margins(scores: Scores) -> NDArray[np.float64]:
    """How much the best score of each row is above the second."""
    top = np.partition(scores, scores.shape[1] - 2, axis=1)
    found: NDArray[np.float64] = (top[:, -1] - top[:, -2]).astype(np.float64)
    return found


def lower(ranks: NDArray[np.float64]) -> float:
    """How far ranks in (0, 1) lie below even ones: the one-sided one-sample Kolmogorov-Smirnov statistic; 1 for none."""
    if not len(ranks):
        return 1.0
    return float((np.arange(1, len(ranks) + 1) / len(ranks) - np.sort(ranks)).max())


@dataclass(frozen=True)
class Ranking:
    """Honest values, sorted: those of each label with at least `FEWEST` of them, and all together for the other labels."""

    every: NDArray[np.float64]
    of_label: dict[int, NDArray[np.float64]]

    @classmethod
    def of(cls, values: NDArray[np.float64], labels: NDArray[np.int64]) -> "Ranking":
        """From values (n,) and their labels (n,)."""
        known, counts = np.unique(labels, return_counts=True)
        return cls(np.sort(values), {int(c): np.sort(values[labels == c]) for c, n in zip(known, counts, strict=True) if n >= FEWEST})

    def __call__(self, values: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
        """The rank of each value among the honest ones of its label, in (0, 1); of ties the middle."""
        found = np.empty(len(values))
        for label in np.unique(labels).tolist():
            here, honest = labels == label, self.of_label.get(label, self.every)
            ends = [np.searchsorted(honest, values[here], side) for side in SIDES]
            found[here] = (0.5 * (ends[0] + ends[1]) + 0.5) / (len(honest) + 1)
        return found


@dataclass(frozen=True)
class Steps:
    """How far one block of queries is from honest ones: how much farther from known rows, and how much less sure the answers, 0 to 1."""

    distance: float
    margin: float


@dataclass(frozen=True)
class Honest:
    """What honest queries look like: known rows with their answers, how far others are from them and by what margins, and the limits."""

    view: View
    known: NDArray[np.float32]
    answers: NDArray[np.int64]
    distances: Ranking
    margins: Ranking
    limits: Steps

    def measured(self, z: NDArray[np.float32], labels: NDArray[np.int64], gaps: NDArray[np.float64]) -> Steps:
        """How far a block is."""
        apart = nearest(z, labels, self.known, self.answers)
        return Steps(lower(1 - self.distances(apart, labels)), lower(self.margins(gaps, labels)))

    def strange(self, steps: Steps) -> bool:
        """Is it farther than honest blocks are?"""
        return steps.distance > self.limits.distance or steps.margin > self.limits.margin


def learned(x: Rows, answers: Prediction, schema: Schema, seed: int = 0) -> Honest:
    """From honest rows and the model's answers to them: half of them, at most `KNOWN`, are those others are held against.

    The limits are what a share `ALLOWED` of blocks of 100 rows, drawn at random of the other half, passes.

    Raises
    ------
    Problem
        For fewer than 500 different rows.
    """
    first = np.unique(x[:MOST].reshape(len(x[:MOST]), -1), axis=0, return_index=True)[1]
    if len(first) < LEAST:
        raise Problem(f"at least {LEAST} different honest rows to know a thief from", f"{len(first)}", "Give more rows")
    rng = np.random.default_rng(seed)
    view = View.of(schema, rng)
    order = rng.permutation(first)
    z, labels, gaps = view(x[order]), answers.labels[order], margins(answers.scores[order])
    half = min(len(order) // 2, KNOWN)
    rest = labels[half:]
    apart = nearest(z[half:], rest, z[:half], labels[:half])
    distances, honest_gaps = Ranking.of(apart, rest), Ranking.of(gaps, labels)
    limits = _limits(distances(apart, rest), honest_gaps(gaps[half:], rest), rest, rng)
    return Honest(view, z[:half], labels[:half], distances, honest_gaps, limits)


def _limits(distances: NDArray[np.float64], gaps: NDArray[np.float64], labels: NDArray[np.int64], rng: np.random.Generator) -> Steps:
    """What few honest blocks pass, every second one of a single class."""
    known, counts = np.unique(labels, return_counts=True)
    common = known[counts >= FEWEST]
    found = []
    for draw in range(DRAWS):
        pool = np.flatnonzero(labels == rng.choice(common)) if draw % 2 and len(common) else np.arange(len(labels))
        block = rng.choice(pool, BLOCK, replace=len(pool) < 2 * BLOCK)
        found.append((lower(1 - distances[block]), lower(gaps[block])))
    distance, margin = np.quantile(found, 1 - ALLOWED, axis=0).tolist()
    return Steps(distance, margin)


@dataclass
class Watched:
    """What is known of one key. Of its rows at most one block is held, scaled and projected, in memory alone."""

    rows: int = 0
    blocks: int = 0
    successive: int = 0
    flagged: bool = False
    last: Steps | None = None
    worst: Steps = Steps(0.0, 0.0)
    _z: dict[bytes, NDArray[np.float32]] = field(default_factory=dict, repr=False)
    _labels: list[int] = field(default_factory=list, repr=False)
    _gaps: list[float] = field(default_factory=list, repr=False)

    def facts(self) -> dict[str, int | float | bool]:
        """For the log and an operator: counts, and how far its worst blocks were from honest ones (0 to 1)."""
        worst = {"worst_distance": round(self.worst.distance, 3), "worst_margin": round(self.worst.margin, 3)}
        return {"flagged": self.flagged, "rows": self.rows, "blocks": self.blocks, **worst}


class ExtractionDetector:
    """An observer of a `Guarded` endpoint. It keeps statistics of each key, and flags a key whose queries were strange in two blocks running.

    Parameters
    ----------
    on_flag
        Called once with key and facts when a key becomes flagged.
    """

    def __init__(self, honest: Honest, on_flag: Callable[[str, Watched], None] | None = None) -> None:
        self.honest = honest
        self.on_flag = on_flag
        self._lock = threading.Lock()
        self._watched: dict[str, Watched] = {}

    def __call__(self, x: Rows, scores: Scores, labels: NDArray[np.int64], key: str, request: str = "") -> None:
        """Count the rows of one answer; `Guarded` calls it after each."""
        z, gaps = self.honest.view(x), margins(scores)
        with self._lock:
            watched = self._watched.setdefault(key, Watched())
            before = watched.flagged
            for i in range(len(x)):
                self._step(watched, _digest(x[i]), z[i], int(labels[i]), float(gaps[i]))
        if watched.flagged and not before and self.on_flag is not None:
            self.on_flag(key, watched)

    def of(self, key: str) -> Watched:
        """What is known of a key so far."""
        with self._lock:
            return self._watched.get(key, Watched())

    def clear(self, key: str) -> None:
        """Forget what a key asked, as an operator does who knows better."""
        with self._lock:
            self._watched.pop(key, None)

    def _step(self, watched: Watched, digest: bytes, z: NDArray[np.float32], label: int, gap: float) -> None:
        watched.rows += 1
        if digest in watched._z:
            return
        watched._z[digest] = z.copy()  # not a view, which would hold the whole request
        watched._labels.append(label)
        watched._gaps.append(gap)
        if len(watched._z) < BLOCK:
            return
        steps = self.honest.measured(np.stack(list(watched._z.values())), np.asarray(watched._labels, np.int64), np.asarray(watched._gaps))
        for part in (watched._z, watched._labels, watched._gaps):
            part.clear()
        watched.blocks += 1
        watched.last = steps
        watched.worst = Steps(max(watched.worst.distance, steps.distance), max(watched.worst.margin, steps.margin))
        watched.successive = watched.successive + 1 if self.honest.strange(steps) else 0
        watched.flagged = watched.flagged or watched.successive >= 2


def _digest(row: Rows) -> bytes:
    return hashlib.blake2b(row.tobytes(), digest_size=16).digest()
