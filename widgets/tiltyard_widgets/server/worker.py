"""``python -m tiltyard_widgets.server.worker``: one order as JSON on stdin, its answer as lines of JSON on stdout."""

import base64
import json
import os
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tiltyard.errors import Problem

from .inside import opened, resolved, unreadable
from .refusals import Unequipped

if TYPE_CHECKING:
    from tiltyard.reports.bundle import Bundle

MOST_FILES = 1000
VERSION_CONTROL = frozenset({".git", ".hg", ".svn"})
MOST_REPORT = 256 << 20
Order = dict[str, Any]
Lines = Iterator[dict[str, Any]]


def limit(memory: int, seconds: float) -> None:
    """Take from this process what it does not need: memory beyond ``memory`` bytes, time, and core dumps."""
    try:
        import resource
    except ImportError:  # Windows; there the server's clock alone limits it
        return
    for kind, most in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CPU, int(seconds) + 5), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(kind)[1]
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (allowed, allowed))


def scan(order: Order) -> Lines:
    """The names that will be scanned, then each with its verdict."""
    root, hidden = order["root"], order["hidden"]
    paths = order.get("paths") or [order["path"]]
    found = [_named(root, path, hidden, alone=len(paths) == 1) for path in paths]
    names = [(name, folder) for names, folder, _, _ in found for name in names]
    remarks = [remark for _, _, _, remark in found if remark]
    yield {"names": [plain(name) for name, _ in names], "left_out": sum(left for _, _, left, _ in found), "remark": " ".join(remarks)}
    for name, folder in names:
        yield scanned(root, name, in_folder=folder, alone=len(paths) == 1 and not folder)


def _named(root: str, path: str, hidden: bool, alone: bool) -> tuple[list[str], bool, int, str]:
    """The files that a path names, whether it is a folder, how many more there are, and what could not be listed."""
    try:
        real = resolved(root, path, hidden)
        if real.is_dir():
            names, left, remark = listed(real, path, hidden)
            return names, True, left, remark
    except OSError as error:
        if alone:
            raise unreadable(path, error) from None
    except Problem:
        if alone:
            raise
    return [path], False, 0, ""


def listed(real: Path, path: str, hidden: bool) -> tuple[list[str], int, str]:
    """The files in the folder and below, in order; how many more there are; what could not be listed.

    Links are among them: who opens one follows it within the top folder, or says that it leads out. Version control is left out.
    """
    os.scandir(real).close()
    failed: list[OSError] = []
    found: list[str] = []
    for here, below, files in os.walk(real, onerror=failed.append):
        kept = sorted(name for name in below if (hidden or not name.startswith(".")) and name not in VERSION_CONTROL)
        linked = [name for name in kept if (Path(here) / name).is_symlink()]
        below[:] = [name for name in kept if name not in linked]
        prefix = "/".join([part for part in (path, *Path(here).relative_to(real).parts) if part])
        names = sorted([*linked, *(name for name in files if hidden or not name.startswith("."))])
        found += [f"{prefix}/{name}" if prefix else name for name in names]
    remark = f"{len(failed)} folder{'s' * (len(failed) != 1)} could not be read: {failed[0].strerror}." if failed else ""
    return found[:MOST_FILES], max(len(found) - MOST_FILES, 0), remark


def plain(name: str) -> str:
    """A name that JSON can hold, also where the file system's is no text."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def scanned(root: str, path: str, in_folder: bool, alone: bool) -> dict[str, Any]:
    """The verdict on one file with its state, or why there is none; where it alone was named, its absence is an error."""
    from tiltyard.artifacts.acceptance import accepted
    from tiltyard.artifacts.rules import ruled
    from tiltyard.artifacts.verdict import scan_stream
    from tiltyard.progress import Progress
    from tiltyard.published.scan_list import ScannedFile
    from tiltyard.published.scanning import placed, with_document

    name, place = plain(path), Path(root, *path.split("/"))
    try:
        with opened(root, path) as stream:
            facts = os.fstat(stream.fileno())
            known = accepted()
            judged = scan_stream(place, stream, Progress(), frozenset(known.types))
            verdict = ruled(with_document(place, judged, stream))
    except (Problem, OSError, MemoryError) as error:
        if isinstance(error, Problem) and alone:
            raise
        problem = str(error) if isinstance(error, Problem) else f"It could not be read: {type(error).__name__}."
        return {"file": ScannedFile(path=name, verdict=None, problem=problem).model_dump(mode="json")}
    shown = verdict.model_copy(update={"name": name.rpartition("/")[2]})
    found = ScannedFile(path=name, verdict=shown, accepted=known.of(verdict))
    if in_folder:
        found = placed(found, {})
    return {"file": found.model_dump(mode="json"), "state": [facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns]}


def report(order: Order) -> Lines:
    """A run of the store, or a report file, as a report to take away."""
    from tiltyard.access.person import Person
    from tiltyard.access.roles import Role
    from tiltyard.cli.commands.report import bundled
    from tiltyard.reports.exporting import hand_out
    from tiltyard.store.store import Store

    asker = order["person"]
    person = Person(asker["name"], Role(asker["role"]), asker["shared"])
    if order["format"] == "pdf":
        must_print()
    made = read(order) if "path" in order else bundled(Store(order["store"], person=person), order["run"])
    given = hand_out(made, order["format"], order["store"], person)
    yield {"content": base64.b64encode(given.content).decode("ascii"), "unlogged": given.unlogged}


def must_print() -> None:
    """Refuse where no PDF can be written."""
    if not prints():
        raise Unequipped(
            "the PDF writer",
            "it is not installed here, or not with its libraries",
            "Install tiltyard[pdf], or print the HTML report from a browser",
        )


def prints() -> bool:
    """Can PDF be written here?"""
    try:
        import weasyprint  # noqa: F401
    except (ImportError, OSError):
        return False
    return True


def view(order: Order) -> Lines:
    """A report file as HTML, with the state of its signature."""
    from tiltyard.reports import html

    content = whole(order)
    made = read(order, content)
    signed = signature(order["root"], order["path"], content, order["keys"])
    yield {"html": html.render(made), "title": made.title, "signature": signed}


def whole(order: Order) -> bytes:
    """A report file's bytes."""
    with opened(order["root"], order["path"], order["hidden"]) as stream:
        content = stream.read(MOST_REPORT + 1)
    if len(content) > MOST_REPORT:
        raise Problem(f"a report of at most {MOST_REPORT >> 20} MB", "a larger file", "Export it again with fewer pictures")
    return content


