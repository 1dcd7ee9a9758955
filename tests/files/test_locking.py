"""One lock: alone among threads and processes, given back by a death, and one module that knows the system's own."""

import ast
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tiltyard.errors import Problem
from tiltyard.files.locking import ProcessLock, locked, try_lock

TREE = Path(__file__).parents[2]
ROUNDS = 40
COUNTS = f"""
import sys
from pathlib import Path
from tiltyard.files.locking import locked
path = Path(sys.argv[1])
for _ in range({ROUNDS}):
    with locked(path):
        number = int(path.read_text())
        path.write_text("")
        path.write_text(str(number + 1))
"""
HOLDS = """
import sys, time
from pathlib import Path
from tiltyard.files.locking import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def count(path: Path) -> None:
    for _ in range(ROUNDS):
        with locked(path):
            number = int(path.read_text())
            path.write_text("")
            path.write_text(str(number + 1))


def test_threads_and_processes_write_one_after_another(tmp_path: Path) -> None:
    path = tmp_path / "number"
    path.write_text("0")
    processes = [subprocess.Popen([sys.executable, "-c", COUNTS, str(path)]) for _ in range(2)]
    threads = [threading.Thread(target=count, args=(path,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [process.wait() for process in processes] == [0, 0]
    assert path.read_text() == str(5 * ROUNDS)


def test_who_is_killed_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "number"
    with subprocess.Popen([sys.executable, "-c", HOLDS, str(path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        handle = os.open(tmp_path / "number.lock", os.O_RDWR)
        assert not try_lock(handle)
        holder.send_signal(signal.SIGTERM if os.name == "nt" else signal.SIGKILL)
        holder.wait()
    assert try_lock(handle)
    os.close(handle)
    with locked(path):
        pass


def test_a_block_that_fails_gives_it_back(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), locked(tmp_path / "a"):
        raise ZeroDivisionError
    with locked(tmp_path / "a"):
        assert (tmp_path / "a.lock").exists()


def test_without_a_folder_a_writer_is_refused_and_a_reader_goes_without(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="that can be written"), locked(tmp_path / "none" / "a"):
        pass
    with locked(tmp_path / "none" / "a", makes=False):
        assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_its_file_is_its_owners_alone(tmp_path: Path) -> None:
    with locked(tmp_path / "a"):
        assert (tmp_path / "a.lock").stat().st_mode & 0o777 == 0o600


def test_who_finds_it_held_reads_by_whom(tmp_path: Path) -> None:
    first = ProcessLock(tmp_path / "keys.json", "a file of keys", "Stop it")
    with pytest.raises(Problem, match=f"held by process {os.getpid()} on "):
        ProcessLock(tmp_path / "keys.json", "a file of keys", "Stop it")
    first.check()
    first.close()
    ProcessLock(tmp_path / "keys.json", "a file of keys", "Stop it").close()


def test_one_module_alone_knows_of_locks() -> None:
    """`fcntl.flock`, `msvcrt.locking` and `filelock` are imported nowhere else, inside functions neither."""
    found = {
        path.relative_to(TREE).as_posix()
        for root in ("workbench/tiltyard", "widgets/tiltyard_widgets")
        for path in (TREE / root).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        and {node.module if isinstance(node, ast.ImportFrom) else "", *(alias.name for alias in node.names)}
        & {"fcntl", "msvcrt", "filelock"}
    }
    copies_handles = "widgets/tiltyard_widgets/warm/child.py"  # by fcntl, and locks nothing
    assert found - {copies_handles} == {"workbench/tiltyard/files/locking.py"}
