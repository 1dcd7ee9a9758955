"""A confined process that was taken over: what it tries, a free one can do and it cannot."""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from tiltyard.access import confined, landlock, syscalls
from tiltyard.access.confined import Confines, impossible, outside, python_places, system_places, unconfined

from .attacks import DOORS, FILES, PROCESSES, SIGNALS, victim

needs_confinement = pytest.mark.skipif(bool(impossible()), reason=f"processes are not confined here: {impossible()}")


def confines(own: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return (*system_places(), *python_places()), (str(own),)


@needs_confinement
@pytest.mark.parametrize("attack", [*FILES, *PROCESSES, *DOORS])
def test_what_a_free_process_can_do_a_confined_one_cannot(tmp_path: Path, attack: str) -> None:
    tried = {**FILES, **PROCESSES, **DOORS}[attack]
    with victim(tmp_path) as free:
        if free.attacked(tried, None) != "reached":
            pytest.skip("this system allows nobody that")
    with victim(tmp_path) as found:
        assert found.attacked(tried, confines(found.own)) == "stopped"
        assert found.unharmed()


@needs_confinement
@pytest.mark.skipif(landlock.abi() < landlock.SIGNALS, reason="Landlock here does not keep signals in (ABI 6, Linux 6.12)")
@pytest.mark.parametrize("attack", SIGNALS)
def test_it_stops_and_ends_no_other_process(tmp_path: Path, attack: str) -> None:
    with victim(tmp_path) as found:
        assert found.attacked(SIGNALS[attack], confines(found.own)) == "stopped"
        assert found.unharmed()
        assert found.attacked(SIGNALS[attack], None) == "reached"


BOUNDED = """
import os, sys, json, subprocess
from tiltyard.access.confined import Confines, confine
reads, writes = map(tuple, json.loads(sys.argv[1]))
confine(Confines(reads, writes, memory=64 << 20, file=1 << 20, cores=1))
found = {"fits": len(bytearray(32 << 20)) == 32 << 20, "cores": len(os.sched_getaffinity(0))}
def stopped(act):
    try:
        act()
    except (MemoryError, OSError, ValueError) as error:
        return type(error).__name__
    return "reached"
import resource
def more():
    resource.setrlimit(resource.RLIMIT_DATA, (1 << 40, 1 << 40))
def large():
    with open(writes[0] + "/large", "wb") as file:
        file.write(bytes(2 << 20))
found["memory"] = stopped(lambda: bytearray(96 << 20))
found["raise it"] = stopped(more)
found["file"] = stopped(large)
os.sched_setaffinity(0, range(os.cpu_count()))  # unheard
found["cores after"] = len(os.sched_getaffinity(0))
found["many open"] = stopped(lambda: os.dup2(1, 1500))
found["child"] = subprocess.run([sys.executable, "-c", "bytearray(1 << 30)"], stderr=subprocess.DEVNULL).returncode != 0
print(json.dumps(found))
"""


@needs_confinement
def test_the_bounds_on_memory_files_and_cores_hold_and_cannot_be_raised(tmp_path: Path) -> None:
    words = [sys.executable, "-P", "-c", BOUNDED, json.dumps(confines(tmp_path))]
    found = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    stops = {"memory": "MemoryError", "raise it": "ValueError", "file": "OSError", "many open": "OSError", "child": True}
    assert found == {"fits": True, "cores": 1, "cores after": 1, **stops}


CONFINED = """
import os, sys, json
from tiltyard.access.confined import Confines, confine
confine(Confines(*map(tuple, json.loads(sys.argv[1]))))
"""


ORPHAN = """
import subprocess, time
left = "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True, stdout=2).pid)"
found = int(subprocess.run([sys.executable, "-c", left], stdout=subprocess.PIPE).stdout)
print(next(line.split()[1] for line in open(f"/proc/{found}/status") if line.startswith("PPid:")) == str(os.getpid()), flush=True)
time.sleep(600)
"""


@needs_confinement
def test_what_it_leaves_behind_is_its_own_and_ends_with_its_group(tmp_path: Path) -> None:
    words = [sys.executable, "-P", "-c", CONFINED + ORPHAN, json.dumps(confines(tmp_path))]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True) as one:
        assert one.stdout is not None
        assert one.stderr is not None
        assert one.stdout.readline() == "True\n"
        os.killpg(one.pid, signal.SIGKILL)
        assert one.stderr.read() == ""  # its last reader is gone: the orphan wrote to it


