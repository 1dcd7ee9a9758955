"""Does it give scores with all their digits?"""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from ..result import Severity
from ..targets.http.line import Reply
from .drafting import DRAFTS, SEVERAL
from .outcome import Outcome, found, passed, unsure
from .site import Site

MOST = 2 * (1 + DRAFTS)
DECIMALS = 4
STANDARDS = ("OWASP ML05:2023", "AML.T0024.002", "AML.T0024.000", "AITG-APP-09")


def probe(site: Site) -> Outcome:
    """The longest number in the answers to several rows, or to those there are; a sure model's 0 and 1 alone tell nothing."""
    if not site.answers or site.plain is None:
        return unsure(site.why_not)
    digits: list[int] = []
    try:
        for reply in _replies(site, site.plain):
            digits += [decimals(number) for number in numbers(json.loads(reply.body))]
            if any(digits):
                break
    except (ValueError, RecursionError):
        return unsure("Its answer is no JSON.")
    return _judged(digits)


def _replies(site: Site, plain: Reply) -> Iterator[Reply]:
    """Good answers: to several rows at once, to the valid one, and where these tell nothing to each other one."""
    if site.several is not None and (asked := site.ask(f"{SEVERAL} rows", body=site.several, rows=SEVERAL)).good:
        yield asked
    yield plain
    for draft in site.drafts:
        if draft.body != site.valid and (asked := site.ask("another row", body=draft.body)).good:
            yield asked


def _judged(digits: list[int]) -> Outcome:
    most = max(digits, default=0)
    if not digits:
        return passed("Its answer has no scores.")
    if most == 0:
        return unsure("All scores it gave are 0 or 1, so their precision is not known.")
    if most <= DECIMALS:
        return passed(f"Its answer has numbers of at most {most} decimal{'s' if most > 1 else ''}.")
    advice = f"Round scores to {DECIMALS} decimals or fewer, or give labels alone: thieves and membership attacks live on the rest."
    return found("Scores in full precision", Severity.MEDIUM, f"A score has {most} decimals.", advice, STANDARDS, "theft.output_policy")


def numbers(value: Any) -> Iterator[float]:
    """Every number with a fraction in parsed JSON."""
    if isinstance(value, float):
        yield value
    elif isinstance(value, list | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from numbers(part)


def decimals(number: float) -> int:
    """Digits behind the point of a number as it is written; 0 for a whole one."""
    if number.is_integer():
        return 0
    exponent = Decimal(repr(number)).as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0
