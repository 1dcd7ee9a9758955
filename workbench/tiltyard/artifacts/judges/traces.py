"""Imports in raw bytes, as a pickle writes them, of what runs code."""

import re

from .trust import executes

_NAME = rb"([A-Za-z_][\w.]{0,100})"
_MEMO = rb"(?:\x94|q.|r....)?"
_TEXT = rb"(?:\x8c.|X...\0|\x8d.......\0)"
_TRACES = (  # the byte that none is without, for it is found far faster than the pattern
    (b"\n", re.compile(rb"[ci]" + _NAME + rb"\n" + _NAME + rb"\n")),
    (b"\x93", re.compile(_TEXT + _NAME + _MEMO + _TEXT + _NAME + _MEMO + rb"\x93", re.DOTALL)),
)


def traces(data: bytes) -> list[tuple[int, str]]:
    """Where in ``data`` such an import stands, and its full name."""
    found = []
    for needed, pattern in _TRACES:
        for match in pattern.finditer(data) if needed in data else ():
            module, name = (g.decode("ascii") for g in match.groups()[-2:])
            if executes(module, name):
                found.append((match.start(), f"{module}.{name}"))
    return found
