"""Kernels forked from one parent: each alone with what it was given, and none the worse for what befell another or the parent."""

import json
import os
import secrets
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from tiltyard_widgets.warm import nursery as nurseries
from tiltyard_widgets.warm.child import BEFORE_OTHERS
from tiltyard_widgets.warm.forked import Forked
from tiltyard_widgets.warm.nursery import Cold, Nursery, possible
from tiltyard_widgets.warm.parent import Parent, heard
from tiltyard_widgets.warm.prepared import AFTERWARDS
from tiltyard_widgets.warm.request import Request

pytestmark = pytest.mark.skipif(bool(possible()), reason=f"nothing is forked here: {possible()}")
PATIENCE, RESTS = 120.0, 40
HERE = {**{name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}, "PYTHONPATH": str(Path(__file__).parent)}


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    made = Nursery(HERE, "bare")
    yield made
    made.close()


def asked(folder: Path, what: str, *words: str, more: dict[str, str] | None = None, handles: tuple[int, ...] = ()) -> Request:
    return Request("twin", (str(folder / "said"), what, *words), {**HERE, **(more or {})}, str(folder), handles)


def until_said(folder: Path) -> dict[str, Any]:
    end = time.monotonic() + PATIENCE
    while not (folder / "said").exists():
        assert time.monotonic() < end, "it said nothing"
        time.sleep(0.02)
    found: dict[str, Any] = json.loads((folder / "said").read_text())
    return found


def said(nursery: Nursery, folder: Path, what: str = "once", *words: str, more: dict[str, str] | None = None) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    assert nursery.fork(asked(folder, what, *words, more=more)).wait(PATIENCE) == 0
    return until_said(folder)


def stays(nursery: Nursery, folder: Path) -> Forked:
    folder.mkdir(exist_ok=True)
    made = nursery.fork(asked(folder, "stays"))
    until_said(folder)
    return made


def test_a_child_has_what_it_was_given_and_nothing_else(nursery: Nursery, tmp_path: Path) -> None:
    given, other = os.pipe()
    (tmp_path / "a").mkdir()
    request = Request("twin", (str(tmp_path / "a" / "said"), "once"), {**HERE, "ONLY": "mine"}, str(tmp_path / "a"), (given,), True)
    assert nursery.fork(request).wait(PATIENCE) == 0
    os.close(given)
    os.close(other)
    found = until_said(tmp_path / "a")
    opened = [line.split(" ", 1) for line in found["handles"] if not line.endswith("/fd")]
    assert {number: way.partition(":")[0] for number, way in opened} == {**dict.fromkeys("012", "/dev/null"), str(given): "pipe"}
    assert found["environment"] == {**HERE, "ONLY": "mine"}
    assert found["folder"] == str(tmp_path / "a") and found["words"][1:] == [str(tmp_path / "a" / "said"), "once"]
    assert found["session"] and found["interrupt"] and found["threads"] == 1
    assert found["first_to_go"] >= BEFORE_OTHERS > int(Path(f"/proc/{nursery.process.pid}/oom_score_adj").read_text())  # type: ignore[union-attr]
    assert found["line"].startswith("tiltyard kernel twin") and "ipykernel.ipkernel" in found["modules"] and "torch" not in found["modules"]


def test_a_child_of_a_server_with_many_files_open_has_its_handles_by_their_numbers(nursery: Nursery, tmp_path: Path) -> None:
    import fcntl

    from tiltyard_widgets.warm.child import ALOFT

    given, other = os.pipe()
    nothing = os.open(os.devnull, os.O_RDWR)
    high = [fcntl.fcntl(one, fcntl.F_DUPFD_CLOEXEC, ALOFT) for one in (given, nothing)]
    folder = tmp_path / "many"
    folder.mkdir()
    numbers = (high[1], high[0])  # each where the other would be put meanwhile
    request = Request("twin", (str(folder / "said"), "once"), HERE, str(folder), numbers, True)
    assert nursery.fork(request).wait(PATIENCE) == 0
    for one in (given, other, nothing, *high):
        os.close(one)
    opened = dict(line.split(" ", 1) for line in until_said(folder)["handles"])
    assert opened[str(high[0])].startswith("pipe") and opened[str(high[1])] == os.devnull


def test_no_two_draw_the_same(nursery: Nursery, tmp_path: Path) -> None:
    draws = [said(nursery, tmp_path / str(n))["numbers"] for n in range(3)]
    assert all(len(set(numbers)) == 3 for numbers in zip(*draws, strict=True))


def test_nothing_of_one_is_in_the_memory_of_the_next(nursery: Nursery, tmp_path: Path) -> None:
    """The one who was given the secret finds it in its own memory; a twin of later, which looks in the same way, does not."""
    left, right = secrets.token_hex(12), secrets.token_hex(12)
    assert said(nursery, tmp_path / "own", "remembers", left, right, more={"SECRET": left + right})["remembers"]
    assert not said(nursery, tmp_path / "next", "remembers", left, right)["remembers"]


def test_one_that_dies_is_known_to_have_ended_and_harms_no_other(nursery: Nursery, tmp_path: Path) -> None:
    other = stays(nursery, tmp_path / "other")
    assert nursery.fork(asked(tmp_path, "dies")).wait(PATIENCE) == 0
    killed = stays(nursery, tmp_path / "killed")
    assert killed.poll() is None
    killed.kill()
    killed.wait(PATIENCE)
    assert killed.poll() == 0
    killed.kill()  # nothing, and never at a process that bears its number later
    assert other.poll() is None and said(nursery, tmp_path / "next")["session"]
    other.terminate()
    other.wait(PATIENCE)


