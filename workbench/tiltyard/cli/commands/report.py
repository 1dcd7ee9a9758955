"""``tiltyard report``: a run as a report."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ...assessment.about import About, about_of
from ...assessment.policy import Policy, read_policy
from ...assessment.standing import reported, standing_of
from ...errors import Problem
from ...reports.bundle import Bundle, make
from ...reports.difference import Difference, difference
from ...reports.exporting import export, hand_out
from ...reports.writing import BINARY, MEDIA, SUFFIXES
from ...result import Record
from ...store.lines import CUT_OFF, Run
from ...store.opening import open_store
from ...store.store import Store
from ..console import pour, remark, unlogged


def run(
    name: str,
    form: str,
    out: Path | None,
    policy: Path | None,
    overwrite: bool = False,
    given: Mapping[str, Any] = MappingProxyType({}),
    since: str = "",
) -> int:
    """Write the report of a run to a file or to standard output; ``given`` are fields of `About` that the shell named."""
    chosen = form or (SUFFIXES.get(out.suffix.lower(), "") if out else "json")
    if not chosen:
        raise Problem(f"a format, or a file name ending in {', '.join(SUFFIXES)}", repr(str(out)), "Add --format html")
    bundle = bundled(open_store(), name, read_policy(policy) if policy else None, given, since)
    if out is None:
        if chosen in BINARY:
            raise Problem(f"a file for {chosen}", "no --out", f"Add --out report{MEDIA[chosen][1]}")
        handed = hand_out(bundle, chosen)
        pour(handed.content.decode().rstrip("\n") + "\n")
        unlogged(handed.unlogged)
        return 0
    if bundle.doubt:
        remark(f"? The run is {bundle.doubt}.", style="yellow")
    written = export(bundle, out, chosen, overwrite=overwrite)
    remark(f"Wrote {written.path}.")
    unlogged(written.unlogged)
    return 0


def bundled(
    store: Store,
    name: str,
    policy: Policy | None = None,
    given: Mapping[str, Any] = MappingProxyType({}),
    since: str = "",
) -> Bundle:
    """The bundle of a run: what counts and the last of each check and parameters, what was cut off, and a policy's verdicts.

    What the report says of itself is the ``[report]`` of its assessment, with ``given`` in the place of what it named.
    """
    found = store.run(name)
    every = store.records(found.id)
    kept = found.config.get("unmet")
    unmet = {str(id): str(why) for id, why in kept.items()} if isinstance(kept, dict) else None
    stands = standing_of(every, found.target, found.data, unmet)
    records = reported(every, stands)
    if not records:
        raise Problem(
            "a run with at least one record to report", f"none in run {found.short}, {found.state}", "Name another: tiltyard runs"
        )
    judgment = policy.judge(records) if policy else None
    return make(
        records,
        target=next((r.target for r in records if r.target.fingerprint == found.target.fingerprint), found.target),
        data=records[0].data,
        unmet=unmet,
        title=f"Security report: {found.name}" if found.name else "",
        run_id=found.id,
        cut_off=[line.check for line in store.steps(found.id) if line.state == CUT_OFF],
        verdict=judgment.verdict if judgment else found.verdict,
        verdicts=[v.model_dump(mode="json") for v in judgment.verdicts] if judgment else [],
        doubt=found.doubt,
        command=str(found.config.get("command", "")),
        profile=str(found.config.get("profile", "")),
        assumed=[str(one) for one in assumed] if isinstance(assumed := found.config.get("assumed"), list) else (),
        about=about_run(found, given),
        since=earlier(store, found, records, since),
    )


def about_run(run: Run, given: Mapping[str, Any]) -> About:
    """What the run's assessment says of its report, with ``given`` over it."""
    kept = run.config.get("report")
    return about_of({**(kept if isinstance(kept, dict) else {}), **given})


def earlier(store: Store, run: Run, records: Sequence[Record], since: str) -> Difference | None:
    """What changed since the run ``since`` names; of ``last`` the newest earlier one of the same model's name; None without it."""
    if not since:
        return None
    if since == "last":
        lines = [r for r in store.runs(1000) if r.target.name == run.target.name and r.data.name == run.data.name]
        older = [r.id for r in lines if r.started < run.started and r.id != run.id and r.name == run.name]
        if not older:
            raise Problem("an earlier run of this name, model and data", "none", "Name one: tiltyard runs")
        since = older[0]
    before = store.run(since)
    kept = store.records(before.id)
    if not kept:
        raise Problem("an earlier run with records", f"none in run {before.short}", "Name another: tiltyard runs")
    return difference(before.id, kept, records)
