"""A shared app in trouble: two people run checks while the warm parent, the broker and a kernel are killed, a browser vanishes, and the server is told to end.

    python benchmarks/bench_shared_kills.py

Light clients on loopback, no browser. Each line says what was done and what came of it; one that begins with NOT is not as it should be, and the exit code counts them.
"""

import asyncio
import contextlib
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
from light_page import LightPage

from tiltyard.access.person import Person
from tiltyard.access.roles import Role
from tiltyard.access.users import Users
from tiltyard.cli.commands.window import free_port
from tiltyard.store.store import Store

PASSWORDS = {"ada": "correct horse battery", "bob": "staple of a stable"}
LOADED = "rows answered in"
ONWARD = "Go on where you were"
ENDED = 3.0  # s from SIGTERM
wrong = 0


def say(good: object, text: str) -> None:
    """Print an outcome."""
    global wrong
    wrong += not good
    print(("" if good else "NOT ") + text, flush=True)


@contextlib.contextmanager
def shared(folder: Path, *words: str, passwords: Mapping[str, str] = PASSWORDS) -> Iterator[tuple[str, psutil.Process]]:
    """`tiltyard app --password` with analysts: Ada and Bob where no others are named."""
    users = Users(folder / "users.json")
    for name, password in passwords.items():
        users.add(name, Role.ANALYST, password)
    own = {
        "TILTYARD_STORE": str(folder / "runs.sqlite"),
        "TILTYARD_USERS": str(folder / "users.json"),
        "XDG_DATA_HOME": str(folder / "xdg"),
    }
    command = [sys.executable, "-m", "tiltyard", "app", "--password", f"--port={free_port(0, None)}", *words]
    server = subprocess.Popen(command, env={**os.environ, **own}, stdout=subprocess.PIPE, text=True, cwd=folder)
    assert server.stdout is not None
    url = re.search(r"http://\S+", server.stdout.readline())
    assert url is not None
    try:
        yield url[0].rstrip("/"), psutil.Process(server.pid)
    finally:
        server.terminate()
        server.wait(60)
        server.stdout.close()


def process(root: psutil.Process, word: str) -> psutil.Process:
    """The one below ``root`` that has this word on its command line."""
    for one in root.children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if word in one.cmdline() or any(part.endswith(word) for part in one.cmdline()):
                return one
    raise LookupError(f"no process of {word}")


async def opened(url: str, name: str, topic: str = "evasion", **traits: Any) -> LightPage:
    """A person's page with the sample on it, at a topic, once a widget with these traits is there."""
    page = await LightPage.opened(url, name, PASSWORDS[name])
    await page.until(lambda: page.seen(LOADED))
    await show(page, topic, traits or {"description": "Run"})
    return page


async def show(page: LightPage, topic: str, traits: dict[str, Any]) -> None:
    """Go to a topic of the rail."""
    rail = next(id for id, state in page.widgets.items() if "Rail" in str(state.get("_anywidget_id")))
    page.set(rail, selected=topic)
    await page.until(lambda: page.find(**traits))


def run(page: LightPage) -> None:
    """Click Run."""
    page.click(page.find(description="Run")[0])


