"""npz files: read without unpickling, and no larger than they really are."""

import zipfile
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import Problem
from .arrays import Arrays, arranged
from .data_file import DataFile
from .limits import bounded

ROWS = ("x", "images", "image", "data", "features", "inputs")
LABELS = ("y", "labels", "label", "target", "targets", "classes_of_rows")
SPLITS = (("x_train", "y_train", "x_test", "y_test"), ("train_images", "train_labels", "test_images", "test_labels"))
NAMES = ("names", "feature_names", "columns")
CLASSES = ("classes", "class_names", "target_names")


def read_npz(file: DataFile) -> Arrays:
    """The arrays of an npz file: ``x`` and ``y`` (or ``images`` and ``labels``), or a train and a test part.

    Optional: ``names``, ``classes``, ``member`` (bool) and ``sensitive_<name>``.

    Raises
    ------
    Problem
        When the file is no npz, holds Python objects, lacks the arrays or claims more than it has.
    """
    try:
        with file.start() as stream, zipfile.ZipFile(stream) as archive:
            _check_claims(archive, file)
        with file.start() as stream, np.load(stream, allow_pickle=False) as found:
            return _arrays(found)
    except Problem:
        raise
    except (ValueError, zipfile.BadZipFile, OSError, EOFError, KeyError, NotImplementedError, RuntimeError, SyntaxError) as error:
        if "allow_pickle" in str(error):
            raise Problem(
                "an npz of plain numbers and text",
                "an array of Python objects, which only unpickling could read",
                "Save it with dtype float or str",
            ) from None
        raise Problem("a whole npz file", f"{file.name}, which cannot be read ({_line(error)})", "Save it again with np.savez") from None


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]


def _check_claims(archive: zipfile.ZipFile, file: DataFile) -> None:
    """Refuse headers that claim more bytes than the archive holds for them, before anything is allocated."""
    bounded(sum(item.file_size for item in archive.infolist()), file)
    for item in archive.infolist():
        if not item.filename.endswith(".npy"):
            raise Problem("an npz of .npy arrays", f"{item.filename!r} in {file.name}", "Save it with np.savez")
        with archive.open(item) as member:
            shape, dtype = _header(member)
        claimed = int(np.prod(shape, dtype=object)) * dtype.itemsize
        if not dtype.hasobject and claimed > item.file_size:
            raise Problem(
                f"{item.filename} to hold what its header claims",
                f"{claimed:,} bytes claimed, {item.file_size:,} there",
                "Save it again with np.savez",
            )


def _header(member: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(member)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(member)
    return shape, dtype


def _first(file: Any, names: tuple[str, ...]) -> str:
    known = {key.lower(): key for key in file.files}
    return next((known[name] for name in names if name in known), "")


def _texts(file: Any, names: tuple[str, ...]) -> tuple[str, ...]:
    key = _first(file, names)
    return tuple(str(v) for v in file[key].ravel().tolist()) if key else ()


def _arrays(file: Any) -> Arrays:
    known = {key.lower(): key for key in file.files}
    member: NDArray[np.bool_] | None = None
    notes: tuple[str, ...] = ()
    split = next((s for s in SPLITS if all(part in known for part in s)), None)
    if split:
        x_seen, y_seen, x_new, y_new = (file[known[part]] for part in split)
        if x_seen.shape[1:] != x_new.shape[1:]:
            raise Problem(f"rows of shape {x_seen.shape[1:]} in {split[2]} as in {split[0]}", f"{x_new.shape[1:]}", "Save both parts alike")
        x, y = np.concatenate([x_seen, x_new]), np.concatenate([y_seen, y_new])
        member = np.arange(len(x)) < len(x_seen)
        notes = (f"The rows of {split[0]} were trained on, those of {split[2]} were not.",)
    else:
        keys = _first(file, ROWS), _first(file, LABELS)
        if not all(keys):
            found = ", ".join(file.files) or "none"
            raise Problem("arrays x and y (or images and labels) in the npz", f"{found}", "Save it with np.savez(path, x=…, y=…)")
        x, y = file[keys[0]], file[keys[1]]
    plain = arranged(x, y, _texts(file, NAMES), _texts(file, CLASSES))
    if "member" in known:
        member = file[known["member"]].astype(bool).ravel()
    sensitive = {key[10:]: file[key].ravel() for key in file.files if key.lower().startswith("sensitive_")}
    return Arrays(plain.x, plain.y, plain.names, plain.classes, member, sensitive, plain.assumptions + notes)
