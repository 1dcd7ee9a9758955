"""Sliders of people who share `tiltyard app`, from the move to the chart, alone and while two people run strong evaluations. Prints median, 95th percentile and longest.

    python benchmarks/bench_shared_slider.py [people who slide; 0 for one person beside that person's own evaluation] [moves each] [running]

Light clients on loopback. A move is the message that a slider's view sends to its kernel; it has ended when the kernel's new chart is here. What a browser
takes to draw it is in bench_slider.py. The slider is the noise of DP-SGD: its kernel reckons epsilon and the curve of the budget anew. Meanwhile two
people run the strong evaluation of the census sample again and again, and ``running`` is the app's limit of long checks at once.
"""

import asyncio
import math
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from bench_shared_kills import PASSWORDS, Kept, opened, shared, show, until
from light_page import LightPage

PAUSE = 0.3  # s between moves of one slider
TARGET = 150.0  # ms
PATIENCE = 120.0
SLIDER = "Noise multiplier"
SETTLED = 5.0  # s of an evaluation before the sliders move


def percentile(values: list[float], share: float) -> float:
    """The value that this share of them is at or below."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


async def slider(url: str, name: str) -> LightPage:
    """A page with the budget of DP-SGD in view."""
    page = await opened(url, name, "privacy", label="Check or defense")
    await budget(page)
    return page


async def budget(page: LightPage) -> None:
    """Bring the budget of DP-SGD into view."""

    def picker() -> list[str]:
        return [id for id in page.find(label="Check or defense") if "privacy.dp_sgd" in str(page.widgets[id].get("options"))]

    await show(page, "privacy", {"label": "Check or defense"})
    await page.until(picker, PATIENCE)
    page.set(picker()[0], value="privacy.dp_sgd")
    await page.until(lambda: page.find(label=SLIDER), PATIENCE)
    await asyncio.sleep(3)


async def slid(page: LightPage, moves: int, seed: int) -> list[float]:
    """Milliseconds of each move."""
    noise, epsilon = page.find(label=SLIDER)[0], page.find(label="Epsilon")[0]
    charts = {id for id, state in page.widgets.items() if "ChartView" in str(state.get("_anywidget_id"))}
    took = []
    for n in range(moves):
        at, begun = len(page.heard), time.perf_counter()
        page.set(noise, value=round(0.8 + 0.01 * ((7 * n + seed) % 100), 2))
        await page.until(lambda at=at: drawn(page.heard[at:], epsilon, charts), PATIENCE)  # type: ignore[misc]
        took.append(1000 * (drawn(page.heard[at:], epsilon, charts) - begun))
        await asyncio.sleep(PAUSE)
    return took


def drawn(heard: list[tuple[str, float]], epsilon: str, charts: set[str]) -> float:
    """When the first chart came after epsilon, which followed the move; 0 where none has."""
    after = next((n for n, (id, _) in enumerate(heard) if id == epsilon), len(heard))
    return next((when for id, when in heard[after:] if id in charts), 0.0)


async def moved(pages: list[LightPage], moves: int, what: str) -> float:
    """All slide at once; the 95th percentile in ms."""
    found = await asyncio.gather(*[slid(page, moves, seed) for seed, page in enumerate(pages)])
    every = [one for each in found for one in each]
    high = percentile(every, 0.95)
    print(
        f"{what}: {len(pages)} sliders, {len(every)} moves: median {statistics.median(every):.0f} ms, p95 {high:.0f} ms (target {TARGET:.0f}), longest {max(every):.0f} ms; load {os.getloadavg()[0]:.1f}",
        flush=True,
    )
    return high


async def evaluating(page: LightPage, kept: Kept, name: str) -> None:
    """A person who has the strong evaluation run again as soon as it has ended."""
    while True:
        before = kept.done(name)
        page.click(page.find(description="Run")[0])
        await until(lambda before=before: kept.done(name) > before, PATIENCE)  # type: ignore[misc]


async def scene(url: str, folder: Path, people: int, moves: int) -> None:
    """Alone, then beside the evaluations."""
    names, kept = list(PASSWORDS), Kept(folder / "runs.sqlite")
    at_work = [await opened(url, name) for name in names]
    pages = [await slider(url, names[n % len(names)]) for n in range(people)]
    await moved(pages, moves, "alone")
    loops = [asyncio.create_task(evaluating(page, kept, name)) for page, name in zip(at_work, names, strict=True)]
    assert await until(lambda: sum(kept.running(name) for name in names) >= 1), "nothing runs"
    await asyncio.sleep(SETTLED)
    before = [kept.done(name) for name in names]
    await moved(pages, moves, f"while {sum(kept.running(name) for name in names)} strong evaluations run")
    after = [kept.done(name) for name in names]
    print(
        f"evaluations ended meanwhile: {[late - early for early, late in zip(before, after, strict=True)]}, under way {[kept.running(name) for name in names]}"
    )
    for loop in loops:
        loop.cancel()


async def own(url: str, folder: Path, moves: int) -> None:
    """One person's slider beside that person's own strong evaluation, in the same page."""
    name, kept = next(iter(PASSWORDS)), Kept(folder / "runs.sqlite")
    page = await opened(url, name)
    await budget(page)
    await moved([page], moves, "own slider, alone")
    loop = asyncio.create_task(evaluating(page, kept, name))
    assert await until(lambda: kept.running(name) >= 1), "nothing runs"
    await asyncio.sleep(SETTLED)
    before = kept.done(name)
    await moved([page], moves, f"own slider while {kept.running(name)} own strong evaluation runs")
    print(f"evaluations ended meanwhile: {kept.done(name) - before}, under way {kept.running(name)}")
    loop.cancel()


def main(people: int, moves: int, running: int) -> None:
    """Measure."""
    print(f"load before {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as name, shared(Path(name), f"--running={running}", "--pages-per-person=40") as (url, _):
        asyncio.run(own(url, Path(name), moves) if people == 0 else scene(url, Path(name), people, moves))


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    main(*(given + [6, 40, 2][len(given) :]))
