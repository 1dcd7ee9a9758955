"""A data set that a process of ours has read, given to the one that started it: the arrays stand in a file without a name, which is mapped.

Whoever reads a table leaves threads of its library behind, and one that others are forked from must have none. What is read from the file is our
own child's pickle of our own data set, never anything that somebody brought.
"""

import mmap
import pickle
from typing import IO

from .dataset import Dataset

WORD, ALIGNED = 8, 64


def hand_over(data: Dataset, file: IO[bytes]) -> None:
    """Write ``data`` to ``file``."""
    buffers: list[pickle.PickleBuffer] = []
    head = pickle.dumps(data, protocol=5, buffer_callback=buffers.append)
    parts: list[bytes | memoryview] = [head, *(buffer.raw() for buffer in buffers)]
    for number in (len(parts), *map(len, parts)):
        file.write(number.to_bytes(WORD, "little"))
    for part in parts:
        file.write(bytes(-file.tell() % ALIGNED))
        file.write(part)
    file.flush()


def taken_over(file: IO[bytes]) -> Dataset:
    """What `hand_over` wrote; its arrays are the file's content, and what is written into them stays in this process."""
    view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
    count = _number(view, 0)
    at, parts = WORD * (count + 1), []
    for place in range(count):
        size = _number(view, place + 1)
        at += -at % ALIGNED
        parts.append(view[at : at + size])
        at += size
    data: Dataset = pickle.loads(parts[0], buffers=parts[1:])  # noqa: S301 (from our own child; see the module)
    return data


def _number(view: memoryview, place: int) -> int:
    return int.from_bytes(view[WORD * place : WORD * (place + 1)], "little")
