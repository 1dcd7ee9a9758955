"""A workshop with real browsers: each person logs in, and all open the page, slide, run a check, reload, vanish and come back in the same moments.

    python benchmarks/bench_shared_browsers.py [people] [moves]

Needs Chromium and Playwright. One `tiltyard app --password`, each person an account and a browser context of their own. Everybody's check has a seed of
their own, by which it is known again. Prints seconds, whether anything crossed from one to another or was lost, and what the pages' consoles said.
Lines that begin with NOT are not as they should be, and the exit code counts them. `bench_shared.py` has the first control beside bare Voila.
"""

import asyncio
import os
import re
import shutil
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import bench_shared_kills as kills
from bench_page import FLAGS
from bench_shared_kills import LOADED, ONWARD, Kept, say, shared, until
from playwright.async_api import Browser, BrowserContext, Page, StorageState, async_playwright

from tiltyard.store.store import Store

PATIENCE = 240.0
TARGET = 150.0  # ms
CHECK, SLIDER = "privacy.membership_threshold", "Noise multiplier"
RESULT = "AUC of the attack"
SEED = 1000
# From the move of the slider to the end of the frame in which a chart of the panel has changed.
RANGE = f'.tiltyard-middle input[type=range][aria-label^="{SLIDER}"]'
SLIDE = """async ([range, share]) => {
  const frame = () => new Promise((done) => requestAnimationFrame(() => { const c = new MessageChannel(); c.port1.onmessage = done; c.port2.postMessage(0); }));
  const shown = (one) => one.getClientRects().length;
  const charts = () => [...document.querySelectorAll(".tiltyard-middle svg.ty-svg")].filter(shown).map((one) => one.outerHTML).join();
  const slider = [...document.querySelectorAll(range)].find(shown), least = Number(slider.min), most = Number(slider.max);
  const before = charts(), start = performance.now();
  slider.value = String(least + share * (most - least));
  slider.dispatchEvent(new Event("input", { bubbles: true }));
  while (charts() === before) {
    await frame();
    if (performance.now() - start > 60000) throw new Error("the chart stayed");
  }
  return performance.now() - start;
}"""


@dataclass
class Person:
    """Somebody with a browser: what it keeps (cookies) outlives a window that vanishes."""

    name: str
    url: str
    browser: Browser
    context: BrowserContext
    page: Page
    said: list[str] = field(default_factory=list)

    async def window(self, kept: StorageState | None = None) -> None:
        """A new window, with the cookies of the one before."""
        state = await self.context.storage_state() if kept is None else kept
        self.context = await self.browser.new_context(viewport={"width": 1300, "height": 900}, storage_state=state)
        self.page = await self.context.new_page()
        self.page.set_default_timeout(1000 * PATIENCE)
        self.page.on("console", lambda m: self.said.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda error: self.said.append(str(error)))

    async def open(self) -> tuple[float, float]:
        """Seconds to the first control, and to the sample or to the offer to go on."""
        begun = time.perf_counter()
        await self.page.goto(self.url, wait_until="commit")
        await self.page.locator("button.jupyter-button:enabled").first.wait_for()
        control = time.perf_counter() - begun
        await self.page.get_by_text(LOADED).or_(self.page.get_by_text(ONWARD)).first.wait_for()
        return control, time.perf_counter() - begun

    async def budget(self) -> None:
        """Bring the budget of DP-SGD into view."""
        await self._topic("Data privacy", "privacy.dp_sgd")
        await self.page.locator(RANGE).locator("visible=true").first.wait_for()
        await asyncio.sleep(2)

    async def slide(self, moves: int) -> list[float]:
        """Milliseconds of each move."""
        took = []
        for move in range(moves):
            took.append(await self.page.evaluate(SLIDE, [RANGE, 0.4 + 0.01 * (7 * move % 30)]))
            await asyncio.sleep(0.3)
        return took

    async def check(self, seed: int) -> None:
        """Click Run of a check with this seed."""
        await self._topic("Data privacy", CHECK)
        change = self.page.get_by_role("button", name="Change settings", exact=True).locator("visible=true")
        more = self.page.get_by_text("More settings").locator("visible=true")
        await change.or_(more).first.wait_for()
        if await change.count():
            await change.first.click()
        await more.first.click()
        await self.page.get_by_role("textbox", name="Seed").locator("visible=true").first.fill(str(seed))
        await self.page.keyboard.press("Tab")
        await self.page.get_by_role("button", name="Run", exact=True).locator("visible=true").click()

    async def _topic(self, name: str, step: str) -> None:
        await self.page.locator("nav").get_by_text(name, exact=True).click()
        picker = self.page.get_by_label("Check or defense").locator("visible=true").first
        await picker.wait_for()
        title, question = await asyncio.to_thread(titled, step)
        await picker.select_option(label=title)
        await self.page.get_by_text(question).locator("visible=true").first.wait_for()
        await asyncio.sleep(1)  # its settings take the place of the former's

    async def history(self) -> str:
        """What the list of runs shows."""
        await self.page.locator("nav").get_by_text("History", exact=True).click()
        await self.page.get_by_role("heading", name="History").first.wait_for()
        await asyncio.sleep(3)
        return await self.page.locator(".tiltyard-middle").inner_text()


def titled(step: str) -> tuple[str, str]:
    """A step's title and question, as the panel has them."""
    from tiltyard.catalogue import find

    return find(step).title, find(step).question


