"""How long a step will take: by what this machine measured of it, and while it runs by how far it is."""

import math
import statistics
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..check import Estimate, Step
from ..datasets.dataset import Dataset
from ..errors import Problem
from ..formatting.numbers import about
from ..store.lines import Timing
from ..targets.target import Target

if TYPE_CHECKING:
    from ..store.store import Store

GROWS = frozenset(
    "rows steps restarts background permutations points copies explained draws models keys canaries query_budget pool reference".split()
)
TRAINS = frozenset("epochs local_epochs rounds iterations shadow_models".split())  # what asking the target does not count
NEWEST = 30  # measures that are looked at
NEAREST = 5  # measures that count, those nearest in size
LIKE = 1.5  # sizes within this ratio are called the same
SLACK, GRACE = 1.15, 2.0  # an end that moves back by no more than this ratio and so many seconds is not worth a word
EARLY = 0.02  # share done before which progress says nothing


@dataclass(frozen=True)
class Expected:
    """What a step, or a list of them, will take.

    Attributes
    ----------
    seconds
        The median of what was measured, scaled to the present settings; of a step never measured here what it typically takes.
    measures
        How many measures that rests on; 0 for none.
    here
        Were they of this very model and these data?
    scaled
        Were they made with settings of another size?
    """

    seconds: float
    measures: int = 0
    here: bool = False
    scaled: bool = False

    @property
    def words(self) -> str:
        """In a sentence, without a full stop."""
        if not self.measures:
            return f"Not measured here yet; typically {about(self.seconds)}"
        what = "this model" if self.here else "other models"
        runs = f"{self.measures} run{'s' * (self.measures != 1)}"
        base = f"median of {runs} here on {what}" if self.measures > 1 else f"as {runs} here on {what} took"
        return f"{about(self.seconds).capitalize()}: {base}{', scaled to these settings' if self.scaled else ''}"


def measured(store: "Store | None") -> list[Timing]:
    """What this machine measured, the newest first; nothing where no store answers."""
    if store is None:
        return []
    try:
        return store.timings()
    except Problem:
        return []


def expected(step: Step, target: Target, data: Dataset, known: Sequence[Timing]) -> Expected:
    """What ``step`` will take on this target and data, from the timings ``known`` of this machine.

    Those of this very model and these data count where there are any, else those of any other: of them the five nearest in size,
    and of the newest of equals. Size is the rows that the target is asked times the rounds that something is trained, as far as
    the step's parameters tell.
    """
    own = [one for one in known if one.step == step.id and one.seconds > 0]
    same = [one for one in own if (one.target, one.data) == (target.fingerprint, data.fingerprint)]
    size = size_of(step, target, data)
    near = sorted(
        ((_ratio(step, one, size, target, data), one.seconds) for one in (same or own)[:NEWEST]), key=lambda pair: abs(math.log(pair[0]))
    )
    near = near[:NEAREST]
    if not near:
        return Expected(_typical(step, target, data))
    seconds = statistics.median(seconds * ratio for ratio, seconds in near)
    return Expected(seconds, len(near), bool(same), any(not 1 / LIKE <= ratio <= LIKE for ratio, _ in near))


def all_of(parts: Sequence[Expected], at_once: int = 1) -> Expected:
    """What several steps take, ``at_once`` of them at a time."""
    every = [part for part in parts if part.measures]
    whole = len(every) == len(parts)
    measures = min((part.measures for part in every), default=0) if whole else 0
    here, scaled = whole and all(p.here for p in every), any(p.scaled for p in every)
    return Expected(sum(part.seconds for part in parts) / at_once, measures, here, scaled)


def size_of(step: Step, target: Target, data: Dataset) -> float:
    """How much work a step is, in a unit of its own: only its ratio between settings means anything. At least 1."""
    numbers = {name: value for name in type(step).model_fields if isinstance(value := getattr(step, name), int) and value > 0}
    numbers = {name: min(value, len(data)) if name == "rows" else value for name, value in numbers.items()}
    trained = math.prod(value for name, value in numbers.items() if name in TRAINS)
    estimate = _tried(step, target, data)
    asked = estimate.queries if estimate else None
    return float(max(trained * (asked or math.prod(value for name, value in numbers.items() if name in GROWS)), 1))


def _ratio(step: Step, past: Timing, size: float, target: Target, data: Dataset) -> float:
    try:
        before = type(step)(**type(step).present(past.given))
    except ValueError:  # of a version with other parameters
        return 1.0
    return size / size_of(before, target, data)


_KEPT = 256
_estimates: OrderedDict[tuple[str, str, str, str], Estimate] = OrderedDict()
_lock = threading.Lock()


def _tried(step: Step, target: Target, data: Dataset) -> Estimate | None:
    """The step's own estimate, asked for once in this process: some train or attack a little to tell. None where it breaks, which must not stop the step."""
    key = (step.id, step.model_dump_json(), target.fingerprint, data.fingerprint)
    with _lock:
        if (found := _estimates.get(key)) is not None:
            return found
    try:
        found = step.estimate(target, data)
    except Exception:
        return None
    with _lock:
        _estimates[key] = found
        while len(_estimates) > _KEPT:
            _estimates.popitem(last=False)
    return found


def _typical(step: Step, target: Target, data: Dataset) -> float:
    estimate = _tried(step, target, data)
    seconds = estimate.seconds if estimate else None
    return max(step.seconds if seconds is None else seconds, 0.1)


@dataclass(frozen=True)
class Left:
    """Seconds that are left, None until they can be told; ``why`` says why it is longer than was said before."""

    seconds: float | None
    why: str = ""


class TimeLeft:
    """What is left of a run: by what was measured at first, and ever more by how far it is.

    The end that was told once does not move back without a word.
    """

    def __init__(self, given: Expected) -> None:
        self._given = given
        self._end: float | None = given.seconds if given.measures else None
        self._why = ""

    def at(self, done: float, elapsed: float) -> Left:
        """What is left when ``done`` (0 to 1) is done after ``elapsed`` seconds."""
        end = self._estimate(done, elapsed)
        if end is None:
            return Left(None, self._why)
        if self._end is None or end < self._end:
            self._end = end
        elif end > self._end * SLACK + GRACE:
            self._why = self._reason()
            self._end = end
        return Left(max(self._end - elapsed, 0.0), self._why)

    def _estimate(self, done: float, elapsed: float) -> float | None:
        by_progress = elapsed / done if done > EARLY and elapsed > 0 else None
        if not self._given.measures:
            return by_progress
        if by_progress is None:
            return self._given.seconds if elapsed < self._given.seconds else None
        return done * by_progress + (1 - done) * max(self._given.seconds, elapsed)

    def _reason(self) -> str:
        if self._given.measures:
            return f"slower than the {about(self._given.seconds)} measured before"
        return "slower than its beginning"
