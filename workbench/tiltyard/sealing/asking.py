"""The key of a sealed file: from a key file, the environment or the terminal; never from a command line."""

import getpass
import os
import sys
from pathlib import Path

from ..errors import Problem
from .keys import Key, Passphrase, passphrase, read_sealing_key

PASSPHRASE = "TILTYARD_PASSPHRASE"


def key_for(key_file: str | Path = "", variable: str = PASSPHRASE) -> Key:
    """The key file's key, else the passphrase in ``variable``, else one that is typed."""
    return read_sealing_key(Path(key_file).expanduser()) if str(key_file) else asked(variable)


def asked(variable: str = PASSPHRASE, fresh: bool = False) -> Passphrase:
    """The passphrase in the environment, else one that is typed; twice where it is ``fresh``."""
    if os.environ.get(variable):
        return passphrase(os.environ[variable], fresh)
    if sys.stdin is None or not sys.stdin.isatty():
        raise Problem("a key", "no key file, no passphrase and no terminal to ask at", f"Give a key file, or set {variable}")
    typed = getpass.getpass("New passphrase: " if fresh else "Passphrase: ")
    if fresh and getpass.getpass("Again: ") != typed:
        raise Problem("the same passphrase twice", "two", "Try again")
    return passphrase(typed, fresh)