async def logged_in(browser: Browser, url: str, name: str, password: str) -> Person:
    """Fill in the form, and leave before the page that it leads to is made."""
    context = await browser.new_context()
    page = await context.new_page()
    person = Person(name, url, browser, context, page)
    while True:
        await page.goto(f"{url}/login", timeout=1000 * PATIENCE)
        form: dict[str, str | float | bool] = {
            "_xsrf": next(c["value"] for c in await context.cookies() if c["name"] == "_xsrf"),
            "name": name,
            "password": password,
        }
        answer = await context.request.post(f"{url}/login", form=form, max_redirects=0, timeout=1000 * PATIENCE)
        if answer.status != 429:
            break
        await asyncio.sleep(float(answer.headers["retry-after"]))
    if answer.status != 302:
        raise RuntimeError(f"{name} is not let in: {answer.status}")
    await person.window()
    await context.close()
    return person


def said(what: str, seconds: list[float]) -> str:
    """The first, the median and the last."""
    return f"{what}: the first after {min(seconds):.1f} s, the median {statistics.median(seconds):.1f} s, the last {max(seconds):.1f} s"


async def kept_all(people: list[Person], kept: Kept, store: Store) -> None:
    """Everybody's check, by its seed, is theirs alone."""
    begun = time.perf_counter()
    done = await until(lambda: all(kept.done(one.name) == 1 for one in people), PATIENCE)
    wrong = []
    for seed, one in enumerate(people, SEED):
        given = [record.given.get("seed") for line in kept.of(one.name) for record in store.records(line.id)]
        wrong += [] if given == [seed] else [f"{one.name}: {given}"]
    say(
        done and not wrong,
        f"a check of each of {len(people)}, kept as theirs with their own seed after {time.perf_counter() - begun:.1f} s {wrong or ''}",
    )


async def crossed(people: list[Person]) -> int:
    """How often somebody reaches the next one's kernel by its id."""
    ids = [re.findall(r'"kernelId": "([\w-]+)"', await one.page.content()) for one in people]
    found = 0
    for one, theirs in zip(people, [*ids[1:], ids[0]], strict=True):
        for kernel in theirs:
            for path in (f"tiltyard/page/{kernel}", f"api/kernels/{kernel}/channels", f"api/kernels/{kernel}"):
                found += (await one.context.request.get(f"{one.url}/{path}")).status not in (403, 404)
    say(any(ids), f"{sum(map(len, ids))} ids of kernels were known")
    return found


async def scene(url: str, folder: Path, names: dict[str, str], moves: int) -> None:
    """All of it."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2 * len(names) + 8))
    store = kills.Kept(folder / "runs.sqlite").store
    kept = Kept(folder / "runs.sqlite")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        people = [await logged_in(browser, url, name, password) for name, password in names.items()]
        await asyncio.sleep(25)  # the warm parent has imported what it will
        opened = await asyncio.gather(*[one.open() for one in people])
        print(said("first control", [one[0] for one in opened]))
        print(said("sample", [one[1] for one in opened]))

        await asyncio.gather(*[one.budget() for one in people])
        took = [ms for each in await asyncio.gather(*[one.slide(moves) for one in people]) for ms in each]
        high = sorted(took)[max(0, int(0.95 * len(took)) - 1)]
        say(
            high <= TARGET,
            f"{len(people)} sliders at once, key to drawn chart: median {statistics.median(took):.0f} ms, p95 {high:.0f} (asked {TARGET:.0f})",
        )

        await asyncio.gather(*[one.check(seed) for seed, one in enumerate(people, SEED)])
        await kept_all(people, kept, store)

        begun = time.perf_counter()
        await asyncio.gather(*[one.page.reload(wait_until="commit") for one in people])
        there = await asyncio.gather(*[shows(one, RESULT) for one in people])
        say(
            all(there),
            f"{sum(there)} of {len(people)} who reload have their page and its result again after {time.perf_counter() - begun:.1f} s",
        )

        states = [await one.context.storage_state() for one in people]
        for one in people:
            await vanish(one)
        await asyncio.sleep(3)
        begun = time.perf_counter()
        await asyncio.gather(*[one.window(state) for one, state in zip(people, states, strict=True)])
        await asyncio.gather(*[one.open() for one in people])
        there = await asyncio.gather(*[shows(one, ONWARD) for one in people])
        say(
            all(there),
            f"{sum(there)} of {len(people)} who vanished and come back are offered their run after {time.perf_counter() - begun:.1f} s",
        )

        found = await crossed(people)
        say(found == 0, f"{found} requests for another's kernel were answered")
        lists = await asyncio.gather(*[one.history() for one in people])
        runs = {one.name: [line.id[:8] for line in kept.of(one.name)] for one in people}
        alien = [
            one.name
            for one, text in zip(people, lists, strict=True)
            for name, ids in runs.items()
            for id in ids
            if (id in text) != (name == one.name)
        ]
        say(not alien, f"everybody's history shows their own runs and nobody else's {alien or ''}")
        errors = [f"{one.name}: {text}" for one in people for text in one.said]
        say(not errors, f"{len(errors)} errors in the consoles {errors[:3] or ''}")
        await browser.close()


async def shows(one: Person, text: str) -> bool:
    """Does this come to be seen?"""
    with suppress(Exception):
        await one.page.get_by_text(re.compile(text)).locator("visible=true").first.wait_for(timeout=60_000)
        return True
    return False


async def vanish(one: Person) -> None:
    """The window is gone without a word to the server."""
    await one.context.set_offline(True)
    await one.context.close()


def main(people: int, moves: int) -> int:
    """Measure."""
    print(f"load before {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    names = {f"person{n:02}": f"the long password of {n:02}" for n in range(people)}
    with tempfile.TemporaryDirectory() as name, shared(Path(name), passwords=names) as (url, _):
        asyncio.run(scene(url, Path(name), names, moves))
    print(f"load after {os.getloadavg()[0]:.1f}")
    return int(kills.wrong)


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    crowd, times = numbers + [8, 10][len(numbers) :]
    sys.exit(main(crowd, times))
