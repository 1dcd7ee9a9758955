"""Names of runs, models and columns are others' words, and a terminal obeys some of them: it clears lines, fills the clipboard."""

import re

# Control characters but tabs and line ends, marks that turn what is read around, halves of characters.
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def shown(text: str) -> str:
    """The text as a terminal may have it: all of it to read, nothing to obey."""
    return OBEYED.sub("\N{REPLACEMENT CHARACTER}", text)
