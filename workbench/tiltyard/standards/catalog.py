"""The standards that findings map to: versioned ids with their titles, read from ``ids.toml``."""

import tomllib
from functools import cache
from importlib import resources

from ..errors import Problem
from ..result import Frozen


class Standard(Frozen):
    """One id of one source in one version.

    Attributes
    ----------
    dated, read
        When its source published that version; when and where we read it.
    confirmed
        Read in the source itself, or in a copy of its text; not so where we have the id from others' lists alone.
    """

    id: str
    title: str
    source: str
    version: str
    dated: str = ""
    read: str = ""
    confirmed: bool = True


@cache
def catalog() -> dict[str, Standard]:
    """Every id we map to, by id."""
    text = resources.files("tiltyard.standards").joinpath("ids.toml").read_text("utf-8")
    found = {}
    for source in tomllib.loads(text)["source"]:
        doubtful = source.get("unconfirmed", [])
        facts = {"source": source["name"], "version": source["version"], "dated": source["dated"], "read": source["read"]}
        for id, title in source["ids"].items():
            found[id] = Standard(id=id, title=title, confirmed="*" not in doubtful and id not in doubtful, **facts)
    return found


def known(id: str) -> bool:
    """Is the id in the catalog?"""
    return id in catalog()


def describe(id: str) -> Standard:
    """The standard called ``id``; a `Problem` where we do not know it."""
    if id not in catalog():
        raise Problem("an id of standards/ids.toml", repr(id), "Correct it or add it with its source and version")
    return catalog()[id]


def sources() -> tuple[tuple[str, str], ...]:
    """Name and version of each source, in order."""
    return tuple(dict.fromkeys((s.source, s.version) for s in catalog().values()))
