"""A data file that is opened once, so that what was looked at is what is read."""

import os
from dataclasses import dataclass
from typing import BinaryIO


@dataclass(frozen=True)
class DataFile:
    """An open regular file with the name it goes by in messages."""

    name: str
    stream: BinaryIO

    @property
    def size(self) -> int:
        """Bytes it has."""
        return os.fstat(self.stream.fileno()).st_size

    def start(self) -> BinaryIO:
        """The same open file from its start, to be closed by the caller; of one file one at a time is read."""
        again = os.fdopen(os.dup(self.stream.fileno()), "rb")
        again.seek(0)
        return again

    @property
    def plain(self) -> bool:
        """Is it not packed with gzip?"""
        with self.start() as stream:
            return stream.read(2) != b"\x1f\x8b"
