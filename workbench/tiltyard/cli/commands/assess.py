"""``tiltyard assess``: open, check, judge, report."""

import shlex
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from ...assessment.about import About
from ...assessment.assessment import Assessment, assess
from ...assessment.baseline import Baseline, baseline
from ...assessment.config import read_config
from ...assessment.policy import Both, Judge, Judgment, Policy, read_policy
from ...execution.executors import Executor
from ...execution.runner import Runner
from ...reports.bundle import Bundle, make
from ...reports.exporting import export
from ...reports.writing import free, place
from ...result import Record, Status
from ...store.opening import open_store
from ...supply_chain.bom import bill, encoded
from ...supply_chain.environment import packages
from ...supply_chain.materials import NAME
from ..console import emit, progress_bar, remark, say, show_table, status_line, unlogged
from ..opened import describe_opened

PASS, POLICY_FAILED, COULD_NOT_RUN = 0, 1, 2
FILES = {"report.html": "html", "report.json": "json", "report.sarif": "sarif", "junit.xml": "junit"}


def run(
    config_path: Path,
    policy_path: Path | None,
    out: Path | None,
    executor: str,
    as_json: bool,
    baseline_name: str = "",
    tolerance: float = 0.0,
    resume: str = "",
    overwrite: bool = False,
) -> int:
    """Assess what the config names. Everything that can be refused is refused before the first check."""
    if out is not None:
        free(out, (*FILES, NAME), overwrite)
    policy = read_policy(policy_path) if policy_path else None
    store = open_store()
    earlier = baseline(store, baseline_name, tolerance) if baseline_name else None
    config = read_config(config_path)
    target, data = config.opened()
    if earlier is not None:
        earlier.fits(target.identity, data.identity)
        if earlier.run.doubt:
            remark(f"? The baseline, run {earlier.run.short}, is {earlier.run.doubt}.", style="yellow")
    steps = config.steps(target, data)
    assumed = describe_opened(target, data)
    words = ["tiltyard", "assess", str(config_path)] + (["--policy", str(policy_path)] if policy_path else [])
    words += ["--executor", executor] if executor != "local" else []
    words += ["--baseline", earlier.run.short, "--tolerance", f"{tolerance:g}"] if earlier else []
    facts = {"command": shlex.join(words), "profile": config.profile, "seed": config.seed, "assumed": assumed}
    facts["report"] = config.report.model_dump(mode="json", exclude_defaults=True)
    begun = store.run(resume) if resume else None
    with where(executor) as ground, progress_bar(not as_json) as tell:
        found = assess(target, data, steps, Runner(store, ground), config.name, facts, judge(policy, earlier), tell, run=begun)
    bundle = bundle_of(found, facts, about=config.report)
    if as_json:
        emit(bundle)
    else:
        shown(found.records, found.judgment)
    if found.run is not None:
        remark(f"Kept as run {found.run.short}." if not found.problem else found.problem, style="dim")
    if out is not None:
        written(bundle, out, tuple(FILES), overwrite)
        remark(f"Wrote {place(encoded(bill(packages(), target, data)), out / NAME, ('.json',), overwrite)}.")
    unlogged(found.unlogged)
    return exit_code(found)


def where(executor: str) -> AbstractContextManager[Executor | None]:
    """Where the checks run: on the Dask cluster whose address it is, or (None) where the runner itself decides."""
    if executor == "local":
        return nullcontext(None)
    from ...execution.dask_address import sealed
    from ...execution.dask_cluster import Cluster

    cluster = Cluster(executor)
    if not sealed(cluster.address):
        remark(
            f"Every account of this machine may run code as you through {cluster.address}: Dask asks nobody who he is; tls:// does.",
            style="yellow",
        )
    return cluster


def judge(policy: Policy | None, earlier: Baseline | None) -> Judge | None:
    """What the records are held against."""
    return Both(policy, earlier) if policy and earlier else policy or earlier


def bundle_of(found: Assessment, facts: dict[str, object], title: str = "", about: About | None = None) -> Bundle:
    """The assessment as a report."""
    return make(
        found.records,
        title=title,
        run_id=found.run.id if found.run else "",
        unmet=found.run.config.get("unmet") if found.run else None,
        verdict=found.judgment.verdict if found.judgment else "",
        verdicts=[v.model_dump(mode="json") for v in found.judgment.verdicts] if found.judgment else [],
        command=str(facts["command"]),
        profile=str(facts["profile"]),
        assumed=[str(one) for one in assumed] if isinstance(assumed := facts.get("assumed"), list) else (),
        about=about,
    )


def written(bundle: Bundle, folder: Path, names: tuple[str, ...], overwrite: bool = False) -> None:
    """Write the reports; each is whole or not there."""
    for name in names:
        exported = export(bundle, folder / name, FILES[name], overwrite=overwrite)
        remark(f"Wrote {exported.path}.")
        unlogged(exported.unlogged)


def exit_code(found: Assessment) -> int:
    """0 pass, 1 the policy is not met or a number is worse than in the baseline, 2 cancelled, not kept, or (without a policy) a check that broke."""
    if found.cancelled or found.problem:
        return COULD_NOT_RUN
    if found.judgment is not None:
        return PASS if found.judgment.verdict == "pass" else POLICY_FAILED
    return COULD_NOT_RUN if any(r.result.status is Status.FAILED for r in found.records) else PASS


def shown(records: tuple[Record, ...], judgment: Judgment | None) -> None:
    """Every record in a line, then the policy's verdicts."""
    for record in records:
        status_line(record)
    if judgment is not None:
        say()
        show_table(("policy", "outcome", "why"), [(v.rule, str(v.outcome), v.reason) for v in judgment.verdicts])
        say(f"Held against {judgment.policy}: {judgment.verdict}.", style="bold green" if judgment.verdict == "pass" else "bold red")
