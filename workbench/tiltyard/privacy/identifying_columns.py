"""What a column's values look like (e-mail, phone, name, id), and which combinations of columns single rows out."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.dataset import Dataset
from ..datasets.feature import MISSING, Feature
from ..datasets.number_columns import number_column
from ..datasets.schema import Rows
from ..datasets.texts import Texts
from ..progress import Progress
from .identifying_kinds import kind_of, repeats
from .identifying_text import NAME, inside, ordinary

if TYPE_CHECKING:
    import pandas as pd

LOOKED_AT = 2000
BLOCK = 65_536
NOTHING = ("nan", "nat", "none", "<na>", "(missing)", "?")  # how a cell without a value is written
ABSENT = ("", "nan", "NaN", "NaT", "<NA>", "?", MISSING)
DIGITS = 12


class Distinct(Sequence[str]):
    """The distinct values of a column, each as a person reads it, written when it is looked at."""

    def __init__(self, values: Any, write: Callable[[Any], str] = str) -> None:
        self.values = values
        self.write = write

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, place: Any) -> Any:
        return self.write(self.values[place])


@dataclass(frozen=True)
class Values:
    """A column as its distinct values and each row's place among them: whole numbers (n,).

    ``whole`` says that they are whole numbers. ``measured`` says that they are numbers with a fraction: of such a column, if only it is
    measured finely, each row must hold a value of its own, which makes it no identifier. Of both the places go up with the numbers.
    ``empty`` are the places that stand for no value.
    """

    name: str
    distinct: Sequence[str]
    codes: NDArray[np.integer]
    whole: bool = False
    measured: bool = False
    empty: tuple[int, ...] = ()

    @property
    def singled(self) -> float:
        """Share of rows that hold a value of their own."""
        return float((np.bincount(self.codes) == 1).sum() / max(len(self.codes), 1))

    @property
    def varies(self) -> bool:
        """Do two rows differ? Levels that no row holds do not count."""
        return bool(len(self.codes)) and bool((self.codes != self.codes[0]).any())


def of_dataset(data: Dataset) -> list[Values]:
    """The columns a person would name: features, and sensitive columns beside them."""
    if data.schema.images:
        return []
    found = [of_feature(feature, data.x[:, data.schema.slices[feature.name]]) for feature in data.schema.features]
    names = {v.name for v in found}
    for name, column in data.sensitive.items():
        if name not in names:
            found.append(_of_texts(name, *coded(column)))
    return found


def of_feature(feature: Feature, part: Rows) -> Values:
    """A feature from its columns of x (n, width): categories by place, numbers and dates as they are written."""
    if feature.kind == "categorical":
        return Values(feature.name, feature.values, small(part[:, 0], len(feature.values)), empty=_empty(feature.values))
    if feature.kind == "onehot":
        parts = [small(part[block].argmax(1), len(feature.values)) for block in blocks(len(part))]  # argmax copies what it is given
        return Values(feature.name, feature.values, np.concatenate(parts), empty=_empty(feature.values))
    distinct, codes = coded(part[:, 0])
    if feature.kind == "text":
        texts, lost = Texts(feature), tuple(map(int, np.flatnonzero(np.isnan(distinct))))
        return Values(feature.name, Distinct(distinct, lambda code: texts.at(np.array([code]))[0] or ""), codes, empty=lost)
    empty = tuple(map(int, np.flatnonzero(np.isnan(distinct))))
    if feature.dtype.startswith(("datetime64", "timedelta64")):
        return Values(feature.name, Distinct(number_column(distinct, feature)), codes, empty=empty)
    return _of_numbers(feature.name, distinct, codes)


def _of_numbers(name: str, distinct: NDArray[np.float64], codes: NDArray[np.integer]) -> Values:
    """A column of numbers, which are in order, NaN last."""
    whole, measured = _sort(distinct)
    if measured:
        distinct, codes = _rounded(distinct, codes)
    empty = tuple(map(int, np.flatnonzero(np.isnan(distinct))))
    if measured:  # as many as rows, and only looked at: half of the digits do
        return Values(name, Distinct(distinct.astype(np.float32), "{:.7g}".format), codes, measured=True, empty=empty)
    return Values(name, Distinct(distinct, number), codes, whole, empty=empty)


def _rounded(distinct: NDArray[np.float64], codes: NDArray[np.integer]) -> tuple[NDArray[np.float64], NDArray[np.integer]]:
    """Numbers equal to `DIGITS` are one: 0.1 + 0.2 is the 0.3 that a person wrote."""
    there = np.isfinite(distinct) & (distinct != 0)
    scale = 10.0 ** (DIGITS - 1 - np.floor(np.log10(np.abs(np.where(there, distinct, 1.0)))))
    with np.errstate(over="ignore", invalid="ignore"):
        near = np.rint(distinct * scale) / scale
    values, places = np.unique(np.where(there & np.isfinite(near), near, distinct), return_inverse=True)
    return (distinct, codes) if len(values) == len(distinct) else (values, small(places[codes], len(values)))


def _of_texts(name: str, distinct: NDArray[Any], codes: NDArray[np.integer]) -> Values:
    """A column of anything but numbers; measurements that were read as texts are put in order."""
    measured = _written_measures(distinct)
    if measured:
        order = np.argsort([_read(v) for v in distinct], kind="stable")  # NaN last
        distinct, codes = np.asarray(distinct)[order], small(np.argsort(order)[codes], len(distinct))
    return Values(name, Distinct(distinct), codes, measured=measured, empty=_empty(distinct))


def _read(value: object) -> float:
    text = str(value).strip().replace(",", ".")
    return float(text) if text and text.lower() not in NOTHING else math.nan


def _empty(distinct: Sequence[Any] | NDArray[Any]) -> tuple[int, ...]:
    """The places of what stands for no value: nothing, NaN, an empty text, and as a table is read here."""
    import pandas as pd

    return tuple(i for i, v in enumerate(distinct) if pd.isna(v) is True or (isinstance(v, str) and v.strip() in ABSENT))


def _sort(distinct: NDArray[np.floating[Any]]) -> tuple[bool, bool]:
    """Are these numbers whole, and are they with a fraction?"""
    there = distinct[np.isfinite(distinct)]
    whole = bool((there == there.round()).all())
    return whole and len(there) > 0, not whole


def number(value: float) -> str:
    """A number as a person writes it: whole ones without a point."""
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def coded(column: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.integer]]:
    """The distinct values in order, and each row's place among them; no copy of the whole column is made."""
    distinct = np.unique(np.concatenate([np.unique(column[block]) for block in blocks(len(column))]))
    return distinct, np.concatenate([small(np.searchsorted(distinct, column[block]), len(distinct)) for block in blocks(len(column))])


