"""Who did what to which model with which parameters: JSON lines, each holding the hash of the one before, and an anchored head.

``audit.jsonl`` only grows. ``audit.jsonl.head`` says how many records there are and the hash of the last, so that a cut
tail shows. A record counts once `AuditLog.append` has returned: line and head are then on the disk. With a key the
hashes are HMACs, and who lacks the key can forge nothing. Without one the log finds accidents and careless edits; who
can write both files can forge all of it, unless a copy of the anchor (`Checked.anchor`) is kept elsewhere.
"""

import hmac
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from ..errors import Problem
from ..files.atomic import replace_file, sync_folder
from ..files.locking import locked
from ..progress import Progress
from ..sealing.broken import Broken
from ..sealing.chained import bare, digest

START = "0" * 64
BEGINS = b'{"format":1,"number":1,"time":'
MOST_LINE = 64 << 20
AGAIN = "Keep this log as evidence and begin another"


class AuditRecord(BaseModel):
    """One line of the log. ``number`` counts from 1; ``previous`` and ``hash`` are 64 hexadecimal digits."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    format: Literal[1] = 1
    number: int = Field(ge=1)
    time: str
    who: str
    what: str
    fingerprint: str
    parameters: dict[str, JsonValue]
    previous: str
    hash: str

    def line(self) -> bytes:
        """The record's one spelling, with its newline."""
        return (json.dumps(self.model_dump(mode="json"), separators=(",", ":")) + "\n").encode("ascii")


class Head(BaseModel):
    """The anchor: how many records, how many bytes, and the hash of the last; ``proof`` binds them."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    format: Literal[1] = 1
    count: int = Field(ge=0)
    size: int = Field(ge=0)
    hash: str
    proof: str

    def written(self) -> bytes:
        """The head's one spelling."""
        return (json.dumps(self.model_dump(mode="json")) + "\n").encode("ascii")


@dataclass(frozen=True)
class Checked:
    """A log that was found whole: its records, its anchor ``COUNT:HASH`` to keep elsewhere, and a remark or nothing."""

    count: int
    anchor: str
    remark: str


class AuditLog:
    """An audit log to write to, safe among threads and processes.

    Parameters
    ----------
    path
        The file of JSON lines; the head and the lock lie beside it.
    key
        At least 16 secret bytes; hashes are then HMAC-SHA-256. The same for the whole life of the log.

    Raises
    ------
    Broken
        Where the log's end is not what its head says. Opening looks at the end only; `check` reads it all.

    Notes
    -----
    A torn last line left by a killed process is removed on opening and on the next append; ``repaired`` says so, and
    so does a record in the log itself.
    """

    def __init__(self, path: Path, key: bytes | None = None) -> None:
        if key is not None and len(key) < 16:
            raise Problem("an audit key of at least 16 bytes", f"{len(key)}", "Use a key file")
        self.path = path
        self.repaired = ""
        self._key = key
        if not path.parent.is_dir():
            raise Problem(f"a folder {path.parent}", "none", "Make it first")
        with locked(path):
            self._end()

    def append(self, who: str, what: str, fingerprint: str = "", parameters: dict[str, Any] | None = None) -> AuditRecord:
        """Add a record and return it once it is on the disk. ``parameters`` are plain JSON values, and no secrets."""
        with locked(self.path):
            return self._write(self._end(), who, what, fingerprint, parameters or {})

    def _write(self, head: Head, who: str, what: str, fingerprint: str, parameters: dict[str, Any]) -> AuditRecord:
        record = _record(head, self._key, who, what, fingerprint, parameters)
        line = record.line()
        if len(line) > MOST_LINE:
            raise Problem("a record of at most 64 MiB", f"{len(line):,} bytes", "Log a hash instead of the data")
        with open(self.path, "ab") as stream:
            stream.write(line)
            stream.flush()
            os.fsync(stream.fileno())
        self._anchor(record.number, head.size + len(line), record.hash)
        return record

    def _anchor(self, count: int, size: int, last: str) -> Head:
        head = Head(count=count, size=size, hash=last, proof=_proof(count, size, last, self._key))
        replace_file(head_path(self.path), head.written())
        return head

    def _end(self) -> Head:
        """The head, once what a killed writer left is repaired; called under the lock."""
        empty = not self.path.exists() or self.path.stat().st_size == 0
        if empty and not head_path(self.path).exists():
            self._anchor(0, 0, START)
        head = _read_head(self.path, self._key)
        if head.count == 0 and not self.path.exists():
            self.path.touch(mode=0o600)
            sync_folder(self.path.parent)
        tail = _tail(self.path, head, self._key)
        if isinstance(tail, AuditRecord):
            return self._anchor(tail.number, head.size + len(tail.line()), tail.hash)
        return self._repair(head, tail) if tail else head

    def _repair(self, head: Head, torn: int) -> Head:
        with open(self.path, "r+b") as stream:
            stream.truncate(head.size)
            os.fsync(stream.fileno())
        self.repaired = f"A torn last line of {torn:,} bytes was removed: a writer was cut off before its record counted."
        record = self._write(head, "tiltyard", "audit log repaired", "", {"torn_bytes": torn})
        return _read_head(self.path, self._key) if record else head


