"""Where the store of runs lies: the one place that audit and store both ask."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import Trouble

if TYPE_CHECKING:
    from sqlalchemy import URL


def default_place() -> str:
    """TILTYARD_STORE, or ``runs.sqlite`` in the user's data folder, which is made."""
    if place := os.environ.get("TILTYARD_STORE", "").strip():
        return place
    import platformdirs

    folder = platformdirs.user_data_path("tiltyard", appauthor=False)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Trouble(f"a folder {folder} to keep runs in", str(error.strerror), "Set TILTYARD_STORE to a file you may write") from None
    return str(folder / "runs.sqlite")


def address(place: str | Path | None) -> "URL":
    """The SQLAlchemy URL of a path, a URL, or the default place."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    text = str(place) if place is not None else default_place()
    if "://" not in text:
        return make_url("sqlite://").set(database=str(Path(text).expanduser().absolute()))
    try:
        return make_url(text)
    except ArgumentError:
        raise Trouble("a store as a file or a database URL", repr(text), "Give a path, or postgresql+psycopg://user@host/name") from None
