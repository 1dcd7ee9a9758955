"""Kernels of two people behind one login, one of them taken over: its code tries all it can think of, and gets at its own alone."""

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from tiltyard.access import landlock
from tiltyard.access.confined import impossible
from tiltyard.access.person import Person
from tiltyard.access.roles import Role
from tiltyard.access.users import Users
from tiltyard.audit.log import check
from tiltyard.sealing.keys import new_sealing_key, read_sealing_key
from tiltyard.serving.keys import KeyStore
from tiltyard.store.store import Store

from .appserver import CODE, PATIENCE, Page, Server, closed, opened, serving, typed

pytestmark = pytest.mark.skipif(bool(impossible()), reason=f"processes are not confined here: {impossible()}")

PASSWORDS = {"ada": "correct horse battery", "bob": "staple of a stable"}
TRY = """
import json, os, signal, socket
from tiltyard.access.line import line
from tiltyard.access.places import home
from tiltyard.errors import Problem
from tiltyard.store.opening import open_store
found = {}
for name, attack in json.loads(%r):
    try:
        eval(attack)
    except (OSError, Problem):
        found[name] = "stopped"
    except Exception as error:
        found[name] = repr(error)
    else:
        found[name] = "reached"
print("BEGIN" + json.dumps(found) + "END")
"""


@dataclass(frozen=True)
class Place:
    """A server, and the folders of its people's data."""

    server: Server
    data: Path
    pages: list[tuple[str, Page]] = field(default_factory=list)

    def say(self, code: str) -> None:
        """The code that the next page runs."""
        (self.data / "shared" / "code.py").write_text(code)

    def page(self, name: str) -> Page:
        """Open the page as ``name``."""
        with self.server.client() as client:
            assert typed(client, name=name, password=PASSWORDS[name]).status_code == 302
            page = opened(client)
        self.pages.append((name, page))
        return page

    def clear(self) -> None:
        """Close what is open and forget what was kept, for who comes next."""
        while self.pages:
            name, page = self.pages.pop()
            with self.server.client() as client:
                typed(client, name=name, password=PASSWORDS[name])
                closed(client, page)
        store = Store(self.server.folder / "store" / "runs.sqlite", person=Person("owner", Role.ADMIN))
        for run in store.runs():
            store.delete(run.id)

    def tried(self, attacks: dict[str, str], name: str = "ada") -> dict[str, str]:
        """What came of code of Ada's, in her kernel."""
        self.say(TRY % json.dumps(list(attacks.items())))
        return self.page(name).environment

    def broker(self) -> psutil.Process:
        """The broker's process."""
        running = psutil.Process(self.server.process.pid).children()
        (found,) = [p for p in running if "tiltyard.broker.server" in words_of(p)]
        return found

    def parent(self) -> psutil.Process:
        """The warm parent, of whose children every kernel is one."""
        running = psutil.Process(self.server.process.pid).children()
        (found,) = [p for p in running if "tiltyard_widgets.warm.parent" in words_of(p)]
        return found

    def kernels(self) -> list[Path]:
        """The folders of the kernels that run, the oldest first."""
        running = psutil.Process(self.server.process.pid).children(recursive=True)
        found = [words for p in sorted(running, key=psutil.Process.create_time) if (words := words_of(p))]
        return [Path(words[-1]).parent for words in found if "tiltyard_widgets.gateway.confined" in words]


@contextmanager
def placed(tmp_path: Path) -> Iterator[Place]:
    """A server with two people and secrets of its owner's."""
    data = tmp_path / "data"
    for name in ("shared", "ada", "bob"):
        (data / name).mkdir(parents=True)
        (data / name / "rows.csv").write_text("a,b\n1,2\n")
    users = Users(tmp_path / "users.json")
    users.add("ada", "analyst", PASSWORDS["ada"])
    users.add("bob", "viewer", PASSWORDS["bob"])
    (tmp_path / "store").mkdir()
    new_sealing_key(tmp_path / "audit.key")
    KeyStore(tmp_path / "keys.json").new("partner")
    more = {
        "TILTYARD_STORE": str(tmp_path / "store" / "runs.sqlite"),
        "TILTYARD_DATA_ROOT": str(data),
        "TILTYARD_AUDIT_KEY": str(tmp_path / "audit.key"),
        "TILTYARD_KEYS": str(tmp_path / "keys.json"),
        "DATABASE_URL": "postgresql://owner:password@db/runs",
        "AWS_SECRET_ACCESS_KEY": "password",
        "XDG_DATA_HOME": str(tmp_path / "xdg"),
    }
    code = f"exec(open({str(data / 'shared' / 'code.py')!r}).read())"
    with serving(tmp_path, "password", more, code=code) as server:
        yield Place(server, data)


