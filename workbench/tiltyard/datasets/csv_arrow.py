"""Plain CSV files read by pyarrow, a block at a time: the values and dtypes that pandas gives, in half of its memory."""

import io
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from .memory import release

if TYPE_CHECKING:
    import pandas as pd

BLOCK, LARGEST_BLOCK = 2**20, 2**26
AT_ONCE = 512  # rows of a block at least: of thousands of columns each costs time in every block
TRUE, FALSE = ("True", "TRUE", "true"), ("False", "FALSE", "false")
LOOKED_AT = 1000


class _Watched:
    """A stream that remembers whether numbers may have passed that pyarrow reads otherwise than pandas: ``0x1F`` and ``+5``."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.hexadecimal = self.plus = False
        self._last = b""

    def read(self, size: int = -1) -> bytes:
        part = self.stream.read(size)
        across = self._last + part[:1]
        self.hexadecimal = self.hexadecimal or any(_hexadecimal(seen) for seen in (part, across))
        self.plus = self.plus or b"+" in part
        self._last = part[-1:]
        return part

    @property
    def closed(self) -> bool:
        return self.stream.closed

    def close(self) -> None:
        self.stream.close()


def _hexadecimal(text: bytes) -> bool:
    """Does a number like ``0x1F`` stand there? One letter is found many times as fast as a zero and a letter among numbers."""
    return any(letter in text and b"0" + letter in text for letter in (b"x", b"X"))


class _Column:
    """A column that grows in one piece of memory, so that none is left in bits between the parser's."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.texts: list[Any] = []
        self.held: NDArray[Any] | None = None
        self.rows = 0

    def add(self, part: Any) -> None:
        """The next rows: an array of NumPy, or of text pyarrow's."""
        if not isinstance(part, np.ndarray):
            self.texts.append(part)
            return
        after = self.rows + len(part)
        if self.held is None:
            self.held = np.empty(max(self.room, after), part.dtype)
        if part.dtype != self.held.dtype and self.held.dtype.kind in "ib":  # numbers that are not there make floats, truth values objects
            self.held = self.held.astype(part.dtype)
        if after > len(self.held):
            self.held = np.concatenate([self.held, np.empty(max(after // 2, len(part)), self.held.dtype)])
        self.held[self.rows : after] = part
        self.rows = after

    def whole(self, signed: bool) -> Any:
        """All rows; None where pandas would read them otherwise, as floats that are whole only by their value where some are ``signed``."""
        import pandas as pd
        import pyarrow

        if self.held is not None:
            held = self.held[: self.rows]
            if signed and held.dtype.kind == "f" and (np.isnan(held) | (held == np.round(held))).all():
                return None
            return pd.Series(held, dtype=object, copy=False) if held.dtype == object else held
        if not self.texts:
            return None
        column = pd.Series(pd.array(pyarrow.chunked_array(self.texts).combine_chunks(), dtype="str"))
        some = column.dropna().head(LOOKED_AT)
        other = pd.to_numeric(some, errors="coerce").notna().all() or some.str.lower().isin(("true", "false")).all()
        return None if len(some) == 0 or other else column


def read_plain(stream: BinaryIO, names: tuple[str, ...], headed: bool, separator: str, absent: tuple[str, ...]) -> "pd.DataFrame | None":
    """The table in ``stream``, UTF-8; None where only pandas itself reads it as pandas does.

    Numbers are those nearest to what is written.
    """
    import pandas as pd
    import pyarrow  # type: ignore[import-untyped,unused-ignore]

    if stream.read(1) in (b"", b"\n", b"\r", b" ", b"\t"):
        return None
    stream.seek(0)
    watched = _Watched(stream)
    try:
        parts = _parts(watched, names, headed, separator, absent)
    except (pyarrow.ArrowInvalid, pyarrow.ArrowKeyError, pyarrow.ArrowNotImplementedError):
        return None
    if parts is None or watched.hexadecimal:
        return None
    columns = {name: parts.pop(name).whole(watched.plus) for name in names}
    release()
    if any(column is None for column in columns.values()):
        return None
    return pd.DataFrame(columns, copy=False)


def _parts(watched: _Watched, names: tuple[str, ...], headed: bool, separator: str, absent: tuple[str, ...]) -> dict[str, _Column] | None:
    """The columns by name."""
    import pyarrow
    from pyarrow import csv  # type: ignore[import-untyped,unused-ignore]

    kinds, pool = pyarrow.types, pyarrow.default_memory_pool()
    head = watched.stream.read(BLOCK)
    size = watched.stream.seek(0, 2)
    watched.stream.seek(0)
    head = head if len(head) < BLOCK else head[: head.rfind(b"\n") + 1]
    block = min(max(BLOCK, AT_ONCE * len(head) // max(head.count(b"\n"), 1)), LARGEST_BLOCK)
    read = csv.ReadOptions(column_names=list(names), skip_rows=int(headed), block_size=block)
    parse = csv.ParseOptions(delimiter=separator, newlines_in_values=b'"' in head)  # where the first come later, pyarrow refuses

    def converting(types: dict[str, Any]) -> Any:
        lists = {"null_values": list(absent), "true_values": list(TRUE), "false_values": list(FALSE)}
        return csv.ConvertOptions(column_types=types, strings_can_be_null=True, **lists)

    first = csv.read_csv(io.BytesIO(head), read, parse, converting({}), pool)
    types = {f.name: pyarrow.large_string() if kinds.is_string(f.type) or kinds.is_temporal(f.type) else f.type for f in first.schema}
    room = 1 + int(1.02 * size * len(first) / max(len(head), 1))
    found = {name: _Column(room) for name in names}
    with csv.open_csv(pyarrow.PythonFile(watched, mode="r"), read, parse, converting(types), pool) as reader:
        for batch in reader:
            for name, column in zip(names, batch.columns, strict=True):
                part = _part(column)
                if part is None:
                    return None
                found[name].add(part)
    release()
    return found


def _part(column: Any) -> Any:
    """A block of one column; None where pandas would read it otherwise."""
    import pyarrow
    from pyarrow import compute

    kinds = pyarrow.types
    if kinds.is_large_string(column.type):
        tight = pyarrow.concat_arrays([column, column[:0]])  # a copy without the room that the parser left in it
        return None if compute.any(compute.starts_with(column, " ")).as_py() else tight
    if kinds.is_null(column.type):
        return np.full(len(column), np.nan)
    if kinds.is_boolean(column.type):
        held = np.array(column.to_pylist(), object)
        held[column.is_null().to_numpy(zero_copy_only=False)] = np.nan
        return held if column.null_count else held.astype(bool)
    if not (kinds.is_integer(column.type) or kinds.is_floating(column.type)):
        return None
    values: NDArray[Any] = column.to_numpy(zero_copy_only=False)
    if kinds.is_integer(column.type):
        return values
    odd = np.isnan(values).sum() != column.null_count or (np.abs(values) >= 2.0**63).any()
    return None if odd else values
