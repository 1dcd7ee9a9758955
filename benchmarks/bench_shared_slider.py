"""Sliders of people who share `tiltyard app`, from the move to the chart, alone and while two other people run whole campaigns: in one beat, and each at a rhythm of its own.

    python benchmarks/bench_shared_slider.py [people who slide; 0 for one person beside that person's own evaluation] [moves each] [running]

Light clients on loopback, each an account. A move is the message that a slider's view sends to its kernel; it has ended when the kernel's new chart is here. What a
browser takes to draw it is in bench_slider.py. The slider is the noise of DP-SGD: its kernel computes epsilon and the curve of the budget anew. In one beat all move in
the same moment, and again `PAUSE` after the last chart came; at a rhythm of its own each moves again `SOONEST` to `LATEST` after its last move, and not before its chart is
there, as the page's own script does. ``running`` is the app's limit of long checks at once. Lines that begin with NOT are above the bound, and the exit code counts them.
"""

import asyncio
import math
import os
import random
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import bench_shared_kills as kills
import psutil
from bench_eight import spent
from bench_shared_kills import LOADED, PASSWORDS, Kept, opened, say, shared, show, until
from light_page import LightPage

PAUSE = 0.3  # s between moves of all
SOONEST, LATEST = 0.3, 0.5  # s between moves of one who drags
TARGET = 150.0  # ms
PATIENCE = 120.0
SLIDER = "Noise multiplier"
PLANNED = "attacks, each goal in turn"
RESTS, LONGEST = 0.2, 30.0  # CPU seconds of two; s
SETTLED = 5.0  # s of an evaluation or a campaign before the sliders move


def percentile(values: list[float], share: float) -> float:
    """The value that this share of them is at or below."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def password(name: str) -> str:
    """Of an account that lives as long as this run."""
    return str(PASSWORDS.get(name, f"the long password of {name}"))


async def page_of(url: str, name: str) -> LightPage:
    """A person's page with the sample on it."""
    page = await LightPage.opened(url, name, password(name))
    await page.until(lambda: page.seen(LOADED))
    return page


async def budget(page: LightPage) -> None:
    """Bring the budget of DP-SGD into view."""

    def picker() -> list[str]:
        return [id for id in page.find(label="Check or defense") if "privacy.dp_sgd" in str(page.widgets[id].get("options"))]

    await show(page, "privacy", {"label": "Check or defense"})
    await page.until(picker, PATIENCE)
    page.set(picker()[0], value="privacy.dp_sgd")
    await page.until(lambda: page.find(label=SLIDER), PATIENCE)


class Drag:
    """One person's hand on the slider: ``took`` has the milliseconds of each move."""

    def __init__(self, page: LightPage, seed: int) -> None:
        self.page, self.seed, self.moves = page, seed, 0
        self.took: list[float] = []
        self.chance = random.Random(seed)
        self.noise, self.epsilon = page.find(label=SLIDER)[0], page.find(label="Epsilon")[0]
        self.charts = {id for id, state in page.widgets.items() if "ChartView" in str(state.get("_anywidget_id"))}

    async def move(self) -> None:
        """Move once, until the chart is here."""
        page, at, begun = self.page, len(self.page.heard), time.perf_counter()
        page.set(self.noise, value=round(0.8 + 0.01 * ((7 * self.moves + self.seed) % 100) + 1e-4 * self.seed, 4))
        self.moves += 1
        await page.until(lambda: drawn(page.heard[at:], self.epsilon, self.charts), PATIENCE)
        self.took.append(1000 * (drawn(page.heard[at:], self.epsilon, self.charts) - begun))

    async def drag(self, moves: int) -> None:
        """Move again and again, at a rhythm of its own."""
        await asyncio.sleep(self.chance.uniform(0, LATEST))
        for _ in range(moves):
            following = time.perf_counter() + self.chance.uniform(SOONEST, LATEST)
            await self.move()
            await asyncio.sleep(max(0.0, following - time.perf_counter()))


def drawn(heard: list[tuple[str, float]], epsilon: str, charts: set[str]) -> float:
    """When the first chart came after epsilon, which followed the move; 0 where none has."""
    after = next((n for n, (id, _) in enumerate(heard) if id == epsilon), len(heard))
    return next((when for id, when in heard[after:] if id in charts), 0.0)


async def moved(pages: list[LightPage], moves: int, what: str, root: psutil.Process | None = None, beat: bool = True) -> float:
    """All slide, in one beat or each at its own; the 95th percentile in ms."""
    drags = [Drag(page, seed) for seed, page in enumerate(pages)]
    for drag in drags:
        drag.page.only = (drag.epsilon, *drag.charts)
    before, mine = spent(root) if root else {}, time.process_time()
    if beat:
        for _ in range(moves):
            await asyncio.gather(*[drag.move() for drag in drags])
            await asyncio.sleep(PAUSE)
    else:
        await asyncio.gather(*[drag.drag(moves) for drag in drags])
    mine = time.process_time() - mine
    for page in pages:
        page.only = ()
    every = [one for drag in drags for one in drag.took]
    high = percentile(every, 0.95)
    said = f"{what}, {'in one beat' if beat else 'each at its own rhythm'}: {len(pages)} sliders, {len(every)} moves: median {statistics.median(every):.0f} ms, p95 {high:.0f} ms (asked {TARGET:.0f}), longest {max(every):.0f} ms"
    say(high <= TARGET, f"{said}; load {os.getloadavg()[0]:.1f}")
    if root:
        said_spent(spent(root), before, root, mine, len(every))
    return high


