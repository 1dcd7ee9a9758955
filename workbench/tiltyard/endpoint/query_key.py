"""Does it take the key from the address, where logs, proxies and histories keep it?"""

from urllib.parse import quote

from ..result import Severity
from .outcome import Outcome, found, idle, passed, unsure
from .site import Site

NAMES = ("key", "api_key", "apikey", "token", "access_token")
MOST = len(NAMES) + 1
STANDARDS = ("AML.T0055", "AML.T0012")


def probe(site: Site) -> Outcome:
    """The valid request with its key under the usual names in the query, and none in the header."""
    if not site.line.key:
        return idle("No key was given to try.")
    if not site.answers:
        return unsure(site.why_not)
    if site.ask("no key", body=site.valid, keyed=False).good:
        return idle("It answers without any key.")
    accepted = [name for name in NAMES if site.ask(f"the key as ?{name}=", url=_with(site, name), body=site.valid, keyed=False).good]
    if not accepted:
        return passed(f"None of {', '.join(NAMES)} in the query opens it.")
    text = f"The key in the query as {', '.join(accepted)} was taken."
    return found("Keys are taken from the address", Severity.MEDIUM, text, "Take keys from the Authorization header only.", STANDARDS)


def _with(site: Site, name: str) -> str:
    ask = site.wire.ask
    return f"{ask}{'&' if '?' in ask else '?'}{name}={quote(site.line.key.secret)}"
