"""What a pickle would do, read from its opcodes. Nothing here imports or calls what the pickle names.

`walk` runs the pickle machine on abstract values: strings, whole numbers, imports and short tuples
are kept, everything else is opaque. So the two strings that STACK_GLOBAL takes are found through
memo, DUP, POP and marks exactly as the real machine would find them, and where they cannot be found
the import is reported as hidden.
"""

import io
import os
import pickletools
import time
from dataclasses import dataclass
from typing import IO

from ...errors import Cancelled
from ...progress import Progress
from .lone_storages import lone_storage
from .machine import Machine
from .raw_arrays import after
from .stack_machine import step
from .values import Made, Malformed, Stored, TooLarge, Walk


@dataclass(frozen=True)
class Limits:
    """Bounds of one walk: opcodes, values held at once, bytes of one literal, seconds of computing, nesting of pickles in pickles."""

    ops: int = 5_000_000
    held: int = 1_000_000
    literal: int = 256 << 20
    seconds: float = 5.0
    depth: int = 3


class _Bounded:
    """A stream whose single reads are bounded: a length field cannot make us ask for gigabytes, nor for more than the file has."""

    def __init__(self, stream: IO[bytes], literal: int) -> None:
        self._stream = stream
        self._literal = literal
        self.tell = stream.tell
        here = stream.tell()
        self._size = stream.seek(0, os.SEEK_END)
        stream.seek(here)

    def read(self, n: int = -1) -> bytes:
        if n > 1 and n > self._size - self._stream.tell():
            raise Malformed("a literal longer than the file")
        if n > self._literal or n < 0:
            raise TooLarge(f"one literal of {n:,} bytes is over the bound of {self._literal:,}")
        return self._stream.read(n)

    def readline(self) -> bytes:
        line = self._stream.readline(1 << 20)
        if len(line) == 1 << 20:
            raise TooLarge("a line of over 1 MiB")
        return line


def walk(stream: IO[bytes], limits: Limits | None = None, progress: Progress | None = None, deadline: float | None = None) -> Walk:
    """Walk one pickle from where ``stream`` (seekable) stands, up to its STOP.

    Never raises for what the bytes hold: a malformed, truncated or too large pickle has ``error`` set
    and whatever imports stand before the break, for the real machine would have executed those.
    ``deadline``, by `time.thread_time`, ends it earlier than the seconds of ``limits``. Raises `Cancelled` through ``progress``.
    """
    limits = limits or Limits()
    ends = time.thread_time() + limits.seconds
    return _walk(stream, limits, progress or Progress(), ends if deadline is None else min(ends, deadline), 0)


def _walk(stream: IO[bytes], limits: Limits, progress: Progress, deadline: float, depth: int) -> Walk:
    result = Walk(start=stream.tell())

    def inside(data: bytes, position: int) -> None:
        if depth >= limits.depth:
            machine.carry(position, "pickles nested too deep to follow", hidden=True)
            return
        inner = _walk(io.BytesIO(data), limits, progress, deadline, depth + 1)
        if inner.brings:
            result.nested.append(inner)

    def array(wrapper: Made, position: int) -> None:
        """What joblib reads from the stream itself: numbers, or for an array of objects a pickle with a memo of its own."""
        if machine.frame_end is not None and machine.frame_end != position + 1:
            machine.odd(position, "an array's bytes inside a frame", hidden=True)
        machine.frame_end = None
        if after(wrapper, stream):
            return
        if depth >= limits.depth + 8:
            raise TooLarge("arrays of objects nested too deep to follow")
        inner = _walk(stream, limits, progress, deadline, depth + 1)
        result.nested.append(inner)
        if inner.error:
            raise Malformed(f"in an array of objects: {inner.error}")

    def storage(data: bytes) -> Stored | None:
        return lone_storage(data, lambda inner: _walk(inner, limits, progress, deadline, depth + 1)) if depth < limits.depth else None

    def runs(data: bytes) -> bool:
        """Whether ``data`` is a pickle that brings something; one that lies too deep to follow counts as such."""
        if depth >= limits.depth:
            return data[:1] == b"\x80" and data[1:2] <= b"\x05"
        return _walk(io.BytesIO(data), limits, progress, deadline, depth + 1).brings

    machine = Machine(result, limits.held, inside, array, storage, runs)
    try:
        for opcode, arg, position in pickletools.genops(_Bounded(stream, limits.literal)):  # type: ignore[arg-type]
            step(machine, opcode.name, arg, position or 0)
            result.marked |= opcode.name == "PROTO" and not result.ops
            result.ops += 1
            if result.ops % 1024 == 0:
                progress.check()
                if result.ops >= limits.ops or time.thread_time() > deadline:
                    raise TooLarge(f"stopped after {result.ops:,} opcodes")
    except Cancelled:
        raise
    except (TooLarge, MemoryError) as error:
        result.error, result.limited = str(error) or "out of memory", True
    except Exception as error:  # whatever the bytes provoke in the standard reader ends the walk, not the scan
        result.error = str(error) or type(error).__name__
    result.end = stream.tell()
    return result
