"""What all processes of a page take together, of processes of our own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tiltyard_widgets.gateway import together
from tiltyard_widgets.gateway.together import Family, Most

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")
CHILDREN = "import os, sys, time\nfor _ in range(3):\n    if not os.fork(): break\nelse:\n    print(flush=True)\ntime.sleep(600)"
HOG = "kept = b'x' * (96 << 20)\nprint(flush=True)\nimport time\nwhile True:\n    time.sleep(0.01)"


@contextmanager
def started(code: str) -> Iterator[int]:
    """A process with a group of its own, once it has said that it is ready."""
    with subprocess.Popen([sys.executable, "-S", "-c", code], stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process.pid
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def test_processes_are_counted_with_all_below_them() -> None:
    with started(CHILDREN) as pid:
        family = Family()
        assert len(family.below(pid)) == 4
        assert family.excess(pid, Most(4, 0)) == family.excess(pid, Most(0, 0)) == ""
        assert family.excess(pid, Most(3, 0)) == "it had 4 processes, of 3 at most"
        assert family.strays(()) == []  # they are not confined


def test_memory_is_counted_while_they_rest_and_they_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "START", 0)
    with started(HOG) as pid:
        family = Family()
        assert family.excess(pid, Most(0, 512 << 20)) == ""
        said = family.excess(pid, Most(0, 16 << 20))
        assert said.startswith("its processes took ")
        assert said.endswith(" MiB together, of 32 at most")
        assert 96 <= int(said.split()[3].replace(",", "")) < 200
        with open(f"/proc/{pid}/stat") as state:
            assert state.read().rpartition(")")[2].split()[0] in "SR"
