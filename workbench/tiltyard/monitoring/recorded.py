"""What was watched, as a record for the store: so that the report has it, and the ethics checklist its items on monitoring and drift."""

import uuid
from collections.abc import Sequence

from ..check import versions
from ..datasets.dataset import Dataset
from ..result import CheckResult, Evidence, Finding, Metric, Record, Severity, Status
from ..targets.target import Target
from .watching import overall, window_table
from .window import Window

ID = "monitoring.windows"
STATES = {"alarm": Status.FINDING, "quiet": Status.PASSED, "incomplete": Status.INCOMPLETE}


def monitored(windows: Sequence[Window], target: Target, data: Dataset) -> Record:
    """The record of at least one window of ``target``, held against ``data``."""
    return Record(
        id=uuid.uuid4().hex,
        check=ID,
        title="Monitoring",
        result=result(windows),
        given={},
        effective={"windows": len(windows), "level": windows[-1].level},
        seed=0,
        target=target.identity,
        data=data.identity,
        versions=versions(),
        started=windows[0].started,
        seconds=0.0,
        queries=0,
        standards=("AI RMF MEASURE 2.4", "AI RMF MANAGE 4.1"),
    )


def result(windows: Sequence[Window]) -> CheckResult:
    """Alarms, rows and the newest accuracy; a run with an incomplete window is no pass."""
    state = overall(windows)
    alarms = [w for w in windows if w.state == "alarm"]
    accuracy = next((w.performance for w in reversed(windows) if w.performance is not None), None)
    chance = f"a run without drift alarms with a chance of {windows[-1].level:g} at most"
    return CheckResult(
        status=STATES[state],
        summary=f"{len(alarms)} of {len(windows)} windows alarm ({chance}). The last: {windows[-1].summary}",
        metrics=(
            Metric(
                name="alarms",
                label="Windows that alarm",
                value=float(len(alarms)),
                unit=f"of {len(windows)}",
                n=len(windows),
                safer="lower",
            ),
            Metric(name="rows", label="Rows watched", value=float(sum(w.n for w in windows)), unit="rows"),
            *((accuracy.model_copy(update={"name": "accuracy_watched"}),) if accuracy is not None else ()),
        ),
        findings=(_finding(alarms[-1]),) if alarms else (),
        tables=(window_table(windows),),
    )


def _finding(window: Window) -> Finding:
    return Finding(
        title=f"What comes in drifts from what the model was made for (window {window.number})",
        severity=Severity.MEDIUM,
        evidence=Evidence(metrics=("alarms",), tables=("windows",)),
        advice="Find out what changed at the source; measure the model anew on rows of now, and train it on them where it lost.",
        standards=("AI RMF MEASURE 2.4",),
    )
