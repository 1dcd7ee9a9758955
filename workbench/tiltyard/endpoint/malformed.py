"""What does it do with what is no request, and with rows that are none?"""

import copy
import json
from typing import Any

from ..result import Severity
from ..targets.http.line import Unreached
from .outcome import Outcome, found, joined, passed, unsure
from .site import Site

DEEP = 100_000
BROKEN = {
    "JSON that breaks off": b'{"instances": [[1, 2',
    "bytes that are no text": b"\xff\xfe\x00\x81",
    "an empty body": b"",
    "a JSON number": b"17",
    "JSON null": b"null",
    "a list nested 100,000 deep": b"[" * DEEP + b"]" * DEEP,
}
BAD: dict[str, Any] = {"NaN": float("nan"), "infinity": float("inf"), "1e30": 1e30, "a text for a number": "tiltyard"}
SHORT = "a row that is too short"
MOST = 2 * (len(BROKEN) + len(BAD) + 1)
BREAKS = ("AML.T0029", "AML.T0049", "AITG-INF-02")
UNCHECKED = ("AML.T0043", "AI RMF MEASURE 2.5", "EU AI Act Art. 15(4)")


def probe(site: Site) -> Outcome:
    """Bodies that are no request, then the valid one with one number made wrong."""
    if site.plain is None or site.plain.status in (401, 403):
        return unsure(site.why_not)
    seen = {what: _asked(site, what, body) for what, body in BROKEN.items()}
    rows = {what: body for what, body in wrong_rows(site.valid).items() if body is not None} if site.answers and site.valid else {}
    wrong = {what: _asked(site, what, body) for what, body in rows.items()}
    parts = [_crashes({**seen, **wrong}), _accepted(wrong)]
    if not rows:
        parts.append(
            unsure(f"Rows that are wrong were not sent. {site.why_not if not site.answers else 'The request has no number to change.'}")
        )
    return joined(parts)


def _asked(site: Site, what: str, body: bytes) -> int:
    """The status; 0 where the connection was closed on it, -1 where it does not answer since."""
    try:
        return site.ask(what, body=body).status
    except Unreached:
        pass
    try:
        site.ask("a valid request after a bad one", body=site.valid or b"{}")
    except Unreached:
        return -1
    return 0


def _crashes(seen: dict[str, int]) -> Outcome:
    dead = [what for what, status in seen.items() if status == -1]
    if dead:
        return found(
            "Bad input takes it down", Severity.HIGH, f"Nothing was answered after {dead[0]}.", "Bound and check input first.", BREAKS
        )
    broke = [f"{what} ({status})" for what, status in seen.items() if status >= 500]
    if broke:
        text = f"A server error on {', '.join(broke)}."
        return found(
            "Bad input makes a server error", Severity.MEDIUM, text, "Check input before the model sees it; answer 400 or 422.", BREAKS
        )
    kinds = sorted({str(status) if status else "a closed connection" for status in seen.values()})
    return passed(f"{len(seen)} kinds of bad input gave {', '.join(kinds)} and no server error.")


def _accepted(wrong: dict[str, int]) -> Outcome:
    accepted = [what for what, status in wrong.items() if 200 <= status < 300]
    if not accepted:
        return passed("No row that is none was answered.")
    text = f"Rows with {', '.join(accepted)} were answered."
    severity = Severity.LOW if set(accepted) <= {"1e30"} else Severity.MEDIUM
    return found("Rows that are none are answered", severity, text, "Check rows by the schema: shape, finite numbers, ranges.", UNCHECKED)


def wrong_rows(valid: bytes | None) -> dict[str, bytes | None]:
    """The valid request with its first number made wrong, or a value taken away; None where that cannot be done."""
    try:
        value = json.loads(valid or b"")
    except (ValueError, RecursionError):
        return {}
    made = {what: changed(value, to) for what, to in BAD.items()}
    made[SHORT] = shortened(value)
    return {what: None if bad is None else json.dumps(bad).encode() for what, bad in made.items()}


def changed(value: Any, to: Any) -> Any:
    """A copy with ``to`` in the place of the first number among the rows; None where there is none."""
    made = copy.deepcopy(value)
    spot = _spot(made)
    if spot is None:
        return None
    holder, place = spot
    holder[place] = to
    return made


def shortened(value: Any) -> Any:
    """A copy whose first row lacks one value; None where there is none."""
    made = copy.deepcopy(value)
    spot = _spot(made)
    if spot is None:
        return None
    holder, place = spot
    del holder[place]
    return made


def _spot(value: Any) -> tuple[Any, Any] | None:
    """Where the first number stands that is part of a row: not a tensor's shape."""
    if not isinstance(value, dict | list):
        return None
    for place, part in value.items() if isinstance(value, dict) else enumerate(value):
        if place == "shape":
            continue
        if isinstance(part, int | float) and not isinstance(part, bool):
            return value, place
        if (spot := _spot(part)) is not None:
            return spot
    return None
