"""What is new, settled and moved since an earlier report of the same model."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from ..assessment.standing import DERIVED
from ..comparison.comparison import MetricChange, change, latest, matched
from ..result import Frozen, Record, Severity, Status

ANSWERED = (Status.PASSED, Status.FINDING)
MOVED: tuple[Literal["better", "worse"], ...] = ("better", "worse")


class Named(Frozen):
    """A finding by its key among all checks, with what it was called."""

    key: str
    title: str
    severity: Severity
    step: str
    asked_before: bool = True


class Difference(Frozen):
    """The findings that are new, those that are gone though the step was asked again, those not asked again, and numbers that moved
    by more than their error."""

    run: str
    made: datetime
    same_target: bool
    same_data: bool
    new: tuple[Named, ...] = ()
    settled: tuple[Named, ...] = ()
    not_asked_again: tuple[Named, ...] = ()
    moved: tuple[MetricChange, ...] = ()


def difference(run: str, before: Sequence[Record], after: Sequence[Record]) -> Difference:
    """``after`` against ``before``, the records of the earlier report (at least one), which ``run`` names."""
    one, other = (latest([r for r in records if _counts(r)]) for records in (before, after))
    was, now = _findings(one), _findings(other)
    asked, answered = ({r.check for r in one}, {r.check for r in other if r.result.status in ANSWERED})
    gone = [named for key, named in was.items() if key not in now]
    return Difference(
        run=run,
        made=max(r.started for r in before),
        same_target=before[0].target.fingerprint == after[0].target.fingerprint,
        same_data=before[0].data.fingerprint == after[0].data.fingerprint,
        new=tuple(n.model_copy(update={"asked_before": key.partition("/")[0] in asked}) for key, n in now.items() if key not in was),
        settled=tuple(n for n in gone if n.key.partition("/")[0] in answered),
        not_asked_again=tuple(n for n in gone if n.key.partition("/")[0] not in answered),
        moved=tuple(_moved(one, other)),
    )


def _counts(record: Record) -> bool:
    return record.kind == "check" and record.check not in DERIVED


def _findings(records: Sequence[Record]) -> dict[str, Named]:
    return {
        key: Named(key=key, title=finding.title, severity=finding.severity, step=record.title)
        for record in records
        for key, finding in record.keyed()
    }


def _moved(before: Sequence[Record], after: Sequence[Record]) -> list[MetricChange]:
    pairs, _, _ = matched(before, after)
    found = []
    for a, b in pairs:
        old = {m.name: m for m in a.result.metrics}
        found += [change(b, old[m.name], m) for m in b.result.metrics if m.name in old]
    return [one for one in found if one.verdict in MOVED]
