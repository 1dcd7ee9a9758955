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
    lacking = Problem("a key", "no key file, no passphrase and no terminal to ask at", f"Give a key file, or set {variable}")
    return passphrase(typed(variable, "passphrase", lacking, fresh), fresh)


def typed(variable: str, word: str, lacking: Problem, fresh: bool) -> str:
    """A secret from the environment or typed, twice where it is ``fresh``; raises ``lacking`` where nobody can be asked."""
    if given := os.environ.get(variable):
        return given
    if sys.stdin is None or not sys.stdin.isatty():
        raise lacking
    answer = getpass.getpass(f"New {word}: " if fresh else f"{word.capitalize()}: ")
    if fresh and getpass.getpass("Again: ") != answer:
        raise Problem(f"the same {word} twice", "two", "Try again")
    return answer