def said_spent(after: dict[int, float], before: dict[int, float], root: psutil.Process, client: float, moves: int) -> None:
    """CPU milliseconds a move of kernels (those that run campaigns too), of the server, and of the clients here."""
    kernels, rest, server = 0.0, 0.0, 0.0
    for one in root.children(recursive=True):
        used = 1000 * (after.get(one.pid, 0.0) - before.get(one.pid, 0.0)) / moves
        words = one.cmdline() if one.is_running() else []
        if is_kernel(one):
            kernels += used
        elif "tiltyard_widgets.gateway" in words:
            server += used
        else:
            rest += used
    print(
        f"  CPU a move: kernels {kernels:.1f} ms, server {server:.1f} ms, other processes of the app {rest:.1f} ms, these clients {1000 * client / moves:.1f} ms",
        flush=True,
    )


def is_kernel(process: psutil.Process) -> bool:
    """Is it a page's?"""
    try:
        return " ".join(process.cmdline()).startswith("tiltyard kernel")
    except psutil.Error:
        return False


async def evaluating(page: LightPage, kept: Kept, name: str) -> None:
    """A person who has the strong evaluation run again as soon as it has ended."""
    while True:
        before = kept.done(name)
        page.click(page.find(description="Run")[0])
        await until(lambda before=before: kept.done(name) > before, PATIENCE)  # type: ignore[misc]


async def campaigning(url: str, name: str) -> LightPage:
    """A person whose whole campaign has been planned and begun."""
    page = await page_of(url, name)
    await show(page, "redteam", {"description": "Run the plan"})
    await page.until(lambda: page.seen(PLANNED), PATIENCE)
    page.click(page.find(description="Run the plan")[0])
    return page


async def warmed(url: str, root: psutil.Process, name: str) -> None:
    """A first page has come and gone, and the warm parent has imported all that it goes on importing afterwards."""
    await (await page_of(url, name)).leave()
    await resting(root)


async def resting(root: psutil.Process) -> None:
    """Until all processes of the app do next to nothing for two seconds, and no longer than a while: open pages never do quite nothing."""
    end, used = time.monotonic() + LONGEST, math.inf
    while time.monotonic() < end and not 0 <= used < RESTS:
        before = sum(spent(root).values())
        await asyncio.sleep(2)
        used = sum(spent(root).values()) - before
    print(f"at rest all of the app takes {used / 2:.2f} s of a core a second", flush=True)


async def scene(url: str, root: psutil.Process, folder: Path, people: list[str], moves: int) -> None:
    """Alone, then beside the campaigns."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2 * len(people) + 8))
    others, kept = list(PASSWORDS), Kept(folder / "runs.sqlite")
    await warmed(url, root, people[0])
    pages = await asyncio.gather(*[page_of(url, name) for name in people])
    for page in pages:
        await budget(page)
    await asyncio.gather(*[Drag(page, 0).move() for page in pages])  # the first has to import
    await resting(root)
    print(f"{len(pages)} pages are ready", flush=True)
    for beat in (True, False):
        await moved(pages, moves, "alone", root, beat)
    at_work = [await campaigning(url, name) for name in others]
    assert await until(lambda: all(kept.running(name) for name in others)), "no campaigns run"
    await asyncio.sleep(SETTLED)
    for beat in (True, False):
        before = [kept.done(name) for name in others]
        running = sum(kept.running(name) for name in others)
        await moved(pages, moves, f"while {len(at_work)} campaigns are under way ({running} steps run)", root, beat)
        after = [kept.done(name) for name in others]
        print(
            f"  steps ended meanwhile: {[late - early for early, late in zip(before, after, strict=True)]}, under way {[kept.running(name) for name in others]}"
        )


async def own(url: str, folder: Path, moves: int) -> None:
    """One person's slider beside that person's own strong evaluation, in the same page."""
    name, kept = next(iter(PASSWORDS)), Kept(folder / "runs.sqlite")
    page = await opened(url, name)
    await budget(page)
    await asyncio.sleep(3)
    await moved([page], moves, "own slider, alone")
    loop = asyncio.create_task(evaluating(page, kept, name))
    assert await until(lambda: kept.running(name) >= 1), "nothing runs"
    await asyncio.sleep(SETTLED)
    before = kept.done(name)
    await moved([page], moves, f"own slider while {kept.running(name)} own strong evaluation runs")
    print(f"evaluations ended meanwhile: {kept.done(name) - before}, under way {kept.running(name)}")
    loop.cancel()


def main(people: int, moves: int, running: int) -> int:
    """Measure."""
    print(f"load before {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    names = [f"person{n:02}" for n in range(people)]
    accounts = {name: password(name) for name in [*PASSWORDS, *names]}
    with tempfile.TemporaryDirectory() as name, shared(Path(name), f"--running={running}", passwords=accounts) as (url, root):
        asyncio.run(own(url, Path(name), moves) if people == 0 else scene(url, root, Path(name), names, moves))
    return int(kills.wrong)


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    sys.exit(main(*(given + [30, 10, 2][len(given) :])))
