"""Windows in a file, one JSON a line; appended whole, so that a kill costs at most the line under way."""

import os
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from ..access.places import opened, target
from ..errors import Problem
from .window import FORMAT, Window

LARGEST = 512 * 2**20
LONGEST = 4 * 2**20
WANTED = "a file of windows (one JSON a line, as `tiltyard serve --monitor` writes)"


def append(window: Window, path: Path) -> None:
    """Write the window at the end of the file, which its owner alone may read.

    Raises
    ------
    Problem
        It cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        target(path, "a file of windows", replace=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "r+b") as stream:
            _drop_cut_line(stream)
            stream.write(window.model_dump_json().encode() + b"\n")
    except OSError as error:
        raise Problem("a place for the windows", f"{path}: {error.strerror or error}", "Name another file") from None


def _drop_cut_line(stream: IO[bytes]) -> None:
    """Take away a last line that was cut off."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - LONGEST))
    tail = stream.read()
    if tail and not tail.endswith(b"\n"):
        stream.truncate(size - len(tail) + tail.rfind(b"\n") + 1)


def read(path: Path) -> list[Window]:
    """The windows of a file in order; of one number the last line counts, for labels came since. A line that was cut off is left out.

    Raises
    ------
    Problem
        It cannot be read, or another line is no window.
    """
    try:
        with opened(path, "a file of windows") as stream:
            content = stream.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise Problem(WANTED, f"{path.name} of more than {LARGEST // 2**20} MiB", "Keep the newer part")
        lines = content.split(b"\n")
    except OSError as error:
        raise Problem(WANTED, f"{path.name}: {error.strerror or error}", "Check the path") from None
    windows = (_read(line, i, path.name) for i, line in enumerate(lines[:-1]) if line.strip())
    found = {window.number: window for window in windows}
    if not found:
        raise Problem(WANTED, f"no window in {path.name}", "Check the path")
    return list(found.values())


def _read(line: bytes, number: int, name: str) -> Window:
    try:
        window = Window.model_validate_json(line)
    except ValidationError:
        raise Problem(WANTED, f"line {number + 1} of {name}, which is none", "Take the line out, or check the path") from None
    if window.format != FORMAT:
        raise Problem(f"windows of format {FORMAT}", f"format {window.format} in {name}", "Read it with the version that wrote it")
    return window
