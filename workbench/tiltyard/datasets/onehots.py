"""One-hot groups that a table already holds: 0/1 columns with one name in common."""

import re
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

SEPARATOR = re.compile(r"__|[_=:./ -]")
OTHER = "(other)"


def groups(frame: "pd.DataFrame", skip: frozenset[str] = frozenset()) -> dict[str, tuple[str, ...]]:
    """Groups by their common name: two or more neighboring 0/1 columns ``name_value`` of one dtype with exactly one 1 in each row."""
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


def family(frame: "pd.DataFrame", name: str) -> tuple[str, ...]:
    """The 0/1 columns ``name_value`` that are one category in several: two or more, with at most one 1 a row; else nothing.

    One level may have been dropped: it is that of the rows without a 1.
    """
    columns = tuple(
        c for c in map(str, frame.columns) if (cut := SEPARATOR.match(c, len(name))) and c.startswith(name) and cut.end() < len(c)
    )
    one = len(columns) > 1 and all(_binary(frame[c]) for c in columns) and (frame[list(columns)].to_numpy(np.float32).sum(1) <= 1).all()
    return columns if one else ()


def prefixes(name: str) -> tuple[str, ...]:
    """What a column's name may have in common with others of its family, shortest first."""
    return tuple(name[: cut.start()] for cut in SEPARATOR.finditer(name) if cut.start() and cut.end() < len(name))


def member_of(frame: "pd.DataFrame", columns: tuple[str, ...], name: str) -> "pd.Series":
    """Which of a family's ``columns`` is 1 in each row, by its own part of the column's name; `OTHER` where none is."""
    import pandas as pd

    held = frame[list(columns)].to_numpy(np.float32) > 0
    own = [c[SEPARATOR.match(c, len(name)).end() :] for c in columns]  # type: ignore[union-attr]
    names = np.array([*own, OTHER], object)
    return pd.Series(names[np.where(held.any(1), held.argmax(1), len(columns))], dtype=object)


def _binary(column: "pd.Series") -> bool:
    if not isinstance(column.dtype, np.dtype) or column.dtype.kind not in "buif":
        return False
    values: NDArray[np.generic] = column.to_numpy()
    return bool(np.isin(values[:1000], (0, 1)).all() and np.isin(values, (0, 1)).all())


def _group_at(frame: "pd.DataFrame", names: list[str], binary: list[bool], start: int) -> tuple[int, str]:
    for cut in SEPARATOR.finditer(names[start]):
        head, prefix = names[start][: cut.end()], names[start][: cut.start()]
        end = start
        while end < len(names) and binary[end] and names[end].startswith(head):
            end += 1
        alike = end - start >= 2 and frame.dtypes.iloc[start:end].nunique() == 1
        if prefix and alike and (frame[names[start:end]].to_numpy(np.float32).sum(1) == 1).all():
            return end - start, _in_common(names[start:end])
    return 0, ""


def _in_common(names: list[str]) -> str:
    """The longest name that all of them go on from after a separator."""
    return next(p for p in reversed(prefixes(names[0])) if all(n.startswith(p) and SEPARATOR.match(n, len(p)) for n in names))


def _free(prefix: str, found: dict[str, tuple[str, ...]], names: list[str]) -> str:
    return prefix if prefix not in found and prefix not in names else f"{prefix} group"
