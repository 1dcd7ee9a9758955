"""Known vulnerabilities of what is installed, from a supplied OSV export or a service that is asked. No answer is never a pass."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, Literal

from ..check import Check, parameter, source_parameter
from ..datasets.dataset import Dataset
from ..progress import Progress
from ..result import CheckResult, Metric
from ..targets.target import Target
from .advised import advised
from .environment import Package, nameless, packages
from .known import Answers, held_against
from .osv_export import Export, read_export
from .pip_audit import asked
from .sources import STANDARDS

SERVICES = {"none": (), "pypi": ("pypi",), "osv": ("osv",), "both": ("pypi", "osv")}
OWN = "it was installed from a folder or a repository, and advisories are about what indexes hand out"


class Advisories(Check):
    """Installed packages against advisories. Looks up nothing on the network unless a service is chosen."""

    id: ClassVar[str] = "supply_chain.advisories"
    title: ClassVar[str] = "Known vulnerabilities"
    question: ClassVar[str] = "Is anything installed here that an advisory warns of?"
    takes_text: ClassVar[bool] = True
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = (
        "Open Source Vulnerability format 1.6",
        "pip-audit (PyPA)",
        "FIRST 2019, CVSS 3.1",
        "FIRST 2023, CVSS 4.0",
    )
    cost: ClassVar[str] = "seconds"
    main: ClassVar[tuple[str, ...]] = ("service", "least", "stale")
    tiny: ClassVar[Mapping[str, Any]] = {"advisories": ""}
    headline: ClassVar[str] = "vulnerable"
    core: ClassVar[bool] = True

    advisories: str = source_parameter(
        "OSV records you supply: a folder, a zip such as PyPI/all.zip, or a JSON file", "OSV records", (".json", ".zip")
    )
    service: Literal["none", "pypi", "osv", "both"] = parameter(
        "none", "Ask PyPI or OSV online, which sends it the names and versions of what is installed here; none sends nothing", "service"
    )
    stale: int = parameter(14, "An export whose newest record is older is too old for a pass", "days", ge=1, le=3650)
    least: int = parameter(1000, "An export of fewer records about PyPI is a part, and no pass follows from it", "records", ge=1, le=10**6)
    wait: int = parameter(300, "Give a service up after this time", "seconds", ge=1, le=3600)

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        installed = [p for p in packages() if not (p.own and p.name == "tiltyard")]
        unasked = dict.fromkeys(nameless(), "it does not say its name and version") | {p.name: OWN for p in installed if p.own}
        progress.step(0.1, f"{len(installed)} packages")
        answers: list[Answers] = []
        doubts: list[str] = []
        metrics: list[Metric] = []
        if self.advisories:
            export = read_export(Path(self.advisories), {p.name for p in installed}, progress.part(0.4))
            doubts = self._doubts(export)
            answers.append(_against(installed, export, Path(self.advisories).name, export.pypi < self.least or bool(export.unread)))
            metrics.append(_age(export))
        public = [p for p in installed if not p.own]
        answers += [asked(service, public, self.wait, progress.part(0.2)) for service in SERVICES[self.service]]
        progress.step(0.95, "counting")
        return advised(installed, answers, doubts, metrics, unasked)

    def _doubts(self, export: Export) -> list[str]:
        """Why no pass follows from the export, each in a sentence."""
        found = []
        if not export.pypi:
            found.append("The export holds no record about PyPI: give PyPI/all.zip of the OSV export.")
        elif export.pypi < self.least:
            found.append(f"The export holds {export.pypi:,} records about PyPI, fewer than {self.least:,}: a part.")
        if export.newest is None:
            found.append("No record says when it was changed, so the age of the data is not known.")
        elif export.newest > datetime.now(UTC) + timedelta(days=1):
            found.append("A record says that it was changed in the future, so the age of the data is not known.")
        elif (days := (datetime.now(UTC) - export.newest).days) > self.stale:
            found.append(f"The newest record is {days} days old; what became known since is not in it.")
        if export.unread:
            found.append(f"{len(export.unread):,} entries could not be read, the first: {export.unread[0]}.")
        return found


def _against(installed: Sequence[Package], export: Export, name: str, partly: bool) -> Answers:
    known, unanswered = held_against(installed, export.advisories)
    if partly:
        unanswered = dict.fromkeys((p.name for p in installed), "the export is a part, which may leave out what is about it")
    heard = frozenset(p.name for p in installed) - set(unanswered)
    newest = "" if export.newest is None else f", the newest of {export.newest:%Y-%m-%d}"
    return Answers(tuple(known), heard, unanswered, f"{export.pypi:,} records about PyPI in {name}{newest}")


def _age(export: Export) -> Metric:
    days = None if export.newest is None else float(max((datetime.now(UTC) - export.newest).days, 0))
    note = "no record has a date" if days is None else "the data are at least that old"
    return Metric(name="data_age", label="Age of the newest advisory", unit="days", value=days, n=export.pypi, safer="lower", note=note)
