"""How old what is installed is. Gives only what is known offline: installation times, and releases from a lock file."""

import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from ..check import Check, parameter, source_parameter
from ..datasets.dataset import Dataset
from ..progress import Progress
from ..result import CheckResult, Column, Evidence, Finding, Metric, Severity, Table
from ..statistics.ruling import status_of
from ..targets.target import Target
from .environment import Package, packages
from .lock_dates import release_dates
from .sources import STANDARDS

SHOWN = 50
Dates = dict[tuple[str, str], datetime]


class Age(Check):
    """Days since the environment was last changed, and since each version was released."""

    id: ClassVar[str] = "supply_chain.age"
    title: ClassVar[str] = "Age of dependencies"
    question: ClassVar[str] = "Is what is installed here still looked after?"
    takes_text: ClassVar[bool] = True
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = ("PEP 751, pylock.toml", "Cox et al. 2015, Measuring dependency freshness, ICSE")
    cost: ClassVar[str] = "a second"
    main: ClassVar[tuple[str, ...]] = ("old", "untouched")
    headline: ClassVar[str] = "old"

    lock: str = source_parameter("Lock file that keeps upload times: pylock.toml or uv.lock", "a lock file", (".toml", ".lock"))
    old: int = parameter(730, "A version released longer ago is old", "days", ge=1, le=10_000)
    untouched: int = parameter(90, "An environment in which nothing was installed for longer is left alone", "days", ge=1, le=10_000)

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        installed = packages()
        progress.step(0.4, f"{len(installed)} packages")
        released = release_dates(Path(self.lock)) if self.lock else {}
        progress.step(0.9, "counting")
        return self._result(installed, released, datetime.now(UTC))

    def _result(self, installed: Sequence[Package], released: Dates, now: datetime) -> CheckResult:
        ages = {p.name: (now - released[p.name, p.version]).days for p in installed if (p.name, p.version) in released}
        days = {name: n for name, n in ages.items() if n >= -1}  # what is released in the future is not known to be young
        old = {name: n for name, n in days.items() if n > self.old}
        since = min(((now - p.installed).days for p in installed if p.installed), default=None)
        findings = (*_old_finding(old, self.old), *_untouched_finding(since, self.untouched))
        status = status_of(bool(findings), not installed or len(days) != len(installed))
        return CheckResult(
            status=status,
            summary=self._summary(len(installed), days, old, since),
            metrics=_metrics(days, old, since, len(installed)),
            findings=findings,
            tables=_table(installed, days),
            notes=("Old is not vulnerable, and new is not safe: see the advisories. An installation time is not a release.",),
        )

    def _summary(self, n: int, days: dict[str, int], old: dict[str, int], since: int | None) -> str:
        changed = "" if since is None else f" Something was installed here {since} days ago."
        if not days:
            return f"When the {n} installed versions were released is not known: give a lock file with upload times.{changed}"
        known = "" if len(days) == n else f" Of {n - len(days)} others the release is not known."
        return f"{len(old)} of {len(days)} versions were released more than {self.old} days ago.{known}{changed}"


def _metrics(days: dict[str, int], old: dict[str, int], since: int | None, n: int) -> tuple[Metric, ...]:
    why = "no lock file says when they were released"
    numbers = {"old": float(len(old)), "median_age": statistics.median(days.values())} if days else {"old": None, "median_age": None}
    labels = {"old": ("Old versions", "packages"), "median_age": ("Median age of a version", "days")}
    note = why if not days else "counted, not sampled"
    made = [
        Metric(name=k, label=labels[k][0], unit=labels[k][1], value=v, n=len(days), safer="lower", note=note) for k, v in numbers.items()
    ]
    last = Metric(
        name="untouched",
        label="Since something was installed",
        unit="days",
        value=None if since is None else float(since),
        n=n,
        safer="lower",
        note="no installation time is kept" if since is None else "",
    )
    share = Metric(
        name="dated", label="Versions with a known release", unit="share", value=len(days) / n if n else 0.0, n=n, safer="higher"
    )
    return (*made, last, share)


def _old_finding(old: dict[str, int], limit: int) -> tuple[Finding, ...]:
    if not old:
        return ()
    worst = sorted(old, key=lambda name: -old[name])
    return (
        Finding(
            key="old",
            title=f"{len(old)} version{'s' * (len(old) != 1)} older than {limit} days",
            severity=Severity.LOW,
            evidence=Evidence(tables=("ages",), sentence=f"{', '.join(worst[:5])}{' …' if len(worst) > 5 else ''}"),
            advice="See whether they are still maintained, and plan to replace those that are not.",
            standards=STANDARDS,
        ),
    )


def _untouched_finding(since: int | None, limit: int) -> tuple[Finding, ...]:
    if since is None or since <= limit:
        return ()
    return (
        Finding(
            title=f"Nothing was installed for {since} days",
            severity=Severity.MEDIUM,
            evidence=Evidence(metrics=("untouched",)),
            advice="Update on a schedule: whatever was fixed since then is not fixed here.",
            standards=STANDARDS,
        ),
    )


def _table(installed: Sequence[Package], days: dict[str, int]) -> tuple[Table, ...]:
    if not days:
        return ()
    ordered = sorted((p for p in installed if p.name in days), key=lambda p: -days[p.name])
    columns = (Column(name="Package"), Column(name="Version"), Column(name="Released", unit="days ago", kind="integer"))
    rows = tuple((p.name, p.version, days[p.name]) for p in ordered[:SHOWN])
    return (Table(name="ages", title="Oldest versions", columns=columns, rows=rows, total=len(ordered)),)