def head_path(path: Path) -> Path:
    """Where the head of the log at ``path`` lies."""
    return path.with_name(path.name + ".head")


def is_audit_log(path: Path) -> bool:
    """Whether ``path`` is an audit log, or what is left of one: its head lies beside it, or it begins as a log does."""
    if head_path(path).exists():
        return True
    if not path.is_file():
        return False
    with _reading(path) as stream:
        return bool(stream.read(len(BEGINS)) == BEGINS)


def check(path: Path, key: bytes | None = None, anchor: str = "", progress: Progress | None = None) -> Checked:
    """Read a whole log and hold every record against the one before and the last against the head; writes nothing.

    Parameters
    ----------
    path, key
        As for `AuditLog`.
    anchor
        ``COUNT:HASH`` noted earlier and kept elsewhere; finds a log and head that were both put back or made anew.

    Raises
    ------
    Broken
        Naming the first line that was edited, deleted, moved or put in, or saying that the tail was cut.
    """
    with locked(path, makes=False):
        head = _read_head(path, key)
        wanted_count, wanted_hash = _anchor_parts(anchor)
        last = _chained(path, head, key, {wanted_count: wanted_hash} if wanted_count else {}, progress or Progress())
        if wanted_count > head.count:
            raise Broken(f"{wanted_count} records, as the anchor says", f"{head.count}", AGAIN)
        tail = _tail(path, head, key)
    if isinstance(tail, AuditRecord):
        return Checked(
            tail.number, f"{tail.number}:{tail.hash}", "The last writer was cut off before it moved the head; its record is whole."
        )
    torn = f"A torn last line of {tail:,} bytes: a writer was cut off; opening the log takes it away." if tail else ""
    return Checked(head.count, f"{head.count}:{last}", torn)


def records(path: Path, key: bytes | None = None) -> Iterator[AuditRecord]:
    """Every record that counts, oldest first, each checked as it is read."""
    head = _read_head(path, key)
    yield from _walked(path, head, key, Progress())


def _chained(path: Path, head: Head, key: bytes | None, known: dict[int, str], progress: Progress) -> str:
    last = START
    for record in _walked(path, head, key, progress):
        last = record.hash
        if known.get(record.number, last) != last:
            raise Broken(f"record {record.number} as the anchor says", "another", AGAIN)
    return last


def _walked(path: Path, head: Head, key: bytes | None, progress: Progress) -> Iterator[AuditRecord]:
    previous, number, read = START, 0, 0
    with _reading(path) as stream:
        while read < head.size:
            number += 1
            line = stream.readline(MOST_LINE + 1)
            if not line.endswith(b"\n"):
                raise Broken(f"{head.count} records, as the head says", f"{number - 1}: the tail was cut", AGAIN)
            record = _parsed(line, number, previous, key)
            previous, read = record.hash, read + len(line)
            if number % 256 == 0:
                progress.step(min(1.0, read / head.size), "Reading the audit log")
            yield record
    if (number, read, previous) != (head.count, head.size, head.hash):
        raise Broken(f"{head.count} records that end as the head says", f"{number} that end otherwise", AGAIN)