def test_a_parent_that_died_is_started_anew_and_its_children_live_on(nursery: Nursery, tmp_path: Path) -> None:
    child = stays(nursery, tmp_path / "child")
    first = nursery.process
    assert first is not None
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert said(nursery, tmp_path / "next")["session"]
    assert nursery.process is not None and nursery.process.pid != first.pid
    assert child.poll() is None
    child.kill()
    child.wait(PATIENCE)


def test_a_changed_package_has_another_parent_and_the_former_goes_with_its_last_child(
    nursery: Nursery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = stays(nursery, tmp_path / "child")
    first = nursery.process
    assert first is not None
    monkeypatch.setattr(nurseries, "stamp", lambda: "another")
    assert said(nursery, tmp_path / "next")["session"]
    assert nursery.process is not None and nursery.process.pid != first.pid and first.poll() is None
    child.kill()
    first.wait(PATIENCE)


def test_all_end_with_whoever_holds_the_parent(tmp_path: Path) -> None:
    held = Nursery(HERE, "bare")
    child = stays(held, tmp_path)
    process = held.process
    assert process is not None
    held.close()
    child.wait(PATIENCE)
    assert not psutil.pid_exists(process.pid)


def test_one_who_goes_amid_an_answer_is_gone_like_any_other() -> None:
    """The system resets the line then, of which the parent once died and left its children."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with there:
        here.send(b"retire")
        there.send(b"never read")
        here.close()
        assert heard(there) == (b"", [])


def test_settings_that_count_at_the_start_are_not_taken_from_another(nursery: Nursery, tmp_path: Path) -> None:
    for more in ({"OMP_NUM_THREADS": "3"}, {"PYTHONHASHSEED": "5"}, {"LD_PRELOAD": "x"}):
        with pytest.raises(Cold):
            nursery.fork(asked(tmp_path, "once", more=more))


def test_a_parent_that_is_no_good_is_given_up_for_a_while(tmp_path: Path) -> None:
    held = Nursery({**HERE, "PYTHONPATH": str(tmp_path)}, "bare")
    (tmp_path / "ipykernel_launcher.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()"
    )
    with pytest.raises(Cold, match="other threads"):
        held.fork(Request("twin", (), {**HERE, "PYTHONPATH": str(tmp_path)}, str(tmp_path)))
    assert held.process is None
    held.tend()
    assert held.process is None
    held.close()


def test_a_parent_that_is_still_importing_holds_up_neither_a_look_nor_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever waited for this parent would not come back before the test is ended as one that hangs."""
    monkeypatch.setattr(nurseries, "PATIENCE", 10_000.0)
    (tmp_path / "ipykernel_launcher.py").write_text("import time\ntime.sleep(10_000)")
    here = {**HERE, "PYTHONPATH": str(tmp_path)}
    held = Nursery(here, "bare")
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(held.fork, Request("twin", (), here, str(tmp_path)))
        while held.process is None:
            time.sleep(0.01)
        held.tend()
        assert held.preparing
        held.close()
        with pytest.raises(Cold):
            waits.result()
    assert not held.preparing
    with pytest.raises(Cold):
        held.fork(Request("twin", (), here, str(tmp_path)))


def test_a_parent_that_is_no_good_after_an_import_forks_no_more() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    given, kept = os.pipe()
    with ours, theirs, os.fdopen(given, "rb") as reads:
        parent = Parent.__new__(Parent)
        parent._control, parent._children, parent._more = theirs, set(), iter(["", "it has other threads", ""])
        while parent._more is not None:
            parent._imported(parent._more)
        parent._forked([kept])
        assert json.loads(ours.recv(4096)) == {"refused": "it has other threads"}
        assert not parent._children and reads.read() == b""  # the handle it was sent is closed


@pytest.mark.slow
def test_a_child_of_the_workbench_works_on_every_core_and_has_its_sample(tmp_path: Path) -> None:
    held = Nursery(HERE, "workbench")
    try:
        found = [said(held, tmp_path / str(n), "works") for n in range(2)]
        for n in range(2, 2 + RESTS):
            late = said(held, tmp_path / str(n), "works", more={"MPLBACKEND": "svg"})
            if AFTERWARDS[-1] in late["modules"]:
                break
            time.sleep(4)  # it goes on importing after 2 s without a word
    finally:
        held.close()
    import torch

    assert [one["answered"] for one in found] == [["jupyter.widget", "jupyter.widget.control"]] * 2  # all widgets at one request
    assert [one["rehearsed"] for one in found] == [[1, 1, 0]] * 2  # the catalogue is known, and nothing is left of the window that was made
    assert set(AFTERWARDS) <= set(late["modules"]) and late["threads"] == 1
    assert late["backend"] == "svg" and late["worked"] == found[0]["worked"]
    assert [one["worked"] for one in found] == [600.0**3 + torch.get_num_threads()] * 2
    assert all(a != b for a, b in zip(found[0]["numbers"], found[1]["numbers"], strict=True)) and len(found[0]["numbers"]) == 4
