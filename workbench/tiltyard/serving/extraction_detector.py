"""The extraction detector: do a key's queries look like honest ones?

After PRADA (Juuti et al. 2019, arXiv 1805.02628), which looks at each client's distances from a query to the nearest earlier one of its class
and holds them against a normal distribution; honest rows of a table are not normal, and uniform random rows are. We take the distance to
the nearest of known honest rows with the same answer, and the margin of the answer, which a thief who asks where the copy is unsure makes
small, each by its rank among honest rows of the same answer. Evidence from both grows row by row (`evidence`).

``strange``: rows farther from honest ones than any cluster of honest rows is. It alone lets a key be refused. ``unsure``: rows nearer to the
boundary, or somewhat farther, than those of any class or band of a column. It flags a key as a question for an operator: a desk that sees
borderline cases alone asks the same. Where the operator clears the key, what it asked is its own baseline, and more of the same is no evidence.
A row that was asked before, of the last `REMEMBERED`, teaches a thief nothing and is not counted.

What it cannot see: a thief who asks honest rows (against that helps only the budget), or one who spreads over many keys.
How often whom, measured: ``benchmarks/bench_extraction_detector.py``.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from ..datasets.encoding import Encoding, encoding_of
from ..datasets.schema import Rows, Schema
from ..errors import Problem
from ..files.atomic import replace_file
from ..result import Given
from ..targets.decision import Prediction, Scores
from .evidence import LIMIT, Clusters, bets, fair, grown

WIDTH = 32
LEAST = 500
REMEMBERED = 2000
SAVED_EVERY = 500
SLACK = 1.2  # by which a customer may go beyond its own baseline
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
class Bets:
    """What rows are worth as evidence, (n,) each: how far they are from known honest ones, and how unsure their answers."""

    far: NDArray[np.float64]
    unsure: NDArray[np.float64]


@dataclass(frozen=True)
class Fair:
    """The most that an honest customer's bets are worth on average: of ``strange`` any cluster's, of ``far`` and ``unsure`` any class's or band's."""

    strange: float
    far: float
    unsure: float


@dataclass(frozen=True)
class Honest:
    """What honest queries look like: known rows with their answers, how far others are from them and by what margins, and what is fair."""

    view: View
    known: NDArray[np.float32]
    answers: NDArray[np.int64]
    distances: Ranking
    margins: Ranking
    fair: Fair

    def bets(self, z: NDArray[np.float32], labels: NDArray[np.int64], gaps: NDArray[np.float64]) -> Bets:
        """What rows are worth."""
        apart = nearest(z, labels, self.known, self.answers)
        return Bets(bets(1 - self.distances(apart, labels)), bets(self.margins(gaps, labels)))


def learned(x: Rows, answers: Prediction, schema: Schema, seed: int = 0) -> Honest:
    """From honest rows and the model's answers to them: half of them, at most `KNOWN`, are those others are held against.

    What is fair comes from clusters of the other half.

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
    rest, rest_gaps = labels[half:], gaps[half:]
    apart = nearest(z[half:], rest, z[:half], labels[:half])
    distances, honest_gaps = Ranking.of(apart, rest), Ranking.of(gaps, labels)
    far, unsure = bets(1 - distances(apart, rest)), bets(honest_gaps(rest_gaps, rest))
    found = Clusters.of(z[half:], rest, rest_gaps, rng)
    worth = Fair(fair(far, found.every), fair(far, found.plain), fair(unsure, found.plain))
    return Honest(view, z[:half], labels[:half], distances, honest_gaps, worth)


