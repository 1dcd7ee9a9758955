"""How much a data file may be, so that a small file cannot claim a machine's memory."""

import io
from typing import IO

from ..errors import Problem
from .data_file import DataFile

LARGEST = 4 * 2**30
SMALL = 256 * 2**20
RATIO = 200


def bounded(size: int, file: DataFile) -> None:
    """Refuse ``size`` bytes unpacked where that is too much, or far too much for a file of this size."""
    if size > LARGEST:
        raise Problem(f"at most {LARGEST / 2**30:g} GiB of data", f"{size / 2**30:.1f} GiB in {file.name}", "Take a sample of the rows")
    packed = max(file.size, 1)
    if size > SMALL and size > RATIO * packed:
        raise Problem(
            f"data that unpacks to at most {RATIO} times the file",
            f"{size / packed:.0f} times in {file.name}",
            "Give the data uncompressed if it is real",
        )


class Bounded(io.RawIOBase):
    """A stream that refuses to give more than `bounded` allows for ``file``; closes ``under`` with itself."""

    def __init__(self, stream: IO[bytes], file: DataFile, under: IO[bytes]) -> None:
        self._stream = stream
        self._under = under
        self._file = file
        self._given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        part = self._stream.read(len(buffer))
        self._given += len(part)
        if self._given > SMALL:
            bounded(self._given, self._file)
        buffer[: len(part)] = part
        return len(part)

    def close(self) -> None:
        self._stream.close()
        self._under.close()
        super().close()
