"""What was started is ended with all it started, in whatever session, and also where the one who started it is killed."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from tiltyard.child_processes.killing import end
from tiltyard.child_processes.supervised import PREFIX, Supervisor, cleared

SLEEP = "import time; time.sleep(600)"
DETACHED = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {SLEEP!r}], start_new_session=True)
print(child.pid, flush=True)
time.sleep(600)
"""
KILLED = f"""
import os, signal, subprocess, sys
from tiltyard.child_processes.supervised import Supervisor
supervisor = Supervisor().__enter__()
child = subprocess.Popen([sys.executable, "-c", {DETACHED!r}], stdout=subprocess.PIPE, start_new_session=True)
supervisor.hold(child.pid)
print(child.pid, int(child.stdout.readline()), supervisor.process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def until(true: Callable[[], bool], seconds: float = 300) -> None:
    stop = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < stop, "waited in vain"
        time.sleep(0.02)


def test_a_child_in_a_session_of_its_own_is_ended_too():
    with subprocess.Popen([sys.executable, "-c", DETACHED], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        assert lives(child)
        end(process.pid)
        assert process.wait(60) != 0
    until(lambda: not lives(child))
    end(2**30)


def test_nothing_is_left_where_the_one_who_started_it_is_killed(tmp_path: Path):
    found = subprocess.run([sys.executable, "-c", KILLED], stdout=subprocess.PIPE, cwd=tmp_path, timeout=120, check=False)
    pids = [int(word) for word in found.stdout.split()]
    assert len(pids) == 3
    until(lambda: not any(map(lives, pids)))


FOLDER = """
import os, signal, sys, time
from tiltyard.child_processes.supervised import Supervisor
supervisor = Supervisor().__enter__()
held = supervisor.folder()
folder = held.__enter__()
(folder / "client-0").mkdir()
(folder / "client-0" / "tensors.safetensors").write_bytes(b"rows of a client")
writer = f"import itertools, pathlib\\nfor i in itertools.count(): pathlib.Path({str(folder)!r}, str(i % 9)).write_bytes(bytes(9))"
import subprocess
child = subprocess.Popen([sys.executable, "-c", writer], stderr=subprocess.DEVNULL, start_new_session=True)
supervisor.hold(child.pid)
while not (folder / "8").exists():
    time.sleep(0.01)
print(child.pid, supervisor.process.pid, folder, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_its_folder_is_gone_where_the_one_who_made_it_is_killed(tmp_path: Path):
    found = subprocess.run(
        [sys.executable, "-c", FOLDER],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        timeout=120,
        check=False,
    )
    child, watcher, folder = found.stdout.split()
    assert Path(folder).parent == tmp_path
    until(lambda: not lives(int(child)) and not lives(int(watcher)))
    assert list(tmp_path.iterdir()) == []


def test_its_folder_is_gone_with_its_block_and_no_other_is_deleted(tmp_path: Path):
    with Supervisor() as supervisor:
        with supervisor.folder() as folder:
            assert folder.stat().st_mode & 0o777 == 0o700
            (folder / "rows").write_bytes(b"x")
        assert not folder.exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / f"{PREFIX}link").symlink_to(tmp_path / "mine")
    for other in ("mine", f"{PREFIX}link"):
        cleared(tmp_path / other)
    assert (tmp_path / "mine").is_dir()


def test_a_watcher_ends_with_its_block_and_spares_what_was_not_held():
    with subprocess.Popen([sys.executable, "-c", SLEEP]) as other:
        with Supervisor() as supervisor:
            supervisor.hold(2**30)
        assert supervisor.process.returncode == 0
        assert lives(other.pid)
        other.kill()
