"""``tiltyard probe``: the posture of an endpoint."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from secrets import token_hex

from ...access.places import opened
from ...endpoint.posture import Posture
from ...errors import Problem
from ...execution.probe_run import probed
from ...progress import Progress
from ...reports.bundle import make
from ...reports.writing import free
from ...result import Record, Status
from ...store.opening import open_store
from ...targets.http.address import Address, address_of
from ...targets.http.line import key_in
from ..console import emit, progress_bar, remark, say, show_table, status_line, unlogged
from .assess import written
from .keys import noted, store

REPORTS = ("report.html", "report.json")
LASTS = timedelta(hours=1)
GOOD, FOUND, COULD_NOT_TELL = 0, 1, 2


@dataclass(frozen=True)
class KeyChoice:
    """Which key is sent: that in the variable ``env``, or a ``fresh`` one made in ``file`` for the time of the probe."""

    env: str = ""
    fresh: bool = False
    file: Path | None = None

    def __post_init__(self) -> None:
        if self.fresh and self.env:
            raise Problem("--key-env or --new-key", "both", "Choose one")
        if self.file is not None and not self.fresh:
            raise Problem("--keys with --new-key", "--keys alone", "Add --new-key, or leave --keys out")


def run(
    url: str,
    key: KeyChoice,
    request: Path | None,
    burst: int,
    consent: bool,
    as_json: bool,
    out: Path | None,
    kept: bool,
    overwrite: bool = False,
) -> int:
    """Probe ``url``. Exit 0 where every probe passed, 1 where one found something, 2 where one could not be asked."""
    if out is not None:
        free(out, REPORTS, overwrite)
    address = address_of(url)
    posture = Posture(burst=burst, consent=consent or address.loopback)
    if not posture.consent:
        posture = Posture(burst=burst, consent=agreed(address, posture))
    body = _read(request) if request else None
    remark(f"At most {posture.most:,} requests to {address}.")
    with secret(key, posture) as sent, progress_bar(not as_json) as tell:
        found = probed(url, sent, posture, body, Progress(tell), open_store() if kept else None)
    record = found.record
    if as_json:
        emit(record)
    else:
        shown(record)
    if out is not None:
        command = f"tiltyard probe {address}"
        written(make([record], title=f"Posture of {address}", whole=False, command=command), out, REPORTS, overwrite)
    if found.run is not None and not found.problem.startswith("Not kept"):
        remark(f"Kept as run {found.run.short}.", style="dim")
    unlogged(found.problem)
    return exit_code(record)


@contextmanager
def secret(key: KeyChoice, posture: Posture) -> Iterator[str]:
    """The key to send; a fresh one is revoked after, and were this process killed it would end within the hour."""
    if not key.fresh or not posture.consent:
        yield key_in(key.env)
        return
    keys = store(key.file)
    made = keys.new(f"probe {token_hex(4)}", lasts=LASTS, budget=posture.most + 2 * posture.rows)
    noted("key made", made.key)
    try:
        yield made.secret
    finally:
        noted("key revoked", keys.revoke(made.key.id))


def agreed(address: Address, posture: Posture) -> bool:
    """Ask whether this endpoint may be probed."""
    if not sys.stdin.isatty():
        raise Problem(f"consent to probe {address.host}, which is not this machine", "none", "Give --consent if it is yours to probe")
    remark(f"{address.host} is not this machine. {posture.most:,} requests at most are sent, some malformed or oversized,")
    remark("some with your key in the address. Probe only what is yours, or what you are asked to probe.")
    return input("Probe it? [y/N] ").strip().lower() in ("y", "yes")


def _read(path: Path) -> bytes:
    try:
        with opened(path, "a file with a valid request") as stream:
            return stream.read()
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
