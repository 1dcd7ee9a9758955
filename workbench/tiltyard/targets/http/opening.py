"""From an address to a target: which format it speaks, what it says of its model, and what a few rows show."""

import re
from typing import TYPE_CHECKING

from ...datasets.encoding import encoding_of
from ...datasets.schema import Schema
from ...datasets.texts import text_columns
from ...errors import Problem
from .. import trying
from ..class_names import few
from ..estimators import WORDS, Feeds, Outputs
from ..query_budget import Meter
from .address import Address
from .kserve import KServeWire
from .line import Line
from .mlflow import MLflowWire
from .target import KEY, HttpTarget, Refused, columns
from .tiltyard_wire import TiltyardWire
from .wire import About, EndpointAnswer, Wire, fits, parsed

if TYPE_CHECKING:
    from ...datasets.dataset import Dataset

TRIED = 8


def wire_at(address: Address) -> Wire:
    """The format by the address: ``/v2/models/…`` is KServe's, ``/invocations`` MLflow's, all else Tiltyard's."""
    path = address.path.rstrip("/")
    if re.search(r"/v2/models/[^/]+(/versions/[^/]+)?(/infer)?$", path):
        return KServeWire(address)
    return MLflowWire(address) if path.endswith("/invocations") else TiltyardWire(address)


def about(line: Line, wire: Wire) -> About:
    """What the endpoint says of its model; nothing where its format has no such answer.

    Raises
    ------
    Problem
        Where it refuses the key, or Tiltyard's format is not spoken there.
    """
    if not wire.about:
        return About()
    reply = line.send("GET", wire.about)
    if reply.status in (401, 403):
        found = f"{reply.status} {'with' if line.key else 'without'} a key"
        raise Problem(f"a key that {line.address.origin} takes", found, KEY)
    if not reply.good:
        if isinstance(wire, TiltyardWire):
            do = "Give the address of a Tiltyard endpoint, of KServe's (…/v2/models/NAME/infer), or of MLflow's (…/invocations)"
            raise Problem(f"Tiltyard's format at {line.address}", f"{reply.status} at {wire.about.partition('?')[0]}", do)
        return About()
    try:
        return wire.described(parsed(reply.body, str(line.address)))
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        if isinstance(error, Problem):
            raise
        raise Problem(f"a description of the model from {line.address}", "one of another form", "Check the address") from None


def http_target(
    line: Line,
    wire: Wire,
    described: About,
    schema: Schema,
    *,
    order: tuple[int, ...] = (),
    name: str = "",
    feeds: Feeds | None = None,
    outputs: Outputs | None = None,
    data: "Dataset | None" = None,
    budget: int | None = None,
    ordered: bool = False,
) -> HttpTarget:
    """The target behind ``line``; 8 rows (they count) find out what it takes and gives where that is not described.

    Raises
    ------
    Problem
        Where the endpoint takes other rows or answers in another form.
    """
    ways = _ways(line, wire, described, schema)
    meter = Meter(budget)
    first: Problem | None = None

    def made(wants: Feeds, gives: Outputs, decides: bool = False) -> HttpTarget:
        return HttpTarget(
            line,
            wire,
            schema,
            name=name,
            order=order,
            feeds=wants,
            outputs=gives,
            meter=meter,
            about=described,
            ordered=ordered,
            decides=decides,
        )

    for wants in (feeds,) if feeds else ways:
        target = made(wants, outputs or "probabilities")
        try:
            answer = _tried(target, data)
            found = outputs or _given(answer, target)
        except Refused as problem:
            if problem.status not in (400, 422, 500):
                raise
            first = first or problem
            continue
        target = made(wants, found, answer.labels is not None)
        target.read(answer)
        target.assumptions = _assumptions(target, answer, feeds, outputs)
        return target
    raise first or Problem(f"an answer from {line.address}", "none", "Check the address")


def _ways(line: Line, wire: Wire, described: About, schema: Schema) -> tuple[Feeds, ...]:
    """In which forms rows may be sent, likelier first; refused where the endpoint says that it takes another shape."""
    encoded = encoding_of(schema).shape
    if fits(described.shape, encoded):
        texts = text_columns(schema.features)
        return ("encoded",) if schema.images else tuple(w for w in wire.feeds if w != "encoded") if texts else wire.feeds
    if not schema.images and fits(described.shape, schema.shape) and not any(f.kind == "categorical" for f in schema.features):
        return ("values",)
    expected = f"rows of shape {described.shape} as {line.address} takes them"
    raise Problem(expected, f"{encoded}", "Give the data the model was trained on")


def _tried(target: HttpTarget, data: "Dataset | None") -> EndpointAnswer:
    rows = trying.rows(target.schema, data, TRIED)
    reply = None
    while reply is None:
        rows = rows[: target.batch]
        reply = target.asked(rows)
    return target.answered(reply, len(rows))


def _given(answer: EndpointAnswer, target: HttpTarget) -> Outputs:
    """What it gives: labels, logits or probabilities; rounded probabilities need not sum to 1 exactly."""
    if answer.scores is None:
        return "labels"
    scores = columns(answer.scores, len(target.classes), "probabilities")
    if scores.min() >= 0 and scores.max() <= 1 and abs(scores.sum(1) - 1).max() < 0.5:
        return "probabilities"
    return trying.head(scores, len(target.classes), target.name)


def _assumptions(target: HttpTarget, answer: EndpointAnswer, feeds: Feeds | None, outputs: Outputs | None) -> tuple[str, ...]:
    notes = [
        f"It is asked over HTTP in the {target.wire.title} format, at most {target.batch} rows a request; {target.meter.spent} rows opened it."
    ]
    if not feeds:
        notes.append(f"It takes {WORDS[target.wants]}.")
    if outputs is None:
        gives = {"labels": "labels only", "logits": "logits", "probabilities": "probabilities"}[target.outputs]
        notes.append(f"It gives {gives}.")
    if answer.labels is None:
        notes.append("It gives no labels, so the class with the largest score counts as its decision.")
        if not target.ordered:
            notes.append(f"It does not name its classes: its scores are taken to be those of {few(target.theirs)}, in that order.")
    if target.partial:
        notes.append(target.partial)
    if not target.address.secure and not target.address.loopback:
        notes.append("It speaks plain HTTP: rows and answers can be read on the way.")
    return tuple(notes)
