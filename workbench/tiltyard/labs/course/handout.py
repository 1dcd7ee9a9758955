"""The notebooks of the labs in nbgrader's folders: ``source/lab2``, ``release/lab2``, and empty ones for what comes back."""

import shutil
import tempfile
from pathlib import Path

from ...errors import Problem
from ..build import FIRST, INSTRUCTOR, SLIDES, STUDENT, build

FOLDERS = {INSTRUCTOR: "source", STUDENT: "release", SLIDES: "slides"}


def default_source() -> Path:
    """``notebooks/labs`` of the checkout that this package runs from.

    Raises
    ------
    Problem
        It does not run from one: the solutions stand in the sources, so that no package carries them.
    """
    found = Path(__file__).parents[4] / "notebooks" / "labs"
    if not found.is_dir():
        raise Problem("the sources of the labs", "a package without them", "Name the folder notebooks/labs of a checkout with --source")
    return found


def hand_out(source: Path, out: Path, language: str = "en", overwrite: bool = False) -> list[Path]:
    """Write all notebooks below ``out``.

    Raises
    ------
    Problem
        Notebooks are there already; a teacher may have changed them.
    """
    there = [out / name for name in FOLDERS.values() if (out / name).exists()]
    if there and not overwrite:
        raise Problem(f"a folder without {there[0].name}", f"{there[0]}, which is there", "Name another folder, or add --overwrite")
    written = []
    with tempfile.TemporaryDirectory() as folder:
        for path in build(source, Path(folder), language):
            kind, lab = path.parent.name, path.stem.partition("_")[0]
            if path.stem == FIRST:  # its links are to notebooks of one folder
                continue
            place = out / FOLDERS[kind] / (path.name if kind == SLIDES else f"{lab}/{path.name}")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
            written.append(place)
    (out / "submitted").mkdir(exist_ok=True)
    return written
