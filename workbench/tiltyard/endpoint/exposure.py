"""What does it show to whoever asks: documentation, metrics, the model's description?"""

from ..result import Severity
from .outcome import Outcome, found, passed, unsure
from .site import Site

PAGES = ("/docs", "/redoc", "/openapi.json", "/metrics", "/debug/vars", "/.env", "/v2/repository/index")
MOST = 2 * (len(PAGES) + 2)
NOWHERE = "/tiltyard-probe-nothing-here"
STANDARDS = ("AML.T0049", "AML.T0040")


def probe(site: Site) -> Outcome:
    """Asks for the usual pages without a key."""
    if site.ask("a page that is not there", "GET", site.at(NOWHERE), keyed=False).good:
        return unsure("It answers any address alike, so open pages cannot be recognized.")
    shown = [page for page in PAGES if site.ask(f"GET {page}", "GET", site.at(page), keyed=False).good]
    if site.wire.about and site.ask("the model's description", "GET", site.wire.about, keyed=False).good:
        shown.append("the model's description")
    if not shown:
        return passed(f"None of {', '.join(PAGES)} is open.")
    severity = Severity.HIGH if "/.env" in shown else Severity.LOW
    text = f"Open without a key: {', '.join(shown)}."
    return found("Pages are open to anyone", severity, text, "Ask for a key there too, or leave these pages out.", STANDARDS)
