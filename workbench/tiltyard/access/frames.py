"""Messages between a kernel and the broker: JSON with its length before it, then files as bare bytes; nothing in them is ever run."""

import json
import socket
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import Problem

HEAD = struct.Struct("!IQ")
MOST_TEXT = 32 << 20
MOST_FILE = 256 << 20
MOST_FILES = 256 << 20
AT_ONCE = 1 << 20


class Gone(Exception):
    """The other end hung up, or sent what is no message."""


@dataclass(frozen=True)
class Message:
    """``says`` is plain JSON; ``files`` are bytes by name."""

    says: dict[str, Any]
    files: Mapping[str, bytes] = field(default_factory=dict)


def send(to: socket.socket, message: Message, seconds: float) -> None:
    """Say a message within so many seconds; `Gone` where the other end does not take it.

    Raises
    ------
    Problem
        Where it is larger than the other end would take; nothing was sent then.
    """
    sizes = {name: len(content) for name, content in message.files.items()}
    text = json.dumps({**message.says, "files": sizes}).encode()
    most, whole = max(sizes.values(), default=0), sum(sizes.values())
    if len(text) > MOST_TEXT or most > MOST_FILE or whole > MOST_FILES:
        limits = f"{MOST_TEXT >> 20} MiB of text, {MOST_FILE >> 20} MiB a file and {MOST_FILES >> 20} MiB of files"
        raise Problem(f"at most {limits} at a time", f"{len(text) >> 20} and {whole >> 20} MiB", "Keep less at a time")
    until = time.monotonic() + seconds
    for part in (HEAD.pack(len(text), whole), text, *message.files.values()):
        _sent(to, part, until)


@dataclass(frozen=True)
class Size:
    """Bytes that a message's text and its files have, and when the whole of it must be here."""

    text: int
    files: int
    until: float

    @property
    def whole(self) -> int:
        """All that it takes."""
        return self.text + self.files


def receive(by: socket.socket, seconds: float) -> Message:
    """The next message; waits for its first byte so many seconds, and as long again for all of it. `Gone` where there is none."""
    return received(by, heard(by, seconds, seconds))


def heard(by: socket.socket, seconds: float, patience: float | None = None) -> Size:
    """How large the next message is; its first byte is waited for ``patience`` seconds, or for ever, and all of it for ``seconds``."""
    first = _got(by, 1, None if patience is None else time.monotonic() + patience)
    until = time.monotonic() + seconds
    text, files = HEAD.unpack(first + _got(by, HEAD.size - 1, until))
    if text > MOST_TEXT or files > MOST_FILES:
        raise Gone("a message that is too large")
    return Size(text, files, until)


def received(by: socket.socket, size: Size) -> Message:
    """A message of this size."""
    try:
        says = json.loads(_got(by, size.text, size.until))
    except (ValueError, RecursionError):
        says = None
    sizes = says.pop("files", None) if isinstance(says, dict) else None
    if not isinstance(sizes, dict) or not all(type(one) is int and 0 <= one <= MOST_FILE for one in sizes.values()):
        raise Gone("what is no message")
    if sum(sizes.values()) != size.files:
        raise Gone("sizes that do not fit")
    return Message(says, {name: _got(by, one, size.until) for name, one in sizes.items()})


def _sent(to: socket.socket, content: bytes, until: float) -> None:
    view = memoryview(content)
    try:
        while view:
            to.settimeout(_left(until))
            view = view[to.send(view[:AT_ONCE]) :]
    except OSError as error:
        raise Gone(str(error)) from None


def _got(by: socket.socket, size: int, until: float | None) -> bytes:
    found = bytearray()
    try:
        while len(found) < size:
            by.settimeout(None if until is None else _left(until))
            part = by.recv(min(size - len(found), AT_ONCE))
            if not part:
                raise Gone("hung up")
            found += part
    except OSError as error:
        raise Gone(str(error)) from None
    return bytes(found)


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("took too long")
    return left
