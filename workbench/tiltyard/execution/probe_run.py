"""A probe of an endpoint by its address alone, kept in the store as a run of its own."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..access.person import me
from ..audit import notes as audit
from ..errors import Problem
from ..result import Record

if TYPE_CHECKING:
    from ..endpoint.posture import Posture
    from ..progress import Progress
    from ..store.lines import Run
    from ..store.store import Store


@dataclass(frozen=True)
class Probed:
    """The record; the run it is kept as; why it is not kept, or not in the audit log, in one line."""

    record: Record
    run: "Run | None" = None
    problem: str = ""


def probed(url: str, key: str, posture: "Posture", body: bytes | None, progress: "Progress", store: "Store | None") -> Probed:
    """Probe ``url``; see `endpoint.probing.probe`. Where the store cannot keep it, the record is there all the same.

    Raises
    ------
    Problem
        Where ``url`` is no address, ``key`` no key, this person may not run checks, or all must be logged and cannot be.
    """
    from ..endpoint.probing import NO_DATA, identity, probe
    from ..targets.http.address import address_of, refuse_own

    (store.person if store is not None else me()).must("run")
    address = address_of(url)
    refuse_own(address)
    if store is None:
        return Probed(probe(url, key, posture, body, progress))
    audit.ready(store.url)
    run: Run | None = None
    token = problem = ""
    try:
        run = store.begin(f"probe of {address}", identity(address), NO_DATA, {"command": f"tiltyard probe {address}"})
        token = store.start(run.id, posture)
    except Problem as lost:
        problem = f"Not kept: {lost}"
    unlogged = audit.note("endpoint probed", identity(address).fingerprint, {"address": str(address)}, store.person.name, store.url)
    record = probe(url, key, posture, body, progress)
    if run is not None and not problem:
        problem = _kept(store, run, token, record)
    return Probed(record, run, problem or unlogged)


def _kept(store: "Store", run: "Run", token: str, record: Record) -> str:
    try:
        store.finish(token, record)
        store.end(run.id)
    except Problem as lost:
        return f"Not kept: {lost}"
    return ""
