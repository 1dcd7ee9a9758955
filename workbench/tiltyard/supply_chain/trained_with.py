"""Trained with against runs with: other versions can answer otherwise, and some libraries promise nothing across them."""

import json
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, ClassVar

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from ..access.places import opened
from ..artifacts.formats import Format
from ..artifacts.judges.onnx_model import NotOnnx, producer
from ..artifacts.reason import printable
from ..artifacts.sniffing import sniff_stream
from ..check import Check, source_parameter, versions
from ..datasets.dataset import Dataset
from ..errors import Problem
from ..progress import Progress
from ..result import CheckResult, Column, Evidence, Finding, Metric, Severity, Status, Table, key_of
from ..statistics.ruling import status_of
from ..targets.target import Target
from .sources import STANDARDS

LARGEST = 4 * 2**20
PRODUCERS = {"pytorch": "torch", "tf2onnx": "tensorflow", "skl2onnx": "skl2onnx"}
SKLEARN = re.compile(r'"_sklearn_version": \{[^{}]*"content": "\\"([^"\\]{1,40})\\""')
UNSTABLE = frozenset({"scikit-learn", "skops"})


class Versions(Check):
    """Versions that the model's file, or a requirements file of yours, names against those installed here."""

    id: ClassVar[str] = "supply_chain.versions"
    title: ClassVar[str] = "Version skew"
    question: ClassVar[str] = "Does the model run on what it was trained with?"
    takes_text: ClassVar[bool] = True
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = ("scikit-learn, Model persistence: security and maintainability limitations",)
    cost: ClassVar[str] = "a second"
    main: ClassVar[tuple[str, ...]] = ("trained",)
    headline: ClassVar[str] = "other"

    trained: str = source_parameter(
        "Requirements with exact versions (name==version) of where it was trained", "a requirements file", (".txt", ".in")
    )

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        progress.step(0.1, "reading what the model says")
        trained = dict(target.trained_with)
        if target.file is not None:
            trained |= in_file(target.file)
        if self.trained:
            trained |= in_requirements(Path(self.trained))
        progress.step(0.5, "looking at what is installed")
        return _result(target.name, trained, versions(tuple(trained)))


def in_file(path: Path) -> dict[str, str]:
    """The versions that an ONNX or skops file names, by package; read as bytes, nothing is loaded."""
    try:
        with opened(path, "the model's file") as stream:
            kind = sniff_stream(stream)
            stream.seek(0)
            if kind is Format.ONNX:
                name, version = producer(stream)
                return {PRODUCERS.get(name.lower(), printable(name.lower(), 40)): printable(version, 40)} if name and version else {}
            return _in_skops(stream) if kind is Format.SKOPS else {}
    except (OSError, NotOnnx, zipfile.BadZipFile):
        raise Problem("the model's file as it was opened", f"{path.name}, which cannot be read any more", "Open it again") from None


def _in_skops(file: BinaryIO) -> dict[str, str]:
    with zipfile.ZipFile(file) as archive, archive.open("schema.json") as stream:
        text = stream.read(64 * LARGEST).decode("utf-8", "replace")
    trained = SKLEARN.findall(re.sub(r"\s+", " ", text))
    try:
        version = json.loads(text).get("_skops_version")
    except (ValueError, RecursionError, AttributeError):
        version = None
    found = {"scikit-learn": trained[-1] if trained else "", "skops": printable(str(version or ""), 40)}
    return {name: v for name, v in found.items() if v}


def in_requirements(path: Path) -> dict[str, str]:
    """Names and exact versions of a requirements or constraints file.

    Raises
    ------
    Problem
        It cannot be read, or pins nothing.
    """
    wanted = "a requirements file with lines such as torch==2.6.0"
    try:
        with opened(path, "a requirements file") as stream:
            lines = stream.read(LARGEST).decode("utf-8", "replace").splitlines()
    except OSError as error:
        raise Problem(wanted, f"{path.name}: {error.strerror or error}", "Check the path") from None
    found = dict(pin for line in lines if (pin := _pinned(line)) is not None)
    if not found:
        raise Problem(wanted, f"no exact version in {path.name}", "Write it with `pip freeze`")
    return found


def _pinned(line: str) -> tuple[str, str] | None:
    try:
        requirement = Requirement(line.partition(" #")[0].partition(" --")[0].strip())
    except InvalidRequirement:
        return None
    exact = [s.version for s in requirement.specifier if s.operator in ("==", "===") and not s.version.endswith("*")]
    return (str(canonicalize_name(requirement.name)), exact[0]) if exact else None


def apart(trained: str, here: str) -> str:
    """How two versions differ: ``same``, ``patch``, ``minor``, ``major``, or ``unknown`` where one is no version."""
    try:
        a, b = Version(trained), Version(here)
    except InvalidVersion:
        return "same" if trained == here else "unknown"
    if a.public == b.public:
        return "same"
    if (a.epoch, a.major) != (b.epoch, b.major):
        return "major"
    return "patch" if a.minor == b.minor else "minor"


def _result(name: str, trained: Mapping[str, str], here: Mapping[str, str]) -> CheckResult:
    if not trained:
        tell = f"Neither the file of {name} nor a requirements file says what it was trained with."
        return CheckResult(status=Status.INCOMPLETE, summary=tell, metrics=(_metric(None, 0, "nothing says what it was trained with"),))
    both = {p: (v, here[p], apart(v, here[p])) for p, v in sorted(trained.items()) if p in here}
    absent = sorted(set(trained) - set(here))
    differing = {p: how for p, (_, _, how) in both.items() if how in ("major", "minor", "unknown")}
    status = status_of(bool(differing), bool(absent) or not both)
    other = f" {len(absent)} are not installed here ({', '.join(absent[:4])})." if absent else ""
    return CheckResult(
        status=status,
        summary=f"{len(differing)} of {len(both)} packages run in another version than {name} was trained with.{other}",
        metrics=(_metric(len(differing), len(both), "" if both else "none of them is installed here"),),
        findings=tuple(_finding(p, *both[p]) for p in differing),
        tables=(_table(trained, here, both),),
        notes=("Another patch release counts as the same.",),
    )


def _metric(count: int | None, n: int, note: str) -> Metric:
    value = float(count) if count is not None and n else None
    return Metric(name="other", label="Packages with version skew", unit="packages", value=value, n=n, safer="lower", note=note)


def _finding(package: str, trained: str, here: str, how: str) -> Finding:
    return Finding(
        key=key_of(package),
        title=f"{package}: trained with {trained}, runs with {here}",
        severity=Severity.MEDIUM if package in UNSTABLE or how == "major" else Severity.LOW,
        evidence=Evidence(tables=("versions",)),
        advice=f"Run it with {package} {trained}, or train and assess it again with {here}.",
        standards=STANDARDS,
    )


def _table(trained: Mapping[str, str], here: Mapping[str, str], both: Mapping[str, tuple[str, str, str]]) -> Table:
    columns = tuple(Column(name=n) for n in ("Package", "Trained with", "Runs with", "Apart"))
    rows = tuple((p, v, here.get(p, "not installed"), both[p][2] if p in both else "—") for p, v in sorted(trained.items()))
    return Table(name="versions", title="Versions then and now", columns=columns, rows=rows[:200], total=len(rows))
