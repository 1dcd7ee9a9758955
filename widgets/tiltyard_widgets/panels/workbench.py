"""The whole window: header, rail, and the topics' panels over one shared session."""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import ipywidgets as w

from tiltyard.catalogue import topic_of
from tiltyard.datasets.schema import Rows
from tiltyard.errors import Problem
from tiltyard.keywords import spelled

from ..place import Place
from ..theme import look, plain
from ..views.address import Address
from ..views.rail import Rail, header
from ..views.static import still
from .checklist import standing
from .drawer import WorkDrawer
from .listing import ROWS
from .panel import Panel, described
from .session import Session
from .topic_panel import TopicPanel
from .watching import Watch

if TYPE_CHECKING:
    from tiltyard.assessment.standing import Standing
    from tiltyard.store.store import Store

    from .still_output import StillOutput


def _of(module: str, panel: str) -> Callable[[Session], Panel]:
    """A panel that is imported when it is first opened."""

    def make(session: Session) -> Panel:
        made: Panel = getattr(import_module(f".{module}", __package__), panel)(session=session)
        return made

    return make


PANELS: dict[str, tuple[str, Callable[[Session], Panel]]] = {row.id: (row.label, _of(row.module, row.panel)) for row in ROWS}


CAMPAIGN = "campaign.matrix"


