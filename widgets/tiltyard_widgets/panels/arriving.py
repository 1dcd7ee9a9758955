"""A window that is opened anew: at the place its address names, or with the offer to go on where the person was."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tiltyard.errors import Problem

from ..place import Place
from .load import LoadPanel
from .workbench import PANELS, Workbench

if TYPE_CHECKING:
    from tiltyard.store.lines import Run, RunLine
    from tiltyard.store.store import Store

LOOKED = 50  # runs among which the person's last is looked for


@dataclass(frozen=True)
class Last:
    """The person's last run, and what is known of its model and data in a sentence."""

    run: "Run"
    sentence: str

    @property
    def words(self) -> str:
        """``Go on where you were: german-credit on loans.csv, 3 findings in 5 of 41 checks, Nov 30 14:02``."""
        when = self.run.started.astimezone()
        year = f" {when.year}" if when.year != datetime.now(UTC).year else ""
        return f"{self.run.target.name} on {self.run.data.name}, {self.sentence}, {when:%b} {when.day}{year} {when:%H:%M}"


def last(store: "Store") -> Last | None:
    """The last run of the person whose store it is that has a result; None where there is none."""
    line = next((line for line in store.runs(limit=LOOKED) if _own(line, store) and line.total), None)
    if line is None:
        return None
    from tiltyard.assessment.standing import standing_of

    run = store.run(line.id)
    records = list(store.known(run.target.fingerprint, run.data.fingerprint).records.values())
    return Last(run, standing_of(records, run.target, run.data).sentence)


def _own(line: "RunLine", store: "Store") -> bool:
    return line.owner in ("", store.person.name)


class Arrival:
    """Brings a window to a place; what cannot be opened is shown as it is kept, and why it cannot be run is said."""

    def __init__(self, bench: Workbench) -> None:
        self.bench, self.session = bench, bench.session

    def at(self, place: Place) -> None:
        """Show topic and step of ``place``, and bring its run, where it names one."""
        self._show(place)
        store = self.session.store
        if place.run and store is not None:
            self.session.aside(lambda: store.run(place.run), lambda run: self.to(run, place), self._lost)

    def to(self, run: "Run", place: Place) -> None:
        """Open model and data of ``run`` and show ``place``; where they cannot be opened, look at its records."""
        panel = self._panel()
        self._show(place)
        panel.again(run, lambda: self._there(run, place), lambda problem: self._look(run, place, problem))

    def offer(self) -> None:
        """Offer to go on with the person's last run."""
        store = self.session.store
        if store is not None:
            self.session.aside(lambda: last(store), self.offered, lambda problem: None)

    def offered(self, found: Last | None) -> None:
        """Make the offer, unless the person was quicker."""
        if found is not None and self.session.target is None and not self.session.busy and not self.session.closed:
            topic = self.bench.rail.selected
            place = Place(found.run.id, "evasion" if topic == "load" else topic)
            self._panel().onward.offer(found.words, lambda: self.to(found.run, place))
            self.bench.go("load")

    def _there(self, run: "Run", place: Place) -> None:
        self.bench.wanted = ""
        self.session.resume(run, [])
        self._show(place)

    def _look(self, run: "Run", place: Place, problem: Exception) -> None:
        why = str(problem) if isinstance(problem, Problem) else f"{type(problem).__name__}: {problem}"
        self.bench.wanted = ""
        self.session.look_at(run, f"Look only: {why[:1].lower()}{why[1:]}")
        self._show(place if place.topic else Place(place.run, "report"))
        self.bench.go(self.bench.rail.selected).message.say(self.session.closed, level="info")

    def _lost(self, problem: Exception) -> None:
        self.bench.wanted = ""
        self._panel().message.say(problem, level="warning", doing="The run of this address")
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
