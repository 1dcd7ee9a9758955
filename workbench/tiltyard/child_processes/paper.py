"""An object handed to another process in a file without a name: its large arrays are written once and then mapped, not copied."""

import mmap
import os
import pickle
import struct
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

COUNT = struct.Struct("!Q")
ALIGNED = 64  # bytes, as numpy lays out its own arrays


def written(what: object) -> int:
    """A handle of a file with ``what`` in it, pickled: arrays apart (PEP 574), classes and functions of a notebook or script by value.

    Raises
    ------
    OSError
        Where it is larger than a file of this process may be, or the folder of temporary files is full.
    Exception
        Whatever an object of others raises when it is pickled.
    """
    import cloudpickle

    apart: list[pickle.PickleBuffer] = []
    message = cloudpickle.dumps(what, protocol=5, buffer_callback=apart.append)
    parts = [memoryview(message), *(one.raw() for one in apart)]
    with tempfile.TemporaryFile() as file:
        file.write(COUNT.pack(len(parts)) + b"".join(COUNT.pack(len(part)) for part in parts))
        for part, (start, _) in zip(parts, _places([len(part) for part in parts]), strict=True):
            file.seek(start)
            file.write(part)
        file.flush()
        return os.dup(file.fileno())


def read(handle: int) -> Any:
    """What was written; its arrays are this process's own, of which only what is changed is copied. Runs what the pickle says: for work of one's own alone."""
    whole = mmap.mmap(handle, 0, access=mmap.ACCESS_COPY)
    os.close(handle)
    (count,) = COUNT.unpack_from(whole)
    sizes = [COUNT.unpack_from(whole, COUNT.size * (n + 1))[0] for n in range(count)]
    view = memoryview(whole)
    message, *apart = [view[start:end] for start, end in _places(sizes)]
    return pickle.loads(message, buffers=apart)  # noqa: S301 (from the process that this one was forked for)


def _places(sizes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Where each part begins and ends, after the count and the sizes."""
    at = COUNT.size * (1 + len(sizes))
    for size in sizes:
        at = -(-at // ALIGNED) * ALIGNED
        yield at, at + size
        at += size
