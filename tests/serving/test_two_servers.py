"""Two servers on one file of keys: the second refuses to start, however the file is called, so that no budget is spent twice."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tiltyard.errors import Problem
from tiltyard.files.locking import ProcessLock
from tiltyard.serving.keys import KeyStore
from tiltyard.serving.ledger import Ledger
from tiltyard.serving.server import Served
from tiltyard.serving.settings import Settings

from .conftest import GOOD, linear
from .processes import SERVER, Process, environment

SETTINGS = 'port = 0\nlog = "log.jsonl"\n[rate]\nrequests = ""\nbudget = 30\n'
ROW = json.dumps({"instances": [GOOD]})
Start = Callable[[], Process]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a server on ``keys.json`` of the test's folder; it is ended with the test."""
    started: list[Process] = []

    def begin() -> Process:
        started.append(Process(tmp_path, SETTINGS))
        return started[-1]

    yield begin
    for process in started:
        process.close()


def refused(folder: Path, keys: Path | str, settings: str = SETTINGS) -> str:
    """What a second server says that must not start; nothing where it did."""
    (folder / "second.toml").write_text(settings)
    command = [sys.executable, "-c", SERVER, "second.toml", str(keys), "0"]
    second = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder, env=environment())
    assert second.stdout is not None
    url = second.stdout.readline()
    if url:
        second.terminate()
    said = second.communicate(timeout=120)[1]
    return "" if url else said


def spent(server: Process, number: int) -> int:
    """How many of so many requests for a row are answered."""
    return [server.sent(ROW).status_code for _ in range(number)].count(200)


def test_a_second_server_refuses_to_start_however_the_file_is_called(start: Start, tmp_path: Path) -> None:
    first = start()
    (tmp_path / "link.json").symlink_to("keys.json")
    (tmp_path / "folder").symlink_to(tmp_path)
    (tmp_path / "sub").mkdir()
    for keys in ("keys.json", "link.json", "folder/keys.json", "sub/../keys.json", tmp_path / "keys.json"):
        said = refused(tmp_path, keys)
        assert f"held by process {first.process.pid} on " in said, said
    said = refused(tmp_path, "keys.json", 'usage = "other.usage"\n' + SETTINGS)
    assert "a file of keys that no other server holds" in said, "a ledger of its own would be a second budget for the same keys"
    KeyStore(tmp_path / "more.json").new("tester")
    said = refused(tmp_path, "more.json", 'usage = "keys.json.usage"\n' + SETTINGS)
    assert "a file of spent budgets that no other server holds" in said
    assert spent(first, 40) == 30