def _tail(path: Path, head: Head, key: bytes | None) -> AuditRecord | int:
    """What lies beyond the head: a whole record that was not anchored yet, or the number of torn bytes, mostly 0."""
    with _reading(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        if size < head.size:
            raise Broken(f"{head.size:,} bytes, as the head says", f"{size:,}: the tail was cut", AGAIN)
        stream.seek(max(head.size - 1, 0))
        if head.size and stream.read(1) != b"\n":
            raise Broken("a log that ends where the head says", "one that was edited", AGAIN)
        rest = stream.read(MOST_LINE + 1)
    if not rest.endswith(b"\n"):
        return len(rest)
    return _parsed(rest, head.count + 1, head.hash, key)


def _parsed(line: bytes, number: int, previous: str, key: bytes | None) -> AuditRecord:
    try:
        record = AuditRecord.model_validate_json(line)
    except ValidationError:
        record = None
    if record is None or record.line() != line or record.hash != _hash(record, key):
        raise Broken(f"record {number} as it was written", f"an edited line {number}", AGAIN)
    if record.number != number or record.previous != previous:
        raise Broken(f"record {number} in line {number}", f"record {record.number}: lines were deleted, moved or put in", AGAIN)
    return record


def _record(head: Head, key: bytes | None, who: str, what: str, fingerprint: str, parameters: dict[str, Any]) -> AuditRecord:
    try:
        given = json.loads(json.dumps(parameters, allow_nan=False))
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        bare = AuditRecord(
            number=head.count + 1, time=now, who=who, what=what, fingerprint=fingerprint, parameters=given, previous=head.hash, hash=START
        )
        record = bare.model_copy(update={"hash": _hash(bare, key)})
        return _parsed(record.line(), record.number, head.hash, key)  # what could not be read again must not be written
    except (TypeError, ValueError, RecursionError) as error:
        raise Problem("plain JSON values to log", str(error).splitlines()[0], "Log text and finite numbers") from None


def _hash(record: AuditRecord, key: bytes | None) -> str:
    return digest(bare(record.model_dump(mode="json")), key)


def _proof(count: int, size: int, last: str, key: bytes | None) -> str:
    return digest(f"head {count} {size} {last}".encode(), key)


def _read_head(path: Path, key: bytes | None) -> Head:
    file = head_path(path)
    try:
        with open(file, "rb") as stream:
            content = stream.read(4096)
    except FileNotFoundError:
        if not path.exists():
            raise Problem("an audit log", f"none at {path}", "Name one that is there") from None
        raise Broken(f"the head of the log, {file.name}", "none: whether the tail was cut cannot be checked", AGAIN) from None
    except OSError as error:
        raise Problem("a head that can be read", f"{file}: {error.strerror or error}", "Fix that first") from None
    try:
        head = Head.model_validate_json(content)
    except ValidationError:
        head = None
    if head is None or head.written() != content or not hmac.compare_digest(head.proof, _proof(head.count, head.size, head.hash, key)):
        raise Broken("a head as it was written, under the same key", f"another in {file.name}", AGAIN)
    return head


def _anchor_parts(anchor: str) -> tuple[int, str]:
    count, _, last = anchor.partition(":")
    if not anchor:
        return 0, ""
    if not count.isdecimal() or len(last) != 64:
        raise Problem("an anchor COUNT:HASH", repr(anchor[:80]), "Copy it from an earlier `tiltyard verify`")
    return int(count), last


@contextmanager
def _reading(path: Path) -> Iterator[Any]:
    try:
        stream = open(path, "rb")  # noqa: SIM115 (closed below)
    except FileNotFoundError:
        raise Broken("the log its head speaks of", f"no {path.name}", AGAIN) from None
    except OSError as error:
        raise Problem("a log that can be read", f"{path}: {error.strerror or error}", "Fix that first") from None
    with stream:
        yield stream
