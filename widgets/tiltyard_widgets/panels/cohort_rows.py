"""Rows of a cohort as a CSV file for the browser."""

import base64

import numpy as np

from tiltyard.datasets.conditions import Answers, Mask
from tiltyard.datasets.dataset import Dataset
from tiltyard.errors import Problem

MOST = 50_000


def csv_of(data: Dataset, mask: Mask, answers: Answers | None) -> str:
    """The rows at ``mask`` (n,) as CSV in base64: row number, the person's own columns, label, what the model answered.

    Raises
    ------
    Problem
        They are images, or more than a browser should be handed.
    """
    if data.schema.images:
        raise Problem("rows of a table", "images, which no CSV holds", "Use the cohort in every panel instead")
    rows = np.flatnonzero(mask)
    if len(rows) > MOST:
        raise Problem(f"at most {MOST:,} rows", f"{len(rows):,}", "Narrow the cohort")
    frame = data.schema.decode(data.x[rows])
    names = np.array(data.schema.classes, object)
    extra = {"row": rows, data.schema.label or "label": names[data.y[rows]]}
    extra |= {name: column[rows] for name, column in data.sensitive.items()}
    extra |= {} if answers is None else {"predicted": names[answers.labels[rows]]}
    for name, column in extra.items():
        if name not in frame.columns:
            frame[name] = column
    return base64.b64encode(frame.to_csv(index=False).encode()).decode()
