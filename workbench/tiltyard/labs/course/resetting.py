"""A student begins a lab anew, or all of them; what was there is put aside and not lost."""

from datetime import UTC, datetime
from pathlib import Path

from ...access.places import opened
from ...errors import Problem
from ...files.atomic import new_file
from ..submission import of_lab
from ..work import WorkFile


def reset(path: Path, lab: int | None = None) -> Path:
    """Take predictions, answers and tries of a lab out of the file at ``path``, or all; returns where the former file is now.

    Raises
    ------
    Problem
        There is no such file.
    """
    if not path.is_file():
        raise Problem(f"lab work in {path}", "none", "Look at the login; with JupyterHub name the file in their home with --work")
    file = WorkFile(path)
    file.read()
    aside = path.with_name(f"{path.stem}.{datetime.now(UTC):%Y%m%dT%H%M%S%f}.json")
    with opened(path, "lab work") as former, new_file(aside) as stream:
        stream.write(former.read())
    gone = {q.id for q in of_lab(lab)} if lab is not None else None
    with file.changed() as draft:
        draft.without(gone, lab)
    return aside
