"""A place in the window as its address names it: a run, a topic, a step, a load. Nothing in it is a secret, and nothing else is read from an address."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode

PLACE = "TILTYARD_PLACE"
WORDS = {
    "run": re.compile(r"[0-9a-f]{8,32}"),
    "topic": re.compile(r"[a-z][a-z_]{0,31}"),
    "step": re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}"),
    "load": re.compile(r"[0-9a-f]{16}"),
}


@dataclass(frozen=True)
class Place:
    """``run`` is the beginning of a run's id, ``topic`` a panel's id, ``step`` a step's, ``load`` that of what was loaded; each may be empty."""

    run: str = ""
    topic: str = ""
    step: str = ""
    load: str = ""

    @property
    def query(self) -> str:
        """``run=1a2b3c4d&topic=evasion&step=evasion.pgd``, without what is empty."""
        return urlencode(self.pairs)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Its words by name, in the order in which an address has them."""
        return [(name, value) for name in WORDS if (value := getattr(self, name))]


def place_of(query: Mapping[str, Sequence[str | bytes]]) -> Place:
    """The place that a query names; a word that cannot be one is as good as none."""
    found = {}
    for name, shape in WORDS.items():
        last = (query.get(name) or [""])[-1]
        text = last.decode("utf-8", "replace") if isinstance(last, bytes) else last
        found[name] = text if shape.fullmatch(text) else ""
    return Place(**found)


def own_place() -> Place:
    """That of the page this kernel was started for: from the app's server, or from plain Voila."""
    return place_of(parse_qs(os.environ.get(PLACE) or os.environ.get("QUERY_STRING", "")))
