"""After a defense: measure every risk again, and show what it did to the others."""

import base64
from typing import TYPE_CHECKING

import ipywidgets as w

from tiltyard.catalogue import find
from tiltyard.errors import Problem
from tiltyard.formatting.numbers import about
from tiltyard.result import Record

from ..controls.download import Download
from ..theme import look
from ..views.message import Message
from ..views.outcome import OutcomeView
from .bar import WorkBar
from .session import Session

if TYPE_CHECKING:
    from tiltyard.comparison.remeasure import Remeasured


BEHIND = "The defense alone, without the model: load the model again with this file under More settings, Behind a defense."
OTHER = "A model file: load it like any other."


class RemeasureView(look.Stack):
    """Two buttons under a defense's result, and the cross-risk table once it is measured."""

    def __init__(self, session: Session, message: Message) -> None:
        super().__init__()
        self.session, self.message = session, message
        self.record: Record | None = None
        self.measure = look.button(
            "Measure everything again",
            kind="primary",
            title="Every check run before, on the defended model, with the same parameters",
            denied=session.denied("run"),
        )
        self.measure.on_click(lambda _: self.run())
        self.take = look.button(
            "Go on with the defended model", title="The panels then show the defended model; the old one stays in the history"
        )
        self.take.on_click(lambda _: self.adopt())
        self.hand_over = look.button(
            "Download what it made",
            title="A file for this browser: the model, or what a model stands behind",
            denied=session.denied("run"),
        )
        self.hand_over.on_click(lambda _: self.offer())
        self.link, self.about = Download(), look.text("", kind="help")
        self.cost = look.text("", kind="help")
        self.progress = WorkBar(session)
        self.view = OutcomeView("Not measured again yet: nobody knows what this defense did to the other risks.")

    def show(self, record: Record | None) -> None:
        """Offer it for the defense of ``record``; nothing where it made no target."""
        if record is None or self.record is None or record.id != self.record.id:
            self.link.offer("", "", "")
            self.about.say("")
        self.record = record
        if record is None or record.id not in self.session.made:
            self.children: tuple[w.Widget, ...] = ()
            return
        from tiltyard.comparison.cross_risk import again

        latest = self.session.latest.values()
        seconds = sum(r.seconds for r in latest if r.kind == "check")
        count = len(again(list(latest)))
        many = "1 check, as it" if count == 1 else f"{count} checks, as they"
        self.cost.say(f"Cost: {about(seconds)} for {many} took before. What was not run before is not measured now.")
        self.children = (
            look.heading("What it does to the other risks", 3),
            look.row([self.measure, self.take, self.hand_over]),
            self.link,
            self.about,
            self.cost,
            self.progress,
            self.view,
        )
        known = [r for r in self.session.records if r.check == "cross_risk.after" and r.effective.get("defense_record") == record.id]
        self.view.show(known[-1] if known else None, code(record))

    def run(self) -> None:
        """Run what was run before on the defended model; first on the old one what it lacks."""
        self.message.clear()
        self.measure.disabled = True
        try:
            if self.record is None:
                raise Problem("a defended model", "none", "Apply the defense first")
            work = self.session.remeasure(self.record, self.progress.report, self._done, self._failed)
        except Problem as problem:
            self._failed(problem)
            return
        self.progress.take(work, "Measuring everything again")

    def _done(self, found: "Remeasured") -> None:
        if self.session.warning:
            self.message.say(self.session.warning, level="warning")
        if self.record is not None and self.record.id == found.defense.id:
            self.view.show(found.crossed, code(found.defense))
        self._free("Cancelled; what was measured is in the history" if found.cancelled else "Measured again")

    def _failed(self, problem: Exception) -> None:
        self.message.say(problem)
        self._free("")

    def _free(self, words: str) -> None:
        """Let it be started again. Comes last, since whoever waits for this looks at the rest then."""
        self.progress.finish(words)
        self.measure.disabled = False

    def offer(self) -> None:
        """Hand what the defense made to the browser as a file, and say how it is opened."""
        self.message.clear()
        if self.record is None:
            return
        from tiltyard.targets.saving import LARGEST, MODEL, not_within
        from tiltyard.targets.wrapper import DEFENSE, Wrapper

        made = self.session.made[self.record.id]
        try:
            content = made.safetensors()
            if len(content) > LARGEST:
                found, do = f"{len(content) >> 20:,} MiB", "Save it from a shell: tiltyard defend … --save FILE"
                raise Problem(f"at most {LARGEST >> 20} MiB to hand to a browser", found, do)
        except Problem as problem:
            self.message.say(problem, doing="Could not write it")
            return
        alone = isinstance(made, Wrapper)
        self.link.offer(DEFENSE if alone else MODEL, "application/octet-stream", base64.b64encode(content).decode())
        rows = made.own().rows if isinstance(made, Wrapper) else 0
        held = f"It holds {rows:,} rows that the model was trained on: guard it as you guard them." if rows else ""
        self.about.say(f"{BEHIND} {held}".strip() if alone else f"{OTHER} {not_within(made)}".strip())

    def adopt(self) -> None:
        """Make the defended target the one the panels show."""
        if self.record is None:
            return
        try:
            self.session.free()
            self.session.go_on(self.record)
        except Problem as problem:
            self.message.say(problem, level="warning")


def code(defense: Record) -> str:
    """Python that applies the same defense and measures the same; ``records`` are those measured before."""
    given = "".join(f", {name}={value!r}" for name, value in find(defense.check).present(defense.given).items())
    return f"import tiltyard as ty\n\nfound = ty.defend({defense.check!r}, target, data, before=records{given})\nprint(found.crossed.result.summary)\n"
