"""Does it show which software, in which version, it runs?"""

import re

from ..result import Severity
from ..targets.http.wire import shown
from .outcome import Outcome, found, passed, unsure
from .site import Site

MOST = 0
NAMES = ("server", "x-powered-by", "x-aspnet-version", "x-runtime", "via")
STANDARDS = ("AML.T0049",)


def probe(site: Site) -> Outcome:
    """The banners of every answer heard so far."""
    if not site.heard:
        return unsure("Nothing was answered.")
    banners = dict.fromkeys(
        f"{name}: {shown(site.line.key.hidden_in(reply.headers[name]), 80)}"
        for _, reply in site.heard
        for name in NAMES
        if name in reply.headers
    )
    versions = [banner for banner in banners if re.search(r"\d+\.\d+", banner)]
    if not versions:
        return passed(f"No version is shown{f' ({next(iter(banners))})' if banners else ''}.")
    text = f"{'; '.join(versions)}."
    return found("It shows its software's version", Severity.LOW, text, "Turn the banner off.", STANDARDS)
