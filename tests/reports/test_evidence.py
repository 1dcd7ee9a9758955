"""Evidence in words: what a finding names becomes its label and value; everything else it says is kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiltyard.reports.evidence import told
from tiltyard.result import Axis, Chart, CheckResult, Finding, Metric, Series, Severity, Status, Table
from tiltyard.statistics.intervals import rate

METRICS = (
    rate("robust", "Robust accuracy", 41, 100, "higher"),
    Metric(name="k", label="Smallest group", value=3.0, unit="rows"),
    Metric(name="gone", label="Gone", value=None, note="too few rows"),
)
ROC = Chart(
    name="roc",
    title="Hits against false alarms",
    kind="line",
    x=Axis(label="x"),
    y=Axis(label="y"),
    series=(Series(name="s", x=(), y=()),),
    alt="a",
)
ROBUST = "Robust accuracy: 41.0 % [31.3, 51.3] at 95 %, n = 100"


def said(evidence: str) -> str:
    finding = Finding(title="t", severity=Severity.LOW, evidence=evidence, advice="a")
    tables = (Table(name="seen", title="Who was seen", columns=(), rows=()),)
    result = CheckResult(status=Status.FINDING, summary="s", metrics=METRICS, findings=(finding,), tables=tables, charts=(ROC,))
    (one,) = told(result)
    assert one.model_copy(update={"evidence": evidence}) == finding
    return one.evidence


@pytest.mark.parametrize(
    ("evidence", "words"),
    [
        ("metric robust", ROBUST),
        ("robust", ROBUST),
        ("metric gone", "Gone: not measured: too few rows"),
        ("metrics k and robust; table seen", f"Smallest group: 3 rows; {ROBUST}; table “Who was seen”"),
        (
            "metrics k, gone and robust, chart roc",
            f"Smallest group: 3 rows; Gone: not measured: too few rows; {ROBUST}; chart “Hits against false alarms”",
        ),
        ("table seen: 12 of 30 rows are alone", "table “Who was seen”; 12 of 30 rows are alone"),
        ("Table seen. Best: (0.1, 0.2).", "table “Who was seen”; Best: (0.1, 0.2)"),
        ("31% of all attribution; table seen.", "table “Who was seen”; 31% of all attribution"),
        ("metric unknown", "metric unknown"),
        ("", ""),
        ("table k", "table k"),
        ("What a person wrote, k included.", "What a person wrote, k included."),
    ],
)
def test_what_it_names_is_said_in_words(evidence: str, words: str) -> None:
    assert said(evidence) == words


@given(st.text(max_size=80))
def test_no_text_breaks_it(text: str) -> None:
    assert said(text) or not text
