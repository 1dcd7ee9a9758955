"""``python -m tiltyard_widgets.server.worker``: one order as JSON on stdin, its answer as lines of JSON on stdout."""

import base64
import json
import os
import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from tiltyard.errors import Problem

from .inside import opened, resolved, unreadable
from .refusals import Unequipped

MOST_FILES = 1000
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
    root, path, hidden = order["root"], order["path"], order["hidden"]
    real = resolved(root, path, hidden)
    try:
        folder = real.is_dir()
        names, left, remark = listed(real, path, hidden) if folder else ([path], 0, "")
    except OSError as error:
        raise unreadable(path, error) from None
    yield {"names": list(map(plain, names)), "left_out": left, "remark": remark}
    for name in names:
        yield {"file": scanned(root, name, folder)}


def listed(real: Path, path: str, hidden: bool) -> tuple[list[str], int, str]:
    """The files in the folder and below, in order; how many more there are; what could not be listed. Links are left out."""
    os.scandir(real).close()
    failed: list[OSError] = []
    found: list[str] = []
    for here, below, files in os.walk(real, onerror=failed.append):
        below[:] = sorted(name for name in below if hidden or not name.startswith("."))
        prefix = "/".join([part for part in (path, *Path(here).relative_to(real).parts) if part])
        kept = (name for name in sorted(files) if (hidden or not name.startswith(".")) and not (Path(here) / name).is_symlink())
        found += [f"{prefix}/{name}" if prefix else name for name in kept]
    said = f"{len(failed)} folder{'s' * (len(failed) != 1)} could not be read: {failed[0].strerror}." if failed else ""
    return found[:MOST_FILES], max(len(found) - MOST_FILES, 0), said


def plain(name: str) -> str:
    """A name that JSON can hold, also where the file system's is no text."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def scanned(root: str, path: str, in_folder: bool) -> dict[str, Any]:
    """The verdict on one file, or why there is none; where it alone was named, its absence is an error."""
    from tiltyard.artifacts.verdict import scan_stream
    from tiltyard.cli.listing import ScannedFile
    from tiltyard.cli.scan import is_document
    from tiltyard.progress import Progress

    name = plain(path)
    try:
        with opened(root, path) as stream:
            verdict = scan_stream(Path(root, *path.split("/")), stream, Progress())
    except (Problem, OSError, MemoryError) as error:
        if isinstance(error, Problem) and not in_folder:
            raise
        problem = str(error) if isinstance(error, Problem) else f"It could not be read: {type(error).__name__}."
        return ScannedFile(path=name, verdict=None, problem=problem).model_dump(mode="json")
    verdict = verdict.model_copy(update={"name": name.rpartition("/")[2]})
    return ScannedFile(path=name, verdict=verdict, document=in_folder and is_document(Path(name), verdict)).model_dump(mode="json")


def report(order: Order) -> Lines:
    """A run of the store as a report."""
    from tiltyard.access.person import Person
    from tiltyard.access.roles import Role
    from tiltyard.cli.report import bundled
    from tiltyard.reports.exporting import hand_out
    from tiltyard.running.store import Store

    if order["format"] == "pdf" and not prints():
        raise Unequipped(
            "the PDF writer",
            "it is not installed here, or not with its libraries",
            "Install tiltyard[pdf], or print the HTML report from a browser",
        )
    asker = order["person"]
    person = Person(asker["name"], Role(asker["role"]), asker["shared"])
    given = hand_out(bundled(Store(order["store"], person=person), order["run"]), order["format"], order["store"], person)
    yield {"content": base64.b64encode(given.content).decode("ascii"), "unlogged": given.unlogged}


def prints() -> bool:
    """Can PDF be written here?"""
    try:
        import weasyprint  # noqa: F401
    except (ImportError, OSError):
        return False
    return True


def view(order: Order) -> Lines:
    """A report file as HTML, with the state of its signature."""
    from tiltyard.reports import bundle, html

    root, path = order["root"], order["path"]
    with opened(root, path, order["hidden"]) as stream:
        content = stream.read(MOST_REPORT + 1)
    if len(content) > MOST_REPORT:
        raise Problem(f"a report of at most {MOST_REPORT >> 20} MB", "a larger file", "Export it again with fewer pictures")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise Problem("a Tiltyard report in JSON", "bytes that are no text", "Export it again") from None
    read = bundle.read(text)
    yield {"html": html.render(read), "title": read.title, "signature": signature(root, path, content, order["keys"])}


def signature(root: str, path: str, content: bytes, keys: list[str]) -> dict[str, str]:
    """Is there a signature beside the report, and does it hold for these very bytes?"""
    from tiltyard.sealing import signing
    from tiltyard.sealing.broken import Broken

    try:
        file = resolved(root, path + signing.SUFFIX)
        if not file.exists():
            return {"state": "none", "detail": "No signature lies beside it."}
        found = signing.checked(file)
    except Broken as broken:
        return {"state": "broken", "detail": str(broken)}
    except Problem as problem:
        return {"state": "unreadable", "detail": str(problem)}
    entry = next((e for e in found.manifest.entries if e.path == path.rpartition("/")[2]), None)
    if entry is None:
        return {"state": "unreadable", "detail": "The signature beside it is of other files."}
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
        return {"state": "intact", "detail": f"As signed by {name}, whose key this server trusts; signed {made}."}
    return {"state": "unproven", "detail": f"Unchanged since {name} signed it ({made}), but nobody here vouches for that key."}


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
            _say(line)
    except Problem as problem:
        said = {"expected": problem.expected, "found": problem.found, "do": problem.do}
        _say({"problem": {name: plain(text) for name, text in said.items()}, "kind": type(problem).__name__})
    except MemoryError:
        return 1
    return 0


def _say(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
