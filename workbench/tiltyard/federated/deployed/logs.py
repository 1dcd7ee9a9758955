"""Logs of a federation that failed, kept where its error says after the federation's own folder is gone."""

import secrets
import shutil
import time
from contextlib import suppress
from pathlib import Path

from .credentials import kept

KEPT = 5


def place() -> Path:
    """The folder for logs of federations that failed, in the user's data folder."""
    import platformdirs

    return Path(platformdirs.user_data_path("tiltyard", appauthor=False)) / "federations"


def keep(folder: Path) -> Path:
    """Copy the logs in ``folder`` to a new folder of their own, for this account alone; of earlier ones the last few stay.

    Raises
    ------
    OSError
        They cannot be written.
    """
    everything = place()
    everything.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in sorted(path for path in everything.iterdir() if path.is_dir())[: 1 - KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    made = everything / f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(4)}"
    made.mkdir(mode=0o700)
    for log in folder.glob("*.log"):
        with suppress(FileNotFoundError):
            kept(made / log.name, log.read_bytes())
    return made
