"""Where a person may read and write on this machine's disk.

Somebody alone at their own machine may where the system lets them, but never a device and never over Tiltyard's own files. Who
came through a shared login names no path at all: they read what they uploaded, what lies in their data root and what is offered, and
what they make goes into the store. Every door from a path to a file goes through `opened` or `written` here.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..errors import Cancelled, Problem
from ..files.atomic import new_file, refuse_existing
from ..files.reading import Unfit, opened_real, resolved, within
from ..files.reading import opened as opened_file
from .offers import offered_root
from .own_files import is_own
from .person import Person, me
from .roles import Denied
from .users import NAME, SHARED

DATA_ROOT, UPLOADS = "TILTYARD_DATA_ROOT", "TILTYARD_UPLOADS"
MOST_LISTED, MOST_FOLDERS = 500, 2000
SHIPPED = Path(__file__).resolve().parents[1] / "samples"


@dataclass(frozen=True)
class Kept:
    """What steps write and go on with: what it is, the folder of a person's `home` where it stands, the endings of its file."""

    what: str
    folder: str
    suffixes: tuple[str, ...] = ()


CHECKPOINT = Kept("a checkpoint", "checkpoints", (".safetensors",))
SHADOWS = Kept("shadow models", "shadows")
WATERMARK_KEY = Kept("a watermark key", "watermarks", (".key",))


def roots(person: Person | None = None) -> tuple[Path, ...]:
    """The real folders that a person behind a shared login may read files in: what they uploaded, what ships, and `data_folders`."""
    found = [_real(os.environ.get(UPLOADS, "")), SHIPPED, *data_folders(person)]
    return tuple(folder for folder in found if folder is not None)


def data_folders(person: Person | None = None) -> tuple[Path, ...]:
    """The person's own folder of data and everybody's: ``NAME`` and ``shared`` in TILTYARD_DATA_ROOT, where they are folders and no links."""
    person = person or me()
    found: list[Path] = []
    if root := _real(os.environ.get(DATA_ROOT, "")):
        own = person.name if NAME.fullmatch(person.name) and person.name.lower() != SHARED else ""
        found += [folder for name in (own, SHARED) if name and (folder := root / name).is_dir() and not folder.is_symlink()]
    return tuple(found)


def _real(text: str) -> Path | None:
    if not text.strip():
        return None
    path = Path(os.path.realpath(Path(text.strip()).expanduser()))
    return path if path.is_dir() and path != Path(path.anchor) else None


def _plain(path: str | os.PathLike[str], what: str) -> Path:
    """The path with its ``~`` written out; `Unfit` where it cannot be one."""
    try:
        plain = Path(path).expanduser()
    except RuntimeError:  # of a person whom this system does not know
        plain = None
    if plain is None or "\0" in str(plain):
        raise Unfit(f"the path of {what}", repr(os.fspath(path)[:80]), "Check the path")
    return plain


def uploaded(path: Path, person: Person | None = None) -> bool:
    """Is this real path a file that the person brought themselves?"""
    own = _real(os.environ.get(UPLOADS, ""))
    return own is not None and own in path.parents


def source(path: str | os.PathLike[str], what: str = "a file", person: Person | None = None) -> Path:
    """The path to read ``what`` from: as it is for the owner of the account, and else its real path inside the person's `roots`.

    Raises
    ------
    Denied
        Where it lies elsewhere; the error says nothing of what is there.
    """
    person = person or me()
    plain = _plain(path, what)
    if not person.shared:
        return plain
    real = resolved(plain, what)
    _root(real, what, person)
    return real


def _root(real: Path, what: str, person: Person) -> Path:
    root = within(real, roots(person)) or offered_root(real)
    if root is None or any(part.startswith(".") for part in real.relative_to(root).parts) or is_own(real):
        raise Denied(
            f"{what} that you uploaded or that lies in your data folder", "another place on the server", "Upload it, or ask an admin"
        )
    return root


def opened(path: str | os.PathLike[str], what: str = "a file", person: Person | None = None) -> BinaryIO:
    """The regular file at ``path``, open for reading, where the person may read; see `files.opened`."""
    person = person or me()
    plain = _plain(path, what)
    if not person.shared:
        return opened_file(plain, what)
    real = resolved(plain, what)
    return opened_real(real, what, _root(real, what, person))


