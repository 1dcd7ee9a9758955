"""Opening proves itself: what a target answers is compared with what its model answers without us, twice, alone, and on one thread."""

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.dataset import Dataset
from ..datasets.feature import MISSING
from ..datasets.schema import Rows, Schema
from ..errors import Cancelled, Problem
from ..formatting.numbers import number
from .decision import Prediction
from .doubts import noise_in_words
from .target import Target, uncounted

MOST, MOST_BYTES = 2_000, 256 * 2**20
FEWEST = 200
FEW, MORE = 8, 128  # rows that a model's time a row is told from
ALONE = 12
AGAIN = 6
OF_A_PATTERN = 25
PATTERNS = 40
SECONDS = 6.0
LATE = 64  # rows whose own answers are asked for even of a model too slow for more
CLOSE = 1e-6  # of scores that are worked out in float64
CLOSE_ALONE = 1e-4  # a float32 network adds up a row alone in another order than in a batch


def prove(target: Target, data: Dataset) -> None:
    """Compare the answers of ``target`` on up to `MOST` rows, once; what disagrees becomes its ``doubts`` and ``noise``.

    It takes about `SECONDS`; what there was no time for is said in ``target.assumptions``. The rows are not counted as questions. An endpoint
    is asked nothing, for its owner counts them.

    Raises
    ------
    Problem
        Where the model refuses rows that lack a number.
    """
    if target.proven or "url" in target.offers:
        return
    with uncounted():
        proof = Proof(target, data.classed(target.classes))
        proof.look()
    target.proven = True
    target.noise, target.doubts = proof.noise, (*target.doubts, *proof.doubts)
    target.assumptions = (*target.assumptions, *proof.notes)


