"""onnxruntime used without us: a session of its own, and the table's columns as pandas and NumPy give them."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...datasets.schema import Rows
from ..plain_rows import plain_rows

if TYPE_CHECKING:
    import pandas as pd

    from .session import Session

KINDS = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(bool)": np.bool_,
}


def table(session: "Session", frame: "pd.DataFrame") -> dict[str, NDArray[Any]] | None:
    """A table as the inputs of the model; None where it is not plain how to give it."""
    if session.schema.images or session.batch or not set(session.schema.columns) <= set(map(str, frame.columns)):
        return None
    if session.feeds == "frame":
        given = {item.name: _column(frame[item.name], item) for item in session.inputs}
        return None if any(column is None for column in given.values()) else {k: v for k, v in given.items() if v is not None}
    item = session.inputs[0]
    if item.type == "tensor(string)":
        columns = frame[list(session.schema.columns)]
        return None if columns.isna().any(axis=None) or _not_text(columns) else {item.name: columns.to_numpy(object)}
    rows = plain_rows(frame, session.schema, session.feeds == "encoded")
    if rows is None or item.type not in KINDS or (item.type.startswith("tensor(int") and not np.array_equal(rows, np.rint(rows))):
        return None
    return {item.name: rows.astype(KINDS[item.type])}


def images(session: "Session", x: Rows) -> dict[str, NDArray[Any]] | None:
    """Images as the one input takes them; None of a model that takes whole numbers or so many at a time."""
    item = session.inputs[0]
    if session.batch or KINDS.get(item.type) not in (np.float32, np.float64):
        return None
    rank = len(item.shape)
    rows = x if rank == 4 and item.shape[1] == x.shape[1] else x.transpose(0, 2, 3, 1) if rank == 4 else x.reshape(len(x), -1)
    return {item.name: np.ascontiguousarray(rows.reshape(len(x), *x.shape[2:]) if rank == 3 else rows, KINDS[item.type])}


def asked(content: bytes, given: dict[str, NDArray[Any]]) -> list[Any]:
    """All outputs of the model for one batch."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    found: list[Any] = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"]).run(None, given)
    return found


def _column(column: "pd.Series", item: Any) -> NDArray[Any] | None:
    """A column for an input of its name, (n, 1) or (n,)."""
    text = item.type == "tensor(string)"
    if text and (column.isna().any() or not all(isinstance(v, str) for v in column)):
        return None
    if not text and (item.type not in KINDS or column.dtype.kind not in "biuf"):
        return None
    values = column.to_numpy(object) if text else column.to_numpy().astype(KINDS[item.type])
    return values if len(item.shape) == 1 else values[:, None]


def _not_text(columns: "pd.DataFrame") -> bool:
    return not all(isinstance(v, str) for name in columns for v in columns[name])
