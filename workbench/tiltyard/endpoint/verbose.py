"""Do its error messages show how it works inside?"""

import re

from ..result import Severity
from .outcome import Outcome, found, passed, unsure
from .site import Site

MOST = 4
NOWHERE = "/tiltyard-probe-no-such-page"
STANDARDS = ("AML.T0049", "AITG-DAT-02")
TELLS = {
    "a Python stack trace": re.compile(rb"Traceback \(most recent call last\)|File \"[^\"]+\.py\", line \d+"),
    "a Java stack trace": re.compile(rb"\bat [\w.$]+\([\w]+\.java:\d+\)"),
    "a JavaScript stack trace": re.compile(rb"\bat .{1,80}\(?(?:/|file:)[^\s)]+\.[cm]?js:\d+:\d+"),
    "a path of the server": re.compile(rb"(?:/(?:usr|home|opt|srv|root|var|app|etc)/[\w./-]{3,}|[A-Z]:\\\\?[\w\\ .-]{4,})"),
    "a library's own error": re.compile(
        rb"site-packages|(?:sklearn|torch|numpy|tensorflow|onnxruntime|pandas)\.[\w.]+|mat1 and mat2|RuntimeError:|ValueError:"
    ),
    "a database's error": re.compile(rb"SQLSTATE|sqlite3\.|psycopg|ORA-\d{5}"),
    "a page for debugging": re.compile(rb"Werkzeug Debugger|DJANGO_SETTINGS_MODULE|Whitelabel Error Page"),
}


def probe(site: Site) -> Outcome:
    """Looks through every error heard so far, and those of a page and a method that are not there."""
    site.ask("a page that is not there", "GET", site.at(NOWHERE))
    site.ask("a method that is not there", "GET")
    errors = [(what, reply) for what, reply in site.heard if reply.status >= 400]
    if not errors:
        return unsure("It gave no error to look at.")
    revealed = {sign: what for what, reply in errors for sign, pattern in TELLS.items() if pattern.search(reply.body[:200_000])}
    if not revealed:
        return passed(f"{len(errors)} errors tell nothing of its insides.")
    text = "; ".join(f"{sign} in the answer to {what}" for sign, what in revealed.items()) + "."
    advice = "Answer errors with what the client did wrong, and keep the trace in your log under an id."
    return found("Errors show how it works inside", Severity.MEDIUM, text[0].upper() + text[1:], advice, STANDARDS)