def files(suffixes: Sequence[str], person: Person | None = None) -> list[Path]:
    """Files in the person's data root with one of these endings, their own first; no links, nothing hidden, at most 500 of 2,000 folders."""
    found: list[Path] = []
    for root in data_folders(person):
        for seen, (here, folders, names) in enumerate(os.walk(root)):
            if seen >= MOST_FOLDERS:
                break
            folders[:] = sorted(f for f in folders if not f.startswith("."))
            fitting = (Path(here) / name for name in sorted(names) if not name.startswith(".") and name.lower().endswith(tuple(suffixes)))
            found += [path for path in fitting if path.is_file() and not path.is_symlink()]
            if len(found) >= MOST_LISTED:
                return found[:MOST_LISTED]
    return found


@contextmanager
def discreet(path: object, what: str, person: Person | None = None) -> Iterator[None]:
    """While a file is read: behind a shared login, an error about it shows none of its content.

    It may show the file's own name, and whether the person may read it; of what they uploaded themselves, all.
    """
    try:
        yield
    except (Cancelled, MemoryError):
        raise
    except Exception as error:
        plain = isinstance(error, Problem) and not error.quotes
        if plain or not isinstance(path, str | os.PathLike) or not quiet(path, person):
            raise
        raise Problem(what, f"{Path(path).name}, which is none that can be read", "Check it where it was made, or upload it") from None


def quiet(path: str | os.PathLike[str], person: Person | None = None) -> bool:
    """Must nothing of this file's content stand in an error?"""
    person = person or me()
    return person.shared and not uploaded(Path(os.path.realpath(Path(path).expanduser())))


def named(path: str | os.PathLike[str], person: Person | None = None) -> str:
    """A path as records and reports say it: behind a shared login its file's name, for where it lies on the server is nobody's business."""
    return Path(path).name if (person or me()).shared else str(path)


def home(person: Person | None = None) -> Path:
    """Where Tiltyard keeps what it makes for a person between runs (checkpoints, watermark keys): the account's own data folder, or theirs in it."""
    import platformdirs

    person = person or me()
    base = Path(platformdirs.user_data_path("tiltyard", appauthor=False))
    if not person.shared:
        return base
    if not NAME.fullmatch(person.name):
        raise Denied("a name of letters, digits and . _ @ -", repr(person.name[:80]), "Ask an admin")
    return base / "people" / person.name


def kept(name: str, kind: Kept, person: Person | None = None) -> Path:
    """The file or folder that a step goes on with: a bare name stands in the person's `home`, a path is for the account's owner."""
    person = person or me()
    path = _plain(name, kind.what)
    if path.name == name and (NAME.fullmatch(name) or not person.shared):
        return home(person) / kind.folder / name
    if person.shared:
        raise Denied(f"{kind.what} by a bare name (letters, digits, . _ @ -)", "a path", "Give a name alone; it is kept for you")
    return target(path, kind.what, kind.suffixes, person, replace=True, folder=not kind.suffixes)


def target(
    path: str | os.PathLike[str],
    what: str,
    suffixes: Sequence[str] = (),
    person: Person | None = None,
    replace: bool = False,
    folder: bool = False,
) -> Path:
    """The path of a file (or ``folder``) to write, or a `Problem`: Tiltyard's own files, the system's, another ending, one that is there unless ``replace``."""
    person = person or me()
    if person.shared:
        do = "Leave it out: what a step makes is kept with its run, under History"
        raise Denied(f"{what} in the store or the browser", "a path on the server", do)
    plain = _plain(path, what)
    if suffixes and plain.suffix.lower() not in suffixes:
        raise Problem(f"{what} whose name ends in {' or '.join(suffixes)}", repr(plain.name), "Correct the name")
    real = resolved(plain.parent, what) / plain.name
    if is_own(real):
        raise Problem(f"{what} beside Tiltyard's own files", f"{plain.name}, which is one of them", "Name another file")
    if not replace:
        refuse_existing(plain)
    elif plain.exists() and not (plain.is_dir() if folder else plain.is_file()):
        raise Problem(what, f"{plain.name}, which is {'no folder' if folder else 'no regular file'}", "Name another")
    return plain


def written(
    path: str | os.PathLike[str],
    content: bytes,
    what: str,
    suffixes: Sequence[str] = (),
    person: Person | None = None,
    replace: bool = False,
    mode: int = 0o600,
) -> Path:
    """Write ``content`` to a new file, whole or not at all; over one that is there only where its owner says ``replace``.

    Raises
    ------
    Problem
        As `target`, or where it cannot be written.
    """
    place = target(path, what, suffixes, person, replace)
    try:
        with new_file(place, mode, replace) as stream:
            stream.write(content)
    except OSError as error:
        raise Problem(f"to write {place}", error.strerror or str(error), "Choose another folder, or free some space") from None
    return place
