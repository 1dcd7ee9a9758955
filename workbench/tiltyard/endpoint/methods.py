"""Which methods does it take?"""

from ..result import Severity
from .outcome import Outcome, found, passed
from .site import Site

METHODS = ("TRACE", "PUT", "DELETE", "PATCH")
MOST = 2 * len(METHODS)
STANDARDS = ("AML.T0049",)


def probe(site: Site) -> Outcome:
    """Methods that an inference path has no use for, without a key and without a body."""
    statuses = {method: site.ask(f"{method}", method, keyed=False).status for method in METHODS}
    accepted = [method for method, status in statuses.items() if 200 <= status < 300]
    if not accepted:
        return passed(f"{', '.join(f'{method} {status}' for method, status in statuses.items())}.")
    text = f"{', '.join(accepted)} without a key was answered with {statuses[accepted[0]]}."
    return found("It takes methods it has no use for", Severity.MEDIUM, text, "Allow POST there and nothing else (405).", STANDARDS)
