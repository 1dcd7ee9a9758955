"""A window: the summary of the rows that were asked for in a span of time. No row is in it."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from ..result import Frozen, Metric

FORMAT = 1
State = Literal["quiet", "alarm", "incomplete"]


class Drift(Frozen):
    """The outcome of one test of a window against the reference.

    ``p`` is the test's, ``q`` that after the control of false discoveries over all tests of the window (Benjamini and
    Hochberg 1995); both are None where it could not be tested, and ``note`` says why.
    """

    what: str
    test: str
    size: float | None = None
    p: float | None = None
    q: float | None = None
    drifting: bool = False
    note: str = ""


class Window(Frozen):
    """What is kept of ``n`` rows. ``level`` bounds the chance that a run alarms though nothing drifts; this window ``spends`` so much of it.

    Of the rows ``counted`` were tested, for the others cannot count as independent; ``thinned`` says why. ``season`` names the column by
    which the reference was matched. Files of before 2026-12 lack all four: there each window had the whole level.

    ``anomalies`` is the share of rows unlike the reference; ``performance`` the accuracy where labels came, else None.
    ``answers`` counts the labels that the model gave.
    """

    format: int = FORMAT
    kind: Literal["tiltyard-window"] = "tiltyard-window"
    number: int = Field(ge=0)
    started: datetime
    ended: datetime
    n: int = Field(ge=0)
    level: float
    spends: float | None = None
    counted: int | None = None
    thinned: str = ""
    season: str = ""
    state: State
    summary: str
    drifts: tuple[Drift, ...] = ()
    anomalies: Metric | None = None
    performance: Metric | None = None
    answers: dict[str, int] = {}

    @property
    def drifting(self) -> tuple[Drift, ...]:
        """What drifts, the surest first."""
        return tuple(sorted((d for d in self.drifts if d.drifting), key=lambda d: (d.q or 0.0, -(d.size or 0.0))))


class WindowList(Frozen):
    """Windows as ``tiltyard monitor --json`` writes them."""

    format: int = FORMAT
    kind: Literal["tiltyard-windows"] = "tiltyard-windows"
    windows: tuple[Window, ...]
