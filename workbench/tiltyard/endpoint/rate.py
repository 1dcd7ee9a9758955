"""Is there a rate limit?"""

from ..result import Severity
from .outcome import Outcome, found, idle, passed, unsure
from .site import Site

STANDARDS = ("AML.T0034.000", "AML.T0029", "AML.T0024.002", "AITG-INF-02")
LIMIT_HEADERS = ("ratelimit-limit", "ratelimit", "x-ratelimit-limit")


def probe(site: Site, requests: int) -> Outcome:
    """Valid requests, eight at a time, until one is refused. Sent last, for the key is worth nothing for a while after."""
    if site.limited:
        return passed("It answered 429 before.")
    if not site.answers:
        return unsure(site.why_not)
    if requests == 0:
        return idle("No burst was wanted.")
    statuses = site.burst(requests)
    if 429 in statuses:
        return passed("It answered 429 to a burst.")
    if bad := [status for status in statuses if not 200 <= status < 300]:
        return unsure(f"The burst ended with {bad[0] or 'no answer'}, which is no word of a limit.")
    if site.plain and any(name in site.plain.headers for name in LIMIT_HEADERS):
        return unsure(f"Its headers name a limit, and {requests:,} requests did not reach it.")
    text = f"{requests:,} requests at once were all answered."
    return found("No rate limit", Severity.MEDIUM, text, "Limit requests and rows per key (429 with Retry-After).", STANDARDS)
