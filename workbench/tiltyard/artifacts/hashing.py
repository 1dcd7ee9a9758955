"""SHA-256 of a file, streamed."""

import hashlib
from pathlib import Path
from typing import BinaryIO

from ..files.reading import opened
from ..progress import Progress

BLOCK = 1 << 20


def sha256_of(stream: BinaryIO, progress: Progress | None = None) -> str:
    """SHA-256 of all bytes of a seekable ``stream``, as 64 hexadecimal digits.

    Reads in blocks of 1 MiB, so memory stays flat and a cancel is seen within milliseconds.
    """
    progress = progress or Progress()
    size = stream.seek(0, 2)
    stream.seek(0)
    digest = hashlib.sha256()
    done = 0
    while block := stream.read(BLOCK):
        digest.update(block)
        done += len(block)
        progress.step(done / max(size, 1), "Hashing")
    return digest.hexdigest()


def file_sha256(path: str | Path, progress: Progress | None = None) -> str:
    """SHA-256 of the file at ``path``; raises `Unfit` or `OSError` where it cannot be read."""
    with opened(path, "a file to hash") as stream:
        return sha256_of(stream, progress)
