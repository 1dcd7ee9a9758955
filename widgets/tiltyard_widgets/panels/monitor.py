"""Windows over time: what drifts, how many rows are unlike the reference, and how the model does where labels came."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import ipywidgets as w

from tiltyard.errors import Problem
from tiltyard.progress import Progress
from tiltyard.result import Metric

from ..controls.file_field import FileField
from ..controls.picker import Choice
from ..controls.progress_bar import ProgressView
from ..theme import look
from ..views.cards import metric_cards, outcome
from ..views.chart import ChartView
from ..views.code import CodeView
from ..views.table import TableView
from .panel import Panel

if TYPE_CHECKING:
    from tiltyard.monitoring.judged import Judged
    from tiltyard.monitoring.window import Window

TABLES = (".csv", ".tsv", ".gz", ".parquet")
EMPTY = "No windows yet. Choose the file that “tiltyard serve --monitor” writes, or two tables, then press the button."
STATES = {"quiet": "passed", "alarm": "finding", "incomplete": "incomplete"}


class MonitorPanel(Panel):
    """From a file of windows, or from two tables: the windows over time and the tests of each."""

    title = "Monitor"

    def build(self) -> Sequence[w.Widget]:
        self._progress: Progress | None = None
        self._windows: list[Window] = []
        ways = [("Windows of an endpoint", "windows"), ("Two tables", "tables")]
        self.way = Choice(label="Look at", options=ways, value="windows")
        self.way.observe(lambda _: self._fields(), "value")
        one, two = "What “tiltyard serve --monitor” writes", "Rows of what the model is made for (CSV, Parquet)"
        self.file = self._field("File of windows", "a file of windows", (".jsonl",), "windows.jsonl", one)
        self.before = self._field("Reference", "a reference table", TABLES, "reference.csv", two)
        self.after = self._field("Current", "a current table", TABLES, "current.csv", "Rows that came since, in their order")
        self.label = look.entry("Label column", hint="optional", help="The true label, empty where it has not come yet")
        self.answer = look.entry("Answer column", hint="optional", help="What the model answered; with the label column")
        self.rows = Choice(label="Rows of a window", options=[(f"{n:,}", str(n)) for n in (100, 200, 500, 1000, 5000)], value="500")
        chances = [("1 in 1,000", "0.001"), ("1 in 100", "0.01"), ("1 in 20", "0.05")]
        self.level = Choice(label="False alarms: at most", options=chances, value="0.01")
        title = "Read the windows, or hold the tables against one another"
        self.button = look.button("Look", kind="primary", title=title, denied=self.session.denied("run"))
        self.button.on_click(lambda _: self.look())
        self.progress = ProgressView()
        self.progress.on_cancel(self.cancel)
        self.progress.cost("Cost: under a second for each window of two tables")
        self.sentence, self.cards = outcome(), metric_cards()
        self.chart, self.anomalies, self.performance = ChartView(), ChartView(height=220), ChartView(height=220)
        self.table, self.tests, self.code = TableView(), TableView(), CodeView()
        self.pick = Choice(label="Tests of window", options=["—"], value="—")
        self.pick.observe(lambda _: self._tests(), "value")
        help = look.text(
            "q is the chance of such a difference where nothing drifts, after the control of false discoveries over all tests of the window.",
            kind="help",
        )
        labels = look.text(
            "Accuracy is known once labels come: give each answer's X-Request-Id and its true class to the endpoint (“tiltyard labels URL "
            "LABELS.csv”, or POST /v1/labels). It keeps how many were right in each window, and no label. Of two tables, name the columns "
            "with the true label and with the model's answer.",
            kind="help",
        )
        self.own = look.stack([self.before, self.after, self.label, self.answer, self.rows, self.level])
        controls = [self.way, self.file, self.own, self.button, self.progress, self.pick, help, labels]
        shown = [self.sentence, self.cards, self.chart, self.tests, self.anomalies, self.performance, self.table, self.code]
        self._fields()
        self.sentence.say("not_run", EMPTY)
        return [look.heading(self.title), self.message, look.split(controls, shown)]

    def _fields(self) -> None:
        tables = self.way.value == "tables"
        look.show(self.file, not tables)
        look.show(self.own, tables)

    def look(self) -> None:
        """Start in a thread; bad input is reported in one line and what was shown stays."""
        self.message.clear()
        try:
            self.session.person.must("run")
            if self._progress is not None:
                raise Problem("one look at a time", "another under way", "Wait for it or cancel it")
            paths, columns = self._paths(), self._judged()
        except Problem as problem:
            self.message.say(problem)
            return
        self._progress = progress = Progress(self.progress.report)
        self.button.disabled = True
        self.progress.start("reading")
        rows, level = int(self.rows.value), float(self.level.value)
        self.session.aside(lambda: found(paths, rows, level, progress, columns), self._shown, self._failed)

    def _paths(self) -> list[Path]:
        fields = [self.before, self.after] if self.way.value == "tables" else [self.file]
        return [Path(field.needed()).expanduser() for field in fields]

    def _field(self, label: str, what: str, suffixes: Sequence[str], hint: str, help: str) -> FileField:
        return FileField(self.session.person, label, what, suffixes, hint, help)

    def _judged(self) -> "Judged | None":
        from tiltyard.monitoring.judged import judged

        return judged(self.label.value.strip(), self.answer.value.strip()) if self.way.value == "tables" else None

    def cancel(self) -> None:
        """Stop after the window under way."""
        if self._progress is not None:
            self._progress.cancel()

    def _over(self, message: str) -> None:
        self._progress, self.button.disabled = None, False
        self.progress.finish(message)

    def _failed(self, problem: Exception) -> None:
        from tiltyard.errors import Cancelled

        if not isinstance(problem, Cancelled):
            self.message.say(problem, doing="Not read")
        self._over("Cancelled" if isinstance(problem, Cancelled) else "")

    def _shown(self, windows: "list[Window]") -> None:
        from tiltyard.monitoring.watching import drift_chart, overall, share_chart, window_table

        self._windows = windows
        self.sentence.say(STATES[overall(windows)], sentence(windows))
        self.cards.show([m for m in (windows[-1].anomalies, last_known(windows)) if m is not None])
        tested = [window for window in windows if window.drifts]
        self.chart.show(drift_chart(tested) if tested else None)
        self.anomalies.show(share_chart(windows, "anomalies"))
        self.performance.show(share_chart(windows, "performance"))
        self.table.show(window_table(windows))
        options = [(f"{window.number}: {window.state}", str(i)) for i, window in enumerate(windows)]
        self.pick.offer(options[::-1])
        worst = next((i for i in reversed(range(len(windows))) if windows[i].state == "alarm"), len(windows) - 1)
        self.pick.value = str(worst)
        self._tests()
        self.code.code = self._code()
        self._over("")

    def _tests(self) -> None:
        from tiltyard.monitoring.watching import table_of

        chosen = self.pick.value
        self.tests.show(table_of(self._windows[int(chosen)]) if chosen.isdigit() and int(chosen) < len(self._windows) else None)

    def _code(self) -> str:
        if self.way.value == "windows":
            return f"from pathlib import Path\n\nfrom tiltyard.monitoring.journal import read\n\nwindows = read(Path({self.file.shown!r}))\n{PRINT}"
        columns = self._judged()
        more, head = (f", judged={columns!r}", "from tiltyard.monitoring.judged import Judged\n") if columns else ("", "")
        call = f"watched(table({self.before.shown!r}), table({self.after.shown!r}), rows={self.rows.value}, level={self.level.value}{more})"
        heads = f"{head}from tiltyard.monitoring.tables import table\nfrom tiltyard.monitoring.watching import watched\n"
        return f"{heads}\nwindows = {call}\n{PRINT}"


PRINT = "for window in windows:\n    print(window.number, window.summary)\n"


def found(paths: Sequence[Path], rows: int, level: float, progress: Progress, judged: "Judged | None" = None) -> "list[Window]":
    """The windows of a file, or of two tables."""
    from tiltyard.monitoring import journal
    from tiltyard.monitoring.tables import table
    from tiltyard.monitoring.watching import watched

    if len(paths) == 1:
        return journal.read(paths[0])
    return watched(table(paths[0]), table(paths[1]), rows, level, progress=progress, judged=judged)


def last_known(windows: "Sequence[Window]") -> Metric | None:
    """The accuracy of the newest window for which labels came, with the window's number; labels come late."""
    for window in reversed(windows):
        if window.performance is not None:
            return window.performance.model_copy(update={"label": f"Accuracy of window {window.number}, where labels came"})
    return None


def sentence(windows: "Sequence[Window]") -> str:
    """How many windows alarm, and what the last says."""
    alarms = sum(window.state == "alarm" for window in windows)
    return f"{alarms} of {len(windows)} window{'s' * (len(windows) != 1)} alarm{'s' * (alarms == 1)}. The last: {windows[-1].summary}"
