"""A torch file in a byte string, as ``pickle.dumps`` of a tensor writes one: it must hold one storage of numbers and nothing else."""

import io
import pickletools
from collections.abc import Callable
from typing import IO

from .arguments import stored
from .trust import TENSORS
from .values import Stored, Walk

MAGIC, PROTOCOL, PARTS = 0x1950A86A20F9469CFC6C, 1001, 5


def lone_storage(data: bytes, walk: Callable[[IO[bytes]], Walk]) -> Stored | None:
    """The storage that ``data`` is in torch's old format, every byte accounted for; None where it is anything more.

    Parameters
    ----------
    walk
        Walks one pickle from where a stream stands.
    """
    stream = io.BytesIO(data)
    walks: list[Walk] = []
    while len(walks) < PARTS:
        walks.append(walk(stream))
        if walks[-1].error or walks[-1].odd or walks[-1].nested or any((i.module, i.name) not in TENSORS for i in walks[-1].imports):
            return None
    named = [pid for one in walks for pid in one.persistent]
    found = stored(named[0]) if len(named) == 1 and walks[3].persistent and not walks[3].calls else None
    if (
        found is None
        or (walks[0].first, walks[1].first) != (MAGIC, PROTOCOL)
        or _texts(data[walks[4].start : walks[4].end]) != [named[0][2]]
    ):
        return None
    rest = data[walks[4].end :]
    whole = len(rest) == 8 + found.width * found.count and int.from_bytes(rest[:8], "little") == found.count
    return found if whole else None


def _texts(pickled: bytes) -> list[object]:
    return [arg for opcode, arg, _ in pickletools.genops(pickled) if "UNICODE" in opcode.name or "STRING" in opcode.name]
