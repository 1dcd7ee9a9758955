"""A crowd that comes to one `tiltyard app` in the same moment: each opens a page, slides, runs a check, reloads, vanishes and comes back.

    python benchmarks/bench_shared_crowd.py [people] [moves] [quick | peer]

Light clients on loopback, each an account of its own, logged in before the clock runs. Prints seconds until each page is usable (whole, joined to its
kernel and its widgets there) and until the sample is on it, the memory of all processes (each shared page of memory counted once), the slider,
and whether anything crossed from one person to another or was lost. ``peer`` fetches bare Voila's page for as many beside it; ``quick`` ends after the slider.
Lines that begin with NOT are not as they should be, and the exit code counts them.
"""

import asyncio
import os
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import bench_shared_kills as kills
import httpx
import psutil
from bench_eight import bare, spent
from bench_shared_kills import LOADED, ONWARD, Kept, say, shared, show, until
from bench_shared_slider import SLIDER, is_kernel, moved, password
from light_page import KERNEL, PATIENCE, LightPage, log_in

USABLE = 30.0  # s until the last of them
WARM = 25.0  # s, as bench_shared has it: a server for a workshop has stood a while
MEMORY = 4096  # MiB of all processes
CHECK = "privacy.membership_threshold"


@dataclass
class Came:
    """One person: when the page was whole, usable, and with the sample, in seconds from the moment all came."""

    name: str
    page: LightPage
    took: list[float] = field(default_factory=list)


async def came(client: httpx.Client, url: str, name: str) -> Came:
    """Open a page, as all do in this moment."""
    begun = time.perf_counter()
    page = await LightPage.fetched(client, url)
    one = Came(name, page, [time.perf_counter() - begun])
    for true in (lambda: rail(page), lambda: page.seen(LOADED)):
        await page.until(true)
        one.took.append(time.perf_counter() - begun)
    return one


def rail(page: LightPage) -> bool:
    """Is the rail of topics there?"""
    return any("Rail" in str(state.get("_anywidget_id")) for state in page.widgets.values())


def said(what: str, seconds: list[float]) -> str:
    """The first, the median and the last."""
    return f"{what}: the first after {min(seconds):.1f} s, the median {statistics.median(seconds):.1f} s, the last {max(seconds):.1f} s"


def held(root: psutil.Process) -> tuple[list[float], float]:
    """MiB that each kernel shares with no other process, and those of all processes."""
    own, everything = [], 0.0
    for one in [root, *root.children(recursive=True)]:
        with suppress(psutil.Error):
            memory = one.memory_full_info()
            everything += memory.pss / 2**20
            own += [memory.uss / 2**20] if is_kernel(one) else []
    return own, everything


async def arrive(url: str, root: psutil.Process, names: list[str]) -> list[Came]:
    """All at once."""
    clients = [httpx.Client(timeout=PATIENCE, follow_redirects=True) for _ in names]
    begun = time.perf_counter()
    await asyncio.gather(
        *[asyncio.to_thread(log_in, client, url, name, password(name)) for client, name in zip(clients, names, strict=True)]
    )
    print(f"all logged in after {time.perf_counter() - begun:.1f} s")
    first = await LightPage.fetched(clients[0], url)  # the warm parent is ready, and has imported all it will
    await first.until(lambda: first.seen(LOADED))
    await first.leave()
    clients[0] = httpx.Client(timeout=PATIENCE, follow_redirects=True)
    await asyncio.to_thread(log_in, clients[0], url, names[0], password(names[0]))
    await asyncio.sleep(WARM)
    before = sum(spent(root).values())
    there = await asyncio.gather(*[came(client, url, name) for client, name in zip(clients, names, strict=True)])
    print(f"CPU of server and kernels {sum(spent(root).values()) - before:.1f} s; load {os.getloadavg()[0]:.1f}")
    for at, what in enumerate(("page whole", "usable", "sample")):
        print(said(what, [one.took[at] for one in there]))
    last = max(one.took[1] for one in there)
    say(last <= USABLE, f"{len(there)} people who came at once: all usable after {last:.1f} s (asked {USABLE:.0f})")
    return there


def remembered(root: psutil.Process, what: str) -> None:
    """Memory now."""
    own, everything = held(root)
    text = f"{what}: {len(own)} kernels, {statistics.median(own):.0f} MiB private each (most {max(own):.0f}); all processes {everything:.0f} MiB (asked {MEMORY})"
    say(everything <= MEMORY, text)
    gateway = next(one for one in root.children(recursive=True) if "tiltyard_widgets.gateway" in one.cmdline())
    print(f"the server has {gateway.num_fds()} files open, and {gateway.num_threads()} threads")


async def check(one: Came, kept: Kept) -> float:
    """Run a check; seconds until it is kept."""
    page, before, begun = one.page, await asyncio.to_thread(kept.done, one.name), time.perf_counter()
    page.click(page.find(description="Run")[0])
    done = await until(lambda: kept.done(one.name) > before, PATIENCE)
    return time.perf_counter() - begun if done else PATIENCE


