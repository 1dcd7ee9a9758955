"""A scikit-learn estimator as skops writes it, but equal models as equal bytes."""

import io
import json
from pathlib import PurePosixPath
from typing import Any
from zipfile import ZipFile, ZipInfo

SCHEMA = "schema.json"
WRITTEN = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can say


def skops_bytes(estimator: Any) -> bytes:
    """The bytes of a ``.skops`` file, which skops reads as any other.

    skops names objects and files by places in memory, and files by the time too; here they are numbered as they come.

    Raises
    ------
    Exception
        Whatever skops raises at a part that it does not take.
    """
    import skops.io

    with ZipFile(io.BytesIO(skops.io.dumps(estimator))) as given:
        files = {name: given.read(name) for name in given.namelist()}
    numbers: dict[int, int] = {}
    names: dict[str, str] = {}
    state = _numbered(json.loads(files.pop(SCHEMA)), files, numbers, names)
    out = io.BytesIO()
    with ZipFile(out, "w") as made:
        for name, number in names.items():
            made.writestr(ZipInfo(number, WRITTEN), files[name])
        made.writestr(ZipInfo(SCHEMA, WRITTEN), json.dumps(state, indent=2))
    return out.getvalue()


def _numbered(state: Any, files: dict[str, bytes], numbers: dict[int, int], names: dict[str, str]) -> Any:
    """The state with a number in place of each object's address, and of each file's name; both are noted."""
    if isinstance(state, list):
        return [_numbered(part, files, numbers, names) for part in state]
    if not isinstance(state, dict):
        return state
    found: dict[str, Any] = {}
    for key, part in state.items():
        if key == "__id__" and isinstance(part, int):
            found[key] = numbers.setdefault(part, len(numbers) + 1)
        elif key == "file" and isinstance(part, str) and part in files:
            found[key] = names.setdefault(part, f"{len(names) + 1}{PurePosixPath(part).suffix}")
        else:
            found[key] = _numbered(part, files, numbers, names)
    return found
