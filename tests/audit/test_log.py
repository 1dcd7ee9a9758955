import itertools
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiltyard.audit.log import AuditLog, check, head_path, is_audit_log, records
from tiltyard.errors import Problem
from tiltyard.sealing.broken import Broken

SECRET = bytes(range(32))

# Forks writers that print a number once `append` returned, kills each at a random moment, opens the log again and holds
# what is in it against what was printed. A fork, so that thirty kills take seconds. In every other round the disk is slow
# (the line goes out in pieces with a pause between them), so that many kills fall into the middle of a line.
KILLER = """
import json, os, random, signal, sys, time
from pathlib import Path
from tiltyard.audit import log as audit_log
from tiltyard.audit.log import AuditLog, check, records

class Slow:
    def __init__(self, *given):
        self.raw = open(given[0], given[1], buffering=0)
    def __enter__(self):
        return self
    def __exit__(self, *error):
        self.raw.close()
    def write(self, line):
        for i in range(0, len(line), max(1, len(line) // 20)):
            self.raw.write(line[i : i + max(1, len(line) // 20)])
            time.sleep(0.001)
    def __getattr__(self, name):
        return getattr(self.raw, name)

path, kills, draw = Path(sys.argv[1]), int(sys.argv[2]), random.Random(int(sys.argv[3]))

def write(pipe, round):
    log = AuditLog(path)
    for i in range(10_000):
        log.append("writer", "work", "f" * 64, {"round": round, "i": i, "load": "x" * draw.choice([10, 1000, 300_000])})
        os.write(pipe, b"%d\\n" % i)

told, torn, caught_up, died = 0, 0, 0, 0
for round in range(kills):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        if round % 2:
            audit_log.open = lambda *given: Slow(*given) if given[1] == "ab" else open(*given)
        draw.seed(round)
        write(writing, round)
        os._exit(0)
    os.close(writing)
    time.sleep(draw.uniform(0, 0.15))
    os.kill(child, signal.SIGKILL)
    died += os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    with os.fdopen(reading, "rb") as pipe:
        acknowledged = {(round, int(line)) for line in pipe}
    told += len(acknowledged)
    remark = check(path).remark if path.exists() else ""
    caught_up += "whole" in remark
    log = AuditLog(path)
    torn += bool(log.repaired)
    assert bool(log.repaired) == ("torn" in remark), (log.repaired, remark)
    written = {(r.parameters["round"], r.parameters["i"]) for r in records(path) if r.what == "work" and r.parameters["round"] == round}
    assert acknowledged <= written and len(written - acknowledged) <= 1, (acknowledged, written)
    assert check(path).remark == ""
    if path.stat().st_size > 1_000_000:
        [p.unlink() for p in path.parent.iterdir()]
print(json.dumps({"told": told, "torn": torn, "caught_up": caught_up, "died": died}))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


def filled(path: Path, count: int = 5, key: bytes | None = None) -> list[bytes]:
    log = AuditLog(path, key)
    for i in range(count):
        log.append("ada", "attack", "f" * 64, {"i": i, "epsilon": 0.1, "norm": "linf"})
    return path.read_bytes().splitlines(keepends=True)


@pytest.mark.parametrize("key", [None, SECRET])
def test_what_was_logged_is_read_again(path: Path, key: bytes | None) -> None:
    lines = filled(path, 5, key)
    found = list(records(path, key))
    assert [(r.number, r.who, r.what, r.parameters["i"]) for r in found] == [(i + 1, "ada", "attack", i) for i in range(5)]
    assert all(b.previous == a.hash for a, b in itertools.pairwise(found))
    checked = check(path, key)
    assert (checked.count, checked.anchor, checked.remark) == (5, f"5:{found[-1].hash}", "")
    assert all(next(iter(json.loads(line))) == "format" for line in lines)
    assert is_audit_log(path) and path.stat().st_mode & 0o777 == 0o600


def test_the_hash_is_what_the_description_says(path: Path) -> None:
    from hashlib import sha256

    line = json.loads(filled(path, 1)[0])
    found = line.pop("hash")
    assert line["previous"] == "0" * 64
    assert found == sha256(b"tiltyard audit 1\n" + json.dumps(line, separators=(",", ":")).encode()).hexdigest()


def test_a_log_begins_empty(path: Path) -> None:
    AuditLog(path)
    assert check(path).count == 0 and list(records(path)) == []
    with pytest.raises(Problem, match="none at"):
        check(path.with_name("other.jsonl"))


@given(st.data())
@settings(deadline=None, max_examples=120)
def test_any_changed_byte_of_log_or_head_is_found(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.getbasetemp() / "changed.jsonl"
    if not path.exists():
        filled(path)
    file = data.draw(st.sampled_from([path, head_path(path)]))
    whole = file.read_bytes()
    content = bytearray(whole)
    content[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    file.write_bytes(content)
    try:
        with pytest.raises(Broken):
            check(path)
    finally:
        file.write_bytes(whole)


def _put(path: Path, lines: list[bytes]) -> None:
    path.write_bytes(b"".join(lines))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda ls: [ls[0], ls[1].replace(b'"ada"', b'"eve"'), *ls[2:]], "edited line 2"),
        (lambda ls: [ls[0], *ls[2:]], "lines were deleted"),
        (lambda ls: [ls[1], ls[0], *ls[2:]], "moved"),
        (lambda ls: [*ls[:2], ls[1], *ls[2:]], "put in|ends where"),
        (lambda ls: ls[:-1], "tail was cut"),
        (lambda ls: [*ls[:-1], ls[-1][:-1]], "tail was cut"),
        (lambda ls: [], "tail was cut"),
        (lambda ls: [*ls, ls[-1]], "moved or put in"),
        (lambda ls: [*ls, b"{}\n"], "edited line 6"),
        (lambda ls: ls[1:], "moved"),
    ],
    ids=["edit", "deletion", "reorder", "doubled", "cut", "cut newline", "emptied", "appended", "junk", "first gone"],
)
def test_each_tampering_is_found_and_said(path: Path, change: Callable[[list[bytes]], list[bytes]], says: str) -> None:
    lines = filled(path)
    _put(path, change(lines))
    with pytest.raises(Broken, match=says) as found:
        check(path)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize("gone", ["log", "head"])
def test_a_file_that_is_gone_is_found(path: Path, gone: str) -> None:
    filled(path)
    (path if gone == "log" else head_path(path)).unlink()
    for use in (check, AuditLog):
        with pytest.raises(Broken):
            use(path)


def test_without_the_key_nothing_can_be_forged(path: Path, tmp_path: Path) -> None:
    filled(path, 3, SECRET)
    (tmp_path / "forged").mkdir()
    forged = tmp_path / "forged" / "audit.jsonl"
    filled(forged, 3)
    for source in (forged, head_path(forged)):
        (path.parent / source.name).write_bytes(source.read_bytes())
    with pytest.raises(Broken, match="same key"):
        check(path, SECRET)
    with pytest.raises(Problem, match="16 bytes"):
        AuditLog(path, b"short")


def test_an_anchor_kept_elsewhere_finds_what_was_put_back(path: Path) -> None:
    filled(path, 2)
    old = {p: p.read_bytes() for p in (path, head_path(path))}
    early = check(path).anchor
    AuditLog(path).append("ada", "delete", "f" * 64)
    late = check(path, anchor=early).anchor
    for file, content in old.items():
        file.write_bytes(content)
    assert check(path, anchor=early).count == 2
    with pytest.raises(Broken, match="3 records, as the anchor says"):
        check(path, anchor=late)
    for file in old:
        file.unlink()
    filled(path, 3)
    with pytest.raises(Broken, match="record 3 as the anchor says"):
        check(path, anchor=late)
    with pytest.raises(Problem, match="COUNT:HASH"):
        check(path, anchor="3")


def test_a_last_line_torn_at_any_byte_is_taken_away_and_reported(path: Path) -> None:
    filled(path, 2)
    head, before = head_path(path).read_bytes(), path.read_bytes()
    AuditLog(path).append("ada", "train", "a" * 64, {"i": 2})
    line = path.read_bytes()[len(before) :]
    for length in (1, 2, *range(3, len(line) - 2, 11), len(line) - 2, len(line) - 1):
        path.write_bytes(before + line[:length])
        head_path(path).write_bytes(head)
        assert "torn" in check(path).remark
        log = AuditLog(path)
        assert f"{length:,} bytes" in log.repaired
        assert [(r.what, r.parameters) for r in records(path)][2:] == [("audit log repaired", {"torn_bytes": length})]
        assert check(path).remark == ""


def test_a_whole_line_without_its_anchor_is_kept(path: Path) -> None:
    filled(path, 2)
    head = head_path(path).read_bytes()
    AuditLog(path).append("ada", "train")
    head_path(path).write_bytes(head)
    assert "whole" in check(path).remark and check(path).count == 3
    log = AuditLog(path)
    assert log.repaired == "" and check(path).count == 3 and check(path).remark == ""
    log.append("ada", "again")
    assert check(path).count == 4


@pytest.mark.parametrize(
    "parameters", [{"x": float("nan")}, {"x": float("inf")}, {"x": object()}, {"x": b"bytes"}, {"x": "\ud800"}, {1j: 2}]
)
def test_what_is_not_json_is_refused_and_not_written(path: Path, parameters: dict[str, Any]) -> None:
    log = AuditLog(path)
    with pytest.raises(Problem) as said:
        log.append("ada", "attack", parameters=parameters)
    assert "\n" not in str(said.value) and path.read_bytes() == b""


@given(st.dictionaries(st.text(), st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(), st.lists, max_leaves=5), max_size=4), st.text())  # fmt: skip
@settings(deadline=None, max_examples=30)
def test_any_json_and_any_text_is_kept(tmp_path_factory: pytest.TempPathFactory, parameters: dict[str, Any], who: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    record = AuditLog(path).append(who, "x", parameters=parameters)
    *_, last = records(path)
    assert last == record and last.parameters == parameters and last.who == who


def test_threads_and_processes_take_turns(path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from tiltyard.audit.log import AuditLog\n"
        "log = AuditLog(Path(sys.argv[1]))\nfor i in range(15): log.append(sys.argv[2], 'work', parameters={'i': i})"
    )
    others = [subprocess.Popen([sys.executable, "-c", program, str(path), f"process {n}"]) for n in range(3)]
    threads = [threading.Thread(target=lambda n=n: [AuditLog(path).append(f"thread {n}", "work", parameters={"i": i}) for i in range(15)]) for n in range(3)]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [other.wait() for other in others] == [0, 0, 0]
    assert check(path).count == 90
    by_writer: dict[str, list[Any]] = {}
    for record in records(path):
        by_writer.setdefault(record.who, []).append(record.parameters["i"])
    assert len(by_writer) == 6 and all(seen == list(range(15)) for seen in by_writer.values())


def _killed(path: Path, kills: int, seed: int) -> dict[str, int]:
    done = subprocess.run([sys.executable, "-c", KILLER, str(path), str(kills), str(seed)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, int] = json.loads(done.stdout)
    assert found["died"] == kills and found["told"] > 0
    return found


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_thirty_kills_lose_nothing_and_break_nothing(path: Path) -> None:
    found = _killed(path, 30, seed=0)
    assert found["torn"] + found["caught_up"] > 0, "no kill fell into an append, so nothing was tried"


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_two_hundred_kills_lose_nothing_and_break_nothing(path: Path) -> None:
    found = _killed(path, 200, seed=1)
    assert found["torn"] > 0 and found["caught_up"] > 0, "no kill fell into the middle of an append, so nothing was tried"


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="folder"):
        AuditLog(tmp_path / "none" / "audit.jsonl")