async def checks(there: list[Came], kept: Kept) -> None:
    """Each runs one, all at once."""
    for one in there:
        one.page.set(one.page.find(label="Check or defense")[0], value=CHECK)
    await asyncio.sleep(3)
    took = await asyncio.gather(*[check(one, kept) for one in there])
    print(said(f"{CHECK} by each, kept", list(took)))
    done = [kept.done(one.name) for one in there]
    say(all(n == 1 for n in done), f"{sum(done)} checks of {len(there)} people are kept, each its own")


async def reload(one: Came, url: str) -> bool:
    """Close the page and open another; is the run that was had there offered?"""
    await asyncio.to_thread(one.page.client.post, f"{url}/voila/api/shutdown/{one.page.kernel}", data={"_xsrf": one.page._xsrf})
    one.page.vanish()
    one.page = await LightPage.fetched(one.page.client, url)
    with suppress(TimeoutError):
        await one.page.until(lambda: one.page.seen(ONWARD))
        return True
    return False


async def back(one: Came) -> bool:
    """Vanish without a word and come back to the same kernel."""
    one.page.vanish()
    one.page.widgets.clear()
    await asyncio.sleep(3)
    await one.page.connect()
    with suppress(TimeoutError):
        await one.page.until(lambda: one.page.seen(ONWARD), 60)
        return True
    return False


def crossings(there: list[Came], url: str) -> int:
    """How often somebody reaches the next one's kernel."""
    found = 0
    for one, other in zip(there, [*there[1:], there[0]], strict=True):
        for path in (f"tiltyard/page/{other.page.kernel}", f"api/kernels/{other.page.kernel}/channels"):
            found += one.page.client.get(f"{url}/{path}").status_code != 404
    return found


async def scene(url: str, root: psutil.Process, folder: Path, names: list[str], moves: int, quick: bool) -> None:
    """All of it."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2 * len(names) + 8))
    kept = Kept(folder / "runs.sqlite")
    there = await arrive(url, root, names)
    remembered(root, "with the sample")
    for one in there:
        await show(one.page, "privacy", {"label": "Check or defense"})
        one.page.set(one.page.find(label="Check or defense")[0], value="privacy.dp_sgd")
    for one in there:
        await one.page.until(lambda page=one.page: page.find(label=SLIDER))
    await asyncio.sleep(3)
    await moved([one.page for one in there], moves, "all slide", root)
    remembered(root, "after they slid")
    if quick:
        return
    await checks(there, kept)
    remembered(root, "after a check of each")
    begun = time.perf_counter()
    again = await asyncio.gather(*[reload(one, url) for one in there])
    say(
        all(again),
        f"{sum(again)} of {len(again)} who reload are offered their run; all pages there after {time.perf_counter() - begun:.1f} s",
    )
    again = await asyncio.gather(*[back(one) for one in there])
    say(all(again), f"{sum(again)} of {len(again)} who vanish find their page as it was")
    crossed = await asyncio.to_thread(crossings, there, url)
    say(crossed == 0, f"{crossed} of {2 * len(there)} requests for another's kernel were answered")
    stray = [line.id for line in kept.store.runs(limit=10 * len(names)) if line.owner not in names]
    say(not stray, f"{len(stray)} runs are nobody's")


def peer(people: int, folder: Path) -> None:
    """Bare Voila's page for as many at once, no login."""
    with bare(folder) as (url, root), ThreadPoolExecutor(people) as pool:
        httpx.get(url, timeout=PATIENCE, follow_redirects=True)
        before = sum(spent(root).values())

        def one(_: int) -> tuple[float, bool]:
            begun = time.perf_counter()
            text = httpx.get(url, timeout=PATIENCE, follow_redirects=True).text
            return time.perf_counter() - begun, KERNEL.search(text) is not None

        found = list(pool.map(one, range(people)))
        print(said(f"bare Voila, {sum(whole for _, whole in found)} of {people} pages whole", [seconds for seconds, _ in found]))
        everything = sum(one.memory_full_info().pss for one in [root, *root.children(recursive=True)]) / 2**20
        print(
            f"bare Voila: CPU {sum(spent(root).values()) - before:.1f} s, all processes {everything:.0f} MiB; load {os.getloadavg()[0]:.1f}"
        )


def main(people: int, moves: int, words: list[str]) -> int:
    """Measure."""
    print(f"load before {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    names = [f"person{n:02}" for n in range(people)]
    with tempfile.TemporaryDirectory() as name:
        if "peer" in words:
            peer(people, Path(name))
        with shared(Path(name), passwords={name: password(name) for name in names}) as (url, root):
            asyncio.run(scene(url, root, Path(name), names, moves, "quick" in words))
    print(f"load after {os.getloadavg()[0]:.1f}")
    return int(kills.wrong)


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    crowd, times = numbers + [30, 8][len(numbers) :]
    sys.exit(main(crowd, times, [word for word in sys.argv[1:] if not word.isdigit()]))