@pytest.fixture(scope="module")
def one_for_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with placed(tmp_path_factory.mktemp("confined")) as made:
        yield made


@pytest.fixture
def place(one_for_all: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """The server of all these tests, with nobody's page open."""
    monkeypatch.setenv("TILTYARD_AUDIT_KEY", str(one_for_all.server.folder / "audit.key"))
    yield one_for_all
    one_for_all.clear()


# Breaks where the kernel holds a file that is neither its own nor a device without a bottom.
HANDS = (
    "[way for one in os.listdir('/proc/self/fd') if os.path.lexists(way := '/proc/self/fd/' + one) and (way := os.readlink(way)).startswith('/') "
    "and not way.startswith((os.environ['HOME'], '/dev/null', '/proc/'))] == [] or 1 / 0"
)


def words_of(process: psutil.Process) -> list[str]:
    """Its command line; none of one that has ended."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


WORK = f"""
from tiltyard.result import Identity
from tiltyard.store.opening import open_store
what = Identity(name="model", fingerprint="0" * 64)
if open_store().person.may("run"):
    open_store().begin("of " + open_store().person.name, what, what)
{CODE}
"""


def ended(process: psutil.Process) -> bool:
    """Has it ended within thirty seconds, whether anybody has asked how?"""
    for _ in range(300):
        if not words_of(process):
            return True
        psutil.wait_procs([process], timeout=0.1)
    return False


def reading(path: Path | str) -> str:
    return f"open({str(path)!r}, 'rb').read(1)"


def writing(path: Path | str) -> str:
    return f"open({str(path)!r}, 'a').write('x')"


def test_a_kernel_that_is_taken_over_gets_at_its_own_alone(place: Place) -> None:
    place.say(WORK)
    place.page("bob")
    (neighbor,), broker, parent = place.kernels(), place.broker().pid, place.parent().pid
    (neighbor / "home" / "tmp" / "upload.csv").write_text("a,b")
    folder, server = place.server.folder, place.server.process.pid
    kept = ("users.json", "keys.json", "small.ipynb", "audit.key", "store/runs.audit.jsonl", "store/runs.audit.jsonl.head")
    before = {path: path.read_bytes() for path in (folder / name for name in kept)}
    packages = next(path for path in reversed(sys.path) if path.endswith("site-packages"))
    files = [folder / "users.json", folder / "small.ipynb", folder / "log", place.data / "bob" / "rows.csv", neighbor / "connection.json"]
    files += [folder / "store" / name for name in ("runs.sqlite", "runs.audit.jsonl", "runs.audit.jsonl.head")]
    files += [
        folder / "audit.key",
        folder / "keys.json",
        neighbor / "home" / "tmp" / "upload.csv",
        Path.home() / ".bashrc",
        Path("/etc/shadow"),
    ]
    attacks = {f"read {path}": reading(path) for path in files} | {f"write {path}": writing(path) for path in files}
    attacks |= {f"delete {path}": f"os.unlink({str(path)!r})" for path in files[:6]}
    attacks |= {f"list {path}": f"os.listdir({str(path)!r})" for path in (folder, neighbor.parent, Path.home(), place.data)}
    beside = (
        Path(packages) / "mine.pth",
        Path.home() / ".ssh" / "authorized_keys",
        place.data / "ada" / "new",
        place.data / "shared" / "new",
    )
    attacks |= {f"make {path}": writing(path) for path in (*beside, folder / "users.json.new", Path("/tmp/tiltyard-attack"))}
    attacks |= {
        f"read {what} of {pid}": reading(f"/proc/{pid}/{what}") for what in ("environ", "mem", "maps") for pid in (server, broker, parent)
    }
    attacks |= {"open the store": f"open_store({str(folder / 'store' / 'runs.sqlite')!r}).count()"}
    attacks |= {
        f"talk to {path.name}": f"socket.socket(socket.AF_UNIX).connect({str(path)!r})" for path in neighbor.glob("connection-ipc-*")
    }
    attacks |= {f"slow down {what}": f"os.setpriority(os.{what}, 0, 5)" for what in ("PRIO_PGRP", "PRIO_USER")}
    attacks |= {f"slow down {pid}": f"os.setpriority(os.PRIO_PROCESS, {pid}, 5)" for pid in (server, broker, _group(neighbor))}
    attacks |= {"trade places": f"os.replace({str(place.data / 'ada' / 'rows.csv')!r}, {str(folder / 'users.json')!r})"}
    attacks |= {"what is kept for bob": "open(home().parent / 'bob' / 'x', 'w')", "what is kept for all": "os.mkdir(home().parent / 'new')"}
    if landlock.abi() >= landlock.SIGNALS:
        attacks |= {
            "end the server": f"os.kill({server}, 15)",
            "end the broker": f"os.kill({broker}, 9)",
            "end the parent of all kernels": f"os.kill({parent}, 9)",
            "end the neighbor": f"os.killpg({_group(neighbor)}, 9)",
        }
    found = place.tried(attacks)
    assert {name: said for name, said in found.items() if said != "stopped"} == {}
    assert len(found) == len(attacks) > 40
    logins = before.pop(folder / "store" / "runs.audit.jsonl")
    before.pop(folder / "store" / "runs.audit.jsonl.head")
    assert {path: path.read_bytes() for path in before} == before
    log = folder / "store" / "runs.audit.jsonl"
    assert log.read_bytes().startswith(logins) and check(log, read_sealing_key(folder / "audit.key").secret).count
    own = {"own data": reading(place.data / "ada" / "rows.csv"), "shared data": reading(place.data / "shared" / "rows.csv")}
    own |= {
        "own folder": writing("mine"),
        "one's own priority, downward": "os.setpriority(os.PRIO_PROCESS, 0, 1)",
        "home": "open(os.path.expanduser('~/x'), 'w').close()",
        "temporary": "open(os.environ['TMPDIR'] + '/x', 'w').close()",
    }
    own |= {"what is kept for her": "(home() / 'shadows').mkdir() or open(home() / 'shadows' / 'x', 'w').close()"}
    assert set(place.tried(own | {"nothing of the server's in its hands": HANDS}).values()) == {"reached"}


def _group(kernel: Path) -> int:
    return next(os.getpgid(p.pid) for p in psutil.process_iter() if str(kernel / "connection.json") in words_of(p))


def test_its_environment_holds_nothing_of_the_owners(place: Place) -> None:
    place.say(CODE)
    found = place.page("ada").environment
    assert (found["TILTYARD_USER"], found["TILTYARD_ROLE"]) == ("ada", "analyst")
    assert not {"AWS_SECRET_ACCESS_KEY", "DATABASE_URL", "PYTEST_CURRENT_TEST"} & set(found)
    assert not [
        name
        for name in found
        if name.startswith("TILTYARD_") and name not in ("TILTYARD_USER", "TILTYARD_ROLE", "TILTYARD_DATA_ROOT", "TILTYARD_PLACE")
    ]
    (own,) = place.kernels()
    assert found["HOME"] == str(own / "home")


def test_its_folder_goes_when_it_ends(place: Place) -> None:
    place.say(CODE)
    with place.server.client() as client:
        typed(client, name="ada", password=PASSWORDS["ada"])
        page = opened(client)
        (own,) = place.kernels()
        assert own.is_dir() and own.stat().st_mode & 0o077 == 0
        closed(client, page)
        assert not own.exists()


# A program of its own that has lost its parent, and a bomb of processes.
LEFT = """
import os, sys
if not os.fork():
    os.setsid()
    if not os.fork():
        os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(600)", %r])
    os._exit(0)
os.wait()
print("BEGIN{}END")
"""
BOMB = """
import os, threading
threading.Timer(0.5, exec, ["while os.fork() >= 0: pass", globals()]).start()
print("BEGIN{}END")
"""


def test_nothing_that_it_starts_outlives_it(place: Place) -> None:
    """Neither where it is killed nor where its page is left."""
    for word in (f"{place.server.folder} killed", f"{place.server.folder} left"):
        place.say(LEFT % word)
        place.page("ada")
        (stray,) = (p for p in psutil.process_iter() if word in words_of(p))
        if word.endswith("killed"):
            stray.parent().kill()
            place.pages.clear()
        place.clear()
        assert ended(stray)


def test_a_bomb_of_processes_ends_with_its_page_alone(place: Place) -> None:
    place.say(CODE)
    place.page("bob")
    (other,) = place.kernels()
    place.say(BOMB)
    place.page("ada")
    place.pages.pop()
    until = time.monotonic() + PATIENCE
    while "a page of ada was ended: it had" not in place.server.log.read_text(errors="replace") or len(place.kernels()) > 1:
        assert time.monotonic() < until, "it goes on"
        time.sleep(0.2)
    assert place.kernels() == [other]


def test_its_runs_are_kept_by_the_broker_as_its_persons(place: Place) -> None:
    place.say(WORK)
    place.page("ada")
    store = Store(place.server.folder / "store" / "runs.sqlite", person=Person("owner", Role.ADMIN))
    assert [(run.owner, run.name, run.state) for run in store.runs()] == [("ada", "of ada", "open")]
    run = store.runs()[0].id
    asks = {
        "see hers": f"open_store().run({run!r})",
        "begin one": "line().ask('begin', name='x', target={'name': 'm', 'fingerprint': '0'}, data={'name': 'm', 'fingerprint': '0'}, config={})",
        "add to hers": f"line().ask('add', run_id={run!r}, record='')",
        "delete hers": f"open_store().delete({run!r})",
        "share hers": f"open_store().share({run!r})",
        "read the log": "line().ask('log', last=10)",
        "add a person": "line().ask('user_add', name='x', role='admin', password='correct horse battery')",
        "say that somebody was added": "line().ask('note', what='user added', fingerprint='', parameters={})",
        "be somebody else": "line().ask('runs', limit=1, offset=0, search='', who='ada')",
        "admit a kernel": "line().ask('admit', kernel='x', name='eve', role='admin', mark='')",
    }
    assert set(place.tried(asks, "bob").values()) == {"stopped"}
    assert [(found.owner, found.name) for found in store.runs()] == [("ada", "of ada")]
    assert len(Users(place.server.folder / "users.json").all()) == 2


def test_a_broker_that_died_is_started_anew_and_ends_with_its_server(tmp_path: Path) -> None:
    with placed(tmp_path) as place:
        _broker_dies(place)


# A page that is open for long: once it sees the file, it keeps another run.
GOES_ON = f"""
import os, threading, time
{WORK.replace(CODE, "")}
def later():
    while not os.path.exists(os.path.join(os.environ["TILTYARD_DATA_ROOT"], "shared", "go")):
        time.sleep(0.1)
    open_store().begin("later, of " + open_store().person.name, what, what)
threading.Thread(target=later, daemon=True).start()
{CODE}
"""


def _broker_dies(place: Place) -> None:
    """An open page goes on with the broker that is started anew without anybody asking for it."""
    place.say(GOES_ON)
    place.page("ada")
    first = place.broker()
    first.kill()
    assert ended(first)
    second = _another_broker(place, first)
    (place.data / "shared" / "go").touch()
    store = Store(place.server.folder / "store" / "runs.sqlite", person=Person("owner", Role.ADMIN))
    for _ in range(3000):
        if store.count() >= 2:
            break
        time.sleep(0.1)
    else:
        pytest.fail("the open page keeps nothing more")
    assert {(run.name, run.owner, run.state) for run in store.runs()} == {("later, of ada", "ada", "open"), ("of ada", "ada", "open")}
    kernels = place.kernels()
    assert kernels and all(folder.is_dir() for folder in kernels)
    place.server.process.kill()
    place.server.process.wait()
    assert ended(second)
    assert not any(folder.exists() for folder in kernels)


def _another_broker(place: Place, former: psutil.Process) -> psutil.Process:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        with suppress(ValueError):  # none, in between
            if (found := place.broker()) != former:
                return found
        time.sleep(0.1)
    pytest.fail("no other broker was started")
