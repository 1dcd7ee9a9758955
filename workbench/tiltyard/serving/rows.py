"""From the instances of a request to x: every row valid by the schema, or refused with its column."""

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.encoding import Encoding, encoding_of
from ..datasets.feature import Feature
from ..datasets.schema import Rows, Schema
from ..errors import Problem
from .refusal import Refusal, refuse

if TYPE_CHECKING:
    import pandas as pd

SLACK, WHOLE = 1e-4, 1e-4
LONGEST = 64  # signs of a date
FORM = 'an object {"instances": [row, …]}'
DEPTHS = 3


def instances(body: Any, most: int) -> list[Any]:
    """The rows of a body as they came; 413 where there are more than ``most``."""
    if not isinstance(body, dict) or set(body) != {"instances"} or not isinstance(body["instances"], list):
        raise refuse(422, FORM, _kind(body), "Send the rows under the one key instances")
    rows = body["instances"]
    if not rows:
        raise refuse(422, "at least one row", "none", "Send a row")
    if len(rows) > most:
        raise refuse(413, f"at most {most:,} rows", f"{len(rows):,}", "Send them in several requests")
    return rows


@dataclass(frozen=True)
class Bounds:
    """What a schema says of each encoded column (width,), worked out once and not at every request."""

    encoding: Encoding
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    slack: NDArray[np.float64]
    whole: NDArray[np.bool_]
    empty: NDArray[np.bool_]
    groups: tuple[tuple[Feature, slice], ...]

    @classmethod
    def of(cls, schema: Schema) -> "Bounds":
        """The bounds of a schema."""
        encoding = encoding_of(schema)
        low, high = encoding.low.ravel(), encoding.high.ravel()
        whole = encoding.spread({f.name: float(f.whole) for f in schema.features}).ravel() > 0
        empty = encoding.spread({f.name: float(f.missing) for f in schema.features}).ravel() > 0
        groups = tuple((f, encoding.slices[f.name]) for f in schema.features if f.grouped)
        return cls(encoding, low, high, SLACK * np.maximum(high - low, 1e-6), whole, empty, groups)


def read_rows(rows: list[Any], schema: Schema, bounds: Bounds | None = None) -> Rows:
    """Rows as x (n, *schema.shape): nested lists of encoded numbers, or objects ``{column: value}`` of a table.

    Numbers are taken with all their digits; null stands for one that a row lacks, where rows may lack it.

    Parameters
    ----------
    bounds
        Those of the schema, where they are known already.

    Raises
    ------
    Refusal
        422 with the first bad row, its column, what was expected and what was found.
    """
    bounds = bounds or Bounds.of(schema)
    kinds = set(map(type, rows))
    if kinds == {dict} and not schema.images:
        return _from_table(rows, schema)
    if kinds == {list}:
        return _from_numbers(rows, schema, bounds)
    both = "" if schema.images else ", or all objects {column: value}"
    expected = f"rows that are all lists of shape {list(bounds.encoding.shape)}{both}"
    raise refuse(422, expected, ", ".join(sorted(_names(kinds))), "Send one form")


def _names(kinds: set[type]) -> set[str]:
    return {_kind(kind()) if kind is not type(None) else "null" for kind in kinds}


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        return "an object" if len(value) != 0 and "instances" not in value else "another object"
    names = {list: "a list", str: "text", bool: "a truth value", int: "a number", float: "a number"}
    return names.get(type(value), "null")


def _from_numbers(rows: list[Any], schema: Schema, bounds: Bounds) -> Rows:
    shape = bounds.encoding.shape
    for i, row in enumerate(rows):
        if (found := _shape(row)) != shape:
            raise Refusal(422, Problem(f"a row of shape {list(shape)}", f"{list(found)} in row {i}", "Send every column"), row=i)
    flat = [_flat(row, len(shape)) for row in rows]
    for i, values in enumerate(flat):
        if not set(map(type, values)) <= {int, float}:
            for j, value in enumerate(values):
                if type(value) not in (int, float) and not (value is None and bounds.empty[j]):
                    raise _bad(bounds, i, j, f"a number{' or null' if bounds.empty[j] else ''}", _kind(value))
    z = _floats(flat)
    _check(z, bounds)
    z[:, bounds.whole] = np.round(z[:, bounds.whole])
    return bounds.encoding.decode(z.reshape(-1, *shape))


