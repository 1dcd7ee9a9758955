"""What was watched reaches the checklist: its items on monitoring and drift are measured by the record, and only by one that ended."""

from tests.monitoring.conftest import drawn, scored

from tiltyard.datasets.dataset import Dataset
from tiltyard.monitoring.monitor import Monitor
from tiltyard.monitoring.recorded import monitored
from tiltyard.result import Record, Status
from tiltyard.standards.ethics import fill
from tiltyard.targets.estimators import FunctionTarget


def watched(model: tuple[FunctionTarget, Dataset], shift: float, n: int = 200) -> Record:
    monitor = Monitor(*model, rows=100)
    x = drawn(n, 5, shift=shift)
    monitor(x, scored(x).astype("float32"), scored(x).argmax(1), "key")
    monitor.flush()
    return monitored(monitor.windows, *model)


def test_the_checklist_is_answered_by_what_was_watched(model: tuple[FunctionTarget, Dataset]) -> None:
    quiet, drifted, short = watched(model, 0.0), watched(model, 1.5), watched(model, 0.0, 110)
    assert [r.result.status for r in (quiet, drifted, short)] == [Status.PASSED, Status.FINDING, Status.INCOMPLETE]
    for record in (quiet, drifted):
        assert Record.model_validate_json(record.model_dump_json()) == record
        checklist = fill([record])
        assert [checklist.item(id).state for id in ("safety.monitoring", "robustness.drift")] == ["measured", "measured"]
        assert checklist.item("robustness.drift").evidence[0].text
    assert fill([short]).item("robustness.drift").state == "open"
