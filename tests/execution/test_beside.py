"""Steps beside a page: the same result, in a process of its own that has the page's confines and no more, and whose end is nobody else's."""

import json
import os
import subprocess
import sys
import time
from ast import literal_eval
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tiltyard.access.confined import impossible, python_places, system_places

pytestmark = pytest.mark.skipif(bool(impossible()), reason=f"processes are not confined here: {impossible()}")
PATIENCE = 300.0
Found = dict[str, Any]


def gone(pid: int) -> bool:
    """Did it end? One that nobody waited for yet did too."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def until_gone(*pids: int) -> None:
    ends = time.monotonic() + PATIENCE
    while not all(map(gone, pids)):
        assert time.monotonic() < ends, "waited in vain"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator["subprocess.Popen[str]"]:
    own, kept = tmp_path_factory.mktemp("own"), tmp_path_factory.mktemp("kept")
    (kept / "users.json").write_text("of somebody else")
    here = str(Path(__file__).parent)
    attacks = [f"open({str(kept / 'users.json')!r}).read()", f"open({str(kept / 'new')!r}, 'w')", f"os.kill({os.getpid()}, 0)"]
    attacks += ["__import__('socket').socket(1)", "os.setpriority(os.PRIO_PGRP, 0, 5)", f"open('/proc/{os.getpid()}/environ').read()"]
    given = {"reads": [*system_places(), *python_places(), here], "writes": [str(own)], "attacks": attacks}
    words = [sys.executable, "-P", str(Path(__file__).with_name("page_beside.py")), json.dumps(given)]
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ, **threads, "TMPDIR": str(own)}
    ) as started:
        yield started
        started.kill()


@pytest.fixture(scope="module")
def found(page: "subprocess.Popen[str]") -> Found:
    """All that the page found, one after another."""
    assert page.stdout is not None
    said = page.stdout.readline()
    assert said, f"it ended with {page.wait()}"
    made: Found = json.loads(said)
    return made


def test_each_step_has_a_process_of_its_own_that_ends_with_it(found: Found) -> None:
    pids = [int(one["said"]) for one in found["pids"]]
    assert len({found["own"], *pids}) == 3
    assert int(found["chosen"]) not in (found["own"], *pids)
    until_gone(*pids)


def test_what_it_finds_and_makes_is_what_a_thread_would(found: Found) -> None:
    assert found["same"]
    one, two, asked = found["queries"]
    assert one == two and asked == 2 * one > 0
    pid, parent, scores = found["made"]
    assert int(pid) != found["own"] and parent and scores == [[0.0, 1.0]]
    assert found["pids"][0]["files"] == {"file": "content"}


def test_it_has_nothing_that_came_to_the_page_later(found: Found) -> None:
    """The page holds a word that it did not when its twin was forked; and no handle of the page's is open."""
    assert found["later"]["said"] == "False"
    kinds = literal_eval(found["handles"]["said"])
    assert len(kinds) == 5 and kinds.count("socket") == 1 and sum(kind.startswith("/") and "deleted" in kind for kind in kinds) == 1, (
        kinds
    )  # what it is told by, what it was given, and three streams


def test_no_two_draw_the_same(found: Found) -> None:
    one, two = map(literal_eval, found["chance"])
    assert one[0] != two[0] and one[1] != two[1]


def test_large_arrays_are_mapped_and_a_change_is_its_own(found: Found) -> None:
    assert found["mapped"]["said"] == "(False, True, None, 7.0)"
    assert found["unharmed"] == 0.0


@pytest.mark.parametrize(("how", "says"), [("crashed", "killed by signal 11"), ("killed", "killed by signal 9"), ("exits", "exit 3")])
def test_its_crash_is_told_in_one_line_and_the_page_lives(found: Found, how: str, says: str) -> None:
    assert found[how]["status"] == "failed" and says in found[how]["said"] and "Traceback" not in found[how]["error"]


def test_what_wants_more_memory_than_the_page_may_take_is_told_so(found: Found) -> None:
    assert found["memory"]["status"] == "failed" and "out of memory" in found["memory"]["said"]
    assert found["fits"]["status"] == "passed"


def test_it_is_confined_as_the_page_is(found: Found) -> None:
    assert len(found["attacks"]) == 6
    assert {attack: one["said"] for attack, one in found["attacks"].items() if one["said"] != "stopped"} == {}


def test_what_does_not_go_to_another_process_runs_in_the_page(found: Found) -> None:
    for how in ("guarded", "shy", "without"):
        assert found[how]["said"] == str(found["own"]), how


def test_one_that_does_not_listen_ends_with_what_it_started(found: Found) -> None:
    assert found["cancelled"]["status"] == "cancelled"
    assert len(found["cancelled"]["pids"]) == 2
    until_gone(*found["cancelled"]["pids"])


def test_two_of_one_page_work_at_once(found: Found) -> None:
    assert found["met"] == ["met", "met"]


def test_nothing_outlives_a_page_that_is_killed(page: "subprocess.Popen[str]", found: Found) -> None:
    assert page.stdout is not None
    pids = [int(pid) for pid in json.loads(page.stdout.readline())]
    assert not any(map(gone, (found["twin"], *pids)))
    page.kill()
    until_gone(found["twin"], *pids)
