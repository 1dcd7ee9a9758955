"""A metrics file for DVC: JSON, a check a branch, a number with its interval a leaf."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..access import places
from ..access.person import me
from ..assessment.assessment import Assessment
from ..result import Record
from .numbers import finite, named, plain


def write_dvc(report: Assessment | Sequence[Record], path: str | Path = "metrics.json") -> Path:
    """Write the numbers of a report as a metrics file, ``metrics: [metrics.json]`` in ``dvc.yaml``; one that is there is replaced.

    Each number has ``value``, ``low``, ``high`` and ``n``; each check its ``status`` and how many ``findings`` it has. What was not
    measured is not in it, as 0 would be a claim.
    """
    records = report.records if isinstance(report, Assessment) else report
    tree = {name: _branch(record) for name, record in named(records)}
    text = json.dumps(tree, indent=1, allow_nan=False) + "\n"
    return places.written(str(path), text.encode(), "the metrics file", (".json",), me(), replace=True, mode=0o644)


def _branch(record: Record) -> dict[str, Any]:
    numbers = {plain(metric.name): finite(metric) for metric in record.result.metrics}
    ended = {"status": record.result.status.value, "findings": len(record.result.findings)}
    return {**ended, **{name: leaf for name, leaf in numbers.items() if leaf}}
