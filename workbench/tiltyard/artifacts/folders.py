"""The files of a folder and those below: links followed inside the tree, others named; version control left out."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

VERSION_CONTROL = (".git", ".hg", ".svn")
MOST_FILES = 1_000_000


@dataclass
class Listing:
    """What lies in a folder.

    ``files``: each real file once, by the name it is first reached under, a link's before a blob's. ``links``: those that lead outside the
    tree, to a folder, or nowhere. ``skipped``: folders and files that were left out.
    """

    files: list[Path] = field(default_factory=list)
    links: list[Path] = field(default_factory=list)
    skipped: list[Path] = field(default_factory=list)


def listed(folder: Path, exclude: Sequence[str] = ()) -> Listing:
    """The files of ``folder``, in the order of their names.

    Parameters
    ----------
    exclude
        Patterns of names or of paths below the folder, as a shell has them.
    """
    found = Listing()
    tree = _tree(folder)
    real: dict[Path, Path] = {}
    for here, below, names in os.walk(folder):
        kept = [name for name in sorted(below) if not _left_out(Path(here) / name, folder, exclude, found)]
        found.links += [Path(here) / name for name in kept if (Path(here) / name).is_symlink()]
        below[:] = [name for name in kept if not (Path(here) / name).is_symlink()]
        for name in sorted(names):
            path = Path(here) / name
            if not _excluded(path, folder, exclude):
                _take(path, tree, real, found)
        if len(real) > MOST_FILES:
            break
    found.files = sorted(real.values())
    return found


def _tree(folder: Path) -> Path:
    """The real folder within which links are followed; of a snapshot in Hugging Face's cache the model's own, where its blobs lie."""
    real = folder.resolve()
    return next((up for up in (real, *real.parents[:3]) if (up / "blobs").is_dir() and (up / "snapshots").is_dir()), real)


def _take(path: Path, tree: Path, real: dict[Path, Path], found: Listing) -> None:
    linked = path.is_symlink()
    target = Path(os.path.realpath(path))
    if linked and not (target.is_relative_to(tree) and target.is_file()):
        found.links.append(path)
    elif not path.is_file():
        found.skipped.append(path)
    elif target not in real or (linked and not real[target].is_symlink()):
        real[target] = path


def _left_out(path: Path, folder: Path, exclude: Sequence[str], found: Listing) -> bool:
    if path.name in VERSION_CONTROL or _excluded(path, folder, exclude):
        found.skipped.append(path)
        return True
    return False


def _excluded(path: Path, folder: Path, exclude: Sequence[str]) -> bool:
    below = path.relative_to(folder).as_posix()
    return any(fnmatch(path.name, pattern) or fnmatch(below, pattern.rstrip("/")) for pattern in exclude)
