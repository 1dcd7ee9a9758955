"""A run and its steps, as the store lists them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from ..result import Frozen, Identity
from .process import Process

RUNNING = "running"
OPEN = "open"
CUT_OFF = "cut off"
FINISHED = "finished"
INTACT, UNPROVEN, BROKEN = "intact", "unproven", "broken"
SIGNS = {INTACT: "✓", UNPROVEN: "?", BROKEN: "✕"}
LIVE = (OPEN, RUNNING)  # a kernel or shell has the run in hand


class Underway(Frozen):
    """Where a run's job stands: ``done`` from 0 to 1, ``left`` in seconds (None until there is an estimate).

    ``told``, a published name, is when that was written, ``cancelling`` says that someone asked it to stop.
    """

    done: float
    message: str
    left: float | None
    told: datetime
    cancelling: bool


class Tally(NamedTuple):
    """How many checks gave an answer, and how many of these have each severity as that of their worst finding; ``about`` names the steps."""

    asked: int = 0
    with_finding: int = 0
    severities: Mapping[str, int] = {}
    about: str = ""


class RunLine(Frozen):
    """One run as a list shows it.

    ``state`` is running (a step is under way), open (its window or kernel is there and nothing goes on in it), finished or
    cut off (its process no longer lives). ``counts`` says how many steps stand in each state: a `Status` value, ``running`` or ``cut off``.
    Of its checks ``asked`` gave an answer and ``with_finding`` found something, each counted once however often it ran;
    ``about`` names the first of its steps. ``verdict`` is a policy's, or empty. ``owner`` is who started it,
    empty for runs made before runs had owners. ``proof`` says whether all of it is as it was written: intact, unproven (it cannot be
    checked, or is from before the store's chain or key) or broken; ``doubt`` says why not, in a line.
    """

    id: str
    name: str
    started: datetime
    ended: datetime | None
    state: str
    verdict: str
    target: Identity
    data: Identity
    counts: dict[str, int]
    asked: int = 0
    with_finding: int = 0
    about: str = ""
    owner: str = ""
    proof: str = ""
    doubt: str = ""

    @property
    def short(self) -> str:
        return self.id[:8]

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def sentence(self) -> str:
        """``13 checks, 8 with a finding``."""
        if not self.asked:
            return "no check yet"
        return f"{self.asked} check{'s' * (self.asked != 1)}, {self.with_finding or 'none'} with a finding"


class ModelLine(Frozen):
    """One model that was assessed: how often, when last, and what was found in it.

    ``verdict`` is the newest a policy gave, or empty. Of each step the newest record counts that says something, in whichever run
    it is: ``severities`` says how many have each severity as that of their worst finding, ``found_in`` the newest run of such.
    ``doubt`` says which of its runs do not hold, or nothing.
    """

    target: Identity
    runs: int
    last_run: str
    last_started: datetime
    verdict: str
    severities: dict[str, int]
    found_in: dict[str, str]
    doubt: str = ""


class Run(RunLine):
    """One run with all that was in force when it began."""

    versions: dict[str, str]
    config: dict[str, Any]
    process: Process


class StepLine(Frozen):
    """One step of a run, finished or not. ``severity`` is its worst finding's, or empty; ``doubt`` what of it is not as it was written."""

    token: str
    run_id: str
    check: str
    kind: str
    title: str
    state: str
    severity: str
    given: dict[str, Any]
    started: datetime
    ended: datetime | None
    doubt: str = ""


class Timing(Frozen):
    """How long one step took on this machine: ``seconds`` from its start to its end, with the parameters ``given``.

    ``target`` and ``data`` are fingerprints. One that was cancelled or failed is no measure.
    """

    step: str
    given: dict[str, Any]
    seconds: float
    target: str
    data: str
