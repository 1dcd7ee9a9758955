"""The whole window: header, rail, and the topics' panels over one shared session."""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import ipywidgets as w

from tiltyard.catalogue import TOPICS, topic_of

from ..theme import look
from ..views.rail import Rail, header
from .listing import ROWS
from .panel import Panel, TopicPanel, state_of
from .session import Session

if TYPE_CHECKING:
    from tiltyard.store.store import Store


def _of(module: str, panel: str) -> Callable[[Session], Panel]:
    """A panel that is imported when it is first opened."""

    def make(session: Session) -> Panel:
        made: Panel = getattr(import_module(f".{module}", __package__), panel)(session=session)
        return made

    return make


PANELS: dict[str, tuple[str, Callable[[Session], Panel]]] = {row.id: (row.label, _of(row.module, row.panel)) for row in ROWS}


STATELESS = {"report", "history", "access", "monitor"}
SUMS = {"redteam": "campaign.matrix", "ethics": "guidelines.checklist"}


class Workbench(w.VBox):
    """``Workbench(target, data)``: the panels of every topic, one at a time, made when first opened.

    Parameters
    ----------
    target, data, label, sensitive
        What to assess, as `Session` takes it; without them the window opens on *Model and data*.
    store
        Where runs are kept: a `tiltyard.store.store.Store`, or None for memory only.
    """

    def __init__(
        self,
        target: Any = None,
        data: Any = None,
        session: Session | None = None,
        *,
        label: str | None = None,
        sensitive: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        self.session = session or Session(target, data, default_store(), label, sensitive)
        self.header = header()
        self.middle = w.VBox()
        self._panels: dict[str, Panel] = {}
        first = "evasion" if self.session.target is not None else "load"
        self.names = list(PANELS)
        items = [{"id": name, "label": PANELS[name][0], **({} if name in STATELESS else {"state": "not_run"})} for name in self.names]
        self.rail = Rail(items=items, selected=first)
        self.session.opener = self.open_step
        self.rail.observe(lambda _: self.go(self.rail.selected), "selected")
        self.children = (look.style(), look.frame(self.header, self.rail, self.middle))
        self.session.observe(lambda _: self.refresh(), ["version", "busy"])
        self.go(first)
        self.refresh()

    def go(self, name: str) -> Panel:
        """Show the panel of a topic; made on first use and kept, so nothing typed is lost."""
        if name not in self._panels:
            self._panels[name] = PANELS[name][1](self.session)
        self.middle.children = (self._panels[name],)
        if self.rail.selected != name:
            self.rail.selected = name
        return self._panels[name]

    def open_step(self, id: str) -> bool:
        """Show a step in the panel of its topic; False where no panel holds it."""
        topic = topic_of(id)
        panel = self.go(topic) if topic in self.names else None
        if not isinstance(panel, TopicPanel) or id not in panel.steps:
            return False
        panel.choice.value = id
        return True

    def refresh(self) -> None:
        """Header and rail in line with the session."""
        session = self.session
        latest = list(session.latest.values())
        self.header.show(
            session.target.identity if session.target else None,
            session.data.identity if session.data else None,
            state_of(latest),
            verdict(session, latest),
        )
        for name in self.names:
            if name in TOPICS:
                self.rail.mark(name, state_of([r for r in latest if topic_of(r.check) == name]))
        for name, step in SUMS.items():
            self.rail.mark(name, state_of([r for r in latest if r.check == step]))
        self.rail.mark("load", "passed" if session.target and session.data else "not_run")


def verdict(session: Session, latest: Sequence[object]) -> str:
    """What is known so far, in a few words."""
    from tiltyard.result import Record

    if session.busy:
        return session.doing
    if not latest:
        return "nothing measured yet"
    records = [r for r in latest if isinstance(r, Record)]
    findings = sum(len(r.result.findings) for r in records)
    return f"{findings} finding{'s' * (findings != 1)} in {len(records)} step{'s' * (len(records) != 1)}"


def default_store() -> "Store":
    """The user's store; a window without one still works and says so."""
    from tiltyard.store.opening import open_store

    return open_store()
