"""API keys: 256 random bits, kept as hashes with scopes, expiry and revocation. A key is shown once, when it is made."""

import hashlib
import hmac
import os
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from ..errors import Problem
from ..files.atomic import replace_file
from ..files.locking import locked
from ..result import Given

Scope = Literal["predict", "admin"]
SCOPES: tuple[Scope, ...] = ("predict", "admin")
PREFIX = "ty_"
RANDOM_BYTES = 32
LENGTH = len(PREFIX) + 43


class Key(Given):
    """What is kept of a key: who has it and what it may do, never the key itself.

    ``hash`` is the SHA-256 of the key; with 256 random bits nothing slower is needed. ``budget`` is the number of
    rows it may ask in one period, None for what the endpoint's settings say. ``line`` is the id of the first of the keys
    that were rotated into this one; None where there was none.
    """

    id: str
    name: str
    hash: str = Field(repr=False)
    scopes: tuple[Scope, ...]
    created: datetime
    expires: datetime | None = None
    revoked: datetime | None = None
    budget: int | None = Field(default=None, ge=1)
    line: str | None = None

    @property
    def account(self) -> str:
        """What rates, budget and the extraction detector count by: a rotated key goes on where the one before it is."""
        return self.line or self.id

    def state(self, now: datetime) -> Literal["valid", "expired", "revoked"]:
        """Whether it opens anything at ``now``."""
        if self.revoked is not None and self.revoked <= now:
            return "revoked"
        return "expired" if self.expires is not None and self.expires <= now else "valid"


class KeyFile(Given):
    """The file of keys."""

    format: Literal[1] = 1
    keys: tuple[Key, ...] = ()


@dataclass(frozen=True)
class Made:
    """A new key: what is kept of it, and the secret that is shown this once."""

    key: Key
    secret: str


def now() -> datetime:
    """This moment in UTC."""
    return datetime.now(UTC)


def hashed(secret: str) -> str:
    """SHA-256 of a key as hexadecimal digits."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def default_place() -> Path:
    """TILTYARD_KEYS, or ``keys.json`` in the user's data folder."""
    if place := os.environ.get("TILTYARD_KEYS", "").strip():
        return Path(place)
    import platformdirs

    return platformdirs.user_data_path("tiltyard", appauthor=False) / "keys.json"


