"""Does it send the headers that keep browsers and caches from doing harm?"""

from ..result import Severity
from ..targets.http.line import Reply
from .outcome import Outcome, found, passed, unsure
from .site import Site

MOST = 0
STANDARDS = ("AML.T0049", "AITG-DAT-02")


def probe(site: Site) -> Outcome:
    """The headers of the answer to the valid request; where it was refused, of the refusal."""
    if site.plain is None:
        return unsure(site.why_not)
    missing = lacking(site.plain, site.line.address.secure)
    if not missing:
        return passed("nosniff and no-store are there" + (", and Strict-Transport-Security." if site.line.address.secure else "."))
    text = f"Missing: {', '.join(missing)}."
    return found("Security headers are missing", Severity.LOW, text, "Send them with every answer.", STANDARDS)


def lacking(reply: Reply, secure: bool) -> list[str]:
    """The headers that an answer lacks."""
    lower = {name: value.lower() for name, value in reply.headers.items()}
    missing = [] if lower.get("x-content-type-options") == "nosniff" else ["X-Content-Type-Options: nosniff"]
    missing += [] if "no-store" in lower.get("cache-control", "") else ["Cache-Control: no-store"]
    return missing + (["Strict-Transport-Security"] if secure and "max-age" not in lower.get("strict-transport-security", "") else [])
