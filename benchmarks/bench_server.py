"""What the Jupyter server extension costs: JupyterLab's start with and without it, and the pages of a store of 10,000 runs.

    python benchmarks/bench_server.py

Imports are the best of five fresh interpreters; pages are the median of nine through the API's own functions.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table
from sqlalchemy import insert

from tiltyard.result import Identity
from tiltyard.store import tables
from tiltyard.store.store import Store
from tiltyard_widgets.server import events, history
from tiltyard_widgets.server.forms import RunsAsked

RUNS, STEPS, MODELS = 10_000, 4, 50
START = "import time; import jupyter_server.serverapp, jupyter_server.extension.application; t = time.perf_counter(); {}; print(time.perf_counter() - t)"
OURS = "from tiltyard_widgets.server import _jupyter_server_extension_points as p; p(); import tiltyard_widgets.server.handlers"
LAB = "import jupyterlab.labapp"


def start(code: str) -> float:
    """Seconds that ``code`` takes once Jupyter's server is imported."""
    command = [sys.executable, "-c", START.format(code)]
    return min(float(subprocess.run(command, capture_output=True, text=True, check=True).stdout) for _ in range(5))


def filled(place: Path) -> Store:
    """A store of many runs, each with steps, some with findings."""
    store = Store(place)
    model = store.begin("first", Identity(name="m", fingerprint="0" * 64), Identity(name="d", fingerprint="1" * 64))
    with store._database.write() as connection:
        row = dict(connection.execute(tables.runs.select()).mappings().one())
        runs = [row | {"id": uuid.uuid4().hex, "name": f"run {i}", "target_fingerprint": f"{i % MODELS:064x}", "started": i, "ended": i + 1} for i in range(RUNS - 1)]  # fmt: skip
        connection.execute(insert(tables.runs), runs)
        base = {n: row[n] for n in ("host", "pid", "process_started")} | {
            "step": "evasion.pgd",
            "title": "PGD",
            "kind": "check",
            "given": "{}",
        }
        records = [base | {"token": uuid.uuid4().hex, "run_id": run["id"], "state": "finding", "severity": ("", "low", "high")[j % 3], "started": run["started"], "ended": run["started"], "record": json.dumps({"x": "y" * 2000})} for run in runs for j in range(STEPS)]  # fmt: skip
        connection.execute(insert(tables.records), records)
    store.end(model.id)
    return store


def median(run: Callable[[], object]) -> float:
    """Milliseconds, the median of nine."""
    found = []
    for _ in range(9):
        begun = time.perf_counter()
        run()
        found.append(time.perf_counter() - begun)
    return 1000 * statistics.median(found)


def main() -> None:
    console = Console()
    lab, ours = start(LAB), start(OURS)
    console.print(f"start: the extension {1000 * ours:.0f} ms, JupyterLab's own modules {1000 * lab:.0f} ms: {ours / lab:.2f} of it")
    with tempfile.TemporaryDirectory() as folder:
        store = filled(Path(folder) / "runs.sqlite")
        one = median(lambda: history.page(store, RunsAsked(limit=50)))
        table = Table("of 10,000 runs", "ms", "ratio to the first page")
        for name, run in (
            ("first page of 50", lambda: history.page(store, RunsAsked(limit=50))),
            ("page in the middle", lambda: history.page(store, RunsAsked(limit=50, offset=RUNS // 2))),
            ("last page", lambda: history.page(store, RunsAsked(limit=50, offset=RUNS - 50))),
            ("page of 500", lambda: history.page(store, RunsAsked(limit=500))),
            ("search, 111 found", lambda: history.page(store, RunsAsked(search="run 99"))),
            ("models", lambda: history.models(store)),
            ("one look for events", lambda: events.look(store, None)),
            ("has anything changed?", store.mark),
        ):
            cost = median(run)
            table.add_row(name, f"{cost:.1f}", f"{cost / one:.2f}")
        console.print(table)


if __name__ == "__main__":
    main()