def _floats(flat: list[list[Any]]) -> NDArray[np.float64]:
    """Null becomes NaN."""
    try:
        return np.asarray(flat, np.float64)
    except OverflowError:  # an integer of hundreds of digits
        return np.asarray([[np.nan if v is None else float(v) if abs(v) < 1e300 else np.inf for v in row] for row in flat], np.float64)


def _shape(row: Any) -> tuple[int, ...]:
    """The shape of nested lists, looked at one list deep a level; the lengths of their siblings are seen by `_flat`."""
    found: list[int] = []
    level = [row]
    while level and all(type(part) is list for part in level):
        sizes = {len(part) for part in level}
        if len(sizes) != 1 or len(found) > DEPTHS:
            return (*found, -1)
        found.append(sizes.pop())
        if len(found) == DEPTHS + 1:
            break
        level = list(chain.from_iterable(level)) if any(type(p) is list for part in level for p in part) else []
    return tuple(found)


def _flat(row: Any, depth: int) -> list[Any]:
    for _ in range(depth - 1):
        row = list(chain.from_iterable(row))
    values: list[Any] = row
    return values


def _check(z: NDArray[np.float64], bounds: Bounds) -> None:
    """Every column of encoded rows (n, width) finite, within its bounds, whole where it must be, one 1 a group."""
    low, high, slack = bounds.low, bounds.high, bounds.slack
    with np.errstate(invalid="ignore"):
        bad = ~np.isfinite(z) | (z < low - slack) | (z > high + slack)
        bad |= bounds.whole & (np.abs(z - np.round(z)) > WHOLE)
    bad &= ~(bounds.empty & np.isnan(z))
    if bad.any():
        row, column = (int(i) for i in np.argwhere(bad)[0])
        whole = "a whole number" if bounds.whole[column] else "a number"
        raise _bad(bounds, row, column, f"{whole} between {low[column]:.15g} and {high[column]:.15g}", f"{z[row, column]:.15g}")
    for feature, place in bounds.groups:
        _check_group(z[:, place], feature)


def _check_group(part: NDArray[np.float64], feature: Feature) -> None:
    wrong = (np.abs(part.sum(1) - 1) > SLACK) | ((part > SLACK) & (part < 1 - SLACK)).any(1)
    if not wrong.any():
        return
    row = int(wrong.argmax())
    expected, found = f"exactly one 1 among the {part.shape[1]} columns of {feature.name!r}", f"a sum of {part[row].sum():g}"
    raise Refusal(422, Problem(expected, found, "Correct the row"), column=feature.name, row=row)


def _bad(bounds: Bounds, row: int, column: int, expected: str, found: str) -> Refusal:
    name = bounds.encoding.columns[column]
    return Refusal(422, Problem(f"{expected} in {name!r}", f"{found} in row {row}", "Correct the value"), column=name, row=row)


def _from_table(rows: list[dict[str, Any]], schema: Schema) -> Rows:
    columns = {c: f for f in schema.features for c in f.table_columns}
    for i, row in enumerate(rows):
        if row.keys() != columns.keys():
            raise _other_columns(row, columns, i)
    frame = _frame({name: [_cell(name, row[name], feature, i) for i, row in enumerate(rows)] for name, feature in columns.items()}, columns)
    try:
        return schema.encode(frame)
    except Problem as problem:
        raise _located(frame, schema, problem) from None


def _frame(cells: dict[str, list[Any]], columns: dict[str, Feature]) -> "pd.DataFrame":
    """Values of categories as they came, numbers as float64."""
    import pandas as pd

    kinds = {name: object if feature.kind == "categorical" else np.float64 for name, feature in columns.items()}
    return pd.DataFrame({name: pd.Series(values, dtype=kinds[name]) for name, values in cells.items()})


