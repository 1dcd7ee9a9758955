"""A window that is opened anew: at the place its address names, or with the offer to go on where the person was."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tiltyard.errors import Problem
from tiltyard.result import Identity

from ..place import Place
from .kept_loads import KeptLoad, KeptLoads
from .load import LoadPanel
from .reopening import of_load, of_run
from .workbench import PANELS, Workbench

if TYPE_CHECKING:
    from tiltyard.store.lines import Run, RunLine
    from tiltyard.store.store import Store

LOOKED = 50  # runs among which the person's last is looked for


@dataclass(frozen=True)
class Last:
    """What the person had last, a run or a load, and what is known of its model and data in a sentence."""

    had: "Run | KeptLoad"
    sentence: str

    @property
    def words(self) -> str:
        """``Go on where you were: german-credit on loans.csv, 3 findings in 5 of 41 checks, Nov 30 14:02``."""
        when = began(self.had).astimezone()
        year = f" {when.year}" if when.year != datetime.now(UTC).year else ""
        return f"{self.had.target.name} on {self.had.data.name}, {self.sentence}, {when:%b} {when.day}{year} {when:%H:%M}"


def began(had: "Run | RunLine | KeptLoad") -> datetime:
    """When the run was begun, or the model loaded."""
    return had.when if isinstance(had, KeptLoad) else had.started


def last(store: "Store") -> Last | None:
    """What the person whose store it is had last: a run that has a result, or what was loaded since; None where there is neither."""
    line = next((line for line in store.runs(limit=LOOKED) if _own(line, store) and line.total), None)
    load = KeptLoads(store.person).last()
    if load is not None and (line is None or began(line) < load.when):
        return Last(load, _sentence(store, load.target, load.data) or load.sentence)
    if line is None:
        return None
    run = store.run(line.id)
    return Last(run, _sentence(store, run.target, run.data))


def _sentence(store: "Store", target: Identity, data: Identity) -> str:
    """What is known of them; empty where nothing was run."""
    from tiltyard.assessment.standing import standing_of

    records = list(store.known(target.fingerprint, data.fingerprint).records.values())
    return standing_of(records, target, data).sentence if records else ""


def _own(line: "RunLine", store: "Store") -> bool:
    return line.owner in ("", store.person.name)


class Arrival:
    """Brings a window to a place; what cannot be opened is shown as it is kept, and why it cannot be run is said."""

    def __init__(self, bench: Workbench) -> None:
        self.bench, self.session = bench, bench.session

    def at(self, place: Place) -> None:
        """Show topic and step of ``place``, and bring its run or its load, where it names one."""
        self._show(place)
        store, aside = self.session.store, self.session.aside
        if place.run and store is not None:
            aside(lambda: store.run(place.run), lambda run: self.to(run, place), lambda why: self._lost(why, "The run of this address"))
        elif place.load:
            kept = KeptLoads(self.session.person)
            aside(lambda: kept.kept(place.load), lambda load: self.back(load, place), self._lost)

    def to(self, run: "Run", place: Place) -> None:
        """Open model and data of ``run`` and show ``place``; where they cannot be opened, look at its records."""
        panel = self._panel()
        self._show(place)
        former = lambda: of_run(run, self.session.person)  # noqa: E731
        panel.again(former, lambda: self._there(run, place), lambda problem: self._look(run, place, problem))

    def back(self, load: KeptLoad, place: Place) -> None:
        """Open what was loaded, its corrections and its cohort, and show ``place``; where that cannot be, say why on *Model and data*."""
        panel = self._panel()
        self._show(place)
        panel.again(lambda: of_load(load), lambda: self._loaded(place), self._lost)

    def offer(self) -> None:
        """Offer to go on with what the person had last."""
        store = self.session.store
        if store is not None:
            self.session.aside(lambda: last(store), self.offered, lambda problem: None)

    def offered(self, found: Last | None) -> None:
        """Make the offer, unless the person was quicker."""
        if found is not None and self.session.target is None and not self.session.busy and not self.session.closed:
            topic = self.bench.rail.selected
            place, had = Place(topic="evasion" if topic == "load" else topic), found.had
            go: Callable[[], None]
            if isinstance(had, KeptLoad):
                go = lambda: self.back(had, replace(place, load=had.id))  # noqa: E731
            else:
                go = lambda: self.to(had, replace(place, run=had.id))  # noqa: E731
            self._panel().onward.offer(found.words, go)
            self.bench.go("load")

    def _there(self, run: "Run", place: Place) -> None:
        self.bench.wanted = Place()
        self.session.resume(run, [])
        self._show(place)

    def _loaded(self, place: Place) -> None:
        self.bench.wanted = Place()
        self.bench.refresh()
        self._show(place)

    def _look(self, run: "Run", place: Place, problem: Exception) -> None:
        why = str(problem) if isinstance(problem, Problem) else f"{type(problem).__name__}: {problem}"
        self.bench.wanted = Place()
        self.session.look_at(run, f"Look only: {why[:1].lower()}{why[1:]}")
        self._show(place if place.topic else Place(place.run, "report"))
        self.bench.go(self.bench.rail.selected).message.say(self.session.closed, level="info")

    def _lost(self, problem: Exception, doing: str = "What was loaded here") -> None:
        self.bench.wanted = Place()
        self._panel().message.say(problem, level="warning", doing=doing)
        self.bench.go("load")
        self.offer()

    def _show(self, place: Place) -> None:
        if place.topic in PANELS:
            self.bench.go(place.topic)
        if place.step:
            self.bench.open_step(place.step)

    def _panel(self) -> LoadPanel:
        panel = self.bench.panel("load")
        assert isinstance(panel, LoadPanel)
        return panel