def blocks(n: int) -> list[slice]:
    """Slices of ``n`` rows, `BLOCK` in each."""
    return [slice(start, start + BLOCK) for start in range(0, n, BLOCK)]


def small(codes: NDArray[Any], count: int) -> NDArray[np.integer]:
    """Codes below ``count`` in the smallest whole numbers that hold them."""
    return codes.astype(np.min_scalar_type(max(count - 1, 0)))


def of_frame(frame: "pd.DataFrame") -> list[Values]:
    """The columns of a raw table, before any schema."""
    import pandas as pd

    found = []
    for name in frame.columns:
        column = frame[name]
        numeric = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
        try:
            places, distinct = pd.factorize(column, sort=numeric, use_na_sentinel=False)
        except TypeError:  # values that have no hash, such as lists
            places, distinct = pd.factorize(column.astype(str), use_na_sentinel=False)
        codes = small(places, len(distinct))
        if numeric:
            found.append(_of_numbers(str(name), pd.Series(distinct).to_numpy(np.float64, na_value=np.nan), codes))
        else:
            found.append(_of_texts(str(name), np.asarray(distinct, object), codes))
    return found


FRACTION = re.compile(r"[-+]?\d*[.,]\d+(e[-+]?\d+)?|[-+]?\d+e[-+]?\d+", re.IGNORECASE)
NUMBER = re.compile(r"[-+]?\d*[.,]?\d+(e[-+]?\d+)?", re.IGNORECASE)


def _written_measures(distinct: Any) -> bool:
    """Are these texts numbers, most of them with a fraction: a measurement that was read as text?"""
    some = [str(v).strip() for v in distinct[:LOOKED_AT]]
    there = [text for text in some if text and text.lower() not in NOTHING]
    return bool(there) and all(map(NUMBER.fullmatch, there)) and sum(map(bool, map(FRACTION.fullmatch, there))) >= len(there) / 2


@dataclass(frozen=True)
class Suspect:
    """A column that names or singles out people, with the share of looked-at values that have the look and one of them masked."""

    column: str
    kind: str
    share: float
    distinct: int
    singled: float
    shape: str


