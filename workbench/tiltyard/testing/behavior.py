"""What a check or defense must do when it is called, on tiny rows and with its smallest parameters."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from ..check import Step
from ..datasets.dataset import Dataset
from ..needs import DATA_NEEDS
from ..progress import Progress, Report
from ..result import CheckResult, Evidence, Record, Status
from ..targets.target import Target
from .grounds import Ground, called, smallest

ANSWERS = frozenset({Status.PASSED, Status.FINDING, Status.INCOMPLETE})
LARGEST = 1_000_000  # characters of a record
WORK = 1.0  # seconds of processor time between a cancel and the end
TIMES = frozenset({"s", "ms", "seconds", "milliseconds", "s/epoch"})

# Data that nobody expects; the last three need a table of two groups.
ODD: dict[str, Callable[[Dataset], Dataset]] = {
    "one row": lambda d: d.take(np.arange(1)),
    "one class": lambda d: d.take(np.flatnonzero(d.y == d.y[0])),
    "two rows": lambda d: d.take(np.array([0, len(d) - 1])),
    "one group": lambda d: d.take(d.sensitive["side"] == "left"),
    "rows all alike": lambda d: d.take(np.zeros(20, int)),
}
ODD_IMAGES = ("one row", "one class")


class Interrupted(Progress):
    """Counts its steps, cancels itself at step ``at`` and remembers the processor time that was spent until then."""

    def __init__(self, at: int = 0) -> None:
        self.count, self.when, self.at = 0, 0.0, at
        super().__init__(listener=self._listen)

    def _listen(self, report: Report) -> None:
        self.count += 1
        if self.count == self.at:
            self.when = time.process_time()
            self.cancel()


def behavior_broken(cls: type[Step], grounds: dict[str, Ground]) -> Iterator[str]:
    """What ``cls`` does against the contract on ``grounds``, a sentence each."""
    first: dict[str, Record] = {}
    for name, ground in grounds.items():
        yield from (f"on the {name} {fault}" for fault in _on(cls, ground, first, name))
    offered = {need for ground in grounds.values() for need in ground.target.offers} | DATA_NEEDS
    if cls.needs <= offered:
        yield from _answers(cls, [record.result for record in first.values()])


def _on(cls: type[Step], ground: Ground, first: dict[str, Record], name: str) -> Iterator[str]:
    before = ground.target.scores(ground.data.x)
    record, made = called(smallest(cls, ground), ground)
    first[name] = record
    yield from _record(record)
    yield from _made(record, made, ground)
    if not np.array_equal(ground.target.scores(ground.data.x), before):
        yield "it changed the target that it was given"
    if record.result.status is not Status.NOT_APPLICABLE and not _broke(record):
        yield from _repeats(cls, ground, record, made)
    yield from _cancelled_before(cls, ground)
    yield from _lacking(cls, ground)
    for odd in ODD_IMAGES if ground.data.schema.images else ODD:
        yield from _odd(cls, ground, odd)


def _broke(record: Record) -> str:
    """The last line of the traceback of a step that broke, or an empty string."""
    return record.error.strip().splitlines()[-1] if "Traceback" in record.error else ""


def _record(record: Record) -> Iterator[str]:
    result = record.result
    if line := _broke(record):
        yield f"it breaks: {line}"
    elif result.status is Status.FAILED:
        yield f"it fails: {result.summary}"
    if "\n" in result.summary:
        yield f"its summary has more than one line: {result.summary!r}"
    text = record.model_dump_json()
    if Record.model_validate_json(text) != record:
        yield "its record read back from JSON is another"
    if len(text) >= LARGEST:
        yield f"its record has {len(text):,} characters, fewer than {LARGEST:,} are allowed"
    yield from _evidence(result)


def _evidence(result: CheckResult) -> Iterator[str]:
    there = {
        "metrics": {metric.name for metric in result.metrics},
        "tables": {table.name for table in result.tables},
        "charts": {chart.name for chart in result.charts},
    }
    for finding in result.findings:
        if not isinstance(finding.evidence, Evidence):
            yield f"the evidence of {finding.title!r} is text; name its metrics, tables and charts in an Evidence"
            continue
        for kind, names in there.items():
            if lost := sorted(set(getattr(finding.evidence, kind)) - names):
                yield f"{finding.title!r} rests on {kind} that are not in the result: {', '.join(lost)}"
    keys = [finding.key for finding in result.findings]
    if not all(keys) or len(set(keys)) != len(keys):
        yield f"its findings have no keys of their own: {keys}"


def _made(record: Record, made: Target | None, ground: Ground) -> Iterator[str]:
    if (made is None) != (record.made is None):
        yield "its record and what it returns do not agree whether a target was made"
    if made is None:
        if record.kind == "defense" and record.result.status in {Status.PASSED, Status.FINDING}:
            yield f"it made no target and says {record.result.status}"
        return
    if made.parent is not ground.target or record.made != made.identity:
        yield "its record names another target than the one that it made"
    if made.labels(ground.data.x).shape != ground.data.y.shape:
        yield "the target that it made does not give one label a row"


def _repeats(cls: type[Step], ground: Ground, record: Record, made: Target | None) -> Iterator[str]:
    """The same seed once more, and then with a cancel early and in the middle."""
    counted = Interrupted()
    again, twin = called(smallest(cls, ground), ground, counted)
    yield from (f"an equal seed gives another result: {where}" for where in unlike(timeless(record), timeless(again)))
    if (made.fingerprint if made else None) != (twin.fingerprint if twin else None):
        yield "an equal seed makes another target"
    if counted.count < 2:
        yield "it reports no progress: call progress.step"
    for at in sorted({2, max(counted.count // 2, 2)}):
        yield from _cancelled(cls, ground, at, early=at < counted.count // 2)


def _cancelled(cls: type[Step], ground: Ground, at: int, early: bool) -> Iterator[str]:
    progress = Interrupted(at)
    record, made = called(smallest(cls, ground), ground, progress)
    spent = time.process_time() - progress.when if progress.cancelled else 0.0
    if progress.cancelled and spent >= WORK:
        yield f"cancelled at its step {at} it works on for {spent:.1f} s: call progress.step more often"
    if early and (record.result.status is not Status.CANCELLED or made is not None):
        yield f"cancelled at its step {at} it ends as {record.result.status}"


def _cancelled_before(cls: type[Step], ground: Ground) -> Iterator[str]:
    progress = Progress()
    progress.cancel()
    record, made = called(smallest(cls, ground), ground, progress)
    if record.result.status not in {Status.CANCELLED, Status.NOT_APPLICABLE} or made is not None or record.queries:
        yield f"cancelled before it starts it ends as {record.result.status} after {record.queries} queries"


def _lacking(cls: type[Step], ground: Ground) -> Iterator[str]:
    """Where a need is missing it says so and asks nothing."""
    for what, given in (
        ("with labels alone", ground.labels_only()),
        ("without sensitive columns and marks of training", ground.bare()),
        ("with labels alone, sensitive columns and marks of training missing", ground.labels_only().bare()),
    ):
        step = smallest(cls, given)
        record, _ = called(step, given)
        reason = step.unmet(given.target, given.data)
        if line := _broke(record):
            yield f"{what} it breaks: {line}"
        elif reason and (record.result.status is not Status.NOT_APPLICABLE or reason not in record.result.summary or record.queries):
            yield f"{what} it is {record.result.status}, not not_applicable because it {reason}"
        elif not reason and given.target is not ground.target and cls.needs & {"scores", "gradients"}:
            yield f"{what} it says that nothing is missing, and it needs {', '.join(sorted(cls.needs))}"


def _odd(cls: type[Step], ground: Ground, odd: str) -> Iterator[str]:
    given = replace(ground, data=ODD[odd](ground.data))
    record, _ = called(smallest(cls, given), given)
    if line := _broke(record):
        yield f"given {odd} it breaks: {line}"
    if "\n" in record.result.summary:
        yield f"given {odd} its summary has more than one line"


def _answers(cls: type[Step], results: list[CheckResult]) -> Iterator[str]:
    """On one of the grounds there must be an answer, and in it what the facts name."""
    if not any(result.status in ANSWERS for result in results):
        yield f"it answers on none of the tiny targets: {'; '.join(result.summary for result in results)}"
        return
    names = {metric.name for result in results for metric in result.metrics}
    if not names:  # what it measures needs more than the tiny targets have, as a file
        return
    if cls.headline and not any(name == cls.headline or name.startswith(f"{cls.headline}_") for name in names):
        yield f"its headline {cls.headline!r} is none of its metrics ({', '.join(sorted(names))})"
    if strange := sorted(cls.context - names):
        yield f"its context names metrics that it does not have: {', '.join(strange)}"


def timeless(record: Record) -> dict[str, Any]:
    """The result without metrics that measure time, which no seed can repeat."""
    result = record.result.model_dump(mode="json")
    result["metrics"] = [metric for metric in result["metrics"] if metric["unit"] not in TIMES]
    return {"result": result, "queries": record.queries}


def unlike(a: Any, b: Any, where: str = "") -> Iterator[str]:
    """Where two results differ by more than what the alignment of memory does to a sum of float32 (1e-3 of it, 1e-5).

    Pictures and the files of rows are compared by being there: that much may turn one of their pixels.
    """
    if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        for key in a:
            yield from unlike(a[key], b[key], f"{where}.{key}" if where else key)
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for i, (one, other) in enumerate(zip(a, b, strict=True)):
            yield from unlike(one, other, f"{where}[{i}]")
    elif isinstance(a, float) and isinstance(b, float):
        if not math.isclose(a, b, rel_tol=1e-3, abs_tol=1e-5) and not (math.isnan(a) and math.isnan(b)):
            yield f"{where} is {a} and then {b}"
    elif a != b and not (where.endswith((".png", ".npz")) and a and b):
        yield f"{where} is {a!r} and then {b!r}"
