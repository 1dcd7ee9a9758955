"""One-hot groups that a table already holds: neighboring 0/1 columns with one name in common."""

import re
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

SEPARATOR = re.compile(r"__|[_=:./ -]")


def groups(frame: "pd.DataFrame", skip: frozenset[str] = frozenset()) -> dict[str, tuple[str, ...]]:
    """Groups by their common name: two or more neighboring 0/1 columns ``name_value`` with exactly one 1 in each row."""
    names = [str(c) for c in frame.columns]
    binary = [name not in skip and _binary(frame[name]) for name in names]
    found: dict[str, tuple[str, ...]] = {}
    start = 0
    while start < len(names):
        size, prefix = _group_at(frame, names, binary, start) if binary[start] else (0, "")
        if size:
            found[_free(prefix, found, names)] = tuple(names[start : start + size])
        start += max(size, 1)
    return found


def _binary(column: "pd.Series") -> bool:
    if column.dtype.kind not in "buif":
        return False
    values: NDArray[np.generic] = column.to_numpy()
    return bool(np.isin(values[:1000], (0, 1)).all() and np.isin(values, (0, 1)).all())


def _group_at(frame: "pd.DataFrame", names: list[str], binary: list[bool], start: int) -> tuple[int, str]:
    for cut in SEPARATOR.finditer(names[start]):
        head, prefix = names[start][: cut.end()], names[start][: cut.start()]
        end = start
        while end < len(names) and binary[end] and names[end].startswith(head):
            end += 1
        if prefix and end - start >= 2 and (frame[names[start:end]].to_numpy(np.float32).sum(1) == 1).all():
            return end - start, prefix
    return 0, ""


def _free(prefix: str, found: dict[str, tuple[str, ...]], names: list[str]) -> str:
    return prefix if prefix not in found and prefix not in names else f"{prefix} group"