def _other_columns(row: dict[str, Any], columns: dict[str, Feature], i: int) -> Refusal:
    lost = next((c for c in columns if c not in row), None)
    if lost is not None:
        return Refusal(422, Problem(f"a value for {lost!r}", f"none in row {i}", "Send every column"), column=lost, row=i)
    more = next(c for c in row if c not in columns)
    shown = "".join(c for c in more[:60] if c.isprintable())
    return Refusal(422, Problem("the model's own columns alone", f"{shown!r} in row {i}", "See GET /v1/model"), column=shown, row=i)


def _cell(name: str, value: Any, feature: Feature, i: int) -> Any:
    """The value of one cell: a number where the schema has numbers, or null where a row may lack one; a date as a number of its unit; text, a
    number, true, false or null where it has categories."""
    if feature.kind == "categorical":
        kinds = (str, int, float, type(None), *((bool,) if truthful(feature) else ()))
        if type(value) not in kinds:
            raise _odd(name, "text, a number, true or false" if truthful(feature) else "text or a number", value, i)
    elif value is None and feature.missing:
        return None
    elif isinstance(value, str) and dated(feature):
        return _date(name, value, feature, i)
    elif type(value) not in (int, float):
        raise _odd(name, "a date in ISO 8601" if dated(feature) else "a number", value, i)
    if isinstance(value, str) and "\0" in value:  # NumPy would not tell it from the text before it
        raise Refusal(422, Problem(f"text in {name!r}", f"a NUL character in row {i}", "Correct it"), column=name, row=i)
    if isinstance(value, int) and not dated(feature) and abs(value) > 2**53:
        raise Refusal(422, Problem(f"a smaller number in {name!r}", f"one past 2^53 in row {i}", "Correct it"), column=name, row=i)
    return value


def truthful(feature: Feature) -> bool:
    """Does the person's table hold true and false in it?"""
    return any(isinstance(value, bool) for value in feature.written) or {"True", "False"} <= set(feature.categories)


def dated(feature: Feature) -> bool:
    """Does the person's table hold dates or durations in it?"""
    return feature.dtype.startswith(("datetime64", "timedelta64"))


def _date(name: str, text: str, feature: Feature, i: int) -> float:
    """A date or duration in ISO 8601 as a number of the unit of the column's dtype."""
    import pandas as pd

    plain = feature.dtype.split(",")[0].rstrip("]") + "]"
    try:
        if plain.startswith("timedelta"):
            return float(pd.Timedelta(text[:LONGEST]).to_timedelta64().astype(plain).astype(np.int64))
        time = pd.Timestamp(text[:LONGEST])
        time = time.tz_convert("UTC").tz_localize(None) if time.tzinfo is not None else time
        return float(time.to_datetime64().astype(plain).astype(np.int64))
    except (ValueError, TypeError, OverflowError):
        shown = "".join(c for c in text[:60] if c.isprintable())
        found = f"{shown!r} in row {i}"
        raise Refusal(422, Problem(f"a date in ISO 8601 in {name!r}", found, "Correct it"), column=name, row=i) from None


def _odd(name: str, expected: str, value: Any, i: int) -> Refusal:
    return Refusal(422, Problem(f"{expected} in {name!r}", f"{_kind(value)} in row {i}", "Correct it"), column=name, row=i)


def _located(frame: "pd.DataFrame", schema: Schema, problem: Problem) -> Refusal:
    """The same problem with the first column and row that have it."""
    for feature in schema.features:
        alone = Schema(features=(feature,), label=schema.label, classes=schema.classes)
        if (row := _first_bad(frame, alone)) is not None:
            reason = _reason(alone, frame.iloc[row : row + 1]) or problem
            return Refusal(
                422, Problem(reason.expected, reason.found.split(" in row ")[0] + f" in row {row}", reason.do), column=feature.name, row=row
            )
    return Refusal(422, problem)


def _first_bad(frame: "pd.DataFrame", alone: Schema) -> int | None:
    """The first row that ``alone`` refuses, by halving; None where it takes all."""
    if _reason(alone, frame) is None:
        return None
    low, high = 0, len(frame)  # rows before low are good; one before high is bad
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _reason(alone, frame.iloc[low:middle]) else (middle, high)
    return low


def _reason(alone: Schema, frame: "pd.DataFrame") -> Problem | None:
    try:
        alone.encode(frame)
    except Problem as problem:
        return problem
    return None
