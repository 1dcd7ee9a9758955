"""A panel: a widget over a `Session`, alone in a cell or one of a window's."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import ipywidgets as w

from tiltyard.catalogue import titles
from tiltyard.errors import Problem
from tiltyard.keywords import spelled

from ..theme import look
from ..views.message import Message
from ..views.save_page import SavePage
from ..views.static import page, still
from .session import Session

if TYPE_CHECKING:
    from .still_output import StillOutput


def described(widget: w.Widget) -> str:
    """A panel or window in a line of a terminal: ``<AttackPanel: census MLP on census>``."""
    session = getattr(widget, "session", None)  # none while the widget is being made
    names = [part.name for part in (session.target, session.data) if part is not None] if session is not None else []
    return f"<{type(widget).__name__}: {' on '.join(names) or 'no model and data yet'}>"


class Panel(w.VBox):
    """A widget over a `Session`, alone in a cell or inside the `Workbench`: ``AttackPanel(model, frame, label="y")``.

    Parameters
    ----------
    target, data, label, sensitive
        What to assess, as `Session` takes it.
    session
        That of a window, instead of one of its own.
    """

    title = "Panel"

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
        self.session = session or Session(target, data, label=label, sensitive=sensitive)
        self._still: StillOutput | None = None
        self._news_of, self._off, self._stale = self.session.about, False, False
        self.add_class("ty-panel")
        self.message = Message()
        built = self.build()
        saving = SavePage(self.saved, f"tiltyard-{self.title.lower().replace(' ', '-')}", self.session.denied("export"))
        self.children = (look.style(), *built, saving)
        self.session.observe(lambda _: self._news(), "version")
        self._news()

    def _news(self) -> None:
        """Refresh, once it is to be seen. A `Problem` is shown in this panel; it must not end the run whose news this is."""
        self._stale = self._off
        if self._off:
            return
        try:
            if self._news_of != self.session.about:
                self._news_of = self.session.about
                self.forget()
            self.refresh()
        except Problem as problem:
            self.message.say(problem)

    def stage(self, on: bool) -> None:
        """Is it to be seen? A window shows one panel; the others take the news when it is their turn."""
        self._off = not on
        if on and self._stale:
            self._news()

    def build(self) -> Sequence[w.Widget]:
        """The panel's widgets, made once."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **given: Any) -> Any:
        """As ipywidgets shows it; in a notebook with a picture beside it that stays when the kernel is gone."""
        if self._still is None:
            from .still_output import kept

            self._still = kept(lambda: still(self), self.session)
        return super()._repr_mimebundle_(**given)

    def __repr__(self) -> str:
        return described(self)

    def saved(self) -> str:
        """What stands in the panel as one HTML document, without what needs a kernel: charts and tables stay alive."""
        self.session.person.must("export")
        return page(self, f"Tiltyard: {self.title}")

    def refresh(self) -> None:
        """Bring what is shown in line with the session."""

    def heard(self) -> None:
        """Somebody wrote to the store, or the panel is shown again; for panels that show more than the session's standing."""

    def forget(self) -> None:
        """Put away what is of the former target or data, just before `refresh`: files made, links, what was said."""

    def open_step(self, id: str) -> None:
        """Show the panel of a step where a window holds it; say where it stands otherwise."""
        if not self.session.opener(id):
            from tiltyard.catalogue import TOPICS, topic_of

            topic = topic_of(id)
            self.message.say(f"{titles().get(id, id)} stands in the panel {TOPICS.get(topic, topic)}.", level="info")
