"""Rows that may be more than memory holds: beyond some size they stand in a file without a name, of which the system keeps in memory what is used."""

import os
import shutil
import tempfile
from collections.abc import Iterable
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import Plain

IN_MEMORY = 64 * 2**20
AT_ONCE = 2**22


def stored(parts: Iterable[NDArray[Any]], shape: tuple[int, ...], dtype: type[Any]) -> NDArray[Any]:
    """The rows of ``parts``, one after the other, as one array of ``shape``; read from a file where they take more than `IN_MEMORY` bytes.

    The file has no name and is gone with the array. What is written into the array stays in memory, in this process.

    Raises
    ------
    Plain
        Where the disk has no room.
    """
    if int(np.prod(shape, dtype=object)) * np.dtype(dtype).itemsize <= IN_MEMORY:
        return _filled(parts, np.empty(shape, dtype))
    try:
        with nameless() as file:
            for part in parts:
                file.write(np.ascontiguousarray(part, dtype).data)
            file.flush()
            return np.asarray(np.memmap(file, dtype, "c", shape=shape))
    except OSError as error:
        found = error.strerror or str(error)
        raise Plain("room on the disk for the rows", found, "Free some space, or name another folder in TMPDIR") from None


def _filled(parts: Iterable[NDArray[Any]], rows: NDArray[Any]) -> NDArray[Any]:
    start = 0
    for part in parts:
        rows[start : start + len(part)] = part
        start += len(part)
    return rows


def room() -> int:
    """Free bytes where such a file is made."""
    return shutil.disk_usage(_places()[0]).free


def _places() -> list[str]:
    # /tmp is memory on many systems; /var/tmp is not.
    wanted = (os.environ.get("TMPDIR", ""), "/var/tmp", tempfile.gettempdir())
    return [folder for folder in wanted if folder and os.access(folder, os.W_OK)]


def nameless() -> IO[bytes]:
    """A file without a name, on a disk where there is one; it is gone once nobody has it open or mapped."""
    for folder in _places():
        try:
            return tempfile.TemporaryFile(dir=folder)
        except OSError:
            continue
    return tempfile.TemporaryFile()


def rows_at_once(shape: tuple[int, ...]) -> int:
    """How many rows of ``shape`` are worked on together: some four million numbers, one row at least."""
    return max(1, AT_ONCE // max(1, int(np.prod(shape))))
