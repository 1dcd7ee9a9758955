"""A bill of materials of model, data and environment: CycloneDX 1.6 as JSON (ECMA-424), with a model card.

The same materials give the same bytes unless a time and a serial number are asked for, so that a report can name the
bill by its hash. Nothing is fetched; what is not known is left out, and the check of this folder says so.
"""

import json
import platform
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..access.places import opened
from ..artifacts.hashing import sha256_of
from ..datasets.dataset import Dataset
from ..errors import Problem
from ..result import Record
from ..targets.target import Target
from ..version import __version__
from .environment import Package

Json = dict[str, Any]
MODEL, DATA, ROOT, PYTHON = "model", "data", "assessed", "python"


def bill(
    packages: Sequence[Package],
    target: Target | None = None,
    data: Dataset | None = None,
    records: Sequence[Record] = (),
    stamped: bool = False,
) -> Json:
    """The bill; ``records`` give the model card its measured numbers, ``stamped`` adds time and serial number."""
    parts = [*([_model(target, data, records)] if target else []), *([_data(data)] if data else []), _python()]
    libraries = [_library(p) for p in packages]
    subject = f"{target.name} with its environment" if target else "Python environment"
    metadata: Json = {
        "tools": {"components": [{"type": "application", "name": "tiltyard", "version": __version__}]},
        "component": {"type": "application", "bom-ref": ROOT, "name": subject},
    }
    made: Json = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "metadata": metadata}
    if stamped:
        metadata["timestamp"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        made["serialNumber"] = f"urn:uuid:{uuid.uuid4()}"
    return made | {"components": [*parts, *libraries], "dependencies": _dependencies(packages, target, data)}


def encoded(bill: Json) -> bytes:
    """The bytes of its file."""
    return (json.dumps(bill, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode()


def purl(package: Package) -> str:
    """The package's URL (purl), which is its reference in the bill too."""
    return f"pkg:pypi/{quote(package.name)}@{quote(package.version, safe='.-_')}"


def _library(package: Package) -> Json:
    """Its hash where the archive's is known; the hash of its list of files is no hash of the component, and stands among the properties."""
    made: Json = {"type": "library", "bom-ref": purl(package), "name": package.name, "version": package.version, "purl": purl(package)}
    if package.license:
        made["licenses"] = _licenses(package.license, package.spdx)
    if package.archive:
        made["hashes"] = [{"alg": "SHA-256", "content": package.archive}]
    if package.record:
        made["properties"] = _facts({"record:sha256": package.record})
    return made


def _licenses(text: str, spdx: bool) -> list[Json]:
    return [{"expression": text}] if spdx else [{"license": {"name": text}}]


def _python() -> Json:
    return {"type": "platform", "bom-ref": PYTHON, "name": platform.python_implementation(), "version": platform.python_version()}


def _model(target: Target, data: Dataset | None, records: Sequence[Record]) -> Json:
    shape = ", ".join(map(str, target.input_shape))
    inputs = f"{target.given or 'rows'} (n, {shape}): {', '.join(f.name for f in target.schema.features[:50])}"
    parameters: Json = {
        "approach": {"type": "supervised"},
        "task": target.task,
        "modelArchitecture": target.identity.detail,
        "inputs": [{"format": inputs}],
        "outputs": [{"format": f"labels by {target.rule}"}, *_scored(target)],
    }
    if data is not None:
        parameters["datasets"] = [{"ref": DATA}]
    card: Json = {"modelParameters": parameters}
    if numbers := _numbers(target, records):
        card["quantitativeAnalysis"] = {"performanceMetrics": numbers}
    place = {"endpoint": target.origin} if target.origin and target.file is None else {}
    facts = {"fingerprint": target.fingerprint, **place, **{f"trained_with:{n}": v for n, v in sorted(target.trained_with.items())}}
    made: Json = {"type": "machine-learning-model", "bom-ref": MODEL, "name": target.name, "modelCard": card, "properties": _facts(facts)}
    if target.file is None:
        return made
    return made | {"hashes": [{"alg": "SHA-256", "content": _file_hash(target.file)}]}


def _scored(target: Target) -> list[Json]:
    """The scores it gives beside its labels; none of a model of labels alone."""
    if "scores" not in target.offers:
        return []
    return [{"format": f"float64 (n, {len(target.classes)}), probabilities of {', '.join(target.classes[:50])}"}]


def _file_hash(path: Path) -> str:
    try:
        with opened(path, "the model's file") as stream:
            return sha256_of(stream)
    except OSError as error:
        raise Problem("the model's file as it was opened", f"{path.name}: {error.strerror or error}", "Open it again") from None


def _numbers(target: Target, records: Sequence[Record]) -> list[Json]:
    mine = [r for r in records if r.target.fingerprint == target.fingerprint and r.kind == "check"]
    return [_number(r, m) for r in mine for m in r.result.metrics if m.value is not None]


def _number(record: Record, metric: Any) -> Json:
    made: Json = {"type": f"{record.check} {metric.name}", "value": f"{metric.value:.6g}", "slice": record.data.name}
    if metric.low is None:
        return made
    return made | {"confidenceInterval": {"lowerBound": f"{metric.low:.6g}", "upperBound": f"{metric.high:.6g}"}}


def _data(data: Dataset) -> Json:
    content: Json = {"type": "dataset", "name": data.name, "description": data.identity.detail}
    if data.sensitive:
        content["sensitiveData"] = sorted(data.sensitive)
    facts = {"fingerprint": data.fingerprint, "rows": str(len(data)), **({"source": data.source} if data.source else {})}
    made: Json = {"type": "data", "bom-ref": DATA, "name": data.name, "data": [content], "properties": _facts(facts)}
    return made | ({"licenses": _licenses(data.license, spdx=False)} if data.license else {})


def _facts(values: Mapping[str, str]) -> list[Json]:
    return [{"name": f"tiltyard:{name}", "value": value} for name, value in values.items()]


def _dependencies(packages: Sequence[Package], target: Target | None, data: Dataset | None) -> list[Json]:
    refs = {p.name: purl(p) for p in packages}
    wanted = {name for p in packages for name in p.requires}
    tops = [refs[name] for name in refs if name not in wanted]
    named = [*([MODEL] if target else []), *([DATA] if data else [])]
    made = [{"ref": ROOT, "dependsOn": [*named, PYTHON, *tops]}]
    made += [{"ref": MODEL, "dependsOn": [DATA]}] if target and data else []
    return made + [{"ref": purl(p), "dependsOn": [refs[name] for name in p.requires if name in refs]} for p in packages]
