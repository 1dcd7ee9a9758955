"""Tables to be held against one another, from files."""

from pathlib import Path
from typing import TYPE_CHECKING

from ..datasets.arrays import Arrays
from ..datasets.reading import read_table
from ..errors import Problem

if TYPE_CHECKING:
    import pandas as pd


def table(path: Path | str) -> "pd.DataFrame":
    """The rows of a CSV, TSV or Parquet file as they are.

    Raises
    ------
    Problem
        It cannot be read, or holds arrays instead of named columns.
    """
    found = read_table(path)
    if isinstance(found, Arrays):
        raise Problem("a table with named columns (CSV, Parquet)", f"arrays in {Path(path).name}", "Give the table they were made from")
    return found
