"""Known vulnerabilities of what is installed, from a supplied OSV export or by pip-audit. No answer is never a pass."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Literal

from ..check import Check, parameter
from ..datasets.dataset import Dataset
from ..progress import Progress
from ..result import CheckResult, Column, Finding, Metric, Severity, Status, Table
from ..targets.target import Target
from .environment import Package, packages
from .known import Answers, Known, held_against, merged
from .osv_export import Export, read_export
from .pip_audit import asked
from .sources import STANDARDS

SHOWN = 200
COUNTED = "counted over all packages, not sampled"


class Advisories(Check):
    """Installed packages against advisories. Looks up nothing on the network unless a service is chosen."""

    id: ClassVar[str] = "supply_chain.advisories"
    title: ClassVar[str] = "Known vulnerabilities"
    question: ClassVar[str] = "Is anything installed here that an advisory warns of?"
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = ("Open Source Vulnerability format 1.6", "pip-audit (PyPA)", "FIRST 2019, CVSS 3.1")
    cost: ClassVar[str] = "seconds"
    tiny: ClassVar[dict[str, Any]] = {"advisories": ""}

    advisories: str = parameter("", "OSV records you supply: a folder, a zip such as PyPI/all.zip, or a JSON file", "path")
    service: Literal["none", "pypi", "osv"] = parameter("none", "Ask this service through pip-audit; needs the network", "service")
    stale: int = parameter(14, "An export whose newest record is older is too old for a pass", "days", ge=1, le=3650)
    least: int = parameter(1000, "An export of fewer records about PyPI is a part, and no pass follows from it", "records", ge=1, le=10**6)
    wait: int = parameter(300, "Give a service up after this time", "seconds", ge=1, le=3600)

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        installed = packages()
        progress.step(0.1, f"{len(installed)} packages")
        answers: list[Answers] = []
        doubts: list[str] = []
        metrics: list[Metric] = []
        if self.advisories:
            export = read_export(Path(self.advisories).expanduser(), {p.name for p in installed}, progress.part(0.4))
            answers.append(_against(installed, export, Path(self.advisories).name))
            metrics.append(_age(export))
            doubts += self._doubts(export)
        if self.service != "none":
            answers.append(asked(self.service, self.wait, progress.part(0.4)))
        progress.step(0.95, "counting")
        return _result(installed, answers, doubts, metrics)

    def _doubts(self, export: Export) -> list[str]:
        """Why no pass follows from the export, each in a sentence."""
        found = []
        if export.pypi < self.least:
            found.append(f"The export holds {export.pypi:,} records about PyPI, fewer than {self.least:,}: a part.")
        if export.newest is None:
            found.append("No record says when it was changed, so the age of the data cannot be told.")
        elif (days := (datetime.now(UTC) - export.newest).days) > self.stale:
            found.append(f"The newest record is {days} days old; what became known since is not in it.")
        if export.unread:
            found.append(f"{len(export.unread):,} entries could not be read, the first: {export.unread[0]}.")
        return found


def _against(installed: Sequence[Package], export: Export, name: str) -> Answers:
    known, unanswered = held_against(installed, export.advisories)
    heard = frozenset(p.name for p in installed) - set(unanswered)
    return Answers(tuple(known), heard, unanswered, f"{export.pypi:,} records in {name}")


def _age(export: Export) -> Metric:
    days = None if export.newest is None else float(max((datetime.now(UTC) - export.newest).days, 0))
    note = "no record has a date" if days is None else "the data are at least that old"
    return Metric(name="data_age", label="Age of the newest advisory", unit="days", value=days, n=export.pypi, safer="lower", note=note)


def _result(installed: Sequence[Package], answers: Sequence[Answers], doubts: Sequence[str], metrics: Sequence[Metric]) -> CheckResult:
    known = merged(k for a in answers for k in a.known)
    named = {p.name for p in installed}
    silent = _silent(named, answers)
    bad = {k.package for k in known}
    metrics = [_vulnerable(bad, len(named) - len(silent)), _asked(named, silent), *metrics]
    finding = bool(known)
    passed = bool(answers) and not silent and not doubts
    return CheckResult(
        status=Status.FINDING if finding else Status.PASSED if passed else Status.INCOMPLETE,
        summary=_summary(known, bad, named, silent, answers, doubts),
        metrics=tuple(metrics),
        findings=tuple(_finding(name, [k for k in known if k.package == name]) for name in sorted(bad)),
        tables=(*_known_table(known), *_silent_table(silent)),
        notes=(*doubts, *(f"Asked: {a.source}." for a in answers)),
    )


def _silent(named: set[str], answers: Sequence[Answers]) -> dict[str, str]:
    """Packages of which no source said anything, with a reason."""
    if not answers:
        return dict.fromkeys(named, "no source of advisories was given")
    left = named.difference(*(a.heard for a in answers))
    reasons = {name: value for a in answers for name, value in a.unanswered.items()}
    return {name: reasons.get(name) or reasons.get("*") or "the source does not mention it" for name in sorted(left)}


def _vulnerable(bad: set[str], n: int) -> Metric:
    label, note = "Packages with a known vulnerability", COUNTED if n else "no package was looked up"
    value = float(len(bad)) if n else None
    return Metric(name="vulnerable", label=label, unit="packages", value=value, n=n, safer="lower", note=note)


def _asked(named: set[str], silent: dict[str, str]) -> Metric:
    share = 1 - len(silent) / len(named) if named else 0.0
    return Metric(name="asked", label="Packages looked up", value=share, unit="share", n=len(named), safer="higher", note=COUNTED)


def _summary(
    known: Sequence[Known], bad: set[str], named: set[str], silent: dict[str, str], answers: Sequence[Answers], doubts: Sequence[str]
) -> str:
    if not answers:
        return f"None of {len(named)} packages was looked up: give an OSV export, or choose a service that may be asked."
    unheard = f" {len(silent)} of {len(named)} packages have no answer ({next(iter(silent.values()))})." if silent else ""
    if known:
        return f"{len(bad)} of {len(named)} packages have {len(known)} known vulnerabilities.{unheard}"
    if silent:
        return f"No service or export answered for {len(silent)} of {len(named)} packages ({next(iter(silent.values()))}): this is no pass."
    if doubts:
        return f"Nothing was found against {len(named)} packages, but: {doubts[0]}"
    return f"No known vulnerability of {len(named)} packages in {' and '.join(a.source for a in answers)}."


def _finding(name: str, known: Sequence[Known]) -> Finding:
    severities = [k.severity for k in known if k.severity is not None]
    fixes = [k.fixed for k in known if k.fixed]
    said = "" if severities else " The source says no severity."
    return Finding(
        title=f"{name} {known[0].version}: {', '.join(k.names[0] for k in known[:4])}{' …' if len(known) > 4 else ''}",
        severity=max(severities, key=list(Severity).index, default=Severity.MEDIUM),
        evidence=f"table known: {len(known)} known{'' if len(known) == 1 else ' vulnerabilities'}.{said}",
        advice=f"Upgrade {name} to {_highest(fixes)} or later." if fixes else f"No mended version is named; see whether {name} is needed.",
        standards=STANDARDS,
    )


def _highest(versions: Sequence[str]) -> str:
    from packaging.version import InvalidVersion, Version

    def key(text: str) -> Version:
        try:
            return Version(text)
        except InvalidVersion:
            return Version("0")

    return max(versions, key=key)


def _known_table(known: Sequence[Known]) -> tuple[Table, ...]:
    if not known:
        return ()
    columns = tuple(Column(name=n) for n in ("Package", "Installed", "Advisory", "Severity", "Mended in", "Summary"))
    rows = tuple(
        (k.package, k.version, ", ".join(k.names[:3]), str(k.severity or "not said"), k.fixed or "not said", k.summary)
        for k in known[:SHOWN]
    )
    return (Table(name="known", title="Known vulnerabilities", columns=columns, rows=rows, total=len(known)),)


def _silent_table(silent: dict[str, str]) -> tuple[Table, ...]:
    if not silent:
        return ()
    rows = tuple(sorted(silent.items())[:SHOWN])
    columns = (Column(name="Package"), Column(name="Why"))
    return (Table(name="unanswered", title="Packages without an answer", columns=columns, rows=rows, total=len(silent)),)
