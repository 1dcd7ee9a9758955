"""Parquet files whose rows are labeled pictures, as Hugging Face's ``datasets`` writes them."""

import io
import json
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..access.places import opened
from ..errors import Problem
from .data_file import DataFile
from .gallery import Gallery, Picture, split_of
from .image_folder import entries, subfolders
from .labels import NAMES
from .limits import bounded

AT_ONCE, ROWS_AT_ONCE = 16, 65_536
LABEL_BYTES = 64
LABELED = ("label", "labels", "fine_label", *NAMES)


@dataclass(frozen=True)
class Shard:
    """One Parquet file: its name, and what opens it."""

    name: str
    open: Callable[[], BinaryIO]


def image_columns(schema: Any) -> list[str]:
    """The columns of an Arrow schema that hold encoded pictures: ``struct{bytes, path}``, or bytes that Hugging Face calls an image."""
    import pyarrow.types as kinds  # type: ignore[import-untyped,unused-ignore]

    declared = features(schema)
    found = []
    for field in schema:
        struct = kinds.is_struct(field.type) and any(
            field.type.field(i).name == "bytes" and _binary(field.type.field(i).type) for i in range(field.type.num_fields)
        )
        feature = declared.get(field.name)
        if struct or (_binary(field.type) and isinstance(feature, dict) and feature.get("_type") == "Image"):
            found.append(field.name)
    return found


def _binary(kind: Any) -> bool:
    import pyarrow.types as kinds  # type: ignore[import-untyped,unused-ignore]

    return bool(kinds.is_binary(kind) or kinds.is_large_binary(kind))


def features(schema: Any) -> dict[str, Any]:
    """What Hugging Face wrote of the columns into the file; empty where it is not there, or is no such thing."""
    try:
        found = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def image_gallery(name: str, shards: Sequence[Shard], label: str | None = None) -> Gallery:
    """The labeled pictures of some Parquet files of one kind; those of ``train-…`` were trained on where there are others.

    Parameters
    ----------
    label
        The label column; None for the one that is declared as such, or has a label's name.

    Raises
    ------
    Problem
        For files without a column of pictures or labels, of different columns, damaged, or that unpack to too much.
    """
    parts, first = [], None
    for shard in shards:
        with shard.open() as stream, _parquet(shard.name, stream) as inside:
            schema = inside.schema_arrow
            first = first or _columns(schema, shard.name, label)
            if {first.image, first.label} - set(schema.names):
                raise Problem(f"the columns {first.image} and {first.label}", f"others in {shard.name}", "Give files of one data set")
            file = DataFile(shard.name, stream)
            bounded(inside.metadata.num_rows * LABEL_BYTES, file)
            for i in range(inside.num_row_groups):
                bounded(inside.metadata.row_group(i).total_byte_size, file)
            batches = _read(inside, shard.name, first.label, ROWS_AT_ONCE)
            parts.append(np.array([value for batch in batches for value in batch.column(0).to_pylist()], object))
    if first is None:
        raise Problem("Parquet files", f"none in {name}", "Give a folder of them")
    labels = np.concatenate(parts)
    classes, y = _labeled(labels, first.names, first.label)
    seen = [split_of(shard.name) == "train" for shard in shards]
    apart = any(seen) and not all(seen)
    notes = [f"{first.image!r} holds the images and {first.label!r} their labels."]
    notes += ["The rows of the files called 'train' were trained on, the others were not."] * apart
    member = np.repeat(seen, [len(part) for part in parts]) if apart else None
    return Gallery(name, y, classes, Rows(shards, [len(part) for part in parts], first.image), member, tuple(notes))


def shards_in(folder: Path) -> list[Shard]:
    """The Parquet files of a folder, or of the one folder in it that has some (``data``, or a configuration); none where there is none.

    Raises
    ------
    Problem
        Where several folders in it have some.
    """
    found = {place: here for place in (folder, *subfolders(folder)) if (here := _shards(place))}
    if folder in found:
        return found[folder]
    if len(found) > 1:
        some = ", ".join(place.name for place in list(found)[:5])
        raise Problem("Parquet files in one folder", f"some in each of {some}", "Give one of these folders")
    return next(iter(found.values()), [])


def _shards(folder: Path) -> list[Shard]:
    names = [entry.name for entry in entries(folder) if entry.name.lower().endswith(".parquet")]
    return [Shard(name, partial(opened, folder / name, "a data file")) for name in names]


