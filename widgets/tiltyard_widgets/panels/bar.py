"""A panel's own progress bar over what it put into the window's queue."""

from collections.abc import Callable

from tiltyard.progress import Report

from ..controls.progress_bar import ProgressView
from .session import Session
from .work import Work


class WorkBar(ProgressView):
    """Follows the works that its panel asked for about the model and data in the header: the one that runs, else the next that waits.

    Its Cancel stops that one or takes it out of the queue. How it ended the panel itself says, by `finish`.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self._own: list[Work] = []
        self._shown: tuple[str, str] = ("", "")
        self.on_cancel(self._cancel)
        self.begun: Callable[[Work], None] = lambda work: None  # hears of a work that waited and now runs
        session.queue.observe(lambda _: self._follow(), "version")
        session.observe(lambda _: self._follow(), ["target", "data"])

    @property
    def work(self) -> Work | None:
        """What it follows; None where nothing of its panel is under way or waits here."""
        here = [work for work in self._own if not work.over and self._here(work)]
        return next((work for work in here if work.state == "running"), here[0] if here else None)

    def take(self, work: Work, begin: str = "loading") -> None:
        """Follow one more; ``begin`` is shown until its first report."""
        self._own = [*(one for one in self._own if not one.over), work]
        if not work.message:
            work.message = begin
        self._follow()

    def report(self, report: Report) -> None:
        """Take over one progress message of what it follows, from any thread."""
        work = self.work
        if work is not None and work.state == "running":
            super().report(report)

    def _here(self, work: Work) -> bool:
        target, data = self.session.target, self.session.data
        same = work.target is None or (target is not None and target.fingerprint == work.target.fingerprint)
        return same and (work.data is None or (data is not None and data.fingerprint == work.data.fingerprint))

    def _follow(self) -> None:
        work = self.work
        now = (work.id, work.state) if work else ("", "")
        if work is not None and work.state == "waiting":
            self.wait(self.session.queue.words(work))
        elif work is not None and now != self._shown:
            self.start(work.message)
            if self._shown == (work.id, "waiting"):
                self.begun(work)
        elif work is None and self.active and any(not one.over for one in self._own):
            self.finish("")  # it goes on about a model that is not in the header any more
        self._shown = now

    def _cancel(self) -> None:
        if (work := self.work) is not None:
            self.session.queue.cancel(work.id)