async def until(true: Any, seconds: float = 120.0) -> bool:
    """Wait for what is not a page's."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if await asyncio.to_thread(true):
            return True
        await asyncio.sleep(0.2)
    return False


class Kept:
    """What the store says."""

    def __init__(self, place: Path | str) -> None:
        self.store = Store(place, person=Person("owner", Role.ADMIN))

    def of(self, name: str) -> list[Any]:
        return [line for line in self.store.runs() if line.owner == name]

    def done(self, name: str) -> int:
        """Steps of this person that ended with a result."""
        return sum(step.state not in ("running", "cut off") for line in self.of(name) for step in self.store.steps(line.id))

    def running(self, name: str) -> int:
        return sum(step.state == "running" for line in self.of(name) for step in self.store.steps(line.id))

    def cut_off(self, name: str) -> int:
        return sum(step.state == "cut off" for line in self.of(name) for step in self.store.steps(line.id))


async def both_run(kept: Kept, ada: LightPage, bob: LightPage) -> tuple[int, int]:
    """Both click Run; what each had done before."""
    before = kept.done("ada"), kept.done("bob")
    run(ada)
    run(bob)
    say(await until(lambda: kept.running("ada") and kept.running("bob"), 60), "two people's checks run at once")
    return before


async def finished(kept: Kept, before: tuple[int, int], after: str) -> None:
    good = await until(lambda: kept.done("ada") > before[0] and kept.done("bob") > before[1], 240)
    say(good, f"{after}: both checks end and are kept ({kept.done('ada') - before[0]} and {kept.done('bob') - before[1]})")


async def scene(url: str, root: psutil.Process, folder: Path) -> None:
    """All of it."""
    ada, bob = await asyncio.gather(opened(url, "ada"), opened(url, "bob"))
    kept = Kept(folder / "runs.sqlite")
    print("two pages with the sample are open")
    before = await both_run(kept, ada, bob)
    process(root, "tiltyard_widgets.warm.parent").kill()
    await finished(kept, before, "the warm parent was killed")
    begun = time.perf_counter()
    third = await LightPage.opened(url, "bob", PASSWORDS["bob"])
    await third.until(lambda: third.seen(ONWARD))
    say(True, f"a third page opens {time.perf_counter() - begun:.1f} s later")
    await third.leave()

    before = await both_run(kept, ada, bob)
    process(root, "tiltyard.broker.server").kill()
    await finished(kept, before, "the broker was killed")

    before = await both_run(kept, ada, bob)
    bob.vanish()
    await asyncio.sleep(3)
    await bob.connect()
    await bob.until(lambda: bob.seen(LOADED), 60)
    await finished(kept, before, "a browser vanished and came back after 3 s")

    before = await both_run(kept, ada, bob)
    begun = time.perf_counter()
    psutil.Process(kept.store.run(kept.of("ada")[0].id).process.pid).kill()
    gone = await until(lambda: ada.client.get(f"{ada.url}/tiltyard/page/{ada.kernel}").status_code == 404, 60)
    say(gone, f"Ada's kernel was killed: her page is told after {time.perf_counter() - begun:.1f} s at most (it asks every 10 s)")
    say(await until(lambda: kept.done("bob") > before[1], 240), "Bob's check goes on and is kept")
    say(kept.cut_off("ada") == 1 and kept.cut_off("bob") == 0, "the store says that Ada's was cut off, and only hers")
    again = await LightPage.opened(url, "ada", PASSWORDS["ada"])
    await again.until(lambda: again.seen(ONWARD), 60)
    say(True, "Ada's next page offers to go on where she was")

    answer = again.client.get(f"{url}/tiltyard/page/{bob.kernel}").status_code
    say(answer == 404, f"Bob's page is not there for Ada ({answer})")
    stray = [line.id for line in kept.store.runs() if line.owner not in PASSWORDS]
    say(not stray and kept.of("ada") and kept.of("bob"), f"every run is its person's: {len(kept.of('ada'))} and {len(kept.of('bob'))}")

    run(bob)
    await until(lambda: kept.running("bob"), 60)
    await ends(root, url)


async def ends(root: psutil.Process, url: str) -> None:
    """SIGTERM in the middle of a run."""
    below = root.children(recursive=True)
    begun = time.perf_counter()
    server = next(one for one in below if "tiltyard_widgets.gateway" in one.cmdline())
    server.terminate()
    _, left = await asyncio.to_thread(psutil.wait_procs, [*below], 30)
    took = time.perf_counter() - begun
    port = int(url.rpartition(":")[2])
    with contextlib.closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free = probe.connect_ex(("127.0.0.1", port)) != 0
    say(
        took <= ENDED and not left and free,
        f"SIGTERM with a check under way: {len(below)} processes gone after {took:.1f} s, {len(left)} left, port free: {free}",
    )


def main() -> int:
    """Run it."""
    print(f"load before {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as name, shared(Path(name)) as (url, root):
        asyncio.run(scene(url, root, Path(name)))
    print(f"load after {os.getloadavg()[0]:.1f}")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
