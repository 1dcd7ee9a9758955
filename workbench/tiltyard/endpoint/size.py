"""Does it take a request of any size?"""

from ..errors import Problem
from ..result import Severity
from ..targets.http.line import Unreached
from .outcome import Outcome, found, joined, passed, unsure
from .site import Site

MOST = 4
STANDARDS = ("AML.T0029", "AML.T0034.001", "NISTAML.014", "AITG-INF-02")
TOO_LARGE = (400, 411, 413, 414, 422, 431)


def probe(site: Site, megabytes: int, rows: int) -> Outcome:
    """The valid request padded to ``megabytes``, and one of ``rows`` rows."""
    if not site.answers or site.valid is None:
        return unsure(site.why_not)
    padded = site.valid + b" " * (megabytes * 2**20)
    many = site.many(rows)
    parts = [_asked(site, f"{megabytes} MB", padded, "No limit on the size of a request", "Refuse bodies beyond what a batch needs (413).")]
    if many is None:
        parts.append(unsure("Of many rows at once nothing is known: the request that was given shows no rows."))
    else:
        parts.append(
            _asked(site, f"{rows:,} rows", many, "No limit on the rows of a request", "Refuse batches beyond a limit (413).", rows)
        )
    return joined(parts)


def _asked(site: Site, what: str, body: bytes, title: str, advice: str, rows: int = 1) -> Outcome:
    try:
        reply = site.ask(what, body=body, rows=rows)
    except Unreached as problem:
        return passed(f"{what}: not taken.") if _alive(site) else unsure(f"{what}: {problem.found}, and no answer since.")
    if reply.good:
        return found(title, Severity.MEDIUM, f"A request of {what} was answered with {reply.status}.", advice, STANDARDS)
    if reply.status in TOO_LARGE:
        return passed(f"{what}: {reply.status}.")
    if reply.status >= 500:
        text = f"A request of {what} was answered with {reply.status}."
        return found("A large request breaks it", Severity.MEDIUM, text, advice, STANDARDS)
    return unsure(f"{what}: {reply.status}, which does not tell.")


def _alive(site: Site) -> bool:
    try:
        return site.ask("a valid request after a large one", body=site.valid).good
    except Problem:
        return False
