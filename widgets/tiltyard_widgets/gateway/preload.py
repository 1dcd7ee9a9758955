"""The scripts that a page turns out to want, named in the pages after it, so that a browser fetches them while its kernel starts.

Of the hundred scripts that Voila and its widgets load, nearly all are asked for only once the page has come whole, which it has when the kernel has answered.
"""

import re
from html import escape

SCRIPT = re.compile(r"voila/(?:static|labextensions)/(?:[\w@-][\w@.-]*/)*(?P<name>\w[\w.-]*)\.js(?:\?v=(?P<version>[0-9a-f]+))?")
MOST = 150  # scripts


class Preload:
    """Scripts by their address below the server's, in the order in which the first page asked for them; once it is shown, nothing is added.

    Addresses come from browsers of people who are logged in, so only names of files that were sent are kept, with no query but a version that is part of the name.
    """

    def __init__(self) -> None:
        self._seen: dict[str, None] = {}
        self._settled = False

    def sent(self, place: str) -> None:
        """This was sent to a page."""
        found = SCRIPT.fullmatch(place)
        if found is None or self._settled or len(self._seen) >= MOST:
            return
        if found["version"] is None or found["version"] in found["name"]:
            self._seen[place] = None

    def settle(self) -> None:
        """A page is shown, and has all that it wanted."""
        self._settled = bool(self._seen)

    def links(self, base_url: str, head: str) -> str:
        """What has a browser fetch them, less those that the head of the page names."""
        addresses = [f"{base_url.rstrip('/')}/{place}" for place in self._seen]
        return "".join(f'<link rel="preload" as="script" href="{escape(one)}">\n' for one in addresses if one not in head)
