"""What the owner of a shared app offers to everybody beside the samples: a model and its data by a name, told to each kernel by its environment."""

import json
import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from ..result import Given

OFFERS = "TILTYARD_OFFERS"


class Offer(Given):
    """A model and its data, offered under ``name``.

    Attributes
    ----------
    given
        How they are opened: tables ``target`` and ``data`` of an assessment file, every path absolute.
    reads
        The real paths of the files and folders that this takes; everybody may read them, and nothing beside them.
    """

    name: str
    given: dict[str, Any]
    reads: tuple[str, ...]


def offers() -> dict[str, Offer]:
    """All that is offered here, by name; nothing outside an app that offers any."""
    return _read(os.environ.get(OFFERS, ""))


@cache
def _read(text: str) -> dict[str, Offer]:
    return {one["name"]: Offer.model_validate(one) for one in json.loads(unquote(text) or "[]")}


def written(made: Iterable[Offer]) -> str:
    """As `OFFERS` in an environment has them: no character of it means anything to whoever passes it on."""
    return quote(json.dumps([one.model_dump(mode="json") for one in made]), safe="")


def offered_root(real: Path) -> Path | None:
    """The folder below which the real path may be read because it is offered, its own where a file is; None where it is not offered."""
    for text in (text for offer in offers().values() for text in offer.reads):
        place = Path(text)
        if real == place:
            return place.parent
        if place in real.parents:
            return place
    return None
