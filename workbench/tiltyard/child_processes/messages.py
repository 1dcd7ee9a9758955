"""Messages between a process and one that it started, each with its length before it."""

import os
import signal
import struct
import sys
from typing import IO

HEAD = struct.Struct("!Q")


def write(pipe: IO[bytes], message: bytes) -> None:
    """A message with its length before it."""
    pipe.write(HEAD.pack(len(message)))
    pipe.write(message)
    pipe.flush()


def read(pipe: IO[bytes]) -> bytes:
    """The next message; EOFError where the other end is gone."""
    return _exactly(pipe, HEAD.unpack(_exactly(pipe, HEAD.size))[0])


def _exactly(pipe: IO[bytes], size: int) -> bytes:
    data = pipe.read(size)
    if len(data) < size:
        raise EOFError
    return data


def ends() -> tuple[IO[bytes], IO[bytes]]:
    """What a started process reads from and writes to; what a library prints goes to the standard error, not between the messages.

    Interrupts are left to the parent.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return sys.stdin.buffer, out
