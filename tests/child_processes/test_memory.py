"""What a process freed goes back to the system."""

import sys

import psutil
import pytest

from tiltyard.child_processes.memory import given_back

MIB = 1 << 20


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's")
def test_what_was_freed_below_what_is_held_is_given_back() -> None:
    blocks = [bytes(60_000) for _ in range(1200)]  # each small enough to be the heap's
    held = blocks[-1]
    del blocks
    before = psutil.Process().memory_info().rss
    given_back()
    assert psutil.Process().memory_info().rss < before - 40 * MIB and len(held) == 60_000
