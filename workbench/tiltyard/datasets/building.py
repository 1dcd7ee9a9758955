"""A table and its schema as a data set, in chunks, so that a million rows need little beyond themselves."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import Problem
from .arrays import Arrays
from .dataset import Dataset, Original
from .labels import indices
from .people import banded, sensitive_column
from .schema import Rows, Schema

if TYPE_CHECKING:
    import pandas as pd

CHUNK = 65_536
COMPARED = 2_000
TRUE = frozenset({"true", "1", "yes", "train", "training", "member", "in", "seen"})
FALSE = frozenset({"false", "0", "no", "test", "testing", "validation", "nonmember", "non-member", "out", "unseen"})
Member = str | NDArray[np.bool_] | Sequence[bool] | None


def build(
    table: "pd.DataFrame | Arrays",
    schema: Schema,
    *,
    sensitive: Sequence[str] | None = None,
    member: Member = None,
    name: str = "",
    source: str = "",
) -> Dataset:
    """Encode ``table`` by ``schema``.

    Parameters
    ----------
    sensitive
        Columns to keep as sensitive; None means those the schema names that the table has. Numbers become bands.
    member
        A column's name or a mask (n,): was the row trained on?

    Raises
    ------
    Problem
        Naming the column, the row and what was expected.
    """
    if len(table) < 2:
        raise Problem("at least two rows", f"{len(table)}", "Give data with rows of every class")
    if isinstance(table, Arrays):
        return _from_arrays(table, schema, sensitive, member, name, source)
    frame = table.reset_index(drop=True)
    if schema.label not in frame.columns:
        raise Problem(f"the label column {schema.label!r}", _names(frame), "Name the label column")
    held = {s: sensitive_column(frame, s) for s in (schema.sensitive if sensitive is None else sensitive)}
    chosen = [s for s, column in held.items() if sensitive is not None or column is not None]
    if lost := [s for s in chosen if held[s] is None]:
        raise Problem(f"a column for each sensitive one ({', '.join(chosen)})", f"none called {', '.join(lost)}", "Correct the name")
    y = indices(frame[schema.label], schema.classes, schema.label)
    _check_classes(y, schema)
    apart = [schema.label, *([member] if isinstance(member, str) else []), *(chosen if schema.images else [])]
    x = read_rows(frame.drop(columns=[c for c in apart if c in frame.columns and (schema.images or c == schema.label)]), schema)
    return Dataset(
        x=x,
        y=y,
        schema=schema.model_copy(update={"sensitive": tuple(chosen)}),
        name=name or "data",
        sensitive={s: banded(column, s) for s in chosen if (column := held[s]) is not None},
        member=_member(frame, member, len(frame)),
        source=source,
        original=_original(frame.drop(columns=[schema.label]), schema),
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
    return Dataset(
        x=scaled(table.x, schema) if table.images else read_rows(frame, schema),
        y=y,
        schema=schema.model_copy(update={"sensitive": tuple(chosen)}),
        name=name or "data",
        sensitive={s: banded(held[s], s) for s in chosen},
        member=table.member if member is None else _member(None, member, len(table)),
        source=source,
        original=None if table.images else _original(frame, schema),
    )


def _names(frame: "pd.DataFrame") -> str:
    names = [str(c) for c in frame.columns]
    return f"the columns {', '.join(names[:8])}{' …' if len(names) > 8 else ''}"


def _check_classes(y: NDArray[np.int64], schema: Schema) -> None:
    if len(np.unique(y)) < 2:
        found = f"only {schema.classes[int(y[0])]!r} in {schema.label!r}"
        raise Problem("rows of at least two classes", found, "Give rows of every class")


def read_rows(frame: "pd.DataFrame", schema: Schema) -> Rows:
    """`Schema.encode` chunk by chunk: (n, *schema.shape)."""
    x = np.empty((len(frame), *schema.shape), schema.dtype)
    for start in range(0, len(frame), CHUNK):
        try:
            x[start : start + CHUNK] = schema.encode(frame.iloc[start : start + CHUNK])
        except Problem:
            if start:
                _again(frame, schema)
            raise
    return x


def _original(frame: "pd.DataFrame", schema: Schema) -> Original | None:
    """Up to `COMPARED` rows of the table as it is, drawn evenly; none of images."""
    if schema.images:
        return None
    rows = np.unique(np.linspace(0, len(frame) - 1, COMPARED).astype(np.intp)) if len(frame) > COMPARED else np.arange(len(frame))
    return Original(frame.iloc[rows].reset_index(drop=True), rows)


def _again(frame: "pd.DataFrame", schema: Schema) -> None:
    """Raise the same problem with the row counted from the table's beginning, not the chunk's."""
    if schema.images:
        return
    for feature in schema.features:
        columns = list(feature.columns) if feature.kind == "onehot" else [feature.name]
        schema.model_copy(update={"features": (feature,)}).encode(frame[columns])


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
    x = np.empty(images.shape, np.float32)
    for start in range(0, len(images), 4096):
        part = images[start : start + 4096].astype(np.float32) / np.float32(feature.divide)
        bad = ~np.isfinite(part) | (part < feature.low) | (part > feature.high)
        if bad.any():
            row, *where = (int(i) for i in np.argwhere(bad)[0])
            span = f"{feature.low * feature.divide:g} to {feature.high * feature.divide:g}"
            raise Problem(
                f"pixels within {span}",
                f"{images[(start + row, *where)]:g} in image {start + row}",
                "Rescale the images or correct the bounds",
            )
        x[start : start + 4096] = part
    return x


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
