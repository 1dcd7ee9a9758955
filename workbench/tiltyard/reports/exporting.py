"""A report that is handed out: whether the person may take it, and a line in the audit log."""

from dataclasses import dataclass
from pathlib import Path

from ..access.person import Person, me
from ..access.places import target
from ..audit import notes as audit
from .bundle import Bundle
from .writing import encode, write


@dataclass(frozen=True)
class Export:
    """What was handed out: bytes, or the file they were written to. ``unlogged`` says why it is not in the audit log, or nothing."""

    content: bytes
    path: Path | None
    unlogged: str


def hand_out(bundle: Bundle, format: str, store: str | None = None, person: Person | None = None) -> Export:
    """The report as bytes, for whoever may export.

    Parameters
    ----------
    format
        ``html``, ``pdf``, ``markdown``, ``word``, ``json``, ``sarif`` or ``junit``.
    store
        The place of the store whose audit log says so; the default one where it is not given.
    person
        Who takes it; the person of this process where it is not given.
    """
    taker = person or me()
    taker.must("export")
    audit.ready(store)
    return Export(encode(bundle, format), None, _noted(bundle, format, "handed out", store, taker))


def export(
    bundle: Bundle,
    path: Path | str,
    format: str | None = None,
    store: str | None = None,
    overwrite: bool = False,
    person: Person | None = None,
) -> Export:
    """The report as a new file, whole or not at all, for whoever may export and write on this disk: nobody behind a shared login."""
    person = person or me()
    person.must("export")
    person.must("write")
    target(path, "a report", person=person, replace=True)
    audit.ready(store)
    written = write(bundle, path, format, overwrite)
    return Export(b"", written, _noted(bundle, format or written.suffix, str(written), store, person))


def _noted(bundle: Bundle, format: str, where: str, store: str | None, person: Person) -> str:
    facts = {"run": bundle.run_id, "format": format.lstrip("."), "to": where, "records": len(bundle.records), "people": bundle.about.people}
    return audit.note("report exported", bundle.target.fingerprint, facts, person.name, store)
