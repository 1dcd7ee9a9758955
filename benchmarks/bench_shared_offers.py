"""What an offered model and its data cost whoever looks at them: memory of each page, and CPU of the first views, beside their size.

    python benchmarks/bench_shared_offers.py [people] [MiB of weights] [MiB of data] [alone]

The owner starts `tiltyard app --password --offer`; light clients on loopback, each an account of its own, open a page in the same moment, which comes
with what is offered, and then run the check of performance. Memory is what each page shares with no other process, and all processes together, each
shared page of memory counted once. The same is measured
with the census before, so that what is left is the offer's;
not with ``alone``.
"""

import asyncio
import statistics
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import bench_shared_kills as kills
import numpy as np
import pandas as pd
import psutil
from bench_eight import spent
from bench_shared_crowd import Came, arrive, held, password
from bench_shared_kills import Kept, say, shared, show, until
from light_page import PATIENCE
from safetensors.numpy import save_file

COLUMNS = 500
CHECK = "validation.performance"
OWN = 0.2  # of what is offered that a page may hold for itself


def made(folder: Path, weights: int, rows: int) -> Path:
    """A network of so many MiB and a table of so many MiB in memory; the assessment file that names both."""
    rng = np.random.default_rng(0)
    width = (weights << 20) // 4 // (COLUMNS + 3)
    layers = [
        {"type": "linear", "options": {"in_features": COLUMNS, "out_features": width}},
        {"type": "relu"},
        {"type": "linear", "options": {"in_features": width, "out_features": 2}},
    ]
    shapes = {"0.weight": (width, COLUMNS), "0.bias": (width,), "2.weight": (2, width), "2.bias": (2,)}
    save_file({name: (0.05 * rng.standard_normal(shape)).astype(np.float32) for name, shape in shapes.items()}, folder / "wide.safetensors")
    x = rng.standard_normal(((rows << 20) // 8 // COLUMNS, COLUMNS)).round(4)
    frame = pd.DataFrame(x, columns=[f"c{n}" for n in range(COLUMNS)])
    frame["y"] = np.where(x[:, 0] > 0, "high", "low")
    frame.to_parquet(folder / "wide.parquet")
    (folder / "layers.json").write_text(str({"layers": layers}).replace("'", '"'))
    (folder / "wide.toml").write_text(
        '[target]\nfile = "wide.safetensors"\narchitecture = "layers.json"\nclasses = ["low", "high"]\n[data]\nfile = "wide.parquet"\nlabel = "y"\n'
    )
    return folder / "wide.toml"


def remembered(root: psutil.Process, what: str) -> float:
    """Memory now; the median of what a page holds alone, in MiB."""
    own, everything = held(root)
    print(
        f"{what}: {len(own)} pages, {statistics.median(own):.0f} MiB private each (most {max(own):.0f}); all processes {everything:.0f} MiB",
        flush=True,
    )
    return float(statistics.median(own))


async def checked(there: list[Came], kept: Kept) -> None:
    """Each runs the check of performance."""
    for one in there:
        await show(one.page, "validation", {"label": "Check or defense"})
    await asyncio.sleep(3)
    for one in there:
        one.page.click(one.page.find(description="Run")[0])
    for one in there:
        await until(lambda name=one.name: kept.done(name) > 0, PATIENCE)


async def scene(url: str, root: psutil.Process, folder: Path, names: list[str], what: str) -> float:
    """All come, and each runs a check."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2 * len(names) + 8))
    there = await arrive(url, root, names)
    own = remembered(root, f"{what} on each page")
    before = sum(spent(root).values())
    await checked(there, Kept(folder / "runs.sqlite"))
    print(f"{what}: {CHECK} by each took {sum(spent(root).values()) - before:.1f} s of CPU")
    after = remembered(root, f"{what}, after the check")
    for one in there:
        with suppress(Exception):
            await one.page.leave()
    return max(own, after)


def main(people: int, weights: int, rows: int, alone: bool) -> int:
    """Measure without and with the offer."""
    names = [f"person{n:02}" for n in range(people)]
    found: dict[str, float] = {}
    for what in ("offered",) if alone else ("census", "offered"):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            words = ["--offer", str(made(folder, weights, rows))] if what == "offered" else []
            with shared(folder, *words, passwords={name: password(name) for name in names}) as (url, root):
                found[what] = asyncio.run(scene(url, root, folder, names, what))
    if alone:
        return int(kills.wrong)
    more = found["offered"] - found["census"]
    say(
        more <= OWN * (weights + rows),
        f"an offer of {weights + rows} MiB adds {more:.0f} MiB to each page's own (asked {OWN * (weights + rows):.0f})",
    )
    return int(kills.wrong)


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:] if word.isdigit()]
    sizes = [*given, *(10, 100, 100)[len(given) :]]
    sys.exit(main(*sizes, alone="alone" in sys.argv))
