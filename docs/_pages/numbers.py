"""Which numbers a step gives: each is asked once on a tiny model, and what came is kept until the program changes."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import tiltyard
from tiltyard.check import Step
from tiltyard.result import Metric

FACTS = ("name", "label", "unit", "safer")
Numbers = dict[str, list[dict[str, str]]]


def program() -> str:
    """A hash of the engine's sources."""
    root = Path(tiltyard.__file__).parent
    found = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()


def numbers(steps: dict[str, type[Step]], kept: Path) -> Numbers:
    """The numbers of each step by id; from ``kept`` where it is of this very program."""
    now = program()
    if kept.exists() and (before := json.loads(kept.read_text(encoding="utf-8")))["program"] == now:
        found: Numbers = before["numbers"]
        return found
    found = {id: [{fact: getattr(m, fact) for fact in FACTS} for m in metrics(step)] for id, step in steps.items()}
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps({"program": now, "numbers": found}), encoding="utf-8")
    return found


def metrics(step: type[Step]) -> Iterator[Metric]:
    """The numbers of the first tiny model that the step can be asked on."""
    from tiltyard.testing.grounds import called, grounds, smallest, texts

    for ground in (*grounds().values(), *texts().values()):
        made = smallest(step, ground)
        if not made.unmet(ground.target, ground.data):
            yield from called(made, ground)[0].result.metrics
            return
