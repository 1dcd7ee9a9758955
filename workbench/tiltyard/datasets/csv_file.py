"""CSV files as people save them: separator, encoding, header and compression are found out and said."""

import codecs
import csv
import gzip
import io
import warnings
import zlib
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from ..errors import Problem
from .column_names import distinctly, renamed
from .csv_arrow import read_plain
from .data_file import DataFile
from .limits import Bounded, bounded
from .written_numbers import FILE, meaning

if TYPE_CHECKING:
    import pandas as pd

HEAD = 2**18
SEPARATORS = (",", ";", "\t", "|")
ABSENT = ("", "?", "NA", "N/A", "NaN", "nan", "null", "NULL", "#N/A", "<NA>")
MOST_COLUMNS = 20_000


@dataclass(frozen=True)
class Layout:
    """How a CSV is written: found out from its beginning."""

    encoding: str
    separator: str
    header: tuple[str, ...]
    headed: bool


def open_stream(file: DataFile) -> IO[bytes]:
    """The file's bytes, unpacked where it is gzip by content, never more than it may be."""
    plain = file.plain
    stream: IO[bytes] = file.start()
    if plain:
        try:
            bounded(file.size, file)
        except Problem:
            stream.close()
            raise
        return stream
    return io.BufferedReader(Bounded(gzip.GzipFile(fileobj=stream), file, stream))  # type: ignore[arg-type]


def read_csv(file: DataFile) -> "pd.DataFrame":
    """The table in ``file``; what was assumed stands in ``frame.attrs["assumptions"]``.

    Raises
    ------
    Problem
        When it is empty, has no rows or is no table.
    """
    try:
        layout, notes = _layout(file)
        frame = _parse(file, layout)
    except UnicodeDecodeError:
        layout, notes = _layout(file, "latin-1")
        frame = _parse(file, layout)
        notes = ("The file is not UTF-8; it was read as Latin-1.", *notes)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise Problem("a whole gzip file", f"{file.name}, which breaks off or is damaged ({error})", "Copy or download it again") from None
    if len(frame) == 0:
        raise Problem("rows below the header", f"a header of {frame.shape[1]} columns only in {file.name}", "Give data with rows")
    frame, more = _without_index(frame)
    frame.attrs.update({"assumptions": (*notes, *more), FILE: layout.separator})
    return frame


def _layout(file: DataFile, encoding: str = "") -> tuple[Layout, tuple[str, ...]]:
    with open_stream(file) as stream:
        head = stream.read(HEAD)
    if not head.strip():
        raise Problem("a table", f"nothing in {file.name}", "Give data with rows")
    encoding = encoding or _encoding(head)
    text = head.decode(encoding, errors="ignore") if len(head) == HEAD else head.decode(encoding)
    if "\x00" in text:
        raise Problem("a text table (CSV)", f"bytes that are no text in {file.name}", "Give a CSV, Parquet or npz file")
    lines = [line for line in text.splitlines() if line.strip()][:50]
    if not lines:
        raise Problem("a table", f"blank lines only in {file.name}", "Give data with rows")
    separator = _separator(lines)
    first = _cells(lines[0], separator)
    if len(first) > MOST_COLUMNS:
        raise Problem(f"at most {MOST_COLUMNS:,} columns", f"{len(first):,}", "Drop columns, or give an npz file")
    if all(_is_number(cell) for cell in first):
        names = tuple(f"column {i + 1}" for i in range(len(first)))
        return Layout(encoding, separator, names, False), ("The first line holds numbers, so the columns got numbers for names.",)
    given = [cell or f"column {i + 1}" for i, cell in enumerate(first)]
    names = distinctly(given)
    return Layout(encoding, separator, names, True), renamed(given, names)


def _encoding(head: bytes) -> str:
    for mark, name in ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if head.startswith(mark):
            return name
    return "utf-8"


def _cells(line: str, separator: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])]
    except csv.Error as error:
        raise Problem("a text table (CSV)", f"a first line that is none ({error})", "Save it again as CSV") from None


def _separator(lines: list[str]) -> str:
    """The separator that cuts most lines into the same number of cells, more than one."""

    def agreement(separator: str) -> tuple[int, int]:
        counts = [len(_cells(line, separator)) for line in lines]
        return (sum(c == counts[0] for c in counts) if counts[0] > 1 else 0, counts[0])

    return max(SEPARATORS, key=agreement)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return cell.lower() not in ("nan", "inf", "infinity")


def _parse(file: DataFile, layout: Layout) -> "pd.DataFrame":
    import pandas as pd

    options: dict[str, Any] = {
        "sep": layout.separator,
        "encoding": layout.encoding,
        "names": list(layout.header),
        "header": 0 if layout.headed else None,
        "index_col": False,
        "na_values": list(ABSENT),
        "keep_default_na": False,
        "skipinitialspace": True,
        "low_memory": False,
    }
    if layout.encoding in ("utf-8", "utf-8-sig") and file.plain:
        with file.start() as plain:
            if (read := read_plain(plain, layout.header, layout.headed, layout.separator, ABSENT)) is not None:
                return read
    try:
        with warnings.catch_warnings(), open_stream(file) as stream:
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame: pd.DataFrame = pd.read_csv(stream, **options)
        return _with_blanks(frame, file, options)
    except UnicodeDecodeError:
        raise
    except (pd.errors.ParserError, pd.errors.ParserWarning, pd.errors.EmptyDataError, csv.Error, OverflowError) as error:
        found = str(error).replace("Error tokenizing data. C error: ", "").strip() or type(error).__name__
        raise Problem(f"a table of {len(layout.header)} columns in every line", found.splitlines()[0][:150], "Fix that line") from None


def _with_blanks(frame: "pd.DataFrame", file: DataFile, options: dict[str, Any]) -> "pd.DataFrame":
    """The table with cells of blanks alone as they are written where a column is text, for a model may know them apart from empty ones."""
    import pandas as pd

    places = [i for i, name in enumerate(frame.columns) if frame[name].isna().any() and _words(frame[name])]
    if not places:
        return frame
    try:
        with open_stream(file) as stream:
            written = pd.read_csv(stream, **(options | {"skipinitialspace": False, "usecols": places, "dtype": str}))
    except (ValueError, pd.errors.ParserError):
        return frame
    for name in written.columns if len(written) == len(frame) else ():
        blank = frame[name].isna() & written[name].str.fullmatch(" +").fillna(False).astype(bool)
        if blank.any():
            frame.loc[blank, name] = written.loc[blank, name]
    return frame


def _words(column: "pd.Series") -> bool:
    """Is it text, and no written numbers or dates?"""
    import pandas as pd

    return pd.api.types.infer_dtype(column, skipna=True) == "string" and meaning(column) is None


def _without_index(frame: "pd.DataFrame") -> "tuple[pd.DataFrame, tuple[str, ...]]":
    """Drop the row numbers that pandas writes as a first column without a name."""
    first = str(frame.columns[0])
    column = frame.iloc[:, 0]
    if first == "column 1" and frame.shape[1] > 2 and "column 2" not in frame.columns and column.dtype.kind == "i":
        start = int(column.iloc[0])
        if start in (0, 1) and (column.to_numpy() == range(start, start + len(column))).all():
            return frame.iloc[:, 1:].copy(), ("The first column has no name and counts the rows; it was left out.",)
    return frame, ()
