"""A model's JSON, read whole within bounds, and the facts that a judge asks of it."""

import json
import os
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ..malformed import Malformed

LARGEST = 256 << 20
MOST = 100_000_000


def whole(stream: IO[bytes]) -> bytes:
    """All bytes of the stream; refused beyond 256 MiB."""
    size = stream.seek(0, os.SEEK_END)
    if size > LARGEST:
        raise Malformed(f"{size / 2**20:.0f} MiB, of which no more than {LARGEST >> 20} are looked at")
    stream.seek(0)
    return stream.read()


def parsed(content: bytes) -> Any:
    """The JSON value, every name once in its object."""
    try:
        return json.loads(content, object_pairs_hook=_once)
    except RecursionError:
        raise Malformed("it nests too deep") from None
    except ValueError as error:
        raise Malformed(f"no JSON: {str(error)[:80]}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed("a name twice in one object")
    return found


def member(value: Any, *path: str) -> Any:
    """``value[path[0]][path[1]]…``."""
    for name in path:
        if not isinstance(value, dict) or name not in value:
            raise Malformed(f"no {'.'.join(path)}")
        value = value[name]
    return value


def count(value: Any, what: str) -> int:
    """A whole number from 0 to 100 million, as number or text."""
    text = str(value).strip("[]")
    if isinstance(value, bool) or not text.isascii() or not text.isdecimal() or len(text) > 9 or int(text) > MOST:
        raise Malformed(f"{what} is {str(value)[:20]!r}")
    return int(text)


def numbers(value: Any, what: str, length: int | None = None) -> NDArray[Any]:
    """A list of numbers, of that length where one is said."""
    array = np.asarray(value) if isinstance(value, list | np.ndarray) else np.empty((0, 0))
    if array.size == 0 and array.ndim == 1:
        array = array.astype(np.float64)
    if array.ndim != 1 or array.dtype.kind not in "biuf":
        raise Malformed(f"{what} is no list of numbers")
    if length is not None and len(array) != length:
        raise Malformed(f"{what} holds {len(array):,} numbers, not {length:,}")
    return array


def places(value: Any, what: str, low: int, stop: int, length: int | None = None) -> NDArray[np.int64]:
    """A list of whole numbers from ``low`` to ``stop`` - 1."""
    array = numbers(value, what, length)
    if len(array) and not (np.equal(np.mod(array, 1), 0).all() and array.min() >= low and array.max() < stop):
        raise Malformed(f"{what} leads outside {low} to {stop - 1}")
    return array.astype(np.int64)
