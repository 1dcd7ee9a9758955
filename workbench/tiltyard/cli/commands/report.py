"""``tiltyard report``: a run as a report."""

from pathlib import Path

from ...assessment.policy import Policy, read_policy
from ...assessment.standing import reported, standing_of
from ...errors import Problem
from ...reports.bundle import Bundle, make
from ...reports.exporting import export, hand_out
from ...reports.writing import SUFFIXES
from ...store.lines import CUT_OFF
from ...store.opening import open_store
from ...store.store import Store
from ..console import pour, remark, unlogged


def run(name: str, form: str, out: Path | None, policy: Path | None, overwrite: bool = False) -> int:
    """Write the report of a run to a file or to standard output."""
    chosen = form or (SUFFIXES.get(out.suffix.lower(), "") if out else "json")
    if not chosen:
        raise Problem(f"a format, or a file name ending in {', '.join(SUFFIXES)}", repr(str(out)), "Add --format html")
    bundle = bundled(open_store(), name, read_policy(policy) if policy else None)
    if out is None:
        if chosen == "pdf":
            raise Problem("a file for the PDF", "no --out", "Add --out report.pdf")
        given = hand_out(bundle, chosen)
        pour(given.content.decode().rstrip("\n") + "\n")
        unlogged(given.unlogged)
        return 0
    if bundle.doubt:
        remark(f"? The run is {bundle.doubt}.", style="yellow")
    written = export(bundle, out, chosen, overwrite=overwrite)
    remark(f"Wrote {written.path}.")
    unlogged(written.unlogged)
    return 0


def bundled(store: Store, name: str, policy: Policy | None = None) -> Bundle:
    """The bundle of a run: what counts and the last of each check and parameters, what was cut off, and a policy's verdicts."""
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
        target=found.target,
        data=found.data,
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
    )
