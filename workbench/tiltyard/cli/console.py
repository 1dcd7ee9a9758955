"""What a command says: results on stdout, progress and remarks on stderr. No markup from data is ever interpreted."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pydantic import BaseModel
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from ..formatting import numbers as numerals
from ..formatting.obeyed import shown as shown
from ..progress import Report
from ..result import Record, Status

SIGNS = {
    Status.PASSED: ("✓", "green"),
    Status.FINDING: ("▲", "yellow"),
    Status.NOT_APPLICABLE: ("–", "dim"),
    Status.INCOMPLETE: ("◐", "yellow"),
    Status.FAILED: ("✕", "red"),
    Status.CANCELLED: ("■", "dim"),
}


def console(stderr: bool = False) -> Console:
    """A console for this moment's stream."""
    return Console(stderr=stderr, markup=False, highlight=False, soft_wrap=True)


def say(text: str = "", style: str = "") -> None:
    """A line of the result."""
    console().print(Text(shown(text), style=style))


def remark(text: str, style: str = "") -> None:
    """A line about the work, on stderr."""
    console(stderr=True).print(Text(shown(text), style=style))


def unlogged(why: str) -> None:
    """Why something is not in the audit log, where it is not."""
    if why:
        remark(why, style="yellow")


def emit(model: BaseModel) -> None:
    """A result as JSON, alone on stdout."""
    pour(model.model_dump_json(indent=1, by_alias=True) + "\n")


def pour(document: str) -> None:
    """A document on stdout: as it is for a file or a program, `shown` for a terminal."""
    sys.stdout.write(shown(document) if sys.stdout.isatty() else document)


def show_table(heads: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> None:
    """A plain table; ``right`` are the columns of numbers. Its width follows the terminal, or its content where there is none."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for i, head in enumerate(heads):
        table.add_column(head, justify="right" if i in right else "left", overflow="fold", no_wrap=i in right)
    for row in rows:
        table.add_row(*[Text(shown(cell)) for cell in row])
    out = console()
    out.soft_wrap = False
    if out.is_terminal:
        out.print(table)
        return
    out.width = 200
    with out.capture() as text:
        out.print(table)
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in text.get().splitlines()))


def status_line(record: Record) -> None:
    """One record in one line."""
    sign, style = SIGNS[record.result.status]
    out = console()
    out.print(
        Text.assemble(
            (f"{sign} {str(record.result.status).replace('_', ' '):<15}", style), shown(f"{record.title}: {record.result.summary}")
        )
    )


def show_record(record: Record) -> None:
    """A record on stdout: how it ended, its numbers, its findings, its notes."""
    status_line(record)
    for metric in record.result.metrics:
        say(f"    {numerals.labeled(metric)}")
    for finding in record.result.findings:
        say(f"  {finding.severity}: {finding.title}. {finding.advice}")
    for note in record.result.notes:
        say(f"  {note}", style="dim")


@contextmanager
def progress_bar(wanted: bool = True) -> Iterator[Callable[[Report], None]]:
    """A progress bar on stderr where that is a terminal; else a line for each new step."""
    out = console(stderr=True)
    if not wanted:
        yield lambda report: None
        return
    if not out.is_terminal:
        yield _lines()
        return
    columns: Any = (BarColumn(20), TextColumn("{task.percentage:3.0f} %"), TimeElapsedColumn(), TextColumn("{task.fields[left]}"))
    with Progress(*columns, TextColumn("{task.description}", markup=False), console=out, transient=True) as bar:
        task = bar.add_task("starting", total=1.0, left="")

        def tell(report: Report) -> None:
            left = "" if report.left is None else f"{numerals.about(report.left)} left"
            bar.update(task, completed=report.done, description=shown(report.message), left=left)

        yield tell


def _lines() -> Callable[[Report], None]:
    last = ""

    def tell(report: Report) -> None:
        nonlocal last
        step = report.message.partition(" · ")[0]
        if step != last and step not in ("done", "cancelled"):
            remark(f"{report.elapsed:6.1f} s  {step}")
        last = step

    return tell