@dataclass
class Proof:
    """One comparison, as far as it has gone."""

    target: Target
    data: Dataset
    noise: float = 0.0
    doubts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    alike: list[str] = field(default_factory=list)
    ends: float = field(default_factory=lambda: time.monotonic() + SECONDS)

    def look(self) -> None:
        """All comparisons, those that matter most first."""
        refused_empty(self.target, self.data)
        try:
            self.rows = self._rows()
            self.x = self.data.x[self.rows]
            self.first = self.target.predictions(self.x)
        except (Problem, Cancelled):
            raise
        except Exception as error:
            raise refused_row(self.target, self.data, error) from None
        self._twice()
        if not self.noise:
            self._unaided(np.arange(len(self.rows)) if time.monotonic() < self.ends else evenly(len(self.rows), LATE))
        for what, compare in (
            ("rows alone", self._alone),
            ("rows that lack the same values", self._patterns),
            ("one thread", self._one_thread),
        ):
            if time.monotonic() > self.ends:
                self.skipped.append(what)
            elif not self.noise:
                compare()
        self._sum_up()

    def _rows(self) -> NDArray[np.intp]:
        """Which rows: those whose original is at hand, else drawn evenly; fewer of a slow model."""
        original = self.data.original
        size = int(np.prod(self.data.schema.shape)) * np.dtype(self.data.schema.dtype).itemsize
        rows = original.rows if original is not None else evenly(len(self.data), min(MOST, max(FEWEST, MOST_BYTES // size)))
        fixed, more = (self._time(rows[:n]) for n in (FEW, MORE))
        each = max(more - fixed, 1e-9) / (MORE - FEW)
        most = int(np.clip((SECONDS / 8 - fixed) / each, FEWEST, MOST)) if len(rows) > MORE else MOST
        return rows if len(rows) <= most else rows[evenly(len(rows), most)]

    def _time(self, rows: NDArray[np.intp]) -> float:
        start = time.monotonic()
        self.target.predictions(self.data.x[rows])
        return time.monotonic() - start

    def _sum_up(self) -> None:
        if self.noise:
            self.notes.append(noise_in_words(self.noise, averaged=False))
            return
        if self.alike:
            self.notes.append(f"On {len(self.rows):,} rows it answers the same {', '.join(self.alike)}.")
        if self.skipped:
            self.notes.append(f"Not compared, for it would take more than {SECONDS:g} s: {', '.join(self.skipped)}.")

    def _twice(self) -> None:
        labels, gap = differing(self.first, self.target.predictions(self.x))
        self.noise = max(float(labels.mean()), float((gap > CLOSE).mean())) or self._by_chance_alike()
        if not self.noise:
            self.alike.append("when it is asked twice")

    def _by_chance_alike(self) -> float:
        """The share of `FEW` rows that are answered otherwise in `AGAIN` calls more: a model that draws once a call may draw alike in two."""
        few = self.x[:FEW]
        first, moved = self.target.predictions(few), np.zeros(len(few), bool)
        for _ in range(AGAIN):
            if time.monotonic() < self.ends and not moved.any():
                labels, gap = differing(first, self.target.predictions(few))
                moved |= labels | (gap > CLOSE)
        return float(moved.mean())

    def _unaided(self, places: NDArray[np.intp]) -> None:
        """Against the model's own answers to the person's table, at these places among the rows."""
        original = self.data.original
        if original is None and not self.data.schema.images:
            return
        try:
            if original is None:
                own = self.target.unaided_images(self.x[places])
            else:
                own = self.target.unaided(original.frame.iloc[np.searchsorted(original.rows, self.rows[places])])
        except Exception as error:
            self.notes.append(
                f"By itself it does not take the table as it was read, so that its own answers were not compared ({_line(error)})."
            )
            return
        if own is None:
            return
        labels, gap = differing(own, _at(self.first, places))
        close = self.target.close
        wrong = labels & (gap > close) if "scores" in self.target.offers and self.target.decision is not None else labels
        if wrong.any() or gap.max() > close:
            self.doubts.append(
                f"{int(wrong.sum()):,} of {len(places):,} rows are labeled otherwise here than by the model itself, "
                f"and scores differ by up to {number(gap.max(), 2)}."
            )
        else:
            self.alike.append("as by itself" + (f" (on {len(places)} of them)" if len(places) < len(self.rows) else ""))

    def _alone(self) -> None:
        """Single rows against the same rows among others."""
        places = evenly(len(self.rows), ALONE)
        asked: list[int] = []
        differ, gaps = 0, 0.0
        for place in places.tolist():
            if asked and time.monotonic() > self.ends:
                break
            try:
                found = self.target.predictions(self.x[place : place + 1])
            except Exception as error:
                self.doubts.append(f"A row alone is refused that is answered among others ({_line(error)}).")
                return
            labels, gap = differing(found, _at(self.first, [place]))
            asked.append(place)
            differ += bool((labels[0] and ("scores" not in self.target.offers or gap[0] > CLOSE)) or gap[0] > CLOSE_ALONE)
            gaps = max(gaps, float(gap[0]))
        if differ:
            self.doubts.append(
                f"{differ} of {len(asked)} rows are answered otherwise alone than among others; scores differ by up to {number(gaps, 2)}."
            )
        else:
            self.alike.append("alone and among others")

    def _patterns(self) -> None:
        """Rows that lack the same values, together and without others, against the same rows in the whole."""
        found = patterns(self.x, self.target.schema)
        for places in found[:PATTERNS]:
            part = places[:OF_A_PATTERN]
            try:
                answers = self.target.predictions(self.x[part])
            except Exception as error:
                lacking = ", ".join(repr(name) for name in lacked(self.x[part[0]], self.target.schema)) or "nothing"
                self.doubts.append(f"Rows that all lack {lacking} are refused, though answered among others ({_line(error)}).")
                continue
            labels, gap = differing(answers, _at(self.first, part))
            if (differ := int((labels & (gap > CLOSE) | (gap > CLOSE_ALONE)).sum())) > 0:
                lacking = ", ".join(repr(name) for name in lacked(self.x[part[0]], self.target.schema)) or "nothing"
                self.doubts.append(
                    f"{differ} of {len(part)} rows that lack {lacking} are answered otherwise by themselves than among others."
                )
        if len(found) > 1 and not any("lack" in doubt for doubt in self.doubts):
            self.alike.append(f"in each of {min(len(found), PATTERNS)} patterns of missing values")

    def _one_thread(self) -> None:
        if not {"sklearn", "joblib"} & set(sys.modules):
            return
        part = evenly(len(self.rows), 500)
        with one_thread():
            found = self.target.predictions(self.x[part])
        labels, gap = differing(found, _at(self.first, part))
        wrong = (labels & (gap > CLOSE)) | (gap > CLOSE_ALONE)
        if wrong.any():
            self.doubts.append(
                f"{int(wrong.sum())} of {len(part)} rows are answered otherwise on one thread than on all; "
                f"scores differ by up to {number(gap.max(), 2)}."
            )
        else:
            self.alike.append("on one thread and on all")


def refused_empty(target: Target, data: Dataset) -> None:
    """Refuse rows that lack a number where the model does: it answers whole rows, but none of those.

    Raises
    ------
    Problem
        Naming the columns and the number of such rows.
    """
    lost = np.isnan(data.x).reshape(len(data), -1)
    rows = lost.any(1)
    if not rows.any() or data.schema.images:
        return
    some = np.flatnonzero(rows)[:OF_A_PATTERN]
    try:
        target.predictions(data.x[some])
    except Exception as error:
        columns = [target.schema.columns[i] for i in np.flatnonzero(lost.any(0))]
        named = ", ".join(map(repr, columns[:8])) + (" …" if len(columns) > 8 else "")
        raise Problem(
            f"a number in each row of {named}, for {target.name} takes none without",
            f"{int(rows.sum()):,} rows that lack one ({_line(error)})",
            "Open the model with its imputer, or say what stands for an empty cell (features={…: {'missing': 0}}, missing under "
            "[data.features], or Missing numbers become)",
        ) from None


def refused_row(target: Target, data: Dataset, error: Exception) -> Problem:
    """That the model refuses some of the rows, for ``error``; one of them by its number, found by halving."""
    first, last = 0, min(len(data), MOST)
    while last - first > 1:
        middle = (first + last) // 2
        first, last = (first, middle) if _refuses(target, data.x[first:middle]) else (middle, last)
    alone = _refuses(target, data.x[first:last])
    where = f"row {first}, which it refuses" if alone else "rows that it refuses"
    do = "Correct such rows or leave them out; an empty or unknown value is to be written as in the rows that the model was fitted on"
    return Problem(f"rows that {target.name} takes", f"{where} ({_line(error)})", do)


def _refuses(target: Target, x: Rows) -> bool:
    try:
        target.predictions(x)
    except Exception:
        return True
    return False


def evenly(n: int, most: int) -> NDArray[np.intp]:
    """At most ``most`` of the places 0 to n - 1, spread evenly."""
    return np.arange(n) if n <= most else np.unique(np.linspace(0, n - 1, most).astype(np.intp))


def differing(one: Prediction, other: Prediction) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Where labels differ, and by how much the scores of each row do."""
    return one.labels != other.labels, np.abs(one.scores - other.scores).max(1)


def _at(found: Prediction, places: Any) -> Prediction:
    return Prediction(found.labels[places], found.scores[places])


def patterns(x: Rows, schema: Schema) -> list[NDArray[np.intp]]:
    """The rows of each pattern of missing values, the commonest first."""
    if schema.images:
        return []
    empty = _empty(x, schema)
    _, which, count = np.unique(np.packbits(empty, axis=1), axis=0, return_inverse=True, return_counts=True)
    return [np.flatnonzero(which.reshape(-1) == i) for i in np.argsort(-count)]


def _empty(x: Rows, schema: Schema) -> NDArray[np.bool_]:
    empty: NDArray[np.bool_] = np.isnan(x)
    for f in schema.features:
        if f.kind == "categorical" and MISSING in f.categories:
            place = schema.slices[f.name].start
            empty[:, place] |= x[:, place] == f.categories.index(MISSING)
    return empty


def lacked(row: NDArray[np.floating[Any]], schema: Schema) -> list[str]:
    """The columns that a row lacks a value in."""
    return [name for name, gone in zip(schema.columns, _empty(row[None], schema)[0], strict=True) if gone]


@contextmanager
def one_thread() -> Iterator[None]:
    """What is computed within runs on one thread: BLAS, OpenMP and joblib."""
    with ExitStack() as stack:
        if "joblib" in sys.modules:
            import joblib

            stack.enter_context(joblib.parallel_config(backend="sequential"))
        if "threadpoolctl" in sys.modules:
            import threadpoolctl

            stack.enter_context(threadpoolctl.threadpool_limits(limits=1))
        yield


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"
