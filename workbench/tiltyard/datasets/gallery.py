"""Labeled pictures that are not decoded yet, and what becomes of them: images of one size, as many as are well kept."""

from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import IO, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import Plain
from .arrays import Arrays
from .limits import LARGEST
from .mapped import room, stored
from .pictures import Header, header, pixels

MOST_IMAGE_CLASSES = 25_000
SEED = 0
BYTES = 5
"""Bytes that a number of an image takes on the disk: one as it was read, four as the model is given it."""

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Picture:
    """A picture's name in messages, and what opens it."""

    name: str
    open: Callable[[], IO[bytes]]


Pictures = Callable[[NDArray[np.intp]], Generator[Picture, None, None]]
Found = TypeVar("Found")


@dataclass(frozen=True)
class Wanted:
    """How images are to be: their ``size`` (height, width) and number of ``channels``, where a model or a person says; None as they are."""

    size: tuple[int, int] | None = None
    channels: int | None = None


AS_THEY_ARE = Wanted()


@dataclass(frozen=True, eq=False)
class Gallery:
    """Labeled pictures by their place.

    Parameters
    ----------
    name
        What they lie in, for messages.
    y : (n,)
        Each picture's place among ``classes``.
    pictures
        Gives some pictures by their places, which are in their order; each is opened before the next is asked for.
    member : bool (n,) or None
        Was the picture trained on?
    """

    name: str
    y: NDArray[np.int64]
    classes: tuple[str, ...]
    pictures: Pictures
    member: NDArray[np.bool_] | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.y) == 0:
            raise Plain("pictures", f"none in {self.name}", "Give a folder FOLDER/class/picture.png, or Parquet with an image column")
        if (found := len(np.unique(self.y))) < 2:
            raise Plain("pictures of at least two classes", f"{found} in {self.name}", "Give pictures of every class, a folder for each")
        if len(self.classes) > MOST_IMAGE_CLASSES:
            found_many = f"{len(self.classes):,} in {self.name}"
            raise Plain(f"at most {MOST_IMAGE_CLASSES:,} classes", found_many, "Choose a label with classes")

    def arrays(self, wanted: Wanted) -> Arrays:
        """The images, uint8 (n, channels, height, width): all, or a sample of each class where they are too many, which is said.

        Raises
        ------
        Plain
            Naming the file that is no picture, or counting the sizes where they differ and none is wanted.
        """
        (first,) = self._each(np.array([0], np.intp), header)
        rows = self._kept(wanted.size or first.size)
        headers = list(self._each(rows, header))
        shape = self._shape(headers, wanted)
        with closing(self._each(rows, lambda name, stream: pixels(name, stream, shape)[None])) as parts:
            x = stored(parts, (len(rows), *shape), np.uint8)
        member = None if self.member is None else self.member[rows]
        labels = np.array(self.classes, object)[self.y[rows]]
        return Arrays(x, labels, (), self.classes, member, assumptions=(*self.notes, *self._notes(headers, shape)))

    def _each(self, rows: NDArray[np.intp], work: Callable[[str, IO[bytes]], Found]) -> Generator[Found, None, None]:
        with closing(self.pictures(rows)) as pictures:
            for picture in pictures:
                with picture.open() as stream:
                    found = work(picture.name, stream)
                yield found

    def _kept(self, size: tuple[int, int]) -> NDArray[np.intp]:
        n = max(2, min(LARGEST, room() // 2) // (BYTES * 3 * size[0] * size[1]))
        return np.arange(len(self.y)) if n >= len(self.y) else sampled(self.y, self.member, n, np.random.default_rng(SEED))

    def _shape(self, headers: Sequence[Header], wanted: Wanted) -> Shape:
        sizes = Counter(h.size for h in headers)
        if wanted.size is None and len(sizes) > 1:
            some = ", ".join(f"{n:,} of {h} × {w}" for (h, w), n in sizes.most_common(5)) + (" …" if len(sizes) > 5 else "")
            raise Plain("images of one size", some, "Give the size that the model takes: size=(height, width), or size under [data]")
        height, width = wanted.size or headers[0].size
        channels = wanted.channels or (1 if all(h.gray for h in headers) else 3)
        return channels, height, width

    def _notes(self, headers: Sequence[Header], shape: Shape) -> Iterator[str]:
        n, size = len(headers), f"{shape[1]} × {shape[2]}"
        if n < len(self.y):
            yield f"{n:,} of {len(self.y):,} images were read, drawn from every class by its share (seed {SEED})."
        if other := sum(h.size != shape[1:] for h in headers):
            yield f"{other:,} of {n:,} images had another size and were resized to {size} (bilinear, nothing cropped)."
        if other := sum(h.gray != (shape[0] == 1) for h in headers):
            yield f"{other:,} of {n:,} images were turned from {'color to gray' if shape[0] == 1 else 'gray to RGB'}."
        if other := sum(h.transparent for h in headers):
            yield f"The transparency of {other:,} of {n:,} images was dropped."
        if other := sum(h.turned for h in headers):
            yield f"{other:,} of {n:,} images are read as they are stored, though their cameras say that they are to be shown turned."


def sampled(y: NDArray[np.int64], member: NDArray[np.bool_] | None, n: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """The places of ``n`` rows in their order: of each class, trained on or not, its share, and one at least where ``n`` allows."""
    group = y if member is None else y * 2 + member
    order = rng.permutation(len(y))
    order = order[np.argsort(group[order], kind="stable")]
    _, starts, counts = np.unique(group[order], return_index=True, return_counts=True)
    rank = np.arange(len(y)) - np.repeat(starts, counts)
    share = np.where(rank == 0, 0.0, (rank + 0.5) / np.repeat(counts, counts))
    return np.sort(order[np.argsort(share, kind="stable")[:n]])


def split_of(name: str) -> str:
    """``train``, ``validation`` or ``test`` where a folder or file is called like a part of a data set; else an empty string."""
    word = name.lower().split("-")[0].split(".")[0].split("_")[0]
    return {"train": "train", "training": "train", "val": "validation", "valid": "validation", "validation": "validation"}.get(
        word, "test" if word in ("test", "testing") else ""
    )