def read(order: Order, content: bytes | None = None) -> "Bundle":
    """The report in a file."""
    from tiltyard.reports import bundle

    try:
        text = (whole(order) if content is None else content).decode("utf-8")
    except UnicodeDecodeError:
        raise Problem("a Tiltyard report in JSON", "bytes that are no text", "Export it again") from None
    return bundle.read(text)


def signature(root: str, path: str, content: bytes, keys: list[str]) -> dict[str, str]:
    """Is there a signature beside the report, and does it hold for these very bytes?"""
    from tiltyard.sealing import signing
    from tiltyard.sealing.broken import Broken

    try:
        file = resolved(root, path + signing.SUFFIX)
    except Problem as problem:
        return {"state": "unreadable", "detail": str(problem)}
    try:
        if not file.exists():
            return {"state": "none", "detail": "No signature lies beside it."}
        found = signing.checked(file)
    except Problem as problem:
        detail = str(problem).replace(f"{file}", file.name)  # where this server keeps its files is nobody's business
        return {"state": "broken" if isinstance(problem, Broken) else "unreadable", "detail": detail}
    entry = next((e for e in found.manifest.entries if e.path == path.rpartition("/")[2]), None)
    if entry is None:
        return {"state": "unreadable", "detail": "It signs other files."}
    if entry.sha256 != sha256(content).hexdigest():
        return {"state": "broken", "detail": "The report was changed after it was signed. Do not trust it."}
    return trusted(found.public_key, found.manifest.made, keys)


def trusted(public: str, made: str, keys: list[str]) -> dict[str, str]:
    """A signature that holds: by a key this server was told to trust, or by one of which nothing is known."""
    from tiltyard.sealing.keys import raw_public, read_public_key
    from tiltyard.sealing.signing import key_name

    known = set()
    for file in keys:
        try:
            known.add(raw_public(read_public_key(Path(file))).hex())
        except (Problem, OSError):
            continue
    name = key_name(bytes.fromhex(public))
    if public in known:
        return {"state": "intact", "detail": f"As signed by {name}, whose key this server trusts, {at(made)}."}
    how = "To trust that key, name its file in c.TiltyardExtension.trusted_keys"
    return {"state": "unproven", "detail": f"Unchanged since {name} signed it, {at(made)}. {how}."}


def at(made: str) -> str:
    """A signature's own time as a person reads it."""
    try:
        return f"{datetime.fromisoformat(made).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError):
        return f"at “{made[:40]}”"


def cells(order: Order) -> Lines:
    """The cells that do what a click would."""
    from . import code

    yield {"cells": [cell.model_dump(mode="json") for cell in code.cells(order)]}


def panels(order: Order) -> Lines:
    """The panels there are."""
    from . import code

    yield {"panels": [panel.model_dump(mode="json") for panel in code.panels()]}


ORDERS: dict[str, Callable[[Order], Lines]] = {"scan": scan, "report": report, "view": view, "cells": cells, "panels": panels}


def main() -> int:
    """Carry out the one order."""
    order = json.load(sys.stdin)
    limit(order["memory"], order["seconds"])
    try:
        for line in ORDERS[order["do"]](order):
            _write(line)
    except Problem as problem:
        parts = {"expected": problem.expected, "found": problem.found, "do": problem.do}
        _write({"problem": {name: plain(text) for name, text in parts.items()}, "kind": type(problem).__name__})
    except MemoryError:
        return 1
    return 0


def _write(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
