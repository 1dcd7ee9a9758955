"""What the model is made of, as a check: the bill of materials, and what it cannot say."""

from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

from ..check import Check
from ..datasets.dataset import Dataset
from ..progress import Progress
from ..result import CheckResult, Column, Evidence, Finding, Metric, Severity, Table
from ..statistics.ruling import status_of
from ..targets.target import Target
from .bom import bill, encoded
from .environment import Package, packages
from .sources import PARTS

NAME = "bom.cdx.json"


class Materials(Check):
    """Makes the bill of materials of model, data and environment. Its file comes with the report and from ``tiltyard bom``."""

    id: ClassVar[str] = "supply_chain.materials"
    title: ClassVar[str] = "Bill of materials"
    question: ClassVar[str] = "Is it known what the model is made of?"
    takes_text: ClassVar[bool] = True
    standards: ClassVar[tuple[str, ...]] = PARTS
    sources: ClassVar[tuple[str, ...]] = ("CycloneDX 1.6 (ECMA-424), ML-BOM",)
    cost: ClassVar[str] = "a second"
    headline: ClassVar[str] = "unlicensed"

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        installed = packages()
        progress.step(0.4, f"{len(installed)} packages")
        content = encoded(bill(installed, target, data))
        progress.step(0.8, "what it cannot say")
        gaps = (*_model_gaps(target), *_data_gaps(data))
        unlicensed = [p.name for p in installed if not p.license]
        count = len(installed) + 3
        lacking = f"; {len(gaps)} thing{'s' * (len(gaps) != 1)} not known: {gaps[0].title.lower()}" if gaps else ""
        return CheckResult(
            status=status_of(bool(gaps), False),
            summary=f"{count} components: the model, its data, Python and {len(installed)} packages{lacking}.",
            metrics=(_count("components", "Components", count), _unlicensed(unlicensed, len(installed))),
            findings=gaps,
            tables=(_parts(target, data, installed), _licenses(installed)),
            artifacts={NAME: progress.keep(NAME, content)},
            notes=(f"`tiltyard bom` writes {NAME} in CycloneDX 1.6; with --reproducible its SHA-256 is the one kept here.",),
        )


def _count(name: str, label: str, count: int) -> Metric:
    return Metric(name=name, label=label, value=float(count), note="counted, not sampled")


def _unlicensed(names: Sequence[str], n: int) -> Metric:
    some = f": {', '.join(names[:3])}{' …' if len(names) > 3 else ''}" if names else ""
    label = "Packages whose metadata name no license"
    return Metric(name="unlicensed", label=label, value=float(len(names)), n=n, unit="packages", note=f"counted, not sampled{some}")


def _gap(title: str, sentence: str, advice: str) -> Finding:
    return Finding(title=title, severity=Severity.LOW, evidence=Evidence(sentence=sentence), advice=advice, standards=PARTS)


def _model_gaps(target: Target) -> tuple[Finding, ...]:
    if target.file is not None:
        return ()
    if target.origin:
        advice = "Ask whoever serves it for the bill of what they serve."
        return (_gap("The model is behind an endpoint", f"Neither file nor libraries of {target.origin} can be seen from here.", advice),)
    advice = "Save it, and open it from the file that is handed on, so that the bill names its hash."
    return (_gap("The model came from no file", f"{target.name} is an object in memory; only its fingerprint is known.", advice),)


def _data_gaps(data: Dataset) -> tuple[Finding, ...]:
    lacks = [word for word, stated in (("source", data.source), ("license", data.license)) if not stated]
    if not lacks:
        return ()
    advice = "Write source and license of the data where they are read, and keep who collected them with them."
    return (_gap(f"The data name no {' and no '.join(lacks)}", f"{data.name} comes without.", advice),)


def _parts(target: Target, data: Dataset, installed: Sequence[Package]) -> Table:
    columns = tuple(Column(name=n) for n in ("Component", "Kind", "Known by"))
    top = {name for p in installed for name in p.requires}
    rows = [
        (target.name, "model", f"SHA-256 {target.fingerprint[:16]}…"),
        (data.name, "data", f"SHA-256 {data.fingerprint[:16]}…"),
        *((p.name, "package", f"version {p.version}") for p in installed if p.name not in top),
    ]
    note = "Packages that no other asks for; the file lists all of them."
    return Table(name="parts", title="Made of", columns=columns, rows=tuple(rows[:60]), total=len(rows), note=note)


def _licenses(installed: Sequence[Package]) -> Table:
    counts = Counter(p.license or "not stated" for p in installed)
    columns = (Column(name="License, as the metadata say"), Column(name="Packages", kind="integer"))
    rows = tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:40])
    return Table(name="licenses", title="Licenses", columns=columns, rows=rows, total=len(counts))