class Watched(Given):
    """What is known of one key: counts, evidence (logarithms; `evidence.LIMIT` is the limit), and the sums its own baseline is made of."""

    rows: int = 0
    different: int = 0
    strange: float = 0.0
    far: float = 0.0
    unsure: float = 0.0
    worst: float = 0.0
    worst_strange: float = 0.0
    sum_far: float = 0.0
    sum_unsure: float = 0.0
    own_far: float = 0.0
    own_unsure: float = 0.0
    flagged: bool = False
    refused: bool = False

    def facts(self) -> dict[str, int | float | bool]:
        """For the log and an operator: counts, and how near the evidence came to the limit (1 is at it)."""
        shares = {"strange": round(self.worst_strange / LIMIT, 3), "suspect": round(self.worst / LIMIT, 3)}
        return {"flagged": self.flagged, "refusable": self.refused, "rows": self.rows, "different": self.different, **shares}

    def after(self, far: float, unsure: float, honest: Fair) -> "Watched":
        """With one more row that was not asked before."""
        strange = grown(self.strange, far, max(honest.strange, self.own_far))
        weak = grown(self.far, far, max(honest.far, self.own_far))
        doubt = grown(self.unsure, unsure, max(honest.unsure, self.own_unsure))
        worst, worst_strange = max(self.worst, weak, doubt), max(self.worst_strange, strange)
        counted = {"different": self.different + 1, "sum_far": self.sum_far + far, "sum_unsure": self.sum_unsure + unsure}
        grew = {"strange": strange, "far": weak, "unsure": doubt, "worst": worst, "worst_strange": worst_strange}
        found = {"flagged": self.flagged or max(worst, worst_strange) > LIMIT, "refused": self.refused or worst_strange > LIMIT}
        return self.model_copy(update=counted | grew | found)

    def cleared(self) -> "Watched":
        """As an operator leaves it who knows better: what it asked so far is its own baseline."""
        n = max(self.different, 1)
        far, unsure = max(self.own_far, SLACK * self.sum_far / n), max(self.own_unsure, SLACK * self.sum_unsure / n)
        kept = {"rows", "different", "sum_far", "sum_unsure"}
        return Watched.model_validate(self.model_dump(include=kept) | {"own_far": far, "own_unsure": unsure})


class TrailFile(Given):
    """What is kept of every key over a restart; no row of anybody."""

    format: Literal[1] = 1
    keys: dict[str, Watched] = {}


class ExtractionDetector:
    """An observer of a `Guarded` endpoint. It keeps the evidence on each key, and flags a key whose evidence passed the limit.

    Parameters
    ----------
    on_flag
        Called with key and facts when a key becomes flagged, and when it may be refused.
    place
        The file in which the evidence outlives a restart; None for none.
    """

    def __init__(self, honest: Honest, on_flag: Callable[[str, Watched], None] | None = None, place: Path | None = None) -> None:
        self.honest = honest
        self.on_flag = on_flag
        self.place = place
        self._lock = threading.Lock()
        self._watched = _read(place)
        self._met: dict[str, OrderedDict[bytes, None]] = {}
        self._unsaved = 0

    def __call__(self, x: Rows, scores: Scores, labels: NDArray[np.int64], key: str, request: str = "") -> None:
        """Count the rows of one answer; `Guarded` calls it after each."""
        found = self.honest.bets(self.honest.view(x), labels, margins(scores))
        with self._lock:
            before = watched = self._watched.get(key, Watched())
            watched = watched.model_copy(update={"rows": watched.rows + len(x)})
            for i in range(len(x)):
                if self._new(key, _digest(x[i])):
                    watched = watched.after(float(found.far[i]), float(found.unsure[i]), self.honest.fair)
            self._watched[key] = watched
            self._unsaved += len(x)
            changed = (watched.flagged, watched.refused) != (before.flagged, before.refused)
            if changed or self._unsaved >= SAVED_EVERY:
                self._save()
        if changed and self.on_flag is not None:
            self.on_flag(key, watched)

    def of(self, key: str) -> Watched:
        """What is known of a key so far."""
        with self._lock:
            return self._watched.get(key, Watched())

    def clear(self, key: str) -> None:
        """Take what a key asked for its own way, as an operator does who knows better."""
        with self._lock:
            if key in self._watched:
                self._watched[key] = self._watched[key].cleared()
            self._save()

    def close(self) -> None:
        """Write what is known."""
        with self._lock:
            self._save()

    def _new(self, key: str, digest: bytes) -> bool:
        met = self._met.setdefault(key, OrderedDict())
        if digest in met:
            met.move_to_end(digest)
            return False
        met[digest] = None
        if len(met) > REMEMBERED:
            met.popitem(last=False)
        return True

    def _save(self) -> None:
        self._unsaved = 0
        if self.place is not None:
            replace_file(self.place, (TrailFile(keys=self._watched).model_dump_json() + "\n").encode())


def _read(place: Path | None) -> dict[str, Watched]:
    if place is None:
        return {}
    try:
        return dict(TrailFile.model_validate_json(place.read_bytes()).keys)
    except FileNotFoundError:
        return {}
    except (ValidationError, OSError):
        raise Problem(
            "a file of the extraction detector", f"{place.name}, which cannot be read as one", "Restore it, or move it away"
        ) from None


def _digest(row: Rows) -> bytes:
    return hashlib.blake2b(row.tobytes(), digest_size=16).digest()
