"""What is done by right never looks like an attack: any history, two at once, and kills."""

import ast
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from tests.store.tampering import FILE, MODES, found, keyed, naming, tiny
from tests.tiny import Share

import tiltyard.store
from tiltyard.errors import Problem
from tiltyard.progress import Report
from tiltyard.store.downloads import delete_file
from tiltyard.store.store import Store

WORDS = ("begin", "start", "finish", "with file", "add", "end", "share", "unshare", "delete", "forget", "job", "tell", "close", "cancel")


class History:
    """Somebody who does what a word says, in one of two windows, to whatever run a number picks."""

    def __init__(self, place: Path) -> None:
        self.windows = [Store(place), Store(place)]
        self.target, self.data = tiny()
        self.tokens: list[str] = []
        self.jobs: list[str] = []

    def do(self, word: str, pick: int) -> None:
        store = self.windows[pick % 2]
        runs = store.runs()
        run = runs[pick % len(runs)].id if runs else store.begin("first", self.target.identity, self.data.identity).id
        getattr(self, f"_{word.replace(' ', '_')}")(store, run, pick)

    def _begin(self, store: Store, run: str, pick: int) -> None:
        store.begin(f"run {pick}", self.target.identity, self.data.identity, {"n": pick})

    def _start(self, store: Store, run: str, pick: int) -> None:
        self.tokens.append(store.start(run, Share(seed=pick)))

    def _finish(self, store: Store, run: str, pick: int, files: dict[str, bytes] | None = None) -> None:
        token = self.tokens[pick % len(self.tokens)] if self.tokens else store.start(run, Share())
        record = naming(Share(seed=pick)(self.target, self.data), FILE)
        with suppress(Problem):  # its run was deleted meanwhile, or its file is kept already
            store.finish(token, record, files or {})

    def _with_file(self, store: Store, run: str, pick: int) -> None:
        self._finish(store, run, pick, {"rows.npz": FILE})

    def _add(self, store: Store, run: str, pick: int) -> None:
        store.add(run, Share(seed=pick)(self.target, self.data))

    def _end(self, store: Store, run: str, pick: int) -> None:
        store.end(run, "pass" if pick % 3 else "")

    def _share(self, store: Store, run: str, pick: int) -> None:
        store.share(run)

    def _unshare(self, store: Store, run: str, pick: int) -> None:
        store.share(run, on=False)

    def _delete(self, store: Store, run: str, pick: int) -> None:
        store.delete(run)

    def _forget(self, store: Store, run: str, pick: int) -> None:
        for artifact in [a for a in store.artifacts.of_run(run) if a.kept][:1]:
            delete_file(store, run, artifact.sha256)

    def _job(self, store: Store, run: str, pick: int) -> None:
        self.jobs.append(store.jobs.open(run))

    def _tell(self, store: Store, run: str, pick: int) -> None:
        for job in self.jobs[:1]:
            store.jobs.tell(job, Report(done=0.5, message="half", elapsed=1.0, left=1.0))

    def _close(self, store: Store, run: str, pick: int) -> None:
        for job in self.jobs[:2]:
            store.jobs.close(job)

    def _cancel(self, store: Store, run: str, pick: int) -> None:
        store.cancel(run)


@pytest.fixture(params=MODES)
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    keyed(request.param, tmp_path, monkeypatch)
    with tempfile.TemporaryDirectory(dir=tmp_path) as held:
        yield Path(held)


def intact(place: Path) -> None:
    said = found(place)
    assert (said.broken, said.unread) == ([], [])
    store = Store(place)
    assert {line.proof for line in store.runs()} <= {"intact"} and store.doubts() == []


@settings(max_examples=8, deadline=None, phases=(Phase.generate,))
@given(st.lists(st.tuples(st.sampled_from(WORDS), st.integers(0, 9)), min_size=5, max_size=20))
def any_history(place: Path, words: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory(dir=place) as folder:
        history = History(Path(folder) / "runs.sqlite")
        for word, pick in words:
            history.do(word, pick)
        if history.windows[0].count():
            intact(Path(folder) / "runs.sqlite")


def test_any_history_is_intact(folder: Path) -> None:
    any_history(folder)


def test_many_windows_at_once_are_intact_at_every_moment(folder: Path) -> None:
    """Four write while a fifth looks: it never sees a row without its link, nor a log ahead of the store."""
    place, seen, left = folder / "runs.sqlite", set(), threading.Event()
    Store(place).begin("first", tiny()[0].identity, tiny()[1].identity)

    def work(k: int) -> None:
        history = History(place)
        for word in ("begin", "start", "finish", "share", "with file", "add", "job", "end", "close", "unshare") * 2:
            history.do(word, k)

    def look() -> None:
        while not left.is_set():
            store = Store(place)
            seen.update((line.proof, line.doubt) for line in store.runs())
            seen.update(("broken", doubt) for doubt in store.doubts())

    threads = [threading.Thread(target=work, args=(k,)) for k in (0, 1, 1, 3)]
    looking = threading.Thread(target=look)
    for thread in (looking, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    left.set()
    looking.join()
    assert seen == {("intact", "")}
    intact(place)


WRITES = {"insert", "update", "delete"}


def writes(function: ast.FunctionDef) -> bool:
    """Does it call SQLAlchemy's insert, update or delete?"""
    return any(isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id in WRITES for n in ast.walk(function))


def test_rows_are_written_through_one_door() -> None:
    """A new function that writes rows without their links is told here, for what it writes would look like an attack."""
    told = set()
    for path in Path(tiltyard.store.__path__[0]).glob("*.py"):
        functions = [n for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(n, ast.FunctionDef)]
        told |= {f"{path.stem}.{function.name}" for function in functions if writes(function) and path.stem != "entries"}
    anew = {"rekeying._records", "rekeying._files", "rekeying._written"}  # under another key every link is written anew, in one transaction
    assert told == {"database.lay_out", "store.tried", "jobs.tell", "jobs.cancel"} | anew
