"""``tiltyard demo``: the whole assessment of what ships."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

from ..catalogue import TOPICS
from ..check import Step
from ..reports.bundle import make
from ..result import Record, Status
from ..running.assessment import Assessment, assess, not_run
from ..running.profiles import steps
from ..running.runner import Runner
from ..running.store import Store
from ..samples.catalog import load
from .assess import shown, written
from .console import progress_bar, remark, say, unlogged

PICTURES = ("evasion", "validation")


def run(out: Path, profile: str, seed: int) -> int:
    """Assess census with every check, then the digits with those whose result is a picture, and write one report."""
    begun = time.monotonic()
    # Read when torch is loaded. Models this small gain nothing from threads, and on a busy machine threads wait for one another.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    store = Store()
    census = _assessed("census", store, profile, seed)
    records = list(census.records)
    cancelled = census.cancelled
    if not cancelled:
        digits = _assessed("digits", store, profile, seed, _pictures(profile, seed, census.records))
        records = together(records, digits.records)
        cancelled = digits.cancelled
    bundle = make(
        records,
        title="Security report: the shipped census model, and the digits model where pictures tell more",
        run_id=census.run.id if census.run else "",
        not_run=not_run(records),
        command=f"tiltyard demo --profile {profile} --seed {seed}",
        profile=profile,
    )
    shown(tuple(records), None)
    written(bundle, out, ("report.html", "report.json"))
    unlogged(census.unlogged)
    say(f"{len(records)} records in {time.monotonic() - begun:.0f} s. Open {(out / 'report.html').absolute()}")
    return 130 if cancelled else 0


def _assessed(name: str, store: Store, profile: str, seed: int, chosen: Sequence[Step] | None = None) -> Assessment:
    remark(f"Loading the sample {name}")
    sample = load(name)
    chosen = steps(profile, seed, sample.target, sample.data) if chosen is None else chosen
    facts = {"command": f"tiltyard demo --profile {profile} --seed {seed}", "profile": profile, "seed": seed}
    with progress_bar() as tell:
        return assess(sample.target, sample.data, chosen, Runner(store), f"demo: {name}", facts, on_progress=tell)


def _pictures(profile: str, seed: int, records: Sequence[Record]) -> list[Step]:
    """The checks worth repeating on pictures: those of `PICTURES`, and those that census could not answer."""
    open_ones = {r.check for r in records if r.result.status is Status.NOT_APPLICABLE}
    data = load("digits").data
    return [s for s in steps(profile, seed, data=data) if s.id.split(".")[0] in PICTURES or s.id in open_ones]


def together(first: Sequence[Record], second: Sequence[Record]) -> list[Record]:
    """Both; *not applicable* only of what neither could answer, and once."""
    every = [*first, *second]
    answered = {r.check for r in every if r.result.status is not Status.NOT_APPLICABLE}
    order = list(TOPICS)
    kept = [r for r in every if r.result.status is not Status.NOT_APPLICABLE]
    kept += {r.check: r for r in reversed(every) if r.check not in answered}.values()
    return sorted(kept, key=lambda r: order.index(r.check.split(".")[0]) if r.check.split(".")[0] in order else len(order))
