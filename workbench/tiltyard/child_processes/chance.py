"""Chance of its own for a process that was forked from another."""

import os
import random
import sys


def reseed() -> None:
    """Draw anew what every source of chance begins with: no two children of one parent may draw the same."""
    seed = int.from_bytes(os.urandom(16), "little")
    random.seed(seed)
    if (numpy := sys.modules.get("numpy")) is not None:
        numpy.random.seed([seed >> shift & 0xFFFFFFFF for shift in (0, 32, 64, 96)])
    if (torch := sys.modules.get("torch")) is not None:
        torch.manual_seed(seed & 0x7FFFFFFFFFFFFFFF)
