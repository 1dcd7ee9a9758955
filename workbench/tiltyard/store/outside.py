"""Files of runs outside the database: in a folder, or in an object store (S3 and what speaks its protocol), where TILTYARD_ARTIFACTS names one.

The database keeps a pointer in the place of the bytes: a random name and the SHA-256 of what lies there, encrypted or not. The chain answers for
the pointer and the pointer for the bytes, so another's hand in the bucket shows as it would in the database.
"""

import os
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from ..access.own_files import PLACE
from ..errors import Plain, Trouble
from ..files.atomic import new_file
from ..sealing.broken import Broken
from .sealed_records import PLAIN

BARE, SHUT = b"\2", b"\3"  # what is pointed at is plain, or encrypted
NAME, DIGEST = 16, 32  # bytes of a pointer after its first
POINTER = 1 + NAME + DIGEST


@dataclass(frozen=True)
class Outside:
    """One place for files. ``url`` is a folder, or an address as ``s3://bucket/runs`` (also ``gs://``, ``az://``), which obstore reaches."""

    url: str

    @classmethod
    def named(cls) -> "Outside | None":
        """The place that this process was told of; None where files stay in the database."""
        text = os.environ.get(PLACE, "").strip()
        return cls(text) if text else None

    @property
    def shown(self) -> str:
        """The address without what may be secret in it."""
        scheme, mark, rest = self.url.partition("://")
        return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}" if mark else self.url

    def put(self, content: bytes) -> bytes:
        """Write bytes under a new name, to last; the pointer to them."""
        name = uuid.uuid4().bytes
        self._write(name.hex(), content)
        return (BARE if content[:1] == PLAIN else SHUT) + name + sha256(content).digest()

    def get(self, pointer: bytes) -> bytes:
        """The bytes; `Broken` where they are gone or others, `Trouble` where the place does not answer."""
        name, digest = pointer[1 : 1 + NAME].hex(), pointer[1 + NAME :]
        try:
            content = self._read(name)
        except FileNotFoundError:
            raise Broken(
                f"a file {name} in {self.shown}, as the store says", "none", f"Correct {PLACE} if it names another place"
            ) from None
        if len(digest) != DIGEST or sha256(content).digest() != digest:
            raise Broken(f"a file {name} in {self.shown} as it was written", "other bytes", "Do not use it")
        return content

    def forget(self, pointers: Iterable[bytes]) -> None:
        """Delete what these point at; what is gone already is none of them. `Trouble` names the first that stays, once all were tried."""
        stays: list[str] = []
        trouble: Trouble | None = None
        for pointer in pointers:
            name = pointer[1 : 1 + NAME].hex()
            try:
                self._remove(name)
            except FileNotFoundError:
                continue
            except Trouble as error:
                stays.append(name)
                trouble = trouble or error
        if trouble is not None:
            found = f"{len(stays)} that could not be, {stays[0]} the first: {trouble.found}"
            raise Trouble(f"the files of what was deleted to be deleted from {self.shown} too", found, "Delete them there by hand")

    def tried(self) -> None:
        """Write a few bytes, read them and delete them; raises where that is not possible."""
        pointer = self.put(PLAIN + b"tried")
        self.get(pointer)
        self.forget([pointer])

    def _write(self, name: str, content: bytes) -> None:
        if self._folder is None:
            try:
                self._asked("written to", lambda objects: objects.put(name, content))
            except FileNotFoundError:
                raise self._trouble("written to", "no bucket of this name") from None
            return
        path = self._folder / name[:2] / name
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with new_file(path) as stream:
                stream.write(content)
        except OSError as error:
            raise self._trouble("written to", str(error.strerror)) from None

    def _read(self, name: str) -> bytes:
        if self._folder is None:
            return bytes(self._asked("read", lambda objects: objects.get(name).bytes()))
        return bytes(self._in_folder("read", name, Path.read_bytes))

    def _remove(self, name: str) -> None:
        if self._folder is None:
            self._asked("written to", lambda objects: objects.delete(name))
        else:
            self._in_folder("written to", name, Path.unlink)

    @property
    def _folder(self) -> Path | None:
        return None if "://" in self.url else Path(self.url).expanduser().absolute()

    def _in_folder(self, how: str, name: str, does: Callable[[Path], Any]) -> Any:
        try:
            return does(Path(self._folder or "") / name[:2] / name)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise self._trouble(how, str(error.strerror)) from None

    def _asked(self, how: str, question: Callable[[Any], Any]) -> Any:
        """What the object store answers; its own errors hold addresses and keys, so only their kind is told."""
        try:
            return question(_objects(self.url))
        except FileNotFoundError:
            raise
        except ImportError:
            found = f"{self.shown}, which obstore reaches and is not installed"
            raise Plain(
                f"a place for files in {PLACE} that can be reached", found, "pip install 'tiltyard[objects]', or name a folder"
            ) from None
        except Exception as error:
            raise self._trouble(how, type(error).__name__) from None

    def _trouble(self, how: str, why: str) -> Trouble:
        return Trouble(f"a place for files that can be {how}, {self.shown}", why, f"See to it, or correct {PLACE}")


@lru_cache(4)
def _objects(url: str) -> Any:
    """The object store of an address; what it must know besides (keys, region, another end point) stands in the environment, as its makers name it."""
    from obstore.store import from_url

    # Options of the client given here would undo AWS_ALLOW_HTTP.
    return from_url(url, retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=15)})


def is_outside(kept: object) -> bool:
    """Is what the database keeps a pointer, and the file elsewhere?"""
    return isinstance(kept, bytes) and kept[:1] in (BARE, SHUT)


def kept_outside(content: bytes) -> bytes:
    """A file as it was shut, for the database to keep: a pointer where files lie outside, itself else."""
    place = Outside.named()
    return content if place is None else place.put(content)


def fetched(kept: bytes) -> bytes:
    """A file as it was shut: what the database keeps, or what that points at."""
    if not is_outside(kept):
        return kept
    place = Outside.named()
    if place is None:
        raise Plain(f"the place of this run's files in {PLACE}", "none", "Name the folder or bucket that they were written to")
    return place.get(kept)


def forgotten(kept: Iterable[bytes]) -> None:
    """Delete what those of these point at that are pointers."""
    pointers = [one for one in kept if is_outside(one)]
    place = Outside.named()
    if pointers and place is None:
        do = f"Name their place in {PLACE} before you delete more, and delete these there by hand"
        raise Plain("the files of what was deleted to be deleted too", f"{len(pointers)} in a place that is not named", do)
    if place is not None:
        place.forget(pointers)
