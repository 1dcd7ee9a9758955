"""Labels that came for answers given: a body of ``POST /v1/labels`` as class numbers by request."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ..errors import Problem
from ..result import Frozen
from .refusal import Refusal, refuse

Truths = Mapping[str, Sequence[int]]
WANTED = '{"labels": {REQUEST ID: [LABEL, …], …}}'
LONGEST = 64


class Learner(Protocol):
    """The protocol of what counts which answers were right, as `monitoring.monitor.Monitor` does."""

    def awaited(self, request: str) -> int:
        """Rows of a request that wait for their labels; 0 where none do."""
        ...

    def labeled(self, truths: Truths) -> Frozen:
        """Class numbers by request, as many as it has rows; what was counted."""
        ...


def counted(learner: Learner, given: Truths) -> dict[str, Any]:
    """What the learner counted.

    Raises
    ------
    Refusal
        422: not one label a row; 503: it cannot be kept.
    """
    for request, labels in given.items():
        if (n := learner.awaited(request)) not in (0, len(labels)):
            raise refuse(422, f"{n} labels for request {request}, one a row", f"{len(labels)}", "Give all of them, in the rows' order")
    try:
        return learner.labeled(given).model_dump()
    except Problem:
        raise refuse(503, "a place for the windows", "one that cannot be written", "Tell the operator") from None


def truths(body: Any, classes: tuple[str, ...]) -> dict[str, list[int]]:
    """Class numbers by request id, in the order of its rows.

    Raises
    ------
    Refusal
        422: of another form, or a label that is no class.
    """
    given = body.get("labels") if isinstance(body, dict) and set(body) == {"labels"} else None
    if not isinstance(given, dict) or not given:
        raise _odd("something else" if given is None or not isinstance(given, dict) else "none")
    places = {name: i for i, name in enumerate(classes)}
    return {_id(request): _classes(labels, places) for request, labels in given.items()}


def _id(request: str) -> str:
    if not 0 < len(request) <= LONGEST:
        raise _odd(f"a request id of {len(request)} signs")
    return request


def _classes(labels: Any, places: dict[str, int]) -> list[int]:
    if not isinstance(labels, list) or not labels:
        raise _odd("a request without a list of labels")
    for label in labels:
        if not isinstance(label, str) or label not in places:
            shown = "".join(c for c in str(label)[:60] if c.isprintable())
            raise refuse(422, f"labels among {', '.join(list(places)[:10])}", shown or "nothing", "See GET /v1/model")
    return [places[label] for label in labels]


def _odd(found: str) -> Refusal:
    return refuse(422, WANTED, found, "Give each answer's X-Request-Id and the label of each of its rows")
