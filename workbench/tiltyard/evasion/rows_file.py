"""The rows an attack ended with: an npz file that `datasets.npz_file` reads again, and made from it a CSV or pictures."""

import csv
import zipfile
from io import BytesIO, StringIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.dataset import Dataset
from ..datasets.schema import Rows
from ..errors import Problem

ROWS = "adversarial.npz"


def packed(sample: Dataset, x: Rows, answered: NDArray[np.int64]) -> bytes:
    """The file's bytes; equal rows give equal bytes.

    Parameters
    ----------
    sample
        The rows before the attack, n of them, with their true labels.
    x : (n, *shape)
        After it, as ``x``; those before are ``natural``, and ``y`` is the true label. A category is the place among the feature's
        categories, which stand in ``categories_0`` and so on under the number of the column; of pictures ``range`` is what a pixel goes from and to.
    answered : (n,)
        The class the target gives each row of ``x``.
    """
    out = BytesIO()
    schema = sample.schema
    names, classes = np.array(schema.columns, str), np.array(schema.classes, str)
    coded: dict[str, Any] = {
        f"categories_{schema.slices[f.name].start}": np.array(f.categories, str) for f in schema.features if f.categories
    }
    if schema.images:
        coded["range"] = np.array([schema.features[0].low, schema.features[0].high])
    np.savez_compressed(out, x=x, y=sample.y, natural=sample.x, answered=answered, names=names, classes=classes, **coded)
    return out.getvalue()


def as_csv(content: bytes) -> bytes:
    """A table's rows from the bytes of `packed`: true class, class answered, what was changed, each value after and before the attack."""
    with np.load(BytesIO(content)) as file:
        if file["x"].ndim != 2:
            raise Problem("rows of a table", "pictures", "Take them out as a .zip of pictures")
        names, classes, x, natural = [str(n) for n in file["names"]], file["classes"], file["x"], file["natural"]
        values = {i: file[f"categories_{i}"] for i in range(len(names)) if f"categories_{i}" in file}
        out = StringIO()
        lines = csv.writer(out, lineterminator="\n")
        lines.writerow(["true class", "answered", "changed", *names, *(f"{name} before" for name in names)])
        for now, was, y, answered in zip(x, natural, file["y"], file["answered"], strict=True):
            moved = [name for i, name in enumerate(names) if now[i] != was[i] and not (now[i] != now[i] and was[i] != was[i])]
            cells = [_cell(value, values.get(i)) for row in (now, was) for i, value in enumerate(row)]
            lines.writerow([classes[y], classes[answered], "; ".join(moved), *cells])
    return out.getvalue().encode()


def _cell(value: Any, categories: NDArray[np.str_] | None) -> str:
    """A value as text that reads back as itself; empty where there is none."""
    if value != value:
        return ""
    if categories is not None:
        return str(categories[int(value)])
    number = value.item()
    return str(int(number)) if float(number).is_integer() else repr(number)


def as_pictures(content: bytes) -> bytes:
    """A zip from the bytes of `packed`: of each picture one before and one after the attack, PNG, named by row, true class and class answered."""
    from base64 import b64decode

    from ..formatting.raster import png, shades

    out = BytesIO()
    with np.load(BytesIO(content)) as file, zipfile.ZipFile(out, "w") as packed_pictures:
        x, natural, classes = file["x"], file["natural"], file["classes"]
        if x.ndim != 4:
            raise Problem("pictures", "rows of a table", "Take them out as a .csv")
        low, high = (float(end) for end in file["range"])
        for i, (now, was) in enumerate(zip(x, natural, strict=True)):
            true, answered = _word(classes[file["y"][i]]), _word(classes[file["answered"][i]])
            for name, picture in ((f"{i:04d}_{true}_before.png", was), (f"{i:04d}_{true}_as_{answered}.png", now)):
                image = b64decode(png(shades((picture - low) / (high - low)), max(picture.shape[1:])))
                packed_pictures.writestr(zipfile.ZipInfo(name), image)  # of one date, so that equal rows give equal bytes
    return out.getvalue()


def _word(name: Any) -> str:
    """A class as a part of a file's name."""
    return "".join(letter if letter.isalnum() else "-" for letter in str(name))[:40]


MADE = {".csv": as_csv, ".zip": as_pictures}


def exported(name: str, content: bytes, suffix: str) -> bytes:
    """An artifact's bytes as a file of this ending is to have them: of adversarial rows CSV or pictures, of all else as they are."""
    return MADE[suffix](content) if name == ROWS and suffix in MADE else content
