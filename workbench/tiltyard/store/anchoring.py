"""Heads of a store's chain in the audit log: an older file that is put back, or a chain that is forged whole, does not fit them."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..audit import notes as audit
from ..audit.log import records
from .chain import Head

WHAT = "store head"
MARKED = b'"what":"store head"'
TAIL = 1 << 20


@dataclass(frozen=True)
class Anchor:
    """What the log says of a store: that its chain had ``number`` links, the last with this ``hash``. ``place`` tells places apart.

    ``runs`` says what runs were then that had ended (empty: deleted), by `chain.state_of`. ``was`` is what the store was called before it
    got another key; until the next anchor, either may lie there, for the key may have been changed or not.
    """

    store: str
    number: int
    hash: str
    place: str
    runs: dict[str, str] = field(default_factory=dict)
    was: str = ""


def place_mark(place: str) -> str:
    """Tells a store's place from others and does not name it; a file's is the same by whatever link or spelling."""
    place = place if "://" in place else os.path.realpath(place)
    return hashlib.sha256(place.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def anchor(place: str, head: Head, runs: dict[str, str] | None = None, was: str = "") -> str:
    """Write the head into the audit log of the store at ``place``; returns why it could not be, or nothing."""
    parameters = {"store": head.store, "number": head.number, "place": place_mark(place)} | ({"runs": runs} if runs else {})
    parameters |= {"was": was} if was else {}
    return audit.note(WHAT, head.hash, parameters, "tiltyard", place)


def latest(place: str) -> list[Anchor]:
    """Those in the last `TAIL` bytes of the log, oldest first, read without checking the log: `checking` does that."""
    file = audit.place(place)
    if file is None:
        return []
    with suppress(OSError):
        with open(file, "rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - TAIL))
            lines = stream.read(TAIL).split(b"\n")
        return [found for line in lines if MARKED in line and (found := _parsed(line))]
    return []


def _parsed(line: bytes) -> Anchor | None:
    try:
        record: Any = json.loads(line)
        return _anchor(record["what"], record["fingerprint"], record["parameters"])
    except (ValueError, KeyError, TypeError):
        return None


def _anchor(what: str, fingerprint: str, parameters: Any) -> Anchor | None:
    if what != WHAT or not isinstance(parameters, dict):
        return None
    store, number, place = parameters.get("store"), parameters.get("number"), parameters.get("place")
    if not isinstance(store, str) or not isinstance(number, int) or not isinstance(place, str):
        return None
    runs, was = parameters.get("runs"), parameters.get("was")
    return Anchor(store, number, fingerprint, place, runs if isinstance(runs, dict) else {}, was if isinstance(was, str) else "")


def proven(file: Path, key: bytes | None) -> Iterator[Anchor]:
    """All that the log holds, oldest first, each link of the log checked; raises `Broken` where it is not as it was written."""
    for record in records(file, key):
        if found := _anchor(record.what, record.fingerprint, record.parameters):
            yield found


def against(anchors: list[Anchor], store: str | None, place: str) -> str:
    """What speaks against the store ``store`` (None: one without a chain) at ``place`` by the names alone; nothing where nothing does."""
    here = [anchor for anchor in anchors if anchor.place == place_mark(place)]
    if here and store not in (here[-1].store, here[-1].was or here[-1].store):
        return "another store lies here than its audit log speaks of" if store else "its audit log speaks of a chain, and it has none"
    return ""


def before(anchors: list[Anchor], store: str) -> set[str]:
    """What the store was called before it got another key, and before that."""
    names, known = {anchor.store: anchor.was for anchor in anchors if anchor.was}, set[str]()
    while (store := names.get(store, "")) and store not in known:
        known.add(store)
    return known