def masked(text: str) -> str:
    """The look of a value without the value: letters to a or A, digits to 0."""
    shape = re.sub(r"\d", "0", re.sub(r"[^\W\d_]", lambda m: "A" if m[0].isupper() else "a", text))
    return shape if len(shape) <= 40 else shape[:39] + "…"


def _two_capitals(values: list[str], column: Values) -> bool:
    """Names without a telling heading: mostly distinct, two or more capitalized words."""
    if column.singled < 0.5 or sum(map(ordinary, values)) > 0.5 * len(values):
        return False
    return sum(NAME.fullmatch(v) is not None for v in values) >= 0.8 * len(values)


def suspect(column: Values, rng: np.random.Generator, near_unique: float) -> Suspect | None:
    """What the column is suspected to be, or None. Values decide; a heading alone never does."""
    present = np.flatnonzero(np.bincount(column.codes, minlength=len(column.distinct)))
    picked = present if len(present) <= LOOKED_AT else np.sort(rng.choice(present, LOOKED_AT, replace=False))
    values = [v for v in (column.distinct[int(i)].strip() for i in picked) if v and v.lower() not in NOTHING]
    if not values:
        return None
    n, singled = len(present), column.singled

    def made(kind: str, share: float) -> Suspect:
        return Suspect(column.name, kind, share, n, singled, masked(values[len(values) // 2]))

    heading = column.name.strip().lower()
    if (kind := kind_of(values, heading, n)) is not None:
        return made(*kind)
    if _two_capitals(values, column):
        return made("person's name", 1.0)
    spoken = [v for v in values if " " in v]
    if len(spoken) > len(values) / 2 and (found := inside(spoken)) is not None:
        return Suspect(column.name, found.kind, found.share * len(spoken) / len(values), n, singled, masked(found.example))
    code = column.whole or not any(re.fullmatch(r"-?\d*\.\d+(e[-+]?\d+)?", v, re.IGNORECASE) for v in values[:50])
    spaced = sum(" " in v for v in values) > len(values) / 2
    if code and not spaced and n >= 20 and n >= 0.99 * len(column.codes):
        return made("identifier (a value for each row)", n / len(column.codes))
    if repeats(n, len(column.codes), values, heading):
        return made("identifier (by its heading)", 1.0)
    if singled >= near_unique and len(column.codes) >= 20 and not column.measured:
        return made("near-unique values", singled)
    return None


@dataclass(frozen=True)
class Combination:
    """Columns taken together: rows alone in their group, the smallest group, rows in groups below k."""

    columns: tuple[str, ...]
    alone: int
    smallest: int
    below: int
    n: int


def grouped(columns: list[Values]) -> NDArray[np.int64]:
    """Each row's group among rows equal in all ``columns``: int64 (n,), 0 to groups - 1."""
    import pandas as pd

    codes = np.zeros(len(columns[0].codes), np.int64)
    for column in columns:
        codes = np.asarray(pd.factorize(codes * len(column.distinct) + column.codes)[0], np.int64)
    return codes


def combination(columns: list[Values], k: int) -> Combination:
    """How far ``columns`` together single rows out; k-anonymity is ``smallest`` (Sweeney 2002)."""
    sizes = np.bincount(grouped(columns))
    below = int(sizes[sizes < k].sum())
    return Combination(tuple(c.name for c in columns), int((sizes == 1).sum()), int(sizes.min()), below, int(sizes.sum()))


def follows(column: Values, other: Values) -> bool:
    """Does ``other`` determine ``column`` (an age band by an age)?"""
    return int(grouped([other]).max()) == int(grouped([other, column]).max())


def worst(columns: list[Values], largest: int, k: int, keep: int, progress: Progress) -> list[Combination]:
    """The combinations of two to ``largest`` columns that single out most rows, ``keep`` of each size.

    All pairs are looked at; larger ones grow from the worst 15 of the size before.
    """
    found: list[Combination] = []
    by_name = {c.name: c for c in columns}
    grown = [frozenset(pair) for pair in combinations(by_name, 2)]
    for size in range(2, largest + 1):
        looked = []
        for i, names in enumerate(grown):
            progress.step(((size - 2) + i / max(len(grown), 1)) / (largest - 1), f"combinations of {size} columns")
            looked.append(combination([by_name[name] for name in sorted(names)], k))
        looked.sort(key=lambda c: -c.alone)
        found += looked[:keep]
        grown = list(dict.fromkeys(frozenset({*c.columns, name}) for c in looked[:15] for name in by_name if name not in c.columns))
    return found
