"""Text that no file can hold: half of a pair of UTF-16 codes, as a reader with ``errors="surrogateescape"`` leaves it."""

from collections.abc import Iterable
from itertools import islice
from typing import Any

from ..errors import Problem

AT_ONCE = 10_000


def refuse_broken(values: Iterable[Any], what: str) -> None:
    """Refuse text among ``values`` that cannot be written in UTF-8.

    Raises
    ------
    Problem
        With ``what`` it stands in, its row, and the code that no text has.
    """
    rest, start = iter(values), 0
    while part := list(islice(rest, AT_ONCE)):
        texts = [v if isinstance(v, str) else "" for v in part]
        try:
            "".join(texts).encode()
        except UnicodeEncodeError:
            row, code = next((i, c) for i, text in enumerate(texts) for c in text if "\ud800" <= c <= "\udfff")
            found = f"half of one (U+{ord(code):04X}) in row {row + start}"
            do = 'Read the file anew in its own encoding, or replace it: text.encode("utf-8", "replace").decode()'
            raise Problem(f"whole characters in {what}", found, do) from None
        start += len(part)