class KeyStore:
    """The keys in a file (mode 0600), or in memory alone where ``path`` is None.

    Safe among threads and processes. A server that holds one sees a key made or revoked by another process at its
    next request. The look-up is by hash, so its time does not depend on how much of a guess was right.
    """

    def __init__(self, path: Path | None = None, clock: Callable[[], datetime] = now) -> None:
        self.path = path
        self.clock = clock
        self._stamp: tuple[int, int, int] | None = None
        self._kept = KeyFile()
        self._by_hash: dict[str, Key] = {}
        self._alone = threading.Lock()

    def all(self) -> tuple[Key, ...]:
        """Every key, also revoked and expired ones, oldest first."""
        self._refresh()
        return self._kept.keys

    def find(self, secret: str) -> Key | None:
        """The key whose secret this is, whatever its state; None where there is none."""
        self._refresh()
        if len(secret) != LENGTH or not secret.startswith(PREFIX):
            return None
        digest = hashed(secret)
        key = self._by_hash.get(digest)
        return key if key is not None and hmac.compare_digest(key.hash, digest) else None

    def new(self, name: str, scopes: tuple[Scope, ...] = ("predict",), lasts: timedelta | None = None, budget: int | None = None) -> Made:
        """Make a key; its secret is in the answer and nowhere else.

        Raises
        ------
        Problem
            For a name that is empty, too long or taken by a valid key, for no scope, or a time that is over.
        """
        _check(name, scopes, lasts)
        made = self._made(name, scopes, lasts, budget)
        with self._writing():
            if any(k.name == name and k.state(self.clock()) == "valid" for k in self._kept.keys):
                raise Problem("a name no valid key has", repr(name), "Take another, or rotate that key")
            self._write((*self._kept.keys, made.key))
        return made

    def revoke(self, id: str) -> Key:
        """End a key at once. Ending one twice keeps the first time."""
        with self._writing():
            key = self._named(id)
            ended = key if key.revoked else key.model_copy(update={"revoked": self.clock()})
            self._write(tuple(ended if k.id == key.id else k for k in self._kept.keys))
        return ended

    def revoke_line(self, id: str) -> tuple[Key, ...]:
        """End at once every key of an account that is not over: the one named, those that it was rotated from and those rotated from it."""
        with self._writing():
            named = {k.account for k in self._kept.keys if id in (k.id, k.name)}
            if len(named) != 1:
                raise Problem("the id of a key", f"{len(named)} accounts called {id!r}", "See `tiltyard key list`")
            ends = self.clock()
            over = {k.id for k in self._kept.keys if k.account not in named or k.state(ends) != "valid"}
            self._write(tuple(k if k.id in over else k.model_copy(update={"revoked": ends}) for k in self._kept.keys))
            return tuple(k for k in self._kept.keys if k.id not in over)

    def rotate(self, id: str, grace: timedelta = timedelta()) -> Made:
        """A new key in the place of a valid one: same name, scopes, time to live, budget and account; the old one ends after ``grace``."""
        with self._writing():
            old = self._named(id)
            if (state := old.state(self.clock())) != "valid":
                raise Problem("a valid key to rotate", f"{old.id}, which is {state}", "Make a new key")
            made = self._made(old.name, old.scopes, old.expires - old.created if old.expires else None, old.budget, old.account)
            end = self.clock() + grace
            ended = old.model_copy(update={"revoked": end} if not grace else {"expires": min(end, old.expires or end)})
            self._write((*(ended if k.id == old.id else k for k in self._kept.keys), made.key))
        return made

    def _made(self, name: str, scopes: tuple[Scope, ...], lasts: timedelta | None, budget: int | None, line: str | None = None) -> Made:
        secret = PREFIX + secrets.token_urlsafe(RANDOM_BYTES)
        created = self.clock()
        key = Key(
            id=secrets.token_hex(4),
            name=name,
            hash=hashed(secret),
            scopes=tuple(s for s in SCOPES if s in scopes),
            created=created,
            expires=created + lasts if lasts else None,
            budget=budget,
            line=line,
        )
        return Made(key, secret)

    def _named(self, id: str) -> Key:
        found = [k for k in self._kept.keys if id in (k.id, k.name)]
        valid = [k for k in found if k.state(self.clock()) == "valid"] or found
        if len(valid) != 1:
            raise Problem("the id of a key", f"{len(valid)} called {id!r}", "See `tiltyard key list`")
        return valid[0]

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Alone with the file, read anew."""
        if self.path is None:
            with self._alone:
                yield
            return
        _folder(self.path.parent)
        with locked(self.path):
            self._refresh(again=True)
            yield

    def _refresh(self, again: bool = False) -> None:
        """Read the file where it is another than last time; a file that cannot be read opens nothing."""
        if self.path is None:
            return
        try:
            facts = self.path.stat()
            stamp = (facts.st_ino, facts.st_mtime_ns, facts.st_size)
            if stamp != self._stamp or again:
                self._take(_read(self.path))
                self._stamp = stamp
        except FileNotFoundError:
            self._take(KeyFile())
            self._stamp = None

    def _take(self, kept: KeyFile) -> None:
        self._kept, self._by_hash = kept, {k.hash: k for k in kept.keys}

    def _write(self, keys: tuple[Key, ...]) -> None:
        kept = KeyFile(keys=keys)
        if self.path is not None:
            replace_file(self.path, (kept.model_dump_json(indent=1, exclude_none=True) + "\n").encode())
        self._take(kept)
        self._stamp = None


def _folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Problem(f"a folder {folder} for the keys", f"{error.strerror}", "Name another file with --keys") from None


def _read(path: Path) -> KeyFile:
    try:
        return KeyFile.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "its form"
        raise Problem(
            "a file of keys", f"{path}: {first['msg'].lower()} at {where}", "Restore it, or make new keys in another file"
        ) from None
    except OSError as error:
        raise Problem("a file of keys that can be read", f"{path}: {error.strerror}", "Check the path and its permissions") from None


def _check(name: str, scopes: tuple[Scope, ...], lasts: timedelta | None) -> None:
    if not name.strip() or len(name) > 80 or not name.isprintable():
        raise Problem("a name of 1 to 80 printable characters", repr(name[:90]), "Name who gets the key")
    if not scopes or set(scopes) - set(SCOPES):
        raise Problem(f"scopes among {', '.join(SCOPES)}", ", ".join(scopes) or "none", "Give --scope predict")
    if lasts is not None and not timedelta() < lasts <= timedelta(days=3660):
        raise Problem("a life of up to ten years", str(lasts), "Give more than 0 and at most 3660 days")
