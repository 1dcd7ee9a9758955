"""The one door from a data file, a DataFrame or arrays to a data set."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..access.places import discreet, named, opened
from ..access.places import source as place_of
from ..errors import Problem
from ..keywords import spelled
from .arrays import Arrays, arranged
from .broken_text import refuse_broken
from .building import Label, Member, build
from .column_names import distinctly, renamed
from .correcting import Correction, corrected
from .data_file import DataFile
from .dataset import Dataset
from .gallery import AS_THEY_ARE, Wanted
from .limits import bounded
from .pictures import MOST_PIXELS
from .proposing import propose
from .schema import Schema
from .written_numbers import FILE, as_meant

if TYPE_CHECKING:
    import pandas as pd

OTHERS = (
    (b"\x80\x02", "a pickle, which can run code when it is opened"),
    (b"\x80\x03", "a pickle, which can run code when it is opened"),
    (b"\x80\x04", "a pickle, which can run code when it is opened"),
    (b"\x80\x05", "a pickle, which can run code when it is opened"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\xd0\xcf\x11\xe0", "an old Excel file"),
    (b"ARROW1", "an Arrow (Feather) file"),
    (b"SQLite format", "an SQLite database"),
    (b"\x93NUMPY", "a single array (npy) without labels"),
    (b"\x89PNG", "a picture; give the folder that holds its class's folder"),
    (b"%PDF", "a PDF"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"(\xb5/\xfd", "a zstd archive"),
)
WANTED = "a CSV, Parquet or npz file, or a folder of images by class"
SAVE = "Save the table as CSV, Parquet, or npz with arrays x and y"


@spelled
def read(
    source: Any,
    *,
    schema: Schema | None = None,
    label: Label = None,
    sensitive: str | Sequence[str] | None = None,
    member: Member = None,
    name: str = "",
    leave_out: str | Sequence[str] = (),
    take: str | Sequence[str] = (),
    features: "Mapping[str, Correction | Mapping[str, Any]] | None" = None,
    wanted: Sequence[str] = (),
    classes: Sequence[str] = (),
    size: tuple[int, int] | None = None,
    texts: bool = False,
    fit: tuple[int, int] | None = None,
    relations: str | Sequence[str] | None = None,
) -> Dataset:
    """A data set from a CSV (also gzip), Parquet or npz file, a folder of images, a DataFrame, or ``(x, y)``.

    A folder of images is ``FOLDER/class/picture.png``, or one of Parquet files with a column of pictures, as Hugging Face writes them.

    Parameters
    ----------
    schema
        What the columns mean, for instance ``target.schema``; None to propose it from the data.
    label
        The label column, or the labels themselves (n,) of a table that has none; None for the schema's, or a likely column.
    sensitive
        Sensitive columns, or the one; None for the schema's or the likely ones, () for none.
    member
        A column's name or a mask (n,): was the row trained on?
    leave_out
        Columns that are no features, such as an id; a sensitive one among them still tells the groups apart.
    take
        Columns that are features although they look like an id or free text.
    features
        What the proposal should be corrected in, by feature: ``{"income": {"high": 5e5, "missing": 0}}``; see `Correction`.
    wanted
        The columns that the model was fitted on, which are the features then; left to whoever opens the model where the table lacks one.
    classes
        The classes of the model: the label is then the column whose values they are.
    size
        Height and width that the pictures of a folder are resized to; None as they are, or as ``schema`` says.
    texts
        The model takes one column of text, which is then the feature.
    fit
        As ``size``, but only of a folder of pictures; it is nothing to other data.
    relations
        What every row keeps between its columns: ``["a <= b", "total := a + b"]``; None for those of the schema, which proposes none.

    Raises
    ------
    Problem
        In one line, for anything that is not such data.
    """
    if label is not None and not isinstance(label, str):
        if not hasattr(label, "__len__"):
            raise Problem("a column's name or one label per row", f"label = {label!r}", "Name the label column")
        source, label = (source, label), None
    size = size or (fit if schema is None and isinstance(source, str | os.PathLike) and os.path.isdir(Path(source).expanduser()) else None)
    data = _built(
        _table(source, schema, size, label),
        source,
        schema,
        label,
        None if sensitive is None else several(sensitive),
        member,
        name,
        several(leave_out),
        several(take),
        features,
        wanted,
        classes,
        texts,
    )
    return data if relations is None else data.relating(several(relations))


def several(names: str | Sequence[str]) -> Sequence[str]:
    """Names as a list; one name alone is no list of its letters."""
    if isinstance(names, str):
        return (names,)
    if not isinstance(names, Iterable):
        raise Problem("a name or a list of names", f"{type(names).__name__} {names!r}", "Write it as a text")
    return names


def _built(
    table: "pd.DataFrame | Arrays",
    source: Any,
    schema: Schema | None,
    label: str | None,
    sensitive: Sequence[str] | None,
    member: Member,
    name: str,
    leave_out: Sequence[str],
    take: Sequence[str],
    features: "Mapping[str, Correction | Mapping[str, Any]] | None",
    wanted: Sequence[str],
    classes: Sequence[str],
    texts: bool,
) -> Dataset:
    """The data set; the table of a file is not kept beside it."""
    file = isinstance(source, str | os.PathLike)
    name = name or (Path(source).name.split(".")[0] if file else "")
    with discreet(source, "a table that is as was said of it"):
        table, schema, assumed = _meant(table, schema, label, member, leave_out, take, features, wanted, classes, texts)
        origin = named(source) if file else ""
        return replace(build(table, schema, sensitive=sensitive, member=member, name=name, source=origin, keep=not file), assumed=assumed)


def _meant(
    table: "pd.DataFrame | Arrays",
    schema: Schema | None,
    label: str | None,
    member: Member,
    leave_out: Sequence[str],
    take: Sequence[str],
    features: "Mapping[str, Correction | Mapping[str, Any]] | None",
    wanted: Sequence[str],
    classes: Sequence[str],
    texts: bool,
) -> "tuple[pd.DataFrame | Arrays, Schema, tuple[str, ...]]":
    """The table as it is to be read, what its columns mean, and what was assumed."""
    if schema is None:
        skip = (member,) if isinstance(member, str) else ()
        proposal = propose(table, label, skip, classes, wanted if _has(table, wanted) else (), texts)
        proposal = corrected(proposal, leave_out, take, features)
        return proposal.table, proposal.schema, (*proposal.warnings, *proposal.assumptions)
    if leave_out or take or features:
        raise Problem("corrections of a proposed schema", "a schema that is given, with the model or by you", "Leave the corrections out")
    schema = schema if label is None else schema.model_copy(update={"label": label})
    if isinstance(table, Arrays):
        return table, schema, table.assumptions
    kept = [f.name for f in schema.features if not f.numeric]
    meant, assumed = as_meant(table, (*kept, schema.label, *([member] if isinstance(member, str) else [])))
    return meant, schema, assumed


def _table(source: Any, schema: Schema | None, size: tuple[int, int] | None, label: str | None) -> "pd.DataFrame | Arrays":
    table = read_table(source, _images(schema, size), label)
    if size is not None and not (isinstance(table, Arrays) and table.x.shape[2:] == tuple(size)):
        raise Problem("a folder of images with a size to resize them to", "other data", "Leave the size out")
    return table


def _images(schema: Schema | None, size: tuple[int, int] | None) -> Wanted:
    """How the pictures of a folder are to be: as the model takes them, or as the caller says."""
    if size is not None and (len(size) != 2 or min(size) < 1 or size[0] * size[1] > MOST_PIXELS):
        raise Problem("a size as height and width", f"{size}", "Correct it")
    if schema is None or not schema.images:
        return Wanted(None if size is None else (size[0], size[1]))
    channels, height, width = schema.shape
    if size is not None and tuple(size) != (height, width):
        raise Problem(f"images of {height} × {width}, as the model takes them", f"size={size}", "Leave the size out")
    return Wanted((height, width), channels)


def _has(table: "pd.DataFrame | Arrays", columns: Sequence[str]) -> bool:
    return not isinstance(table, Arrays) and set(columns) <= set(map(str, table.columns))


def read_table(source: Any, wanted: Wanted = AS_THEY_ARE, label: str | None = None) -> "pd.DataFrame | Arrays":
    """The rows as they are, nothing interpreted yet: a DataFrame, or `Arrays` for npz, pictures and ``(x, y)``.

    Parameters
    ----------
    wanted
        How the pictures of a folder are to be.
    label
        The label column of pictures in Parquet files; None for the likely one.

    Raises
    ------
    Problem
        For a missing, empty, damaged or foreign file, and for objects that are no table.
    """
    if isinstance(source, str | os.PathLike):
        return _file(source, wanted, label)
    if isinstance(source, Arrays):
        return source
    if isinstance(source, tuple) and len(source) == 2:
        return _pair(*source)
    if hasattr(source, "columns") and hasattr(source, "iloc"):
        return _frame(source)
    raise Problem("a path, a DataFrame or a pair (x, y)", f"{type(source).__name__}", "Give one of these")


def _pair(x: Any, y: Any) -> "pd.DataFrame | Arrays":
    if hasattr(x, "columns") and hasattr(x, "iloc"):
        frame = _frame(x)
        if len(y) != len(frame):
            raise Problem(f"{len(frame)} labels, one per row", f"{len(y)}", "Give one label per row")
        name = str(getattr(y, "name", None) or "label")
        while name in frame.columns:
            name += "_"
        labels = getattr(y, "to_numpy", lambda: y)()
        refuse_broken(labels, name)
        return frame.assign(**{name: labels})
    return arranged(x, y)


def _frame(frame: "pd.DataFrame") -> "pd.DataFrame":
    if frame.shape[1] == 0 or len(frame) == 0:
        raise Problem("a table with rows and columns", f"shape {frame.shape}", "Give data with rows")
    plain = frame.reset_index(drop=True)
    given = [" ".join(map(str, c)) if isinstance(c, tuple) else str(c) for c in plain.columns]
    names = distinctly(given)
    refuse_broken(names, "the names of the columns")
    for place, name in enumerate(names):
        if isinstance(held := plain.dtypes.iloc[place], np.dtype) and held.kind == "O":
            refuse_broken(plain.iloc[:, place], repr(name))
    plain.columns = list(names)
    plain.attrs["assumptions"] = (*frame.attrs.get("assumptions", ()), *renamed(given, names))
    return plain


def _file(path: "str | os.PathLike[str]", wanted: Wanted, label: str | None) -> "pd.DataFrame | Arrays":
    name = Path(path).name
    try:
        if (place := place_of(path, "a data file")).is_dir():
            with discreet(path, WANTED):
                return _folder(place, wanted, label)
        with opened(path, "a data file") as stream, discreet(path, WANTED):
            head = stream.read(16)
            if not head:
                raise Problem("a data file", f"{name}, which is empty", "Copy or download it again")
            return _by_content(DataFile(name, stream), head, wanted, label)
    except PermissionError:
        raise Problem("a file that may be read", f"no permission for {name}", "Change its permissions") from None
    except OSError as error:
        raise Problem("a file that can be read", f"{name}: {error.strerror or error}", "Check the path and the disk") from None
    except MemoryError:
        raise Problem("data that fits into memory", f"{name}, which does not", "Take a sample of the rows") from None


def _folder(place: Path, wanted: Wanted, label: str | None) -> Arrays:
    from .image_folder import image_folder
    from .image_parquet import image_gallery, shards_in

    shards = shards_in(place)
    return (image_gallery(place.absolute().name, shards, label) if shards else image_folder(place)).arrays(wanted)


def _by_content(file: DataFile, head: bytes, wanted: Wanted, label: str | None) -> "pd.DataFrame | Arrays":
    from .csv_file import read_csv
    from .npz_file import read_npz

    if head.startswith(b"PAR1"):
        return _parquet(file, wanted, label)
    if head.startswith(b"PK"):
        return read_npz(file)
    for mark, what in OTHERS:
        if head.startswith(mark):
            raise Problem(WANTED, f"{file.name}, {what}", SAVE)
    return read_csv(file)


def _parquet(file: DataFile, wanted: Wanted, label: str | None) -> "pd.DataFrame | Arrays":
    import pandas as pd
    import pyarrow  # type: ignore[import-untyped,unused-ignore]
    import pyarrow.parquet  # type: ignore[import-untyped,unused-ignore]

    from .image_parquet import Shard, image_columns, image_gallery

    try:
        with file.start() as stream, pyarrow.parquet.ParquetFile(stream) as inside:
            facts, schema = inside.metadata, inside.schema_arrow
        if image_columns(schema):
            return image_gallery(file.name, [Shard(file.name, file.start)], label).arrays(wanted)
        bounded(sum(facts.row_group(i).total_byte_size for i in range(facts.num_row_groups)), file)
        bounded(facts.num_rows * sum(map(_width, schema.types)), file)  # a run of one value is a few bytes there
        with file.start() as stream:
            frame = pd.read_parquet(stream)
    except Problem:
        raise
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError, TypeError, NotImplementedError) as error:
        found = (str(error).splitlines() or [""])[0][:120]
        raise Problem("a whole Parquet file", f"{file.name}, which cannot be read ({found})", "Copy or save it again") from None
    plain = _frame(frame)
    plain.attrs[FILE] = ""
    return plain


def _width(kind: Any) -> int:
    """Bytes a value of an Arrow type takes in memory at least; a text, a list and the like by its pointer."""
    try:
        return max(int(kind.bit_width) // 8, 1)
    except ValueError:
        return 8
