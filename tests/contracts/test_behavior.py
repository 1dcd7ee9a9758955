"""What every check and defense does, whatever it asks: on a tiny table and on tiny images, with its smallest parameters."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tiltyard.catalogue import checks, defenses
from tiltyard.check import Step
from tiltyard.progress import Progress
from tiltyard.reports.findings import described
from tiltyard.result import Evidence, Record, Status
from tiltyard.targets.target import Target

STEPS = {**checks(), **defenses()}
ANSWERS = {Status.PASSED, Status.FINDING, Status.INCOMPLETE}
everything = pytest.mark.parametrize("cls", list(STEPS.values()), ids=list(STEPS))
grounded = pytest.mark.parametrize("ground", ["table", "images"])

Call = Callable[..., tuple[Record, Target | None]]
Small = Callable[..., Step]
counts: dict[tuple[str, str], int] = {}
done: dict[tuple[str, str], tuple[Record, Target | None]] = {}


def first(cls: type[Step], name: str, grounds: dict[str, Any], small: Small, call: Call) -> tuple[Record, Target | None]:
    """The first run of each on each ground, made once."""
    if (cls.id, name) not in done:
        done[cls.id, name] = call(small(cls, name), grounds[name])
    return done[cls.id, name]


def broke(record: Record) -> str:
    """The traceback of a step that broke, or an empty string."""
    return record.error if "Traceback" in record.error else ""


@everything
@grounded
def test_it_does_not_break(cls: type[Step], ground: str, grounds: dict[str, Any], small: Small, call: Call) -> None:
    record, made = first(cls, ground, grounds, small, call)
    assert broke(record) == ""
    assert record.result.status is not Status.FAILED, record.result.summary
    assert "\n" not in record.result.summary
    assert (made is not None) == (record.made is not None)


@everything
def test_it_answers_on_one_of_them(cls: type[Step], grounds: dict[str, Any], small: Small, call: Call) -> None:
    if "url" in cls.needs:
        pytest.skip("asks an endpoint; see tests/endpoint")
    found = {name: first(cls, name, grounds, small, call)[0].result for name in grounds}
    assert any(r.status in ANSWERS for r in found.values()), {name: r.summary for name, r in found.items()}


@everything
@grounded
def test_its_record_survives_json(cls: type[Step], ground: str, grounds: dict[str, Any], small: Small, call: Call) -> None:
    record, _ = first(cls, ground, grounds, small, call)
    text = record.model_dump_json()
    assert Record.model_validate_json(text) == record
    assert len(text) < 1_000_000


@everything
@grounded
def test_what_its_findings_rest_on_is_in_the_record(
    cls: type[Step], ground: str, grounds: dict[str, Any], small: Small, call: Call
) -> None:
    record, _ = first(cls, ground, grounds, small, call)
    result = record.result
    there = {"metrics": result.metrics, "tables": result.tables, "charts": result.charts}
    for finding in result.findings:
        assert isinstance(finding.evidence, Evidence)
        for kind, things in there.items():
            assert set(getattr(finding.evidence, kind)) <= {thing.name for thing in things}
        assert finding.key
    assert len({finding.key for finding in result.findings}) == len(result.findings)
    assert all(finding.evidence for finding in described(result))


@everything
@grounded
def test_equal_seeds_give_equal_results_and_tell_of_progress(
    cls: type[Step], ground: str, grounds: dict[str, Any], small: Small, call: Call, interrupted: Callable[[int], Any]
) -> None:
    record, made = first(cls, ground, grounds, small, call)
    counted = interrupted(0)
    again, twin = call(small(cls, ground), grounds[ground], counted)
    counts[cls.id, ground] = counted.count
    assert list(unlike(timeless(record), timeless(again))) == []
    assert (made.fingerprint if made else None) == (twin.fingerprint if twin else None)
    assert counted.count >= 2 or record.result.status is Status.NOT_APPLICABLE


def timeless(record: Record) -> dict[str, Any]:
    """The result without metrics that measure time, which no seed can repeat."""
    result = record.result.model_dump(mode="json")
    timed = {"s", "ms", "seconds", "milliseconds", "s/epoch"}
    result["metrics"] = [m for m in result["metrics"] if m["unit"] not in timed]
    return {"result": result, "queries": record.queries}


def unlike(a: Any, b: Any, where: str = "") -> Iterator[str]:
    """Where two results differ by more than what the alignment of memory does to a sum of float32 (1e-3 of it, 1e-5).

    Pictures and the files of rows are compared by being there: that much may turn one of their pixels.
    """
    if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        for key in a:
            yield from unlike(a[key], b[key], f"{where}.{key}")
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for i, (one, other) in enumerate(zip(a, b, strict=True)):
            yield from unlike(one, other, f"{where}[{i}]")
    elif isinstance(a, float) and isinstance(b, float):
        if a != pytest.approx(b, rel=1e-3, abs=1e-5):
            yield f"{where}: {a} and {b}"
    elif a != b and not (where.endswith((".png", ".npz")) and a and b):
        yield f"{where}: {a!r} and {b!r}"


@everything
@grounded
def test_it_stops_within_a_second_of_work(
    cls: type[Step], ground: str, grounds: dict[str, Any], small: Small, call: Call, interrupted: Callable[[int], Any]
) -> None:
    if first(cls, ground, grounds, small, call)[0].result.status is Status.NOT_APPLICABLE:
        pytest.skip("not applicable here")
    if (cls.id, ground) not in counts:
        counted = interrupted(0)
        call(small(cls, ground), grounds[ground], counted)
        counts[cls.id, ground] = counted.count
    count = counts[cls.id, ground]
    for at in sorted({2, max(count // 2, 2)}):
        progress = interrupted(at)
        record, made = call(small(cls, ground), grounds[ground], progress)
        assert time.process_time() - progress.when < 1.0
        if at < count // 2:
            assert record.result.status is Status.CANCELLED
            assert made is None


@everything
def test_a_cancel_before_it_starts_is_kept(cls: type[Step], grounds: dict[str, Any], small: Small, call: Call) -> None:
    progress = Progress()
    progress.cancel()
    for ground, given in grounds.items():
        begun = time.process_time()
        record, made = call(small(cls, ground), given, progress)
        assert record.result.status in {Status.CANCELLED, Status.NOT_APPLICABLE}
        assert (made, record.queries) == (None, 0)
        assert time.process_time() - begun < 1.0


@everything
@grounded
@pytest.mark.parametrize("without", ["labels_only", "bare", "both"])
def test_what_is_lacking_makes_it_not_applicable(
    cls: type[Step], ground: str, without: str, grounds: dict[str, Any], small: Small, call: Call
) -> None:
    given = grounds[ground].labels_only().bare() if without == "both" else getattr(grounds[ground], without)()
    step = small(cls, ground)
    record, _ = call(step, given)
    assert broke(record) == ""
    lacking = step.unmet(given.target, given.data)
    if lacking:
        assert record.result.status is Status.NOT_APPLICABLE
        assert lacking in record.result.summary
        assert record.queries == 0
    if without != "bare" and "scores" in cls.needs | {"gradients"} & cls.needs:
        assert lacking


ODD = {
    "one row": lambda d: d.take(np.arange(1)),
    "two rows": lambda d: d.take(np.array([0, len(d) - 1])),
    "one class": lambda d: d.take(np.flatnonzero(d.y == d.y[0])),
    "one group": lambda d: d.take(d.sensitive["side"] == "left"),
    "rows all alike": lambda d: d.take(np.zeros(20, int)),
}
CASES = [("table", odd) for odd in ODD] + [("images", "one row"), ("images", "one class")]


@everything
@pytest.mark.parametrize(("ground", "odd"), CASES)
def test_odd_data_is_said_and_does_not_break_it(
    cls: type[Step], ground: str, odd: str, grounds: dict[str, Any], small: Small, call: Call
) -> None:
    given = replace(grounds[ground], data=ODD[odd](grounds[ground].data))
    record, _ = call(small(cls, ground), given)
    assert broke(record) == ""
    assert "\n" not in record.result.summary


@pytest.mark.parametrize("cls", list(defenses().values()), ids=list(defenses()))
@grounded
def test_a_defense_leaves_the_target_as_it_was(cls: type[Step], ground: str, grounds: dict[str, Any], small: Small, call: Call) -> None:
    given = grounds[ground]
    before = given.target.scores(given.data.x)
    record, made = first(cls, ground, grounds, small, call)
    np.testing.assert_array_equal(given.target.scores(given.data.x), before)
    if made is None:
        assert record.result.status not in {Status.PASSED, Status.FINDING}
        return
    assert made.parent is given.target
    assert record.made == made.identity
    assert made.labels(given.data.x).shape == given.data.y.shape
