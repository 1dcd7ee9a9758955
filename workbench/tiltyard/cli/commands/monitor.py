"""``tiltyard monitor``: windows of an endpoint, or of one table against another."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..app import Json, app

if TYPE_CHECKING:
    from ...monitoring.judged import Judged
    from ...monitoring.window import Window

QUIET, ALARM, UNTOLD = 0, 1, 2
EXITS = {"quiet": QUIET, "alarm": ALARM, "incomplete": UNTOLD}


@app.command()
def monitor(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="WINDOWS.jsonl | REFERENCE CURRENT", help="What an endpoint wrote, or two tables (CSV, Parquet)."),
    ],
    rows: Annotated[int, typer.Option(min=1, help="Rows of a window.")] = 500,
    level: Annotated[float, typer.Option(min=1e-6, max=0.5, help="Chance, at most, that the run alarms though nothing drifts.")] = 0.01,
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 0,
    label: Annotated[str, typer.Option(metavar="COLUMN", help="Of two tables: the true label, empty where it has not come yet.")] = "",
    answer: Annotated[str, typer.Option(metavar="COLUMN", help="Of two tables: what the model answered; with --label.")] = "",
    client: Annotated[str, typer.Option(metavar="COLUMN", help="Of two tables: who asked; of each window one row a client counts.")] = "",
    season: Annotated[
        str, typer.Option(metavar="COLUMN", help="Of two tables: month, weekday or the like; like is compared with like.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Did what comes in drift from what was? Exit 0 no alarm, 1 an alarm, 2 could not tell."""
    from ...access.person import me

    me().must("run")
    from ...monitoring.judged import judged

    windows = _windows(paths, rows, level, seed, as_json, judged(label, answer), client, season)
    if as_json:
        from ...monitoring.window import WindowList
        from ..console import emit

        emit(WindowList(windows=tuple(windows)))
    else:
        _shown(windows)
    from ...monitoring.watching import overall

    raise typer.Exit(EXITS[overall(windows)])


def _windows(
    paths: list[Path], rows: int, level: float, seed: int, quiet: bool, judged: "Judged | None", client: str, season: str
) -> "list[Window]":
    from ...errors import Problem
    from ...monitoring import journal
    from ...monitoring.power import power_of
    from ...monitoring.tables import table
    from ...monitoring.watching import watched
    from ...progress import Progress
    from ..console import progress_bar, say

    if len(paths) > 2:
        raise Problem("one file of windows, or a reference and a current table", f"{len(paths)} files", "Name two")
    if len(paths) == 1 and judged is not None:
        raise Problem("--label and --answer with two tables", "a file of windows", "Give its labels to the endpoint: `tiltyard labels`")
    if len(paths) == 1 and (client or season):
        raise Problem("--client and --season with two tables", "a file of windows", "Leave them out: its windows are judged already")
    if len(paths) == 1:
        return journal.read(paths[0])
    before, after = table(paths[0]), table(paths[1])
    if not quiet:
        say(power_of(before, len(after), rows, level, seed).text)
    with progress_bar(not quiet) as tell:
        return watched(before, after, rows, level, seed, Progress(listener=tell), judged, client, season)


def _shown(windows: "list[Window]") -> None:
    from ...monitoring.watching import window_table
    from ..console import say, show_table

    shown = window_table(windows)
    show_table(tuple(c.name for c in shown.columns), [tuple(map(str, row)) for row in shown.rows[:50]])
    say(windows[-1].summary)
    for window in (w for w in windows if w.state == "alarm"):
        found = ", ".join(f"{d.what} (q = {d.q:.2g})" for d in window.drifting[:5])
        say(f"Window {window.number} alarms: {found}.", style="bold red")
