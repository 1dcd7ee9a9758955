"""Does it answer without a key, or with any?"""

from ..errors import Problem
from ..result import Severity
from .outcome import Outcome, found, joined, passed, unsure
from .site import Site

MOST = 6
STANDARDS = ("AML.T0040", "AML.T0012", "AI RMF MEASURE 2.7", "EU AI Act Art. 15(5)")
WRONG = {"a wrong key": "Bearer ty_" + "A" * 43, "an empty key": "Bearer null"}
EMPTY = b'{"instances": []}'


def probe(site: Site) -> Outcome:
    """The valid request without a key, with a wrong one, and with an empty one."""
    none = _asked(site, "no key", None)
    if none.state != "passed":
        return none
    return joined([none, *(_asked(site, what, header) for what, header in WRONG.items())])


def _asked(site: Site, what: str, header: str | None) -> Outcome:
    given = {} if header is None else {"Authorization": header}
    try:
        reply = site.ask(what, body=site.valid or EMPTY, headers=given, keyed=False)
    except Problem as problem:
        return unsure(f"With {what}: {problem.found}.")
    if reply.status in (401, 403):
        return passed(f"{reply.status} with {what}.")
    if reply.good and site.valid is not None:
        title = "It answers without a key" if header is None else "It takes any key"
        text = f"A valid request with {what} was answered with {reply.status}."
        return found(title, Severity.HIGH, text, "Ask for a key of enough random bits; `tiltyard serve` does.", STANDARDS)
    return unsure(f"A request with {what} was answered with {reply.status}, which tells neither." if site.valid else site.why_not)
