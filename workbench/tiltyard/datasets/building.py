"""A table and its schema as a data set, in chunks, so that a million rows need little beyond themselves."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import Problem
from .arrays import Arrays
from .category_names import merged
from .dataset import Dataset, Original
from .feature import Feature
from .labels import indices
from .mapped import rows_at_once, stored
from .memory import release
from .people import banded, sensitive_column
from .schema import Rows, Schema
from .table import Table

if TYPE_CHECKING:
    import pandas as pd

CHUNK = 65_536
CELLS = 2**21
FEW_COLUMNS = 200
COMPARED = 2_000
TRUE = frozenset({"true", "1", "yes", "train", "training", "member", "in", "seen"})
FALSE = frozenset({"false", "0", "no", "test", "testing", "validation", "nonmember", "non-member", "out", "unseen"})
Member = str | NDArray[np.bool_] | Sequence[bool] | None
Label: TypeAlias = "str | NDArray[Any] | Sequence[Any] | pd.Series[Any] | None"


def build(
    table: "pd.DataFrame | Arrays",
    schema: Schema,
    *,
    sensitive: Sequence[str] | None = None,
    member: Member = None,
    name: str = "",
    source: str = "",
    keep: bool = True,
) -> Dataset:
    """Encode ``table`` by ``schema``.

    Parameters
    ----------
    sensitive
        Columns to keep as sensitive; None means those the schema names that the table has. Numbers become bands.
    member
        A column's name or a mask (n,): was the row trained on?
    keep
        False where nobody else reads ``table``: a big one loses its columns as they are read, so that they are not in memory twice.

    Raises
    ------
    Problem
        Naming the column, the row and what was expected.
    """
    if len(table) < 2:
        raise Problem("at least two rows", f"{len(table)}", "Give data with rows of every class")
    if isinstance(table, Arrays):
        return _from_arrays(table, schema, sensitive, member, name, source)
    frame = table.reset_index(drop=True) if keep else table
    if schema.label not in frame.columns:
        raise Problem(f"the label column {schema.label!r}", _names(frame), "Name the label column")
    held = {s: sensitive_column(frame, s) for s in (schema.sensitive if sensitive is None else sensitive)}
    chosen = [s for s, column in held.items() if sensitive is not None or column is not None]
    if lost := [s for s in chosen if held[s] is None]:
        raise Problem(f"a column for each sensitive one ({', '.join(chosen)})", f"none called {', '.join(lost)}", "Correct the name")
    if sensitive is not None and schema.label in chosen:
        raise Problem("sensitive columns that divide people", f"the label {schema.label!r} among them", "Leave it out")
    y = indices(frame[schema.label], schema.classes, schema.label)
    _check_classes(y, schema)
    members = _member(frame, member, len(frame))
    original = _original(frame, schema)
    if schema.images:
        apart = [schema.label, *([member] if isinstance(member, str) else []), *chosen]
        frame = frame.drop(columns=[c for c in apart if c in frame.columns])
    x = read_rows(frame, schema, keep)
    schema.related.refuse(x)
    groups = {s: banded(column, s) for s in chosen if (column := held[s]) is not None}
    return Dataset(
        x=x,
        y=y,
        schema=schema.model_copy(update={"sensitive": tuple(chosen)}),
        name=name or "data",
        sensitive=groups,
        merged=_merged(held, groups),
        member=members,
        source=source,
        original=original,
    )


def _from_arrays(table: Arrays, schema: Schema, sensitive: Sequence[str] | None, member: Member, name: str, source: str) -> Dataset:
    import pandas as pd

    held = {key: pd.Series(values) for key, values in table.sensitive.items()}
    if not table.images:
        frame = table.frame
        own = {c: sensitive_column(frame, c) for c in schema.sensitive}
        held = {**{c: column for c, column in own.items() if column is not None}, **held}
        if schema.label in frame.columns and schema.label not in {f.name for f in schema.features}:
            frame = frame.drop(columns=[schema.label])
    chosen = list(held) if sensitive is None else list(sensitive)
    if lost := [s for s in chosen if s not in held]:
        raise Problem(f"a sensitive array for each of {', '.join(chosen)}", f"none called {', '.join(lost)}", "Save it as sensitive_<name>")
    classes = table.classes
    y = indices(table.y, classes or schema.classes, "y", numbered=True)
    if classes and classes != schema.classes:
        y = indices(np.array(classes, dtype=object)[y], schema.classes, "y")
    _check_classes(y, schema)
    x = scaled(table.x, schema) if table.images else read_rows(frame, schema)
    schema.related.refuse(x)
    groups = {s: banded(held[s], s) for s in chosen}
    return Dataset(
        x=x,
        y=y,
        schema=schema.model_copy(update={"sensitive": tuple(chosen)}),
        name=name or "data",
        sensitive=groups,
        merged=_merged(held, groups),
        member=table.member if member is None else _member(None, member, len(table)),
        source=source,
        original=None if table.images else _original(frame, schema),
    )


def _merged(held: "Mapping[str, pd.Series[Any] | None]", groups: dict[str, NDArray[np.str_]]) -> tuple[tuple[str, str], ...]:
    clauses = ((name, merged(column, groups[name])) for name, column in held.items() if name in groups and column is not None)
    return tuple((name, clause) for name, clause in clauses if clause)


def _names(frame: "pd.DataFrame") -> str:
    names = [str(c) for c in frame.columns]
    return f"the columns {', '.join(names[:8])}{' …' if len(names) > 8 else ''}"


def _check_classes(y: NDArray[np.int64], schema: Schema) -> None:
    if len(np.unique(y)) < 2:
        found = f"only {schema.classes[int(y[0])]!r} in {schema.label!r}"
        raise Problem("rows of at least two classes", found, "Give rows of every class")


def read_rows(frame: "pd.DataFrame", schema: Schema, keep: bool = True) -> Rows:
    """`Schema.encode` a few columns at a time, of images a few rows: (n, *schema.shape).

    Unless to ``keep``, ``frame`` loses its columns as they are read: the text first, while there is no x yet. One of more than
    `FEW_COLUMNS` keeps them, for pandas takes the square of their number to lose them one by one.
    """
    n = len(frame)
    if schema.images:
        return np.concatenate([schema.encode(frame.iloc[start : start + CHUNK]) for start in range(0, n, CHUNK)])
    if n * len(schema.columns) <= CELLS:
        return schema.encode(frame)
    schema.table.require(frame)
    keep = keep or len(frame.columns) > FEW_COLUMNS
    if not keep:
        read = set(schema.columns)
        _let_go(frame, [c for c in frame.columns if c not in read])
    slices = schema.slices
    text = [f for f in schema.features if f.kind == "categorical"]
    places = {f.name: _read(frame, (f,), keep).astype(np.int32) for f in text}
    release()
    x = np.empty((n, *schema.shape))
    for name in list(places):
        x[:, slices[name]] = places.pop(name)
    for features in _few([f for f in schema.features if f.kind != "categorical"], n):
        some = _read(frame, features, keep)
        for feature, place in zip(features, Table(features).slices.values(), strict=True):
            x[:, slices[feature.name]] = some[:, place]
    return x


def _few(features: Sequence[Feature], n: int) -> Iterator[tuple[Feature, ...]]:
    """The features, so many at a time that their ``n`` rows are no more than `CELLS`, one at least."""
    size = max(CELLS // n, 1)
    for start in range(0, len(features), size):
        yield tuple(features[start : start + size])


def _read(frame: "pd.DataFrame", features: tuple[Feature, ...], keep: bool) -> Rows:
    columns = [c for f in features for c in f.table_columns]
    found = Table(features).encode(frame[columns])
    if not keep:
        _let_go(frame, columns)
    return found


def _let_go(frame: "pd.DataFrame", columns: Sequence[str]) -> None:
    for column in columns:
        del frame[column]


def _original(frame: "pd.DataFrame", schema: Schema) -> Original | None:
    """Up to `COMPARED` rows of the table as it is without the label, drawn evenly; none of images."""
    if schema.images:
        return None
    rows = np.unique(np.linspace(0, len(frame) - 1, COMPARED).astype(np.intp)) if len(frame) > COMPARED else np.arange(len(frame))
    return Original(frame.iloc[rows].reset_index(drop=True).drop(columns=[schema.label], errors="ignore"), rows)


def scaled(images: NDArray[Any], schema: Schema) -> NDArray[np.float32]:
    """Images (n, c, h, w) divided by the schema's ``divide``: float32 within its bounds.

    Raises
    ------
    Problem
        For another shape, or pixels that are not finite or outside the bounds.
    """
    feature = schema.features[0]
    if not schema.images or images.shape[1:] != feature.shape:
        raise Problem(
            f"rows of shape {schema.shape} as the schema says",
            f"images of shape {images.shape[1:]}",
            "Give the images the model was trained on",
        )
    return stored(_divided(images, feature), images.shape, np.float32)


def _divided(images: NDArray[Any], feature: Feature) -> Iterator[NDArray[np.float32]]:
    step = rows_at_once(feature.shape)
    for start in range(0, len(images), step):
        part = images[start : start + step].astype(np.float32) / np.float32(feature.divide)
        bad = ~np.isfinite(part) | (part < feature.low) | (part > feature.high)
        if bad.any():
            row, *where = (int(i) for i in np.argwhere(bad)[0])
            span = f"{feature.low * feature.divide:g} to {feature.high * feature.divide:g}"
            raise Problem(
                f"pixels within {span}",
                f"{images[(start + row, *where)]:g} in image {start + row}",
                "Rescale the images or correct the bounds",
            )
        yield part


def _member(frame: "pd.DataFrame | None", member: Member, n: int) -> NDArray[np.bool_] | None:
    if member is None:
        return None
    if isinstance(member, str):
        if frame is None or member not in frame.columns:
            raise Problem(f"the membership column {member!r}", "none" if frame is None else _names(frame), "Name the column or give a mask")
        texts = frame[member].astype(str).str.strip().str.lower().str.removesuffix(".0")
        wrong = ~texts.isin(TRUE | FALSE).to_numpy(bool)
        if wrong.any():
            row = int(wrong.argmax())
            raise Problem(f"true or false (train or test) in {member!r}", f"{texts.iloc[row]!r} in row {row}", "Correct the value")
        return texts.isin(TRUE).to_numpy(bool)
    mask = np.asarray(member)
    if mask.shape != (n,) or not np.isin(mask, (0, 1)).all():
        raise Problem(f"a mask of {n} true or false values", f"shape {mask.shape}, dtype {mask.dtype}", "Give one value per row")
    return mask.astype(bool)
