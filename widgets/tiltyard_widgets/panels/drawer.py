"""The drawer of a window: its queue, and what the same person runs elsewhere."""

import threading
import time
from collections.abc import Callable

from ..views.drawer import Drawer, Line
from .elsewhere import Elsewhere
from .session import Session
from .work import Work

OPEN, FOLDED = 0.35, 1.0  # s between two messages on progress
NOTE = "Nothing runs. What you run is listed here; it goes on when this page is closed."


class WorkDrawer(Drawer):
    """Shows the works of ``session`` in their order, cancels and moves them; *Show* opens their step by ``opener``."""

    def __init__(self, session: Session, opener: Callable[[str], object]) -> None:
        super().__init__()
        self.note = NOTE
        self.session, self._opener = session, opener
        self._alone = threading.Lock()
        self._drawn, self._coming = 0.0, False
        self.elsewhere = Elsewhere(session)
        self.elsewhere.changed = self.draw  # type: ignore[method-assign]
        session.queue.observe(lambda _: self.draw(), "version")
        session.queue.on_progress(self._moved)
        self.on_event("cancel", self.cancel)
        self.on_event("first", session.queue.first)
        self.on_event("show", self.reveal)
        self.draw()

    def draw(self) -> None:
        """All lines as they are now; on the kernel's own thread."""
        self._drawn, self._coming = time.monotonic(), False
        queue = self.session.queue
        running = [self._line(queue.running)] if queue.running else []
        others = [job.line for job in self.elsewhere.jobs]
        self.show([*running, *others, *map(self._line, queue.waiting), *map(self._line, queue.past)])

    def cancel(self, id: str) -> None:
        """Stop or remove it, here or elsewhere."""
        if any(job.run.id == id for job in self.elsewhere.jobs):
            self.elsewhere.cancel(id)
        else:
            self.session.queue.cancel(id)

    def reveal(self, id: str) -> None:
        """Open the step of a line."""
        step = next((line["step"] for line in self.lines if line["id"] == id), "")
        if step:
            self._opener(step)

    def _moved(self) -> None:
        """Progress came, from any thread: draw soon, a few times a second at most."""
        with self._alone:
            if self._coming or time.monotonic() - self._drawn < (OPEN if self.unfolded else FOLDED):
                return
            self._coming = True
        self.session.on_main(self.draw)

    def _line(self, work: Work) -> Line:
        return Line(
            id=work.id,
            title=work.title,
            about=", ".join(of.name for of in (work.target, work.data) if of is not None),
            state=work.state,
            done=work.done,
            left=work.left,
            elapsed=work.elapsed,
            words=self._words(work),
            results=f"{work.found} of {len(work.steps)} results" if len(work.steps) > 1 and (work.found or work.over) else "",
            error=work.error,
            step=work.steps[0] if work.steps else "",
            cancelling=work.cancelling,
        )

    def _words(self, work: Work) -> str:
        if work.state == "waiting":
            return self.session.queue.words(work)
        ended = work.ending or {"cancelled": "cancelled", "ended": "ended"}.get(work.state, "")
        return ended if work.over else _once(work)


def _once(work: Work) -> str:
    """What goes on, without the title where it stands there already."""
    return work.message.removeprefix(work.title).removeprefix(" · ")
