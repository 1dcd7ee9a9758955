"""The report: run what is missing, read it here, export it."""

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import ipywidgets as w

from tiltyard.catalogue import titles
from tiltyard.errors import Problem
from tiltyard.reports.findings import described
from tiltyard.reports.writing import MEDIA
from tiltyard.result import Column, Record, Table

from ..controls.download import Download
from ..controls.picker import Choice
from ..theme import look, plain
from ..views.cards import findings, outcome
from ..views.code import CodeView
from ..views.table import TableView
from .bar import WorkBar
from .panel import Panel
from .report_fields import ReportFields

if TYPE_CHECKING:
    from tiltyard.reports.bundle import Bundle
    from tiltyard.reports.difference import Difference

FORMATS = [
    ("HTML, one file", "html"),
    ("PDF", "pdf"),
    ("Word", "word"),
    ("Markdown", "markdown"),
    ("JSON", "json"),
    ("SARIF", "sarif"),
    ("JUnit XML", "junit"),
]
FRAME = "width: 100%; height: 56rem; border: 1px solid var(--jp-border-color2, #ccc); border-radius: 6px"
WORDS = {"not_applicable": "not applicable"}


class ReportPanel(Panel):
    """Everything that was run, passed, failed, not run and not applicable; one file to export."""

    title = "Report"

    def build(self) -> Sequence[w.Widget]:
        self.profile = Choice(
            label="Assessment",
            options=[("Quick: minutes, fewer rows", "quick"), ("Full: every check at its defaults", "full")],
            value="quick",
        )
        self.all = look.button(
            "Run what is missing", kind="primary", title="Run every check that has no result yet", denied=self.session.denied("run")
        )
        self.all.on_click(lambda _: self.run_missing())
        self.progress = WorkBar(self.session)
        self.format = Choice(
            label="Export as",
            options=FORMATS,
            value="html",
        )
        self.fields = ReportFields()
        self.look = look.button("Preview the first two pages", title="Summary, all risks, the gravest findings, what was not asked")
        self.look.on_click(lambda _: self.preview())
        self.page = plain.HTML()
        self.folder = look.entry("Folder", value=".", help="Where the file is written, on the kernel's machine")
        self.write = look.button("Write the file", denied=self.session.denied("write"))
        self.write.on_click(lambda _: self.export())
        self.fetch = look.button("Prepare a download", denied=self.session.denied("export"))
        self.fetch.on_click(lambda _: self.download())
        self.link = Download()
        self.written = look.text("", kind="help")
        self.sentence = outcome()
        self.table = TableView()
        self.findings = findings((), titles())
        self.findings.on_defense(self.open_step)
        self.code = CodeView()
        controls = [
            self.profile,
            self.all,
            self.progress,
            self.look,
            self.fields,
            self.format,
            *([] if self.session.person.shared else [self.folder]),
            look.row([self.fetch] if self.session.person.shared else [self.write, self.fetch]),
            self.link,
            self.written,
        ]
        return [
            look.heading(self.title),
            self.message,
            look.split(controls, [self.sentence, self.page, self.findings, self.table, self.code]),
        ]

    def refresh(self) -> None:
        stands, latest = self.session.standing, self.session.latest
        self.all.disabled = self.session.target is None or self.progress.work is not None or bool(self.session.closed)
        self.write.disabled = self.fetch.disabled = self.look.disabled = not latest
        self.fields.offer(self._earlier())
        if not latest:
            first = "Run" if self.session.target is not None else "Load a model and data, then run"
            self.sentence.say("not_run", f"Nothing measured yet. {first} a check or all of them.")
        else:
            sentence = f"{stands.sentence[:1].upper()}{stands.sentence[1:]}"
            self.sentence.say(stands.state, f"{sentence}; {stands.passed} passed. What was not run is listed below.")
        self.table.show(summary(latest))
        mine = [s.counted for s in stands.steps.values() if s.kind == "check" and s.counted is not None]
        self.findings.show(tuple(f for record in mine for f in described(record.result)))
        self.code.code = CODE

    def forget(self) -> None:
        self.link.offer("", "", "")
        self.written.say("")
        self.page.value = ""

    def preview(self) -> None:
        """The first two pages as they will be, in a frame that runs nothing and fetches nothing."""
        self.message.clear()
        try:
            from tiltyard.reports import html

            shown = html.render(self.bundle(), front=True)
        except Problem as problem:
            self.message.say(problem)
            return
        self.page.value = f'<iframe sandbox title="The first two pages" class="ty-page" style="{FRAME}" srcdoc="{escape(shown)}"></iframe>'

    def _earlier(self) -> dict[str, str]:
        """The runs of a model and data of these names but this one, newest first, by id."""
        store, target, data = self.session.store, self.session.target, self.session.data
        if store is None or target is None or data is None:
            return {}
        own = self.session.run.id if self.session.run else ""
        lines = [r for r in store.runs(200) if (r.target.name, r.data.name) == (target.name, data.name) and r.id != own]
        return {r.id: f"{r.started:%Y-%m-%d %H:%M} {r.name or r.short}" for r in lines}

    def run_missing(self) -> None:
        """Every check without a record, one after another, each recorded."""
        self.message.clear()
        try:
            target, data = self.session.ready()
            from tiltyard.execution.profiles import steps

            stands = self.session.standing.steps
            missing = [s for s in steps(self.profile.value, target=target, data=data) if s.id not in stands or stands[s.id].counted is None]
            if not missing:
                raise Problem("a check that was not run", "none", "Run one again in its topic")
            title = f"{self.profile.value.capitalize()} assessment: {len(missing)} checks"
            work = self.session.start(missing, self.progress.report, lambda _: None, self._over, title=title)
        except Problem as problem:
            self.message.say(problem)
            return
        self.progress.take(work, f"Running {len(missing)} checks")
        self.all.disabled = True

    def _over(self) -> None:
        self.progress.finish("Ended")
        self.refresh()

    def bundle(self) -> "Bundle":
        """The report of what is shown."""
        from tiltyard.assessment.standing import reported
        from tiltyard.reports.bundle import make

        about, stands = self.fields.about(), self.session.standing
        if about.people:
            self.session.person.must("export")
        records = reported(self.session.records, stands)
        facts = {"target": stands.target, "data": stands.data, "unmet": self._unmet(), "assumed": self._assumed()}
        return make(records, run_id=self._run_of(records), about=about, since=self._since(records), **facts)  # type: ignore[arg-type]

    def _run_of(self, records: Sequence[Record]) -> str:
        """The run that holds all of these; empty where they are of several."""
        runs, own = self.session.known.runs(), self.session.run.id if self.session.run else ""
        found = {runs.get(record.id, own) for record in records}
        return found.pop() if len(found) == 1 else ""

    def _unmet(self) -> dict[str, str]:
        from tiltyard.catalogue import unmet

        target, data = self.session.target, self.session.data
        return unmet(target, data) if target is not None and data is not None else {}

    def _since(self, records: Sequence[Record]) -> "Difference | None":
        """What changed since the run that was chosen."""
        from tiltyard.reports.difference import difference

        chosen, store = self.fields.since.value, self.session.store
        before = store.records(chosen) if chosen and store is not None else []
        return difference(chosen, before, records) if before and records else None

    def _assumed(self) -> list[str]:
        """What was assumed when target and data were opened."""
        target, data = self.session.target, self.session.data
        return [*(data.assumed if data else ()), *(target.assumptions if target else ())]

    def export(self) -> Path | None:
        """Write the file; a full disk or a wrong folder is reported in one line."""
        self.message.clear()
        try:
            from tiltyard.reports.exporting import export

            bundle = self.bundle()
            stem = f"tiltyard-{bundle.target.name}-{bundle.created:%Y%m%d-%H%M%S}".replace(" ", "-").replace("/", "-")
            name = f"{stem}{MEDIA[self.format.value][1]}"
            done = export(bundle, Path(self.folder.value).expanduser() / name, self.format.value, self._place(), person=self.session.person)
        except Problem as problem:
            self.message.say(problem)
            return None
        path = done.path
        assert path is not None
        self._warn(done.unlogged)
        self.written.say(f"Written: {path.resolve()} ({path.stat().st_size / 1e3:,.0f} kB)")
        return path

    def download(self) -> None:
        """Hand the file to the browser; the way under Voila, where the kernel's folder is not the viewer's."""
        self.message.clear()
        try:
            from tiltyard.reports.exporting import hand_out

            given = hand_out(self.bundle(), self.format.value, self._place())
        except Problem as problem:
            self.message.say(problem)
            return
        kind, suffix = MEDIA[self.format.value]
        self.link.offer(f"tiltyard-report{suffix}", kind, base64.b64encode(given.content).decode())
        self._warn(given.unlogged)

    def _place(self) -> str | None:
        return self.session.store.url if self.session.store is not None else None

    def _warn(self, unlogged: str) -> None:
        if unlogged:
            self.message.say(unlogged, level="warning")


def summary(latest: dict[str, Record]) -> Table:
    """Every registered check and defense with how it ended, or that it was not run."""
    from tiltyard.catalogue import TOPICS, checks, topic_of

    columns = tuple(Column(name=n) for n in ("Topic", "Step", "Ended", "In a sentence"))
    rows = []
    for id, step in checks().items():
        record = latest.get(id)
        ended = record.result.status.value if record else "not run"
        rows.append((TOPICS.get(topic_of(id), ""), step.title, WORDS.get(ended, ended), record.result.summary if record else step.question))
    for id, record in latest.items():
        if id not in checks():
            title = f"{record.title} (defense)" if record.kind == "defense" else record.title
            ended = record.result.status.value
            rows.append((TOPICS.get(topic_of(id), ""), title, WORDS.get(ended, ended), record.result.summary))
    return Table(name="all", title="All checks", columns=columns, rows=tuple(rows))


CODE = """import tiltyard as ty

found = ty.assess(target, data)
ty.report(found.records, "report.html", author="Ada", owners={"privacy": "Bob"}, overwrite=True)
"""
