"""The model file's scan as a check: what its bytes could do when somebody opens it."""

from pathlib import Path
from typing import ClassVar

from ..access.places import opened
from ..artifacts.acceptance import Acceptance, accepted
from ..artifacts.verdict import Verdict, scan_stream
from ..check import Check
from ..datasets.dataset import Dataset
from ..progress import Progress
from ..result import CheckResult, Column, Evidence, Finding, Metric, Severity, Status, Table
from ..statistics.ruling import status_of
from ..targets.target import Target
from .sources import MODEL


class Scan(Check):
    """Looks at the bytes of the file the target came from; nothing of it is loaded."""

    id: ClassVar[str] = "supply_chain.scan"
    title: ClassVar[str] = "Scan of the model file"
    question: ClassVar[str] = "May the model file be opened without running code that it brings?"
    takes_text: ClassVar[bool] = True
    standards: ClassVar[tuple[str, ...]] = MODEL
    sources: ClassVar[tuple[str, ...]] = ("protectai/modelscan#338", "picklescan advisories 2025")
    cost: ClassVar[str] = "a second"
    headline: ClassVar[str] = "unsafe"
    core: ClassVar[bool] = True

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        progress.step(0.05, "looking for the file")
        if target.file is None:
            where = "is behind an endpoint" if target.origin else "came from no file"
            reason = f"{target.name} {where}, so there is nothing to scan. Open it from the file that is handed on."
            return CheckResult(status=Status.INCOMPLETE, summary=reason)
        known = accepted()
        verdict = _scanned(target.file, progress.part(0.9), frozenset(known.types))
        return _result(verdict, known.of(verdict))


def _scanned(path: Path, progress: Progress, own: frozenset[str]) -> Verdict:
    with opened(path, "the model's file") as stream:
        return scan_stream(path, stream, progress, own)


def _result(verdict: Verdict, acceptance: Acceptance | None) -> CheckResult:
    bad = [r for r in verdict.reasons if r.grade == "malicious"]
    doubts = [r for r in verdict.reasons if r.grade in ("unproven", "known types")]
    status = status_of(verdict.verdict == "malicious", verdict.verdict != "safe")
    return CheckResult(
        status=status,
        summary=f"{verdict.summary}.{_accepted(acceptance)}",
        metrics=(
            _count("unsafe", "Reasons against loading it", len(bad)),
            _count("unproven", "Parts not shown to be safe", len(doubts)),
            _acceptance(acceptance),
        ),
        findings=(_finding(verdict),) if bad else (),
        tables=(_table(verdict),) if verdict.reasons else (),
        artifacts={verdict.name: verdict.sha256},
    )


def _count(name: str, label: str, count: int) -> Metric:
    return Metric(name=name, label=label, value=float(count), safer="lower", note="counted over the whole file, not sampled")


def _acceptance(acceptance: Acceptance | None) -> Metric:
    note = "1 where a person accepted these bytes by name, date and reason"
    return Metric(name="accepted", label="Accepted though not proven", value=float(acceptance is not None), safer="none", note=note)


def _accepted(acceptance: Acceptance | None) -> str:
    """Who accepted the file, when and why; nothing where nobody did. It stays unproven: an acceptance is no proof."""
    if acceptance is None:
        return ""
    return f" {acceptance.who} accepted it on {acceptance.when:%Y-%m-%d}: {acceptance.why}."


def _finding(verdict: Verdict) -> Finding:
    return Finding(
        key="unsafe",
        title=f"{verdict.name} is not safe to open",
        severity=Severity.CRITICAL,
        evidence=Evidence(tables=("reasons",)),
        advice="Do not open it. Get tensors only (safetensors) from whoever made it, with a signature.",
        standards=MODEL,
    )


def _table(verdict: Verdict) -> Table:
    columns = tuple(Column(name=n) for n in ("Grade", "Where", "What", "Why"))
    rows = tuple((r.grade, r.where, r.what, r.why) for r in verdict.reasons)
    return Table(name="reasons", title="What the scan saw", columns=columns, rows=rows)
