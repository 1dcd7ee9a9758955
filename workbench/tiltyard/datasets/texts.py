"""Free texts as numbers of x and back: each by the first 52 bits of its SHA-256, which float64 holds exactly.

A text has no place in an order and no bounds, and a list of them is too long for a schema. Its number says which text it is, the same in
every process; the text itself is held by the process that read it.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import Problem
from .dtypes import dtype_name, dtype_named, held_as
from .feature import Feature

if TYPE_CHECKING:
    import pandas as pd

BITS = 52
LARGEST = 2**BITS - 1
_held: dict[int, str] = {}
_tried: "ContextVar[dict[int, str]]" = ContextVar("tiltyard_tried_texts")


def number_of(text: str) -> int:
    """The number of ``text``, which is held from now on, or under `trying` as long as that lasts.

    Raises
    ------
    Problem
        Another text has the same number, which does not happen by chance.
    """
    number = int.from_bytes(_digest(text)[:8], "big") >> (64 - BITS)
    tried = _tried.get(None)
    held = _held if tried is None or number in _held else tried
    if held.setdefault(number, text) != text:
        raise Problem("texts of different SHA-256", f"two that begin alike: {text[:40]!r}", "Leave one of them out")
    return number


@contextmanager
def trying() -> Iterator[None]:
    """Texts that are first numbered within are forgotten after: an attack tries very many."""
    token = _tried.set({})
    try:
        yield
    finally:
        _tried.reset(token)


def _text(number: int) -> str:
    tried = _tried.get(None)
    return tried[number] if tried is not None and number in tried else _held[number]


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def text_feature(column: "pd.Series", name: str, assumed: str = "") -> Feature:
    """A feature of the texts in ``column``; what stands where there is none is remembered, None or NaN."""
    lost = column[column.isna()].tolist()
    return Feature(
        name=name,
        kind="text",
        high=LARGEST,
        dtype=dtype_name(column),
        written=(None,) if column.dtype == object and any(v is None for v in lost) else (),
        missing=bool(lost),
        assumed=assumed,
    )


def text_columns(features: tuple[Feature, ...]) -> tuple[str, ...]:
    """The features that are free text."""
    return tuple(f.name for f in features if f.kind == "text")


class Texts:
    """The texts of one feature: a person's column as numbers of x, and back."""

    def __init__(self, feature: Feature) -> None:
        self.feature = feature

    def codes(self, column: "pd.Series") -> NDArray[np.float64]:
        """The number of each row's text, float64 (n,); NaN where it has none.

        Raises
        ------
        Problem
            For a value that is no text, with its row.
        """
        import pandas as pd

        places, values = pd.factorize(column.astype(object), use_na_sentinel=True)
        for place, value in enumerate(values):
            if not isinstance(value, str):
                row = int((places == place).argmax())
                raise Problem(f"text in {self.feature.name!r}", f"{value!r} in row {row}", "Correct it or leave such rows out")
        numbers = np.array([*(number_of(str(v)) for v in values), np.nan], np.float64)
        return numbers[places]

    def at(self, codes: NDArray[np.floating[Any]]) -> list[str | None]:
        """The text of each number; None where a row has none.

        Raises
        ------
        Problem
            For a number of no text that was read.
        """
        try:
            return [None if number != number else _text(int(number)) for number in codes.tolist()]
        except KeyError:
            found = "the number of another"
            raise Problem(f"texts of {self.feature.name!r} that were read before", found, "Read the data again") from None

    def column(self, codes: NDArray[np.floating[Any]]) -> Any:
        """The column (n,) of these texts, of the dtype that the person's table has."""
        import pandas as pd

        empty = None if self.feature.written == (None,) else np.nan
        held = np.empty(len(codes), object)
        held[:] = [empty if text is None else text for text in self.at(codes)]
        if self.feature.dtype in ("", "object"):
            return held_as(held)
        return pd.Series(held, dtype=dtype_named(self.feature.dtype)).array

    def digest(self, codes: NDArray[np.floating[Any]]) -> bytes:
        """SHA-256 of the texts themselves, in their order."""
        whole = hashlib.sha256()
        for text in self.at(codes):
            whole.update(b"\0" if text is None else _digest(text))
        return whole.digest()
