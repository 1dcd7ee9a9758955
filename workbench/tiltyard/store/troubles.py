"""What a database says when something is wrong, as one line a person can act on."""

from ..errors import Trouble


class Locked(Trouble):
    """Another program holds the store; trying again may do."""


ELSEWHERE = "or set TILTYARD_STORE to another place"
OTHER = "a damaged file or one of another kind"
SAYINGS = (
    ("locked|busy|lock timeout|deadlock", "to be free for a moment", "it locked by another program", "Close it, or try again"),
    ("readonly|read-only|read only", "to be writable", "it read-only", f"Mend its permissions, {ELSEWHERE}"),
    ("permission denied", "to be one that may be read", "no permission", f"Mend its permissions and its folder's, {ELSEWHERE}"),
    ("disk is full|no space left|disk full|disk quota", "to be on a disk with room", "the disk full", "Free some space, then run it again"),
    ("no such table|does not exist", "to be as it was opened", "its tables gone", "It was moved or replaced while open; try again"),
    (
        "unable to open|no such file",
        "to be a file in a folder that is there",
        "no way to open it",
        f"Make the folder, mend its permissions, {ELSEWHERE}",
    ),
    ("not a database|no such column|malformed|disk i/o", "to be intact", OTHER, f"Move it away, {ELSEWHERE}"),
    ("connect|refused|password|authentication", "to answer", "no connection", "Check the address, the user, and that it runs"),
)


def problem_of(error: BaseException, place: str) -> Trouble:
    """The trouble behind a database's error; ``place`` is shown, so it holds no password."""
    cause = getattr(error, "orig", None) or error
    said = str(cause).strip()
    for words, expected, found, do in SAYINGS:
        if any(word in said.lower() for word in words.split("|")):
            return (Locked if words == SAYINGS[0][0] else Trouble)(f"the store {place} {expected}", found, do)
    first = (said.splitlines() or [type(cause).__name__])[0]
    return Trouble(f"a store that works at {place}", first.rstrip("."), "Check the store, or set TILTYARD_STORE to another")