class Workbench(w.VBox):
    """``Workbench(target, data)``: the panels of every topic, one at a time, made when first opened.

    Parameters
    ----------
    target, data, label, sensitive
        What to assess, as `Session` takes it; without them the window opens on *Model and data*.
    store
        Where runs are kept: a `tiltyard.store.store.Store`, or None for memory only.
    """

    _watch: "Watch | None" = None  # of a window that was refused its making too, for it is closed like any

    @spelled
    def __init__(
        self,
        target: Any = None,
        data: Any = None,
        session: Session | None = None,
        *,
        label: str | None = None,
        sensitive: str | Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        self.session = session or Session(target, data, default_store(), label, sensitive)
        self.header = header()
        self.header.on_event("undo", lambda _: self.undo())
        self.header.on_event("all_rows", lambda _: self.all_rows())
        self.middle = plain.VBox()
        self._panels: dict[str, Panel] = {}
        first = "evasion" if self.session.target is not None else "load"
        self.names = list(PANELS)
        stands = states(self.session)
        items = [{"id": row.id, "label": row.label, "group": row.group, **_state(stands.get(row.id))} for row in ROWS]
        self.rail = Rail(items=items, selected=first)
        self.session.opener = self.open_step
        self.session.row_opener = self.open_row
        self.rail.observe(lambda _: self.go(self.rail.selected), "selected")
        self.drawer = WorkDrawer(self.session, self.open_step)
        self.address = Address()
        self.wanted = Place()  # what the address named, until it is there or given up
        self.children = (look.style(), look.frame(self.header, self.rail, self.middle, self.drawer), self.address)
        self.stills = True  # does the notebook that shows the window keep a picture of it?
        self._still: StillOutput | None = None
        self.session.observe(lambda _: self.refresh(), ["version", "busy"])
        self.session.observe(lambda _: self._panels[self.rail.selected].heard(), "wrote")
        self.go(first)
        self.refresh()

    def __repr__(self) -> str:
        return described(self)

    def go(self, name: str) -> Panel:
        """Show the panel of a topic; made on first use and kept, so nothing typed is lost."""
        made = name not in self._panels
        panel = self.panel(name)
        if not made and self.middle.children != (panel,):
            panel.heard()
        for other in self._panels.values():
            other.stage(other is panel)
        self.middle.children = (panel,)
        if self.rail.selected != name:
            self.rail.selected = name
        self.address.show(self.place)
        if self._still is not None:
            self._still.renew()
        return panel

    def panel(self, name: str) -> Panel:
        """The panel of a topic, shown or not."""
        if name not in self._panels:
            panel = self._panels[name] = PANELS[name][1](self.session)
            if isinstance(panel, TopicPanel):
                panel.choice.observe(lambda _: self.address.show(self.place), "value")
        return self._panels[name]

    @property
    def place(self) -> Place:
        """What is shown, as the address names it."""
        topic, session = self.rail.selected, self.session
        panel = self._panels.get(topic)
        step = panel.choice.value if isinstance(panel, TopicPanel) else ""
        if session.run is not None:  # which tells how it was loaded
            return Place(session.run.short, topic, step)
        load = self.wanted.load or (session.load if session.target is not None else "")
        return Place(self.wanted.run, topic, step, "" if self.wanted.run else load)

    def open_step(self, id: str) -> bool:
        """Show a step in the panel of its topic; False where no panel holds it."""
        topic = topic_of(id)
        panel = self.go(topic) if topic in self.names else None
        if not isinstance(panel, TopicPanel) or id not in panel.steps:
            return False
        panel.choice.value = id
        return True

    def open_row(self, row: int, x: Rows) -> bool:
        """Show the row of that number in *One row*, edited to what ``x`` (d,) holds; False where no row can be edited there."""
        from .rows import RowsPanel

        panel = self.go("rows")
        return isinstance(panel, RowsPanel) and panel.show_row(row, x)

    def refresh(self) -> None:
        """Header and rail in line with the session."""
        session, stands = self.session, self.session.standing
        former = session.former[-1].target.name if session.former else ""
        chosen, data = session.data.selection if session.data else None, stands.data
        if chosen is not None and data is not None:  # the cohort first, for a long name is cut
            data = data.model_copy(update={"name": f"cohort {chosen.cohort.name}, of {chosen.parent.name}"})
        words = session.doing or stands.sentence
        self.header.show(stands.target, data, stands.state, words, former, chosen is not None)
        self.rail.marked(states(session))
        self.address.show(self.place)

    def all_rows(self) -> None:
        """Back from a cohort to all rows."""
        chosen = self.session.data.selection if self.session.data else None
        try:
            self.session.free()
            if chosen is not None:
                self.session.use(chosen.parent)
        except Problem as problem:
            self.go(self.rail.selected).message.say(problem, level="warning")

    def undo(self) -> None:
        """Back to the model before the defense."""
        try:
            self.session.free()
            self.session.undo()
        except Problem as problem:
            self.go(self.rail.selected).message.say(problem, level="warning")

    def still(self) -> str:
        """The window as HTML without script: what is assessed, how every risk stands with the gravest findings, and the panel in view."""
        from .standing_card import card

        return still(self.header, card(self.session), self._panels[self.rail.selected])

    def watch(self) -> None:
        """Hear what other windows and shells write to the store, until this window is closed."""
        if self._watch is None:
            self._watch = Watch(self.session)
            self._watch.start()
            self.drawer.elsewhere.begin()

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Of ipywidgets: show it, in a notebook with a picture beside it that stays when the kernel is gone; what is shown hears what others write."""
        self.watch()
        if self._still is None and self.stills:
            from .still_output import kept

            self._still = kept(self.still, self.session)
        return super()._repr_mimebundle_(**kwargs)

    def close(self) -> None:
        if self._watch is not None:
            self._watch.stop()
        super().close()


def _state(found: tuple[str, str] | None) -> dict[str, str]:
    return {} if found is None else {"state": found[0], "words": found[1]}


def states(session: Session) -> dict[str, tuple[str, str]]:
    """State and words of each panel that has one, by its id."""
    stands: Standing = session.standing
    found: dict[str, tuple[str, str]] = {topic.id: (topic.state, _words(topic.state, topic.sentence)) for topic in stands.topics.values()}
    found["redteam"] = (stands.steps[CAMPAIGN].state if CAMPAIGN in stands.steps else "not_run", "")
    found["ethics"] = standing(session)
    loaded = session.target is not None and session.data is not None
    return {**found, "load": ("passed", "loaded") if loaded else ("not_run", "nothing loaded")}


def _words(state: str, sentence: str) -> str:
    """The sentence of a topic on the rail, where a pass and a failure are words too."""
    return f"{state}, {sentence}" if state in ("passed", "failed") else sentence


def default_store() -> "Store":
    """The user's store; a window without one still works and says so."""
    from tiltyard.store.opening import open_store

    return open_store()
