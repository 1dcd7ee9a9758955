"""The standards that findings map to: versioned ids with their titles, read from ``ids.toml``."""

import tomllib
from functools import cache
from importlib import resources

from ..errors import Problem
from ..result import Frozen


class Standard(Frozen):
    """One id of one source in one version."""

    id: str
    title: str
    source: str
    version: str


@cache
def catalog() -> dict[str, Standard]:
    """Every id we map to, by id."""
    text = resources.files("tiltyard.standards").joinpath("ids.toml").read_text("utf-8")
    found = {}
    for source in tomllib.loads(text)["source"]:
        for id, title in source["ids"].items():
            found[id] = Standard(id=id, title=title, source=source["name"], version=source["version"])
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
