"""The chain of a store: a link for each row that was written, changed or deleted, each bound to all before it, and a head.

A link holds the hash of the row as the database gives it back. Links are HMACs under a key derived from TILTYARD_STORE_KEY, else from
TILTYARD_AUDIT_KEY, else plain SHA-256: then an edit shows, and who may write the file can forge the chain whole, which only
the store heads in the audit log tell. Once links were made under a key none without it follows.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from ..audit import notes as audit
from ..errors import Problem
from ..sealing.broken import Broken
from .sealed_records import KEY, store_key

if TYPE_CHECKING:
    from sqlalchemy import Column, Table

START = "0" * 64
CONTEXT = b"tiltyard store chain 1\n"
PLAIN, AUDIT, STORE = "plain", "audit", "store"
RANK = {PLAIN: 0, AUDIT: 1, STORE: 2}
NAMES = {AUDIT: audit.KEY, STORE: KEY}
KEPT, ADOPTED, REMOVED = "kept", "adopted", "removed"
AGAIN = "Keep this store as evidence and begin another; `tiltyard verify` says more"

KEYS = {
    "runs": ("id",),
    "owners": ("run_id",),
    "shares": ("run_id",),
    "records": ("token",),
    "jobs": ("id",),
    "artifacts": ("token", "name"),
}
PASSING = ("shares", "jobs")  # what goes on changing when a run has ended
CONTENT = {"records": "record", "artifacts": "content"}
NOT_LINKED = {"jobs": frozenset({"done", "message", "left", "told", "cancel"})}  # how far a job is, which changes all the time


@dataclass(frozen=True)
class Keys:
    """The secrets at hand, by the kind of link they make; plain links need none."""

    secrets: dict[str, bytes]

    @classmethod
    def read(cls) -> "Keys":
        """Those of this process; an audit key that cannot be read is none, as the audit log says by itself."""
        found: dict[str, bytes] = {}
        if (key := store_key()) is not None:
            found[STORE] = _derived(key.secret)
        with suppress(Problem):
            if (secret := audit.secret()) is not None:
                found[AUDIT] = _derived(secret)
        return cls(found)

    def with_store(self, secret: bytes) -> "Keys":
        """These, with another secret of the store's key file."""
        return Keys(self.secrets | {STORE: _derived(secret)})

    @property
    def best(self) -> str:
        """The kind of link this process makes."""
        return max((PLAIN, *self.secrets), key=RANK.__getitem__)

    def has(self, under: str) -> bool:
        """Can links of this kind be made and checked?"""
        return under == PLAIN or under in self.secrets

    def mark(self, under: str) -> str:
        """Tells keys apart and gives nothing of them away."""
        return hashlib.sha256(b"mark\n" + self.secrets[under]).hexdigest()[:16] if under != PLAIN else ""

    def digest(self, under: str, parts: Sequence[Any]) -> str:
        """The hash of a link or head of this kind."""
        content = CONTEXT + json.dumps(parts, default=repr).encode("ascii")
        return hashlib.sha256(content).hexdigest() if under == PLAIN else hmac.digest(self.secrets[under], content, "sha256").hex()


def _derived(secret: bytes) -> bytes:
    return hmac.digest(secret, b"tiltyard store chain", "sha256")


class Link(NamedTuple):
    """One link, as its table's columns stand; ``step`` is the id of the step that a record or file belongs to."""

    number: int
    run_id: str
    what: str
    key: str
    step: str
    did: str
    facts: str
    content: str
    under: str
    hash: str

    @classmethod
    def read(cls, row: Sequence[Any]) -> "Link":
        """The link in a row of the table; what somebody put in of another type becomes text, which no hash fits."""
        return cls(row[0] if isinstance(row[0], int) else -1, *map(str, row[1:]))

    def true_hash(self, keys: Keys, store: str, previous: str) -> str:
        """What its hash must be after the link ``previous``."""
        return keys.digest(self.under, (store, previous, *self[:-1]))


@dataclass(frozen=True)
class Head:
    """Where the chain ends: how many links, and the hash of the last; ``proof`` binds it to the store and its layout."""

    store: str
    number: int
    hash: str
    under: str
    mark: str
    proof: str = ""

    @classmethod
    def read(cls, rows: "Sequence[Sequence[Any]]") -> "Head | None":
        """The head among the rows of its table; None where there is none, or several, or one of other types."""
        one = tuple(rows[0]) if len(rows) == 1 else ()
        whole = [type(value) for value in one] == [int, str, int, str, str, str, str] and one[0] == 1
        return cls(*one[1:]) if whole else None

    def true_proof(self, keys: Keys) -> str:
        """What its proof must be."""
        return keys.digest(self.under, ("head", self.store, self.number, self.hash, self.under, self.mark))

    def proven(self, keys: Keys) -> "Head":
        """The head with its proof."""
        return replace(self, proof=self.true_proof(keys))

    def check(self, keys: Keys) -> None:
        """Raise `Broken` where the head is not as it was written, and `Problem` where that cannot be checked."""
        if self.under not in RANK:
            raise Broken("the head of this store's chain", "another", AGAIN)
        if not keys.has(self.under):
            raise Problem("the key that this store's chain was made under", "none", f"Name its key file in {NAMES[self.under]}")
        if self.under != PLAIN and self.mark != keys.mark(self.under):
            raise Problem("the key that this store's chain was made under", "another", f"Correct {NAMES[self.under]}")
        if not hmac.compare_digest(self.proof.encode(), self.true_proof(keys).encode()):
            raise Broken("the head of this store's chain as it was written", "a changed one", AGAIN)


def state_of(rows: Iterable[tuple[str, str, str, str]]) -> str:
    """The hash of a run by what, key, facts and content of its rows; whether it is shared, and its jobs, are left out, for they go on changing."""
    lasting = sorted(row for row in rows if row[0] not in PASSING)
    return hashlib.sha256(json.dumps(lasting).encode("ascii")).hexdigest() if lasting else ""


def kept_columns(table: "Table") -> "list[Column[Any]]":
    """The columns that a link's ``facts`` are the hash of: all but the content and `NOT_LINKED`."""
    left_out = NOT_LINKED.get(table.name, frozenset()) | {CONTENT.get(table.name)}
    return [column for column in table.c if column.name not in left_out]


def key_of(values: Any, name: str) -> str:
    """The key of a row of the table called ``name`` as a link has it."""
    return "/".join(str(values[column]) for column in KEYS[name])


def facts_of(row: Sequence[Any]) -> str:
    """The hash of a row's `kept_columns`, as the database gives them."""
    return hashlib.sha256(json.dumps(list(row), default=repr).encode("ascii")).hexdigest()


def content_of(value: Any) -> str:
    """The hash of a row's content; nothing where it has none."""
    if value is None:
        return ""
    content = (
        value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value if isinstance(value, bytes) else repr(value).encode()
    )
    return hashlib.sha256(content).hexdigest()
