"""The files of lab 1: five models, of which some are not what they seem. Each is harmless; what would run only writes a file beside it."""

import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..artifacts.verdict import Verdict, scan
from ..errors import Problem
from ..samples.catalog import cards
from ..samples.datasheet import FOLDER

MARK = "it_ran.txt"
NAMES = ("a.safetensors", "b.pkl", "c.safetensors", "d.npz", "e.pt")


class _Runs:
    """A model whose loading runs a line of Python. Here the line writes a file; it could do anything that you can."""

    def __init__(self, folder: Path) -> None:
        self.line = f"import pathlib; pathlib.Path({str(folder / MARK)!r}).write_text('This line ran because the file was loaded.')"

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return exec, (self.line,)


def unpack(folder: Path) -> Path:
    """Write the five files into ``folder``, which is made; the same bytes each time for the same folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files(folder.resolve()).items():
        (folder / name).write_bytes(content)
    return folder


def files(folder: Path) -> dict[str, bytes]:
    """The five files by name."""
    real = (FOLDER / "models" / cards()["census"].file).read_bytes()
    running = pickle.dumps(_Runs(folder), protocol=4)
    contents = (real, running, running, _npz(), _pt(running))
    return dict(zip(NAMES, contents, strict=True))


def _npz() -> bytes:
    out = io.BytesIO()
    np.savez(out, weights=np.arange(12, dtype=np.float32).reshape(3, 4), bias=np.zeros(3, np.float32))
    return out.getvalue()


def _pt(inner: bytes) -> bytes:
    """A checkpoint as torch writes them, with the same line in the pickle within."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("model/data.pkl", inner)
        archive.writestr("model/version", "3\n")
    return out.getvalue()


def verdicts(folder: Path) -> dict[str, Verdict]:
    """What a scan says of each file in ``folder``; none is loaded.

    Raises
    ------
    Problem
        The folder has not the five files.
    """
    missing = [name for name in NAMES if not (folder / name).is_file()]
    if missing:
        raise Problem(f"the files of the lab in {folder}", f"no {', '.join(missing)}", "Run the cell that unpacks them")
    return {name: scan(folder / name) for name in NAMES}
