"""AES-256-GCM in chunks: files sealed and opened in bounded memory, where any changed, cut, moved or added byte is refused.

The STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015, *Online Authenticated-Encryption and its
Nonce-Reuse Misuse-Resistance*): chunk i has the nonce i (11 bytes, big-endian) and a last byte that is 1 for the last
chunk alone. The data key is random and each file's own, so nonces never meet the same key twice. As in age
(age-encryption.org/v1); we add the header's core as associated data.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from ..errors import Problem
from ..files.atomic import new_file
from ..files.reading import opened
from ..progress import Progress
from .broken import Broken
from .envelope import EMPTY, HEADER, LEAST_CHUNK, MOST_CHUNK, Core, Slot, only_slot, place_of, read_core, read_slot, slots_of, unwrap, wrap
from .keys import Key

SUFFIX = ".sealed"
CHUNK = 1 << 20
TAG = 16


def is_sealed(path: Path) -> bool:
    """Whether the file begins as a sealed one does; what is not there, or is no file, does not."""
    if not os.path.isfile(path):  # of a folder that may not be looked into Path.is_file would raise
        return False
    with _opened(path) as stream:
        return begins_sealed(stream)


def begins_sealed(stream: BinaryIO) -> bool:
    """Does an open file begin as a sealed one does?"""
    return stream.read(8) == Core(CHUNK, bytes(16)).packed()[:8]


def seal(source: Path, out: Path, key: Key, progress: Progress | None = None, chunk: int = CHUNK) -> None:
    """Encrypt the file ``source`` into a new file ``out``.

    Parameters
    ----------
    source, out
        ``out`` is never overwritten, appears whole or not at all, and only its owner can read it.
    key
        A passphrase or a key file's key; it wraps a random data key.
    progress
        Steps once a chunk; a cancel leaves nothing behind.
    chunk
        Bytes encrypted at a time, from 1 KiB to 16 MiB; memory is twice that.
    """
    if not LEAST_CHUNK <= chunk <= MOST_CHUNK:
        raise Problem(f"a chunk of {LEAST_CHUNK} to {MOST_CHUNK} bytes", f"{chunk}", "Leave it at 1 MiB")
    with _opened(source) as plain, new_file(out) as sealed:
        write_sealed(plain, sealed, key, progress or Progress(), _size(plain), chunk)


def write_sealed(plain: BinaryIO, sealed: BinaryIO, key: Key, progress: Progress, size: int, chunk: int = CHUNK) -> None:
    """Encrypt a stream of ``size`` bytes (used for progress only) into another."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    core, data_key = Core(chunk, secrets.token_bytes(16)), secrets.token_bytes(32)
    sealed.write(core.packed() + wrap(core, data_key, key, generation=1).packed() + EMPTY)
    cipher, bound = AESGCM(data_key), core.packed()
    for i, (block, last) in enumerate(_blocks(plain, chunk)):
        progress.step(min(1.0, i * chunk / max(size, 1)), "Sealing")
        sealed.write(cipher.encrypt(_nonce(i, last), block, bound))
    progress.step(1.0, "Sealing")


def unseal(source: Path, out: Path, key: Key, progress: Progress | None = None) -> None:
    """Decrypt ``source`` into a new file ``out``, which appears only once every byte was found true; raises `Broken` otherwise."""
    with _opened(source) as sealed, new_file(out) as plain:
        _decrypt(sealed, plain, key, progress or Progress())


def open_sealed(path: Path, key: Key, progress: Progress | None = None) -> BytesIO:
    """The content of a sealed file in memory, at its start; nothing is written to disk in the clear."""
    with _opened(path) as sealed:
        return opened_sealed(sealed, key, progress)


def opened_sealed(stream: BinaryIO, key: Key, progress: Progress | None = None) -> BytesIO:
    """As `open_sealed`, of a sealed file that is open."""
    stream.seek(0)
    plain = BytesIO()
    _decrypt(stream, plain, key, progress or Progress())
    plain.seek(0)
    return plain


def rotate(path: Path, old: Key, new: Key) -> None:
    """Wrap the data key by ``new`` instead of ``old``: writes 256 bytes of the header, whatever the size of the file.

    A kill at any moment leaves a file that ``rotate`` with the same keys finishes. An old copy of the file still opens
    with the old key; to end that, unseal and seal again.
    """
    with _opened(path, "r+b") as stream:
        header = stream.read(HEADER)
        core = read_core(header)
        number, slot, data_key = _openable(core, header, (old, new))
        fresh = wrap(core, data_key, new, slot.generation + 1).packed()
        _write_at(stream, place_of(1 - number), fresh)
        _write_at(stream, place_of(number), EMPTY)


def _openable(core: Core, header: bytes, keys: tuple[Key, Key]) -> tuple[int, Slot, bytes]:
    """The newest slot that one of the keys opens; the second key only counts where a rotation was cut off."""
    packed = slots_of(header)
    settled = EMPTY in packed
    whole = sorted(((slot.generation, n, slot) for n, slot in enumerate(map(read_slot, packed)) if slot), reverse=True)
    refused: Broken | None = None
    for _, number, slot in whole:
        for key in keys[:1] if settled else keys:
            try:
                return number, slot, unwrap(core, slot, key)
            except Broken as broken:
                refused = refused or broken
    raise refused or Broken("a wrapped key", "a changed header", "Take an unchanged copy")


def _write_at(stream: BinaryIO, place: int, content: bytes) -> None:
    stream.seek(place)
    stream.write(content)
    stream.flush()
    os.fsync(stream.fileno())


def _decrypt(sealed: BinaryIO, plain: BinaryIO, key: Key, progress: Progress) -> None:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    size = _size(sealed)
    header = sealed.read(HEADER)
    core = read_core(header)
    cipher, bound = AESGCM(unwrap(core, only_slot(header), key)), core.packed()
    for i, (block, last) in enumerate(_blocks(sealed, core.chunk + TAG)):
        progress.step(min(1.0, i * core.chunk / max(size, 1)), "Opening")
        try:
            content = cipher.decrypt(_nonce(i, last), block, bound)
        except InvalidTag:
            raise Broken(
                "the bytes that were sealed", f"changed, moved, cut or added bytes in chunk {i + 1}", "Take an unchanged copy"
            ) from None
        if last and i and not content:
            raise Broken("a last chunk with content", "an empty one", "Take an unchanged copy")
        plain.write(content)
    progress.step(1.0, "Opening")


def _blocks(stream: BinaryIO, size: int) -> Iterator[tuple[bytes, bool]]:
    """Blocks of ``size`` bytes and whether each is the last; an empty stream is one empty block."""
    block = stream.read(size)
    while following := stream.read(size):
        yield block, False
        block = following
    yield block, True


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def _size(stream: BinaryIO) -> int:
    return os.fstat(stream.fileno()).st_size


@contextmanager
def _opened(path: Path, mode: str = "rb") -> Iterator[BinaryIO]:
    try:
        stream: BinaryIO = opened(path, "a file")
        if mode != "rb":
            stream.close()
            stream = open(path, mode)  # type: ignore[assignment]  # noqa: SIM115 (closed below; errors of the body are not this one's)
    except PermissionError:
        raise Problem("a file that may be opened", f"no permission for {path}", "Change its permissions") from None
    except OSError as error:
        raise Problem("a file that can be opened", f"{path}: {error.strerror or error}", "Name another") from None
    with stream:
        yield stream