@dataclass(frozen=True)
class Columns:
    """The column of pictures, that of their labels, and the names of the classes where the file says them."""

    image: str
    label: str
    names: tuple[str, ...]


def _columns(schema: Any, name: str, label: str | None) -> Columns:
    images, declared = image_columns(schema), features(schema)
    if len(images) != 1:
        found = f"{', '.join(images[:5]) or 'none'} in {name}"
        raise Problem("one column of pictures (struct of bytes and path)", found, "Keep one, or give one Parquet file of a table")
    called = [c for c, f in declared.items() if isinstance(f, dict) and f.get("_type") == "ClassLabel" and c in schema.names]
    likely = called if len(called) == 1 else [c for c in LABELED if c in (called or schema.names)]
    chosen = label or (likely[0] if likely else "")
    if chosen not in schema.names or chosen in images:
        rest = ", ".join(c for c in schema.names if c not in images)[:200]
        raise Problem("a label column", f"{rest or 'none'} beside {images[0]}", "Name the label column")
    feature = declared.get(chosen)
    names = feature.get("names") if isinstance(feature, dict) else None
    return Columns(images[0], chosen, tuple(map(str, names)) if isinstance(names, list) else ())


def _labeled(labels: NDArray[Any], names: tuple[str, ...], column: str) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    whole = all(isinstance(v, int) for v in labels)
    known = range(len(names)) if names and whole else None
    wrong = [i for i, v in enumerate(labels) if not isinstance(v, (int, str)) or v == "" or (known is not None and v not in known)]
    if wrong:
        raise Problem(f"a label in every row of {column!r}", f"none in row {wrong[0]:,} ({len(wrong):,} such rows)", "Label these rows")
    if known is not None:
        return names, labels.astype(np.int64)
    values = labels.astype(np.int64 if whole else str)
    found, places = np.unique(values, return_inverse=True)
    return tuple(map(str, found.tolist())), places.astype(np.int64)


class Rows:
    """Pictures in the rows of Parquet files, read a few at a time."""

    def __init__(self, shards: Sequence[Shard], counts: Sequence[int], column: str) -> None:
        self.shards = shards
        self.counts = counts
        self.column = column

    def __call__(self, rows: NDArray[np.intp]) -> Generator[Picture, None, None]:
        start = 0
        for shard, count in zip(self.shards, self.counts, strict=True):
            here = rows[(rows >= start) & (rows < start + count)] - start
            if here.size:
                yield from self._of(shard, set(here.tolist()), int(here[-1]))
            start += count

    def _of(self, shard: Shard, rows: set[int], last: int) -> Generator[Picture, None, None]:
        with shard.open() as stream, _parquet(shard.name, stream) as inside:
            row = 0
            for batch in _read(inside, shard.name, self.column):
                for value in batch.column(0):
                    if row in rows:
                        content = _bytes(value.as_py(), row, shard.name)
                        yield Picture(f"image {row:,} of {shard.name}", partial(io.BytesIO, content))
                    row += 1
                if row > last:
                    return


def _bytes(value: Any, row: int, name: str) -> bytes:
    content = value.get("bytes") if isinstance(value, dict) else value
    if not isinstance(content, bytes):
        # A path in the file is whatever its writer wanted it to be, so none is followed.
        raise Problem("the bytes of each picture in the file", f"none in row {row:,} of {name}", "Save it with the pictures embedded")
    return content


def _parquet(name: str, stream: BinaryIO) -> Any:
    import pyarrow  # type: ignore[import-untyped,unused-ignore]
    import pyarrow.parquet  # type: ignore[import-untyped,unused-ignore]

    try:
        return pyarrow.parquet.ParquetFile(stream)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise Problem("a whole Parquet file", f"{name}, which cannot be read ({type(error).__name__})", "Copy or save it again") from None


def _read(inside: Any, name: str, column: str, at_once: int = AT_ONCE) -> Iterator[Any]:
    import pyarrow  # type: ignore[import-untyped,unused-ignore]

    batches = inside.iter_batches(batch_size=at_once, columns=[column])
    while True:
        try:
            batch = next(batches, None)
        except (pyarrow.ArrowException, OSError, ValueError) as error:
            raise Problem(
                "a whole Parquet file", f"{name}, which cannot be read ({type(error).__name__})", "Copy or save it again"
            ) from None
        if batch is None:
            return
        yield batch
