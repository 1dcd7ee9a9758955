"""``tiltyard probe``: the posture of an endpoint."""

import sys
from pathlib import Path

from ..endpoint.posture import Posture
from ..errors import Problem
from ..progress import Progress
from ..reports.bundle import make
from ..result import Record, Status
from ..running.probed import probed
from ..running.store import Store
from ..targets.address import Address, address_of
from ..targets.line import key_in
from .assess import written
from .console import emit, progress_bar, remark, say, show_table, status_line, unlogged

GOOD, FOUND, COULD_NOT_TELL = 0, 1, 2


def run(url: str, key_env: str, request: Path | None, burst: int, consent: bool, as_json: bool, out: Path | None, kept: bool) -> int:
    """Probe ``url``. Exit 0 where every probe passed, 1 where one found something, 2 where one could not be asked."""
    address = address_of(url)
    posture = Posture(burst=burst, consent=consent or address.loopback)
    if not posture.consent:
        posture = Posture(burst=burst, consent=agreed(address, posture))
    body = _read(request) if request else None
    remark(f"At most {posture.most:,} requests to {address}.")
    with progress_bar(not as_json) as tell:
        found = probed(url, key_in(key_env), posture, body, Progress(tell), Store() if kept else None)
    record = found.record
    if as_json:
        emit(record)
    else:
        shown(record)
    if out is not None:
        command = f"tiltyard probe {address}"
        written(make([record], title=f"Posture of {address}", whole=False, command=command), out, ("report.html", "report.json"))
    if found.run is not None and not found.problem.startswith("Not kept"):
        remark(f"Kept as run {found.run.short}.", style="dim")
    unlogged(found.problem)
    return exit_code(record)


def agreed(address: Address, posture: Posture) -> bool:
    """Ask whether this endpoint may be probed."""
    if not sys.stdin.isatty():
        raise Problem(f"consent to probe {address.host}, which is not this machine", "none", "Give --consent if it is yours to probe")
    remark(f"{address.host} is not this machine. {posture.most:,} requests at most are sent, some malformed or oversized,")
    remark("some with your key in the address. Probe only what is yours, or what you are asked to probe.")
    return input("Probe it? [y/N] ").strip().lower() in ("y", "yes")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Problem("a file with a valid request", f"{path}: {error.strerror}", "Check the path") from None


def shown(record: Record) -> None:
    """The probes and what to do about what they found."""
    for table in record.result.tables:
        show_table([column.name for column in table.columns], [[str(cell) for cell in row] for row in table.rows])
        say()
    for finding in record.result.findings:
        say(f"{finding.severity}: {finding.title}. {finding.advice} [{', '.join(finding.standards)}]")
    status_line(record)
    for note in record.result.notes:
        remark(note, style="dim")


def exit_code(record: Record) -> int:
    """0 passed, 1 findings, 2 anything else."""
    return {Status.PASSED: GOOD, Status.FINDING: FOUND}.get(record.result.status, COULD_NOT_TELL)