def test_the_command_says_who_holds_it_in_one_line(start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from tiltyard.cli import main

    first = start()
    assert main(["serve", "sample:census", "--port", "0", "--keys", str(tmp_path / "keys.json")]) == 2
    said = capsys.readouterr()
    assert f"held by process {first.process.pid}" in said.err and said.err.count("\n") == 1 and not said.out


def test_keys_are_made_and_ended_beside_a_running_server(start: Start, tmp_path: Path) -> None:
    from tiltyard.cli import main

    first, keys = start(), ["--keys", str(tmp_path / "keys.json")]
    assert spent(first, 1) == 1
    assert main(["key", "new", "another", *keys]) == 0 and main(["key", "rotate", "another", *keys]) == 0
    assert main(["key", "revoke", "tester", *keys]) == 0
    assert first.sent(ROW).status_code == 401


def test_a_server_that_was_killed_is_in_nobodys_way_and_its_budget_stays_spent(start: Start, tmp_path: Path) -> None:
    first = start()
    got = spent(first, 20)
    first.process.send_signal(signal.SIGKILL)
    first.process.wait()
    assert (tmp_path / "keys.json.held").exists()
    KeyStore(tmp_path / "keys.json").revoke("tester")
    old, account = first.head["Authorization"], first.keys.all()[0].id
    ledger = Ledger(tmp_path / "keys.json.usage", 3600, keys=tmp_path / "keys.json")
    assert got == 20 and ledger.spent(account) >= 20 and old
    ledger.close()


def test_a_copied_lock_means_nothing(start: Start, tmp_path: Path) -> None:
    start()
    other = tmp_path / "other"
    other.mkdir()
    for name in ("keys.json", "keys.json.held", "keys.json.usage.held"):
        shutil.copy(tmp_path / name, other / name)
    Ledger(other / "keys.json.usage", 3600, keys=other / "keys.json").close()


def test_whoever_takes_the_lock_away_ends_the_first_and_spends_no_budget_twice(start: Start, tmp_path: Path) -> None:
    first = start()
    got = spent(first, 5)
    for name in ("keys.json.held", "keys.json.usage.held"):
        (tmp_path / name).unlink()
    with pytest.raises(Problem, match="under another name"):
        Ledger(tmp_path / "keys.json.usage", 3600, keys=tmp_path / "keys.json")
    KeyStore(tmp_path / "keys.json").new("more")  # and now the file is another
    second = Ledger(tmp_path / "keys.json.usage", 3600, keys=tmp_path / "keys.json")
    assert got == 5 and second.spent(first.keys.all()[0].account) >= 5
    assert first.sent(ROW).status_code == 503
    second.close()
    assert first.sent(ROW).status_code == 503, "what the other spent is not known here"


def test_a_lock_that_was_taken_away_stays_lost_whoever_held_it_since(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "usage", 3600)
    assert ledger.take("a", 1, 10) is None
    (tmp_path / "usage.held").unlink()
    other = Ledger(tmp_path / "usage", 3600)
    assert other.take("b", 1, 10) is None
    other.close()
    with pytest.raises(Problem, match="Start the server again"):
        ledger.take("a", 1, 10)
    ledger.close()
    assert Ledger(tmp_path / "usage", 3600).spent("b") == 1, "the first writes no more"


def test_hard_links_and_links_for_locks_are_refused(tmp_path: Path) -> None:
    (tmp_path / "usage").write_text('{"format": 1}')
    (tmp_path / "twin").hardlink_to(tmp_path / "usage")
    with pytest.raises(Problem, match="hard links"):
        Ledger(tmp_path / "twin", 3600)
    (tmp_path / "aim").write_text("precious")
    (tmp_path / "alone.held").symlink_to("aim")
    with pytest.raises(Problem, match="can be written"):
        Ledger(tmp_path / "alone", 3600)
    assert (tmp_path / "aim").read_text() == "precious"


def test_a_file_that_was_moved_is_the_same_file(start: Start, tmp_path: Path) -> None:
    """As one that is mounted elsewhere is: its inode is held, too."""
    first = start()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "keys.json").rename(tmp_path / "elsewhere" / "keys.json")
    said = refused(tmp_path, "elsewhere/keys.json")
    assert "held by another process under another name" in said, said
    first.process.kill()
    first.process.wait()
    Ledger(tmp_path / "elsewhere" / "usage", 3600, keys=tmp_path / "elsewhere" / "keys.json").close()


def test_a_pipe_in_the_place_of_the_lock_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "usage.held")
    with pytest.raises(Problem, match="device, pipe or folder"):
        Ledger(tmp_path / "usage", 3600)


def test_a_server_that_does_not_start_holds_nothing(tmp_path: Path) -> None:
    keys = KeyStore(tmp_path / "keys.json")
    keys.new("tester")
    for _ in range(2):
        with pytest.raises(Problem, match="TLS"), Served(linear(), Settings(host="192.0.2.1"), keys):
            raise AssertionError
    with Served(linear(), Settings(port=0), keys), pytest.raises(Problem, match=f"held by process {os.getpid()}"):
        Served(linear(), Settings(port=0), keys)
    with Served(linear(), Settings(port=0), keys) as again:
        assert again.url


FORKED = """
import os, sys, time
from pathlib import Path
from tiltyard.errors import Problem
from tiltyard.serving.ledger import Ledger

ledger = Ledger(Path("usage"), 3600)
assert ledger.take("a", 1, 10) is None
if os.fork() == 0:
    try:
        ledger.take("a", 1, 10)
        said = "spent"
    except Problem as problem:
        said = str(problem)
    ledger.close()
    print(f"{os.getpid()} {said}", flush=True)
    sys.stdin.read()
    os._exit(0)
os.wait()
"""


def test_a_fork_neither_spends_nor_keeps_the_lock(tmp_path: Path) -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", FORKED], text=True, cwd=tmp_path, env=environment(), **pipes) as parent:  # type: ignore[call-overload]
        child, said = re.fullmatch(r"(\d+) (.*)\n", parent.stdout.readline()).groups()
        assert f"in the process that holds it, {parent.pid}" in said
        with pytest.raises(Problem, match=f"held by process {parent.pid}"):
            ProcessLock(tmp_path / "usage", "a file", "")
        parent.kill()
        parent.wait()
        os.kill(int(child), 0)
        ledger = Ledger(tmp_path / "usage", 3600)
        assert ledger.spent("a") >= 1
        ledger.close()
