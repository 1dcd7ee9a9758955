"""Requests that an endpoint should take, made from its own description: its model's description, or its OpenAPI document."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from ..datasets.encoding import encoding_of
from ..errors import Problem
from ..targets import trying
from ..targets.http import forming
from ..targets.http.line import Line
from ..targets.http.wire import WIDEST, About, Wire, written

DOCUMENT = "/openapi.json"
SEVERAL = 16
DRAFTS = 4


@dataclass(frozen=True)
class Draft:
    """A request that should be valid: its body, and its row of encoded x (1, …) where that is known."""

    body: bytes
    row: NDArray[Any] | None = None


def drafts(line: Line, wire: Wire, about: About) -> tuple[Draft, ...]:
    """At most `DRAFTS` requests for one row, the likeliest first."""
    return tuple(islice(_drafts(line, wire, about), DRAFTS))


def _drafts(line: Line, wire: Wire, about: About) -> Iterator[Draft]:
    """The row that it names, the middle of its bounds, rows drawn, and what its description or document has the form of."""
    few = several(about)
    middle = encoding_of(about.schema).encode(trying.middle(about.schema), np.float64) if about.schema else None
    drawn = [] if few is None else [few[i : i + 1] for i in range(DRAFTS)]
    named = {row.tobytes(): row for row in (about.example, middle, *drawn) if row is not None}
    rows = list(named.values())[: DRAFTS - 1]
    yield from (Draft(written(wire.body(row)), row) for row in rows)
    if (formed := wire.formed()) is not None or (not rows and (formed := _documented(line, wire)) is not None):
        yield Draft(written(formed))


def several(about: About) -> NDArray[Any] | None:
    """A few encoded rows drawn within what it takes; None where it does not say."""
    if about.schema is not None:
        return encoding_of(about.schema).encode(trying.rows(about.schema, n=SEVERAL), np.float64)
    if about.shape and min(about.shape) > 0 and math.prod(about.shape) <= WIDEST:
        return np.random.default_rng(0).random((SEVERAL, *about.shape), np.float32)
    return None


def _documented(line: Line, wire: Wire) -> Any:
    """A request made of its OpenAPI document; None where it has none."""
    try:
        reply = line.send("GET", line.address.origin + DOCUMENT)
        return forming.asked(json.loads(reply.body), urlsplit(wire.ask).path) if reply.good and not reply.cut else None
    except (Problem, ValueError, RecursionError):
        return None
