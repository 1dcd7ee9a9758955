"""A folder of images by class: ``FOLDER/class/picture.png``, or so in ``train`` and ``test``."""

import os
from collections.abc import Generator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..access.places import opened, source
from ..errors import Plain
from ..files.reading import resolved
from .gallery import MOST_IMAGE_CLASSES, Gallery, Picture, split_of
from .pictures import SUFFIXES

MOST_FILES = 5_000_000
LITTER = frozenset({"thumbs.db", "desktop.ini"})


def entries(folder: Path) -> list[os.DirEntry[str]]:
    """What lies in a folder that the person may read, by name; nothing hidden.

    Raises
    ------
    Problem
        Where the person may not read it, or it holds too much.
    """
    real = resolved(source(folder, "a folder of images"), "a folder of images")
    found: list[os.DirEntry[str]] = []
    with os.scandir(real) as inside:
        for entry in inside:
            if not entry.name.startswith(".") and entry.name.lower() not in LITTER:
                found.append(entry)
            if len(found) > MOST_FILES:
                raise Plain(f"at most {MOST_FILES:,} files", f"more in {folder.name}", "Take a sample of them")
    return sorted(found, key=lambda entry: entry.name)


def subfolders(folder: Path) -> list[Path]:
    """The folders in a folder, by name."""
    return [folder / entry.name for entry in entries(folder) if entry.is_dir()]


def image_folder(folder: Path) -> Gallery:
    """The pictures of a folder, labeled by the names of the folders that they lie in, which are the classes in the order of their text.

    Folders called ``train`` and ``test`` (or ``val``) hold folders of classes themselves; the pictures of ``train`` were trained on.

    Raises
    ------
    Problem
        For a folder without classes, or with folders inside those of the classes.
    """
    inside = subfolders(folder)
    splits = [place for place in inside if split_of(place.name)]
    if not splits or len(splits) < len(inside) or not all(subfolders(place) for place in splits):
        return _gallery(folder, [(folder, False)], "")
    seen = [split_of(place.name) == "train" for place in splits]
    apart = any(seen) and not all(seen)
    note = "The images in 'train' were trained on, the others were not." if apart else ""
    return _gallery(folder, list(zip(splits, seen, strict=True)), note)


def _gallery(folder: Path, parts: list[tuple[Path, bool]], note: str) -> Gallery:
    labeled = [(place, seen) for part, seen in parts for place in subfolders(part)]
    classes = tuple(sorted({place.name for place, _ in labeled}))
    if len(classes) > MOST_IMAGE_CLASSES:
        raise Plain(f"at most {MOST_IMAGE_CLASSES:,} classes", f"{len(classes):,} folders in {folder.name}", "Give a folder for each class")
    number = {name: i for i, name in enumerate(classes)}
    paths, left, y, member = [], [], [], []
    for place, seen in labeled:
        for entry in entries(place):
            if entry.is_dir():
                do = "Give the folder whose own folders are the classes"
                raise Plain("pictures in each class's folder", f"the folder {entry.name} in {place.name}", do)
            if not entry.name.lower().endswith(SUFFIXES):
                left.append(f"{place.name}/{entry.name}")
                continue
            paths.append(place / entry.name)
            y.append(number[place.name])
            member.append(seen)
    notes = [f"The folders are the classes, in the order of their names: {_some(classes)}."]
    notes += [note] if note else []
    if left:
        notes.append(f"{len(left):,} files that are no pictures by their names were left out: {_some(left)}.")
    held = set(y)
    if lost := [name for name, i in number.items() if i not in held]:
        notes.append(f"{len(lost):,} classes have no picture: {_some(lost)}.")
    return Gallery(
        folder.absolute().name,
        np.array(y, np.int64),
        classes,
        Files(paths),
        np.array(member, bool) if note else None,
        tuple(notes),
    )


def _some(names: Sequence[str]) -> str:
    return f"{', '.join(names[:5])}{' …' if len(names) > 5 else ''}"


class Files:
    """Pictures that are files, opened one by one."""

    def __init__(self, paths: list[Path]) -> None:
        self.paths = paths

    def __call__(self, rows: NDArray[np.intp]) -> Generator[Picture, None, None]:
        for row in rows.tolist():
            path = self.paths[row]
            yield Picture(f"{path.parent.name}/{path.name}", partial(opened, path, "a picture"))
