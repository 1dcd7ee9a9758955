"""Watches an endpoint: rows are gathered until a window is full, summarized, and let go. Only summaries are kept and written."""

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from ..datasets.dataset import Dataset
from ..datasets.schema import Rows
from ..errors import Problem
from ..targets.decision import Labels, Scores
from ..targets.target import Target
from .columns import Columns, of_rows, with_answers
from .reference import Reference, Seasons, Truth, reference
from .season import Season
from .spending import share
from .waiting import MOST, Answered, Learned, Waiting
from .window import Window

ROWS = 500
LEVEL = 0.01
KEPT = 1000


class Monitor:
    """An observer of a guarded endpoint, which calls it with the rows of each answer.

    Parameters
    ----------
    target, data
        The model, and the reference: held-out rows where they are known.
    rows
        Rows of a window.
    level
        The chance, at most, that any window ever alarms though nothing drifts; how windows share it, `spending.share` says.
    by_key
        Of each key one row a window counts: where keys are customers, whose rows are alike. Leave it where one key serves all.
    season
        By what a window is held against rows of its own seasons; None compares with all rows.
    keep
        Called with each window once it is full, and again, with the same number, when labels came for it.
    """

    def __init__(
        self,
        target: Target,
        data: Dataset,
        rows: int = ROWS,
        level: float = LEVEL,
        keep: Callable[[Window], None] | None = None,
        seed: int = 0,
        first: int = 0,
        by_key: bool = False,
        season: Season | None = None,
    ) -> None:
        self.target, self.rows, self.level, self.keep, self.by_key = target, rows, level, keep, by_key
        self.season = season
        self.reference = reference_of(target, data, seed, season)
        self._inputs = _inputs(self.reference.columns)
        self.windows: list[Window] = []
        self._next = first
        self._parts: list[tuple[Rows, Scores, Labels, NDArray[np.str_], NDArray[np.str_]]] = []
        self._truth = Truth(0, 0)
        self._waiting = Waiting(min(MOST, (KEPT - 1) * rows))
        self._started = datetime.now(UTC)
        self._lock = threading.RLock()

    def __call__(self, x: Rows, scores: Scores, labels: Labels, key: str, request: str = "") -> None:
        """Take the rows ``x`` (n, *shape) with what was answered, ``scores`` (n, k) and ``labels`` (n,), into the window; it is closed where it is full.

        What was answered to a ``request`` with an id waits for its labels.
        """
        with self._lock:
            if request and len(x):
                place = sum(len(rows) for rows, *_ in self._parts) + np.arange(len(x))
                self._waiting.put(request, Answered(labels.astype(np.int32), self._next + place // self.rows))
            self._parts.append((x, scores, labels, np.full(len(x), key), self._when(x)))
            while sum(len(rows) for rows, *_ in self._parts) >= self.rows:
                self._close()

    def _when(self, x: Rows) -> NDArray[np.str_]:
        """The season of each row asked now; empty text where seasons do not count."""
        return np.full(len(x), "") if self.season is None else self.season.asked(x, self.target.schema, datetime.now(UTC))

    def learned(self, right: int, n: int) -> None:
        """Labels came: ``right`` of ``n`` answers were; they count for the window that is open now."""
        with self._lock:
            self._truth += Truth(right, n)

    def awaited(self, request: str) -> int:
        """Rows of a request that wait for their labels; 0 where none do."""
        with self._lock:
            answered = self._waiting.of(request)
            return len(answered) if answered is not None and answered.windows[0] >= self._oldest else 0

    def labeled(self, truths: Mapping[str, Sequence[int]]) -> Learned:
        """Labels came, class numbers by request in the order of its rows; each counts once, for the window in which its row stands.

        Raises
        ------
        Problem
            Not one label for each row of a request; then none is counted.
        """
        with self._lock:
            known = {request: labels for request, labels in truths.items() if self.awaited(request)}
            for request, labels in known.items():
                if len(labels) != (n := self.awaited(request)):
                    raise Problem(f"{n} labels for request {request}, one a row", f"{len(labels)}", "Give all of them, in the rows' order")
            windows = self._counted(known)
            for number, truth in sorted(windows.items()):
                self._amend(number, truth)
            right, n = (sum(getattr(truth, what) for truth in windows.values()) for what in ("right", "n"))
            return Learned(right=right, n=n, unknown=len(truths) - len(known))

    @property
    def _oldest(self) -> int:
        """Number of the oldest window that is known; they are numbered without a gap."""
        return self.windows[0].number if self.windows else self._next

    def _counted(self, truths: Mapping[str, Sequence[int]]) -> dict[int, Truth]:
        """Right ones and all by window; the requests wait no longer."""
        found: dict[int, Truth] = {}
        for request, labels in truths.items():
            answered = self._waiting.take(request)
            assert answered is not None
            hits = answered.classes == np.asarray(labels)
            for number in np.unique(answered.windows).tolist():
                here = answered.windows == number
                found[number] = found.get(number, Truth(0, 0)) + Truth(int(hits[here].sum()), int(here.sum()))
        return found

    def _amend(self, number: int, truth: Truth) -> None:
        if number == self._next:
            self._truth += truth
            return
        place = number - self._oldest
        self.windows[place] = window = self.reference.labeled(self.windows[place], truth)
        if self.keep is not None:
            self.keep(window)

    def flush(self) -> Window | None:
        """Close the window as it is; None where nothing was asked since the last."""
        with self._lock:
            return self._close() if self._parts else None

    def _close(self) -> Window:
        x, scores, labels, keys, when = (np.concatenate(part) for part in zip(*self._parts, strict=True))
        most, now = self.rows, datetime.now(UTC)
        self._parts = [(x[most:], scores[most:], labels[most:], keys[most:], when[most:])] if len(x) > most else []
        inputs = of_rows(x[:most], self.target.schema, self._inputs)
        sample = with_answers(inputs, scores[:most], labels[:most], self.target.classes)
        clients, spends = keys[:most] if self.by_key else None, share(self.level, self._next)
        seasons = when[:most] if self.season is not None else None
        window = self.reference.window(sample, self._next, self.level, self._truth, (self._started, now), spends, clients, seasons)
        self._next, self._truth, self._started = self._next + 1, Truth(0, 0), now
        self.windows = [*self.windows[1 - KEPT :], window]
        if self.keep is not None:
            self.keep(window)
        return window


def reference_of(target: Target, data: Dataset, seed: int = 0, season: Season | None = None) -> Reference:
    """The reference for a model: held-out rows, the model's answers on them, and how many of those are right; with ``season`` by season.

    A column that says the season is no input whose drift counts.
    """
    rows = data.unseen
    answer = target.predictions(rows.x)
    hits = answer.labels == rows.y
    columns = with_answers(of_rows(rows.x, target.schema), answer.scores, answer.labels, target.classes)
    truth = Truth(int(hits.sum()), len(rows))
    if season is None:
        return reference(columns, truth, seed)
    columns = _without(columns, season.name)
    return reference(columns, truth, seed, Seasons(season.name, season.usual(rows)), hits.astype(np.int8))


def _without(columns: Columns, name: str) -> Columns:
    numbers = {k: v for k, v in columns.numbers.items() if k != name}
    return Columns(columns.n, numbers, {k: v for k, v in columns.words.items() if k != name})


def _inputs(columns: Columns) -> Columns:
    """The reference's columns without the model's answers."""
    numbers = {k: v for k, v in columns.numbers.items() if k != "(score)"}
    return Columns(columns.n, numbers, {k: v for k, v in columns.words.items() if k != "(answer)"})
