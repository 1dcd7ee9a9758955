"""What all panels of one window share: target, data, and what was measured of them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import traitlets as t

from tiltyard.access.person import Person, me
from tiltyard.access.roles import Action, reason
from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.schema import Rows
from tiltyard.errors import Problem
from tiltyard.result import Identity, Record
from tiltyard.targets.target import Target

from .known_records import KnownRecords, News
from .source import Source
from .work import Work
from .working import SHOWING, Listener, Working, pair

if TYPE_CHECKING:
    from tiltyard.assessment.standing import Standing
    from tiltyard.standards.ethics import Checklist
    from tiltyard.store.lines import Run
    from tiltyard.store.store import Store

__all__ = ["SHOWING", "Listener", "Session"]


class Former(NamedTuple):
    """The target from before a defense: what `Session.undo` brings back."""

    defense: str
    target: Target
    data: Dataset | None
    run: "Run | None"
    source: dict[str, str]


class Session(Working):
    """Shared state. Observe ``version`` to hear of any change; ``busy`` names what runs.

    Parameters
    ----------
    target, data
        What to assess; either may come later through ``adopt``. A model as `tiltyard.open` opens it and a table are taken too.
    label, sensitive
        Of a table: its label column, and its sensitive columns.
    store
        Where runs are kept; None keeps them in memory only.
    """

    target = t.Instance(Target, allow_none=True, default_value=None)  # type: ignore[call-overload]
    data = t.Instance(Dataset, allow_none=True, default_value=None)
    wrote = t.Int(0, help="changes when anybody wrote to the store, of whichever model")
    details = t.Bool(False, help="are details of results unfolded in this window?")

    def __init__(
        self,
        target: Any = None,
        data: Any = None,
        store: "Store | None" = None,
        label: str | None = None,
        sensitive: str | Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        self.store = store
        self.person: Person = store.person if store is not None else me()
        self.opened = datetime.now(UTC)
        self.run: Run | None = None
        self.source: dict[str, str] = {}  # how target and data were loaded, where *Model and data* did it
        self.load = ""  # the id under which a later window finds them again, see `kept_loads`
        self.known = KnownRecords(store)
        self.made: dict[str, Target] = {}
        self.former: list[Former] = []
        self.checklists: dict[str, Checklist] = {}  # what persons answered here, by the target's fingerprint
        self._looking = False
        self._mark = ""
        self.looked: tuple[Identity, Identity] | None = None  # of a run that is looked at, without its model
        self.opener: Callable[[str], bool] = lambda id: False
        self.row_opener: Callable[[int, Rows], bool] = lambda row, x: False
        self._stands: tuple[tuple[object, ...], Standing] | None = None
        if (target is not None and data is not None) or _unread(target, Target) or _unread(data, Dataset):
            from tiltyard.targets.meeting import meet

            target, data = meet(target, data, label, sensitive)
        if target is not None or data is not None:
            self.adopt(target, data)

    @property
    def records(self) -> list[Record]:
        """Every record of the present target and data that is known, whoever made it, in the order in which they were started."""
        return self.known.records

    def adopt(self, target: Target | None, data: Dataset | None, source: Mapping[str, Any] | None = None) -> None:
        """Take a target and its data with all that the store knows of them; what was measured of others stays there.

        ``source`` says how another window can open them again (`source`); None where that cannot be.
        """
        self.former = []
        if source and target is not None and data is not None:
            self.sources[pair(target, data)] = dict(source)
        self._turn(target, data, None)

    def go_on(self, defense: Record) -> None:
        """Take the target that ``defense`` made for the present one; `undo` brings that back.

        Raises
        ------
        Problem
            It made none here.
        """
        made = self.made.get(defense.id)
        if made is None or self.target is None:
            raise Problem("a defended model", "none", "Apply the defense first")
        self.take(defense.title, made)

    def take(self, title: str, made: Target) -> None:
        """Take ``made`` of the present target for the present one; `undo` brings that back. ``title`` says what made it."""
        if self.target is not None:
            self.former.append(Former(title, self.target, self.data, self.run, self.source))
        self._turn(made, self.data, None)

    def use(self, data: Dataset) -> None:
        """Take other rows of the same data, a cohort or all of them; what was made of the target can still be undone."""
        self._turn(self.target, data, None)

    def undo(self) -> None:
        """Back to the target from before the last `go_on`; nothing where there was none."""
        if self.former:
            former = self.former.pop()
            self.source = former.source
            self._turn(former.target, former.data, former.run)

    def _turn(self, target: Target | None, data: Dataset | None, run: "Run | None") -> None:
        if target is not None and data is not None:
            self.runs.pop(pair(target, data), None)
            if run is not None:
                self.runs[pair(target, data)] = run
        self.closed, self.looked, self.warning = "", None, ""
        self.target, self.data, self.run = target, data, run
        self.load = self._remembered()
        try:
            self.known.turn(target.identity if target else None, data.identity if data else None)
            self._left_out()
        except Problem as problem:
            self.warning = f"What was measured before is not shown: {problem}"
        self.version += 1

    def _remembered(self) -> str:
        if self.store is None or self.target is None or self.data is None:
            return ""
        from .kept_loads import KeptLoads, load_of, whole

        source = self.sources.get(pair(self.target, whole(self.data)))
        return KeptLoads(self.person).keep(load_of(Source.model_validate(source), self.target.identity, self.data)) if source else ""

    def _left_out(self) -> None:
        if broken := self.known.broken:
            more = f", and {len(broken) - 1} more" if len(broken) > 1 else ""
            self.warning = f"Left out, for it is not as it was written: {broken[0]}{more}"

    def look(self) -> None:
        """Take over what other windows and shells wrote of the present target and data since; reads in a thread."""
        if not self._looking:
            self._looking = True
            self.aside(lambda: (self.store.mark() if self.store else "", self.known.news()), lambda news: self._heard(*news), self._deaf)

    def _deaf(self, problem: Exception) -> None:
        self._looking = False  # a store that is locked or gone is said where it is written to

    def _heard(self, mark: str, news: "News | None") -> None:
        self._looking = False
        if mark != self._mark:
            self._mark = mark
            self.wrote += 1
        if news is not None and self.known.take(news):
            self._left_out()
            self.version += 1

    def resume(self, run: "Run", records: Sequence[Record]) -> None:
        """Let new steps join a stored run of the present target and data, whose ``records`` are shown too."""
        self.run = run
        if run.owner in ("", self.person.name):
            self.runs[run.target.fingerprint, run.data.fingerprint] = run
        for record in records:
            self.known.add(record)
        self.version += 1

    def look_at(self, run: "Run", why: str) -> None:
        """Show the records of the model and data of a stored run, which cannot be asked here: ``why`` says why not."""
        self.former = []
        self._turn(None, None, run)
        self.closed, self.looked = why, (run.target, run.data)
        self.known.turn(run.target, run.data)
        self.version += 1

    @property
    def about(self) -> tuple[str, str]:
        """The fingerprints of the present target and data; empty where there is none."""
        target, data = self.identities
        return (target.fingerprint if target else "", data.fingerprint if data else "")

    @property
    def identities(self) -> tuple[Identity | None, Identity | None]:
        """What the header names: the present target and data, or those of the run that is looked at."""
        if self.looked is not None:
            return self.looked
        return (self.target.identity if self.target else None, self.data.identity if self.data else None)

    @property
    def standing(self) -> "Standing":
        """All that is known of the present target and data; header, rail and panels take their numbers from it."""
        key = (self.version, self.target, self.data, self.records)
        if self._stands is None or any(one is not other for one, other in zip(self._stands[0], key, strict=True)):
            self._stands = (key, self._standing())
        return self._stands[1]

    def _standing(self) -> "Standing":
        from tiltyard.assessment.standing import standing_of
        from tiltyard.catalogue import unmet

        target, data = self.target, self.data
        if self.looked is not None:
            return standing_of(self.records, *self.looked)
        if target is None or data is None:
            return standing_of((), target.identity if target else None, data.identity if data else None)
        return standing_of(self.records, target.identity, data.identity, unmet(target, data))

    @property
    def latest(self) -> dict[str, Record]:
        """Of each step the record that a panel shows, by id: the newest on the present target and data that was not cancelled."""
        return {id: step.shown for id, step in self.standing.steps.items() if step.shown is not None}

    def current(self, record: Record) -> bool:
        """Is the record about the present target and data, whole or as a threat model shows it?"""
        from tiltyard.assessment.standing import concerns

        target, data = self.identities
        return target is not None and data is not None and concerns(record, target, data)

    def denied(self, action: Action) -> str:
        """Why the person's role does not allow it, in one sentence, or nothing where it does."""
        return reason(self.person.role, action)

    def add(self, record: Record) -> None:
        """Take a record that was made of others (the cross-risk table), and keep it in the run; for analysts."""
        self.person.must("run")
        self._keep(record, self.run.id if self.run else "")

    def keep(self, record: Record, work: Work) -> None:
        """As `add`, in the run of ``work``, whatever is in the header now."""
        self.person.must("run")
        self._keep(record, work.run)

    def _keep(self, record: Record, run_id: str) -> None:
        if self.store is not None and run_id:
            try:
                self.store.add(run_id, record)
            except Problem as problem:
                self.warning = f"Not kept in the history: {problem}"
        self._add(record, None, lambda _: None)

    def _add(self, record: Record, made: Target | None, each: Callable[[Record], None]) -> None:
        self.known.add(record)
        if made is not None:
            self.made[record.id] = made
        self.version += 1
        each(record)


def _unread(given: Any, kind: type) -> bool:
    """Is it given, and not yet what a session holds?"""
    return given is not None and not isinstance(given, kind)
