"""The scripts that a page turns out to want, named in the pages after it, so that a browser fetches them while its kernel starts.

Of the hundred scripts that Voila and its widgets load, nearly all are asked for only once the page has come whole, which it has when the kernel has answered.
"""

import json
import re
from contextlib import suppress
from html import escape
from importlib.metadata import version
from pathlib import Path

from tiltyard.access import places
from tiltyard.errors import Problem

SCRIPT = re.compile(r"voila/(?:static|labextensions)/(?:[\w@-][\w@.-]*/)*(?P<name>\w[\w.-]*)\.js(?:\?v=(?P<version>[0-9a-f]+))?")
MOST = 150  # scripts
WHAT = "a list of scripts"


class Preload:
    """Scripts by their address below the server's, in the order in which the first page asked for them; once it is shown, nothing is added.

    Addresses come from browsers of people who are logged in, so only names of files that were sent are kept, with no query but a version that is part of the name.

    Parameters
    ----------
    place
        The file in which they are kept for the first page of the next server; a script that is gone by then is left out from its second page on.
    """

    def __init__(self, place: Path | None = None) -> None:
        self._place = place
        self._seen: dict[str, None] = {}
        self._before = dict.fromkeys(_kept(place)) if place is not None else {}
        self._settled = False

    def sent(self, place: str) -> None:
        """This was sent to a page."""
        if not self._settled and len(self._seen) < MOST and _plain(place):
            self._seen[place] = None

    def settle(self) -> None:
        """A page is shown, and has all that it wanted."""
        if self._settled or not self._seen:
            return
        self._settled = True
        if self._place is not None and list(self._seen) != list(self._before):
            text = json.dumps({"voila": version("voila"), "scripts": list(self._seen)})
            with suppress(Problem, OSError):
                self._place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                places.written(self._place, text.encode(), WHAT, replace=True)

    def links(self, base_url: str, head: str) -> str:
        """What has a browser fetch them, less those that the head of the page names."""
        known = self._seen if self._settled or not self._before else self._before
        addresses = [f"{base_url.rstrip('/')}/{place}" for place in known]
        return "".join(f'<link rel="preload" as="script" href="{escape(one)}">\n' for one in addresses if one not in head)


def _plain(place: object) -> bool:
    found = SCRIPT.fullmatch(place) if isinstance(place, str) else None
    return found is not None and (found["version"] is None or found["version"] in found["name"])


def _kept(place: Path) -> list[str]:
    """What a server before this one kept, for the same Voila; nothing where that cannot be read."""
    try:
        with places.opened(place, WHAT) as stream:
            found = json.loads(stream.read(2**16))
        return [one for one in found["scripts"] if _plain(one)][:MOST] if found["voila"] == version("voila") else []
    except (OSError, ValueError, LookupError, TypeError):
        return []
