"""One's own endpoint: probe what it lets a stranger do, and take it as the target of every other panel."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import ipywidgets as w

from tiltyard.errors import Problem
from tiltyard.formatting import numbers as numerals
from tiltyard.progress import Progress, Report
from tiltyard.result import Record
from tiltyard.targets.http.address import Address
from tiltyard.targets.target import Target

from ..controls.form import form_for
from ..theme import look
from ..views.outcome import OutcomeView
from .bar import WorkBar
from .endpoint_fields import EndpointFields
from .panel import Panel
from .work import Work

if TYPE_CHECKING:
    from tiltyard.endpoint.posture import Posture
    from tiltyard.execution.probe_run import Probed
    from tiltyard.targets.probing import Probe

ID = "endpoint.posture"
EMPTY = "Not probed yet. Give the address of your endpoint and press Probe."
SETTINGS = ("burst", "oversize", "rows")


class EndpointPanel(Panel):
    """Address, key, consent; the probe with its cost, progress and cancel; findings; and the endpoint as the target."""

    title = "Endpoint"

    def build(self) -> Sequence[w.Widget]:
        from tiltyard.endpoint.posture import Posture

        self._record: Record | None = None
        self._code = ""
        self.fields = EndpointFields()
        self.fields.url.observe(lambda _: self.refresh(), "value")
        self.consent = form_for(Posture, only=["consent"])
        self.consent.observe(lambda _: self.refresh(), "given")
        self.asked = look.stack([self.consent])
        self.form = form_for(Posture, only=SETTINGS, advanced=SETTINGS)
        self.form.observe(lambda _: self.refresh(), "given")
        denied = self.session.denied("run")
        self.button = look.button("Probe", kind="primary", title="Probe the endpoint", denied=denied)
        self.button.on_click(lambda _: self.run())
        title = "Every other panel then asks this endpoint about the data that is loaded"
        self.adopter = look.button("Use as the target", title=title, denied=denied)
        self.adopter.on_click(lambda _: self.adopt())
        self.progress = WorkBar(self.session)
        self.view = OutcomeView(EMPTY, self.open_step)
        help = look.text(
            "A probe sends malformed, oversized and keyless requests, and your key in the address: give one that you can replace.",
            kind="help",
        )
        buttons = look.row([self.button, self.adopter])
        controls = [self.fields, self.asked, buttons, self.progress, help, self.form]
        return [look.heading(self.title), self.message, look.split(controls, [self.view])]

    def refresh(self) -> None:
        """Say what a probe would cost, or why it cannot start."""
        target = self.session.target
        if target is not None and "url" in target.offers and not self.fields.url.value.strip():
            self.fields.url.value = target.origin
        address, why = self._address()
        foreign = address is not None and not address.loopback
        look.show(self.asked, foreign)
        busy = self.progress.work is not None or self.progress.active
        self.button.disabled = busy or address is None or bool(self.form.error) or (foreign and not self.consent.values()["consent"])
        self.adopter.disabled = busy or address is None
        if not busy:
            self.progress.cost(why or self.form.error or f"Cost: at most {self.made().most:,} requests")
        latest = self.session.latest.get(ID)
        if latest is not None and latest is not self._record and not busy:
            self._shown(latest)

    def forget(self) -> None:
        self._record = None
        self.view.show(None)

    def _address(self) -> tuple[Address | None, str]:
        """The address, and what is wrong with it; nothing where none is written yet."""
        if not self.fields.url.value.strip():
            return None, "The cost is shown once there is an address."
        try:
            return self.fields.address, ""
        except Problem as problem:
            return None, str(problem)

    def made(self) -> "Posture":
        """The probe as the fields say."""
        from tiltyard.check import named
        from tiltyard.endpoint.posture import Posture

        step = named(Posture, {**self.form.values(), **self.consent.values()})
        assert isinstance(step, Posture)
        return step

    def own(self, address: Address) -> bool:
        """Is the endpoint the session's target, with the key that it was opened with?"""
        target = self.session.target
        mine = target is not None and "url" in target.offers and target.origin == str(address)
        return mine and self.session.data is not None and not self.fields.key.held

    def run(self) -> None:
        """Start; bad input is reported in one line and nothing typed is lost."""
        self.message.clear()
        try:
            address, posture = self.fields.address, self.made()
            self.session.person.must("run")
            if not posture.allowed(address):
                raise Problem(f"consent to probe {address.host}", "none", "Tick that it is yours to probe")
            self.progress.take(self._start(address, posture), "a valid request")
        except Problem as problem:
            self.message.say(problem)
            return
        self.view.wait(f"{address} is being probed: at most {posture.most:,} requests …")
        self.refresh()

    def _start(self, address: Address, posture: "Posture") -> Work:
        self._code = code(address, posture, self.fields.code())
        if self.own(address):
            return self.session.start([posture], self.progress.report, self._shown, self._over)
        work = Work(f"{posture.title} of {address}", (posture.id,), expected=None)

        def listen(report: Report) -> None:
            self.session.queue.report(work, report)
            self.progress.report(report)

        progress = Progress(listen)
        url, key, store = self.fields.url.value.strip(), self.fields.key.key.secret, self.session.store

        def body() -> "Probed":
            from tiltyard.execution.probe_run import probed

            return probed(url, key, posture, None, progress, store)

        return self.session.queued(work, body, self._probed, self._failed, progress.cancel)

    def _probed(self, found: "Probed") -> None:
        self._over()
        self._shown(found.record)
        if found.problem:
            self.message.say(found.problem, level="warning")

    def _failed(self, problem: Exception) -> None:
        self._over()
        self.view.show(self._record, self._code)
        self.message.say(problem, doing="Not probed")

    def _over(self) -> None:
        if self.progress.active:
            self.progress.finish("")
        if self.session.warning:
            self.message.say(self.session.warning, level="warning")
        self.refresh()

    def _shown(self, record: Record) -> None:
        self._record = record
        self.progress.finish(f"Ended in {numerals.took(record.seconds)}: {record.result.status.value.replace('_', ' ')}")
        self.view.show(record, self._code)

    def adopt(self) -> None:
        """Take the endpoint as the target of every panel, with the data that is loaded."""
        self.message.clear()
        try:
            self.session.free()
        except Problem as problem:
            self.message.say(problem, level="warning")
            return
        if self.session.data is None:
            self.message.say(
                "Expected data to ask it about; found none. Load them under Model and data, where an endpoint can be opened too."
            )
            return
        self.adopter.disabled = self.button.disabled = True
        self.progress.start("asking it about ten rows")
        self.session.occupied("Opening of the endpoint", self._opened, self._adopted, self._failed)

    def _opened(self) -> "tuple[Target, Probe]":
        from tiltyard.targets.opening import open_target
        from tiltyard.targets.probing import probe

        self.session.person.must("run")
        data = self.session.data
        assert data is not None
        target = open_target(self.fields.url.value.strip(), data=data, key=self.fields.key.key.secret)
        return target, probe(target, data)

    def _adopted(self, opened: "tuple[Target, Probe]") -> None:
        target, seen = opened
        if seen.state == "failed":
            self.message.say(seen.line)
        else:
            self.session.adopt(target, self.session.data)
            self.message.say(f"{target.name} is the target now. {seen.line} {' '.join(target.assumptions)}", level="info")
        self.progress.finish("")
        self.refresh()


def code(address: Address, posture: "Posture", key: str) -> str:
    """Python that probes the same; the key comes from the environment."""
    given = ", ".join(f"{name}={getattr(posture, name)!r}" for name in type(posture).model_fields if name in posture.model_fields_set)
    imports = "import os\n\n" if key else ""
    return (
        f"{imports}import tiltyard as ty\nfrom tiltyard.endpoint.probing import probe\n\n"
        f"record = probe({str(address)!r}{key}, posture=ty.endpoint.Posture({given}))\nprint(record.result.summary)\n"
    )
