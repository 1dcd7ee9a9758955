"""``tiltyard demo``: the whole assessment of what ships."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

from ...assessment.assessment import Assessment, assess
from ...assessment.full_assessment import FullAssessment, answers
from ...campaign.campaign import ThreatModel
from ...catalogue import TOPICS
from ...check import Step
from ...execution.profiles import steps
from ...execution.runner import Runner
from ...formatting import numbers as numerals
from ...reports.bundle import make
from ...reports.writing import free
from ...result import Record, Status
from ...samples.catalog import load
from ...store.opening import open_store
from ...store.store import Store
from ..console import progress_bar, remark, say, unlogged
from .assess import shown, written

REPORTS = ("report.html", "report.json")
PICTURES = ("evasion", "validation")
ATTACKER = ThreatModel(knowledge="black", access="scores", query_budget=500_000, seconds=300)


def run(out: Path, profile: str, seed: int, overwrite: bool = False) -> int:
    """Every check, every defense, a campaign and the checklist on census, then on digits what makes a picture; one report."""
    begun = time.monotonic()
    free(out, REPORTS, overwrite)
    # Read when torch is loaded. Models this small gain nothing from threads, and on a busy machine threads wait for one another.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    store = open_store()
    census = _assessed_fully("census", store, profile, seed)
    records, cancelled = [*census.records, *census.of_defended], census.cancelled
    if not cancelled:
        digits = _assessed("digits", store, profile, seed, _pictures(profile, seed, records))
        records = together(records, digits.records)
        cancelled = digits.cancelled
    bundle = make(
        records,
        title="Security report: the shipped census model, and the digits model where pictures tell more",
        run_id=census.run.id if census.run else "",
        command=_command(profile, seed),
        profile=profile,
        unmet=census.run.config.get("unmet") if census.run else None,
    )
    shown(tuple(records), None)
    written(bundle, out, REPORTS, overwrite)
    unlogged(census.unlogged)
    say(f"{len(records)} records in {numerals.duration(time.monotonic() - begun)}. Open {(out / 'report.html').absolute()}")
    return 130 if cancelled else 0


def _command(profile: str, seed: int) -> str:
    return f"tiltyard demo --profile {profile} --seed {seed}"


def _facts(profile: str, seed: int) -> dict[str, object]:
    return {"command": _command(profile, seed), "profile": profile, "seed": seed}


def _assessed_fully(name: str, store: Store, profile: str, seed: int) -> FullAssessment:
    """All there is of one sample: checks, defenses with their cross-risk tables, a campaign, the checklist."""
    remark(f"Loading the sample {name}")
    sample = load(name)
    with progress_bar() as tell:
        assessment = FullAssessment(sample.target, sample.data, Runner(store), f"demo: {name}", _facts(profile, seed), tell)
        assessment.check(steps(profile, seed, sample.target, sample.data))
        for defense in answers(profile, seed, sample.data):
            assessment.defend(defense)
        assessment.campaign(ATTACKER, profile, seed)
        assessment.checklist()
        assessment.end()
    return assessment


def _assessed(name: str, store: Store, profile: str, seed: int, chosen: Sequence[Step]) -> Assessment:
    remark(f"Loading the sample {name}")
    sample = load(name)
    with progress_bar() as tell:
        return assess(sample.target, sample.data, chosen, Runner(store), f"demo: {name}", _facts(profile, seed), on_progress=tell)


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
