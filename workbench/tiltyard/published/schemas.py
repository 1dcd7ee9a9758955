"""The JSON Schemas of what ``--json`` prints. ``python -m tiltyard.published.schemas`` writes them anew; a test holds them."""

import json
from pathlib import Path

from ..comparison.comparison import Comparison
from ..comparison.trend import TrendList
from ..lean import Lean
from ..monitoring.window import WindowList
from ..result import Frozen, Record
from .listing import ArtifactList, CheckList, DefenseResult, Diagnosis, RunList
from .scan_list import ScanList

FOLDER = Path(__file__).parent / "json"
PUBLISHED: dict[str, type[Frozen] | type[Lean]] = {
    "artifacts": ArtifactList,
    "checks": CheckList,
    "comparison": Comparison,
    "defense": DefenseResult,
    "doctor": Diagnosis,
    "record": Record,
    "runs": RunList,
    "scan": ScanList,
    "trends": TrendList,
    "windows": WindowList,
}


def schema(name: str) -> str:
    """The schema called ``name`` as text."""
    made = PUBLISHED[name].model_json_schema(mode="serialization")
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **made}, indent=1) + "\n"


def write() -> None:
    """Write every schema into the package."""
    FOLDER.mkdir(exist_ok=True)
    for name in PUBLISHED:
        (FOLDER / f"{name}.schema.json").write_text(schema(name), encoding="utf-8")


if __name__ == "__main__":
    write()
