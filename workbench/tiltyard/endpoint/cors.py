"""May any web page ask it in its visitor's name?"""

from ..result import Severity
from ..targets.http.line import Reply
from .outcome import Outcome, found, passed, unsure
from .site import Site

MOST = 4
ORIGIN = "https://tiltyard-probe.example"
STANDARDS = ("AML.T0040", "AML.T0049")
ADVICE = "Name the origins that may ask, or send no CORS headers; never allow credentials to an origin that is only repeated."


def probe(site: Site) -> Outcome:
    """A request and a preflight from an origin nobody has allowed."""
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    replies = [site.ask("a preflight of a foreign origin", "OPTIONS", headers={"Origin": ORIGIN, **asked}, keyed=False)]
    if site.valid is not None:
        replies.append(site.ask("a request of a foreign origin", body=site.valid, headers={"Origin": ORIGIN}))
    seen = [_judged(reply) for reply in replies]
    worst = next((outcome for outcome in seen if outcome.findings and outcome.findings[0].severity is Severity.HIGH), None)
    worst = worst or next((outcome for outcome in seen if outcome.state == "finding"), None)
    if worst is None and site.valid is None:
        return unsure(f"A preflight allows no foreign origin. {site.why_not}")
    return worst or passed("A foreign origin is not allowed.")


def _judged(reply: Reply) -> Outcome:
    allowed = reply.headers.get("access-control-allow-origin", "")
    credentials = reply.headers.get("access-control-allow-credentials", "").lower() == "true"
    if allowed == ORIGIN:
        severity = Severity.HIGH if credentials else Severity.MEDIUM
        text = f"Any origin is repeated as allowed{', with credentials' if credentials else ''}."
        return found("Any web page may ask it", severity, text, ADVICE, STANDARDS)
    if allowed in ("*", "null"):
        return found("Any web page may ask it", Severity.LOW, f"Access-Control-Allow-Origin is {allowed}.", ADVICE, STANDARDS)
    return passed("A foreign origin is not allowed.")
