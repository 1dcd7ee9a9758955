"""From the instances of a request to x: every row valid by the schema, or refused with its column."""

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.feature import Feature
from ..datasets.schema import Schema
from ..errors import Problem
from .refusal import Refusal, refuse

if TYPE_CHECKING:
    import pandas as pd

SLACK = 1e-4
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
    """What a schema says of each column (width,), worked out once and not at every request."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    slack: NDArray[np.float64]
    whole: NDArray[np.bool_]
    groups: tuple[tuple[Feature, slice], ...]

    @classmethod
    def of(cls, schema: Schema) -> "Bounds":
        """The bounds of a schema."""
        low, high = schema.low.ravel().astype(np.float64), schema.high.ravel().astype(np.float64)
        places = schema.slices
        groups = tuple((f, places[f.name]) for f in schema.features if f.grouped)
        return cls(low, high, SLACK * np.maximum(high - low, 1e-6), schema.integer.ravel(), groups)


def encoded(rows: list[Any], schema: Schema, bounds: Bounds | None = None) -> NDArray[np.float32]:
    """Rows as x, float32 (n, *schema.shape): nested lists of encoded numbers, or objects ``{column: value}`` of a table.

    Parameters
    ----------
    bounds
        Those of the schema, where they are known already.

    Raises
    ------
    Refusal
        422 with the first bad row, its column, what was expected and what was found.
    """
    kinds = set(map(type, rows))
    if kinds == {dict} and not schema.images:
        return _from_table(rows, schema)
    if kinds == {list}:
        return _from_numbers(rows, schema, bounds or Bounds.of(schema))
    both = "" if schema.images else ", or all objects {column: value}"
    raise refuse(422, f"rows that are all lists of shape {list(schema.shape)}{both}", ", ".join(sorted(_names(kinds))), "Send one form")


def _names(kinds: set[type]) -> set[str]:
    return {_kind(kind()) if kind is not type(None) else "null" for kind in kinds}


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        return "an object" if len(value) != 0 and "instances" not in value else "another object"
    names = {list: "a list", str: "text", bool: "a truth value", int: "a number", float: "a number"}
    return names.get(type(value), "null")


def _from_numbers(rows: list[Any], schema: Schema, bounds: Bounds) -> NDArray[np.float32]:
    shape = schema.shape
    for i, row in enumerate(rows):
        if (found := _shape(row)) != shape:
            raise Refusal(422, Problem(f"a row of shape {list(shape)}", f"{list(found)} in row {i}", "Send every column"), row=i)
    flat = [_flat(row, len(shape)) for row in rows]
    for i, values in enumerate(flat):
        if not set(map(type, values)) <= {int, float}:
            column = next(j for j, v in enumerate(values) if type(v) not in (int, float))
            raise _bad(schema, i, column, "a number", _kind(values[column]))
    x = _floats(flat)
    _check(x, schema, bounds)
    return np.ascontiguousarray(x, np.float32).reshape(-1, *shape)


def _floats(flat: list[list[Any]]) -> NDArray[np.float64]:
    try:
        return np.asarray(flat, np.float64)
    except OverflowError:  # an integer of hundreds of digits
        return np.asarray([[float(v) if abs(v) < 1e300 else np.inf for v in row] for row in flat], np.float64)


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


def _check(x: NDArray[np.float64], schema: Schema, bounds: Bounds) -> None:
    """Every column of x (n, width) finite, within its bounds, whole where it is an integer, one 1 a group."""
    low, high, slack = bounds.low, bounds.high, bounds.slack
    with np.errstate(invalid="ignore"):
        bad = ~np.isfinite(x) | (x < low - slack) | (x > high + slack)
        bad |= bounds.whole & (np.abs(x - np.round(x)) > slack)
    if bad.any():
        row, column = (int(i) for i in np.argwhere(bad)[0])
        whole = "a whole number" if bounds.whole[column] else "a number"
        raise _bad(schema, row, column, f"{whole} between {low[column]:g} and {high[column]:g}", f"{x[row, column]:g}")
    for feature, place in bounds.groups:
        _check_group(x[:, place], feature)


def _check_group(part: NDArray[np.float64], feature: Feature) -> None:
    wrong = (np.abs(part.sum(1) - 1) > SLACK) | ((part > SLACK) & (part < 1 - SLACK)).any(1)
    if not wrong.any():
        return
    row = int(wrong.argmax())
    expected, found = f"exactly one 1 among the {feature.width} columns of {feature.name!r}", f"a sum of {part[row].sum():g}"
    raise Refusal(422, Problem(expected, found, "Correct the row"), column=feature.name, row=row)


def _bad(schema: Schema, row: int, column: int, expected: str, found: str) -> Refusal:
    name = schema.columns[column]
    return Refusal(422, Problem(f"{expected} in {name!r}", f"{found} in row {row}", "Correct the value"), column=name, row=row)


def _from_table(rows: list[dict[str, Any]], schema: Schema) -> NDArray[np.float32]:
    import pandas as pd

    columns = {c: f for f in schema.features for c in (f.columns if f.kind == "onehot" else (f.name,))}
    for i, row in enumerate(rows):
        if row.keys() != columns.keys():
            raise _other_columns(row, columns, i)
        for name, value in row.items():
            _check_cell(name, value, columns[name], i)
    frame = pd.DataFrame(rows, columns=list(columns))
    try:
        return schema.encode(frame)
    except Problem as problem:
        raise _located(frame, schema, problem) from None


def _other_columns(row: dict[str, Any], columns: dict[str, Feature], i: int) -> Refusal:
    lost = next((c for c in columns if c not in row), None)
    if lost is not None:
        return Refusal(422, Problem(f"a value for {lost!r}", f"none in row {i}", "Send every column"), column=lost, row=i)
    more = next(c for c in row if c not in columns)
    shown = "".join(c for c in more[:60] if c.isprintable())
    return Refusal(422, Problem("the model's own columns alone", f"{shown!r} in row {i}", "See GET /v1/model"), column=shown, row=i)


def _check_cell(name: str, value: Any, feature: Feature, i: int) -> None:
    """Numbers where the schema has numbers; text, a number or null where it has categories."""
    wanted = (str, int, float, type(None)) if feature.kind == "categorical" else (int, float)
    if type(value) not in wanted:
        expected = "text or a number" if feature.kind == "categorical" else "a number"
        raise Refusal(422, Problem(f"{expected} in {name!r}", f"{_kind(value)} in row {i}", "Correct it"), column=name, row=i)
    if isinstance(value, str) and "\0" in value:  # NumPy would not tell it from the text before it
        raise Refusal(422, Problem(f"text in {name!r}", f"a NUL character in row {i}", "Correct it"), column=name, row=i)
    if isinstance(value, int) and abs(value) > 2**53:
        raise Refusal(422, Problem(f"a smaller number in {name!r}", f"one past 2^53 in row {i}", "Correct it"), column=name, row=i)


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