@needs_confinement
def test_two_confined_processes_are_strangers(tmp_path: Path) -> None:
    """Neither reads what another of its own kind keeps, nor its memory."""
    own, other = tmp_path / "own", tmp_path / "other"
    for folder in (own, other):
        folder.mkdir()
    (other / "upload.csv").write_text("a,b")

    def started(code: str, folder: Path) -> "subprocess.Popen[str]":
        words = [sys.executable, "-P", "-c", CONFINED + code, json.dumps(confines(folder)), str(other)]
        return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    with started("print(flush=True); input()", other) as neighbor:
        assert neighbor.stdout is not None
        neighbor.stdout.readline()
        tries = f"""
for path in (sys.argv[2] + "/upload.csv", "/proc/{neighbor.pid}/environ", "/proc/{neighbor.pid}/mem", "/proc/{neighbor.pid}/cwd/upload.csv"):
    try:
        open(path, "rb").close()
    except PermissionError:
        print("stopped")
try:
    os.kill({neighbor.pid}, 0)
except PermissionError:
    print("stopped")
"""
        with started(tries, own) as one:
            said = one.communicate()[0].split()
        neighbor.communicate("\n")
    assert said == ["stopped"] * (5 if landlock.abi() >= landlock.SIGNALS else 4)


WORKS = """
import json, os, sys, tempfile, threading, subprocess, socket, shutil
from tiltyard.access.confined import Confines, confine
own, confined, port = json.loads(sys.argv[1])
os.environ.update(HOME=own, TMPDIR=own, JOBLIB_MULTIPROCESSING="0")
confine(Confines(*map(tuple, confined)))
with tempfile.TemporaryDirectory() as folder:
    open(folder + "/a", "w").write("kept")
    shutil.copy2(folder + "/a", folder + "/b")
    os.replace(folder + "/b", own + "/c")
    assert open(own + "/c").read() == "kept"
thread = threading.Thread(target=os.getpid)
thread.start(), thread.join()
assert subprocess.run([sys.executable, "-c", "print(1)"], capture_output=True).stdout == b"1\\n"
here, there = socket.socketpair()
here.sendall(b"x")
socket.create_connection(("127.0.0.1", port)).close()
assert socket.getaddrinfo("localhost", 80)
from tiltyard.child_processes.companion import companion, ended
beside = companion("tiltyard.child_processes.supervised")
ended(beside)
assert beside.poll() == -9
import matplotlib.figure, sklearn.ensemble, torch
assert float(torch.ones(2) @ torch.ones(2)) == 2
sklearn.ensemble.RandomForestClassifier(2, n_jobs=2).fit([[0], [1]], [0, 1])
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {0}
assert os.geteuid() or int(status["CapBnd"], 16) == 0
print("works")
"""


@needs_confinement
def test_what_a_kernel_needs_still_works(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        given = json.dumps([str(tmp_path), confines(tmp_path), server.getsockname()[1]])
        ran = subprocess.run([sys.executable, "-P", "-c", WORKS, given], capture_output=True, text=True, timeout=300, check=False)
    assert ran.stdout.strip() == "works", ran.stderr


def test_what_must_stay_out_is_looked_for(tmp_path: Path) -> None:
    within = Confines(reads=(str(tmp_path / "site"),), writes=())
    (tmp_path / "link").symlink_to(tmp_path / "site")
    assert outside([tmp_path / "users.json"], within) is None
    assert outside([tmp_path / "users.json", tmp_path / "link" / "users.json"], within) == tmp_path / "link" / "users.json"


def test_where_nobody_is_confined_that_is_said_in_plain_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confined, "impossible", lambda: "only Linux can")
    assert "not confined here (only Linux can)" in unconfined()
    assert "read password hashes" in unconfined()
    monkeypatch.setattr(confined, "impossible", lambda: "")
    for abi, said in ((landlock.LEAST, "can end this account's other processes"), (landlock.SIGNALS, "")):
        monkeypatch.setattr(landlock, "abi", lambda abi=abi: abi)
        assert said in unconfined()
        assert bool(said) is bool(unconfined())


def test_an_older_linux_confines_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landlock, "abi", lambda: landlock.LEAST - 1)
    assert impossible()


def test_a_linux_without_filters_confines_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syscalls, "filters", lambda: False)
    assert impossible()


@pytest.mark.parametrize("name", syscalls.MACHINES)
def test_every_jump_of_the_filter_ends_within_it(name: str) -> None:
    program = syscalls.program(syscalls.MACHINES[name])
    lines = list(struct.iter_unpack("=HBBI", program))
    assert len(lines) < 4096
    for at, (code, yes, no, _) in enumerate(lines):
        assert code & 7 != 5 or at + 1 + max(yes, no) < len(lines)
    assert lines[-1][0] & 7 == 6
    assert os.uname().machine != name or syscalls.machine() is not None or sys.platform != "linux"
