"""Numbers and dates as people write them in files: thousands separators, currency signs, decimal commas, percent, ISO dates."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

FILE = "file"
"""The key in a frame's ``attrs`` that says that it was read from a file, and by which separator its cells were cut."""
SPACES = "\u00a0\u202f '\u2019"
CURRENCY = r"[$€£¥₹₩₽₺₴₦฿]|US\$|USD|EUR|GBP|CHF|JPY|INR|CNY|CAD|AUD|SEK|NOK|DKK|PLN|CZK|HUF|BRL|ZAR|kr\.?|zł|Kč|R\$"
NUMBER = re.compile(
    rf"(?P<open>\()?(?P<sign>[-+\u2212])?\s*(?P<before>{CURRENCY})?\s*(?P<later>[-+\u2212])?"
    rf"(?P<digits>[0-9.,](?:[0-9.,{SPACES}]*[0-9.,])?)\s*(?P<after>{CURRENCY})?\s*(?P<percent>%)?(?P<close>\))?"
)
POINT = re.compile(rf"(?:[1-9]\d{{0,2}}(?:,\d{{3}})+|[1-9]\d{{0,2}}(?:[{SPACES}]\d{{3}})+|\d+)(?:\.\d*)?|\.\d+")
COMMA = re.compile(rf"(?:[1-9]\d{{0,2}}(?:\.\d{{3}})+|[1-9]\d{{0,2}}(?:[{SPACES}]\d{{3}})+|\d+)(?:,\d*)?|,\d+")
DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?P<zone>Z|[+-]\d{2}:?\d{2})?)?")
LOOKED_AT = 50


@dataclass(frozen=True)
class _Number:
    """One number as it is written: its ``digits`` with separators, and what stands around them."""

    digits: str
    negative: bool
    currency: str
    percent: bool


def as_meant(frame: "pd.DataFrame", keep: Collection[str] = ()) -> "tuple[pd.DataFrame, tuple[str, ...]]":
    """``frame`` with its columns of written numbers and dates as numbers and dates, and a sentence on each.

    A column is read so only where every cell that is not empty is so written. Only a frame that came from a file is changed: one that a
    person made is what a model is given.

    Parameters
    ----------
    keep
        Columns that stay text.
    """
    if FILE not in frame.attrs:
        return frame, ()
    comma = frame.attrs[FILE] == ";"
    changed, notes = {}, []
    for name in map(str, frame.columns):
        if name in keep or not _is_text(frame[name]):
            continue
        if (found := _column(frame[name], name, comma)) is not None:
            changed[name], sentence = found
            notes.append(sentence)
    if not changed:
        return frame, ()
    meant = frame.assign(**changed)
    meant.attrs = dict(frame.attrs)
    return meant, tuple(notes)


def meaning(column: "pd.Series") -> "pd.Series | None":
    """A column of text as the numbers or dates that it writes; None where it holds anything else."""
    import pandas as pd

    if not _is_text(column):
        return None
    first = pd.to_numeric(column.iloc[: 20 * LOOKED_AT].dropna().head(LOOKED_AT), errors="coerce")
    if len(first) and first.notna().all():
        plain = pd.to_numeric(column, errors="coerce")
        return plain if plain.notna().sum() == column.notna().sum() else None
    found = _column(column, str(column.name), comma=False)
    return None if found is None else found[0]


def _is_text(column: "pd.Series") -> bool:
    import pandas as pd

    return pd.api.types.is_string_dtype(column) and not isinstance(column.dtype, pd.CategoricalDtype)


def _column(column: "pd.Series", name: str, comma: bool) -> "tuple[pd.Series, str] | None":
    import pandas as pd

    first = column.iloc[: 20 * LOOKED_AT].dropna().astype(str).head(LOOKED_AT)
    if not len(first) or not all(NUMBER.fullmatch(t.strip()) or DATE.fullmatch(t.strip()) for t in first):
        return None
    codes, values = pd.factorize(column, use_na_sentinel=True)
    texts = [str(v).strip() for v in values.tolist()]
    if all(map(DATE.fullmatch, texts)):
        return _dates(column, name, texts)
    numbers = [_number(t) for t in texts]
    found = [n for n in numbers if n is not None]
    if len(found) < len(texts) or len({n.currency for n in found if n.currency}) > 1 or len({n.percent for n in found}) > 1:
        return None
    read = _values(found, comma)
    if read is None:
        return None
    held, decimal = read
    whole = bool((held == np.round(held)).all() and np.abs(held).max() < 2**53)
    lost = codes < 0
    spread = np.where(lost, np.nan, held[codes])
    typed = spread.astype(np.int64) if whole and not lost.any() else spread
    return pd.Series(typed, index=column.index, name=column.name), _sentence(name, texts, found, held, decimal)


def _number(text: str) -> _Number | None:
    parts = NUMBER.fullmatch(text)
    if parts is None or (parts["open"] is None) != (parts["close"] is None) or (parts["before"] and parts["after"]):
        return None
    signs = [s for s in (parts["sign"], parts["later"]) if s]
    if len(signs) > 1 or (signs and parts["open"]):
        return None
    negative = bool(parts["open"]) or signs in (["-"], ["\u2212"])
    return _Number(parts["digits"], negative, parts["before"] or parts["after"] or "", bool(parts["percent"]))


def _values(numbers: list[_Number], comma: bool) -> tuple[NDArray[np.float64], str] | None:
    """The numbers and the decimal sign they are read with; None where they are not all written in one way, or are as any parser reads them."""
    point_fits, comma_fits = (all(form.fullmatch(n.digits) for n in numbers) for form in (POINT, COMMA))
    if not (point_fits or comma_fits) or all(n.digits.isdecimal() and not n.currency and not n.percent and not n.negative for n in numbers):
        return None
    decimal = "," if comma_fits and (comma or not point_fits) else "."
    plain = str.maketrans({**dict.fromkeys(f"{SPACES}{'.' if decimal == ',' else ','}"), ",": "." if decimal == "," else None})
    values = np.array([float(n.digits.translate(plain)) for n in numbers])
    return np.where([n.negative for n in numbers], -values, values), decimal


def _dates(column: "pd.Series", name: str, texts: list[str]) -> "tuple[pd.Series, str] | None":
    import pandas as pd

    zones = {bool(parts["zone"]) for t in texts if (parts := DATE.fullmatch(t))}
    if len(zones) > 1:
        return None
    read = pd.to_datetime(column.astype(str).where(column.notna(), None), format="ISO8601", errors="coerce", utc=zones == {True})
    if (read.isna() & column.notna()).any():
        return None
    return read, f"{name!r} was read as dates."


def _sentence(name: str, texts: list[str], numbers: list[_Number], values: NDArray[np.float64], decimal: str) -> str:
    thousands = "." if decimal == "," else ","
    signs = [
        (any(n.currency for n in numbers), f"currency signs ({next((n.currency for n in numbers if n.currency), '')})"),
        (any(thousands in n.digits or set(SPACES) & set(n.digits) for n in numbers), "thousands separators"),
        (decimal == "," and any("," in n.digits for n in numbers), "decimal commas"),
        (any(n.percent for n in numbers), "percent signs"),
    ]
    most = max(range(len(texts)), key=lambda i: len(texts[i]))
    what = ", ".join(words for there, words in signs if there) or "signs"
    return f"{name!r} was read as numbers written with {what}: {texts[most]!r} is {values[most]:.15g}."
