"""Findings: evidence in words, keys that stay when numbers change, and records of old whose evidence was text."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiltyard.evasion.fgsm import FGSM
from tiltyard.reports.bundle import make, read
from tiltyard.reports.findings import described
from tiltyard.reports.writing import render
from tiltyard.result import Axis, Chart, CheckResult, Evidence, Finding, Identity, Metric, Record, Series, Severity, Status, Table
from tiltyard.samples.catalog import load
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


def said(evidence: Evidence | str) -> str:
    finding = Finding(title="t", severity=Severity.LOW, evidence=evidence, advice="a")
    tables = (Table(name="seen", title="Who was seen", columns=(), rows=()),)
    result = CheckResult(status=Status.FINDING, summary="s", metrics=METRICS, findings=(finding,), tables=tables, charts=(ROC,))
    (one,) = described(result)
    assert (one.title, one.severity, one.advice, one.key) == (finding.title, finding.severity, finding.advice, finding.key)
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
        (Evidence(metrics=("robust",)), ROBUST),
        (
            Evidence(metrics=("k", "gone"), tables=("seen",), charts=("roc",), sentence="12 of 30 rows are alone"),
            "Smallest group: 3 rows; Gone: not measured: too few rows; table “Who was seen”; chart “Hits against false alarms”; 12 of 30 rows are alone",
        ),
        (Evidence(sentence="metric k"), "metric k"),
        (Evidence(metrics=("elsewhere",)), "elsewhere"),
        ("table seen: 12 of 30 rows are alone", "table “Who was seen”; 12 of 30 rows are alone"),
        ("Table seen. Best: (0.1, 0.2).", "table “Who was seen”; Best: (0.1, 0.2)"),
        ("31% of all attribution; table seen.", "table “Who was seen”; 31% of all attribution"),
        ("metric unknown", "metric unknown"),
        ("", ""),
        ("table k", "table k"),
        ("What a person wrote, k included.", "What a person wrote, k included."),
    ],
)
def test_what_it_names_is_said_in_words(evidence: Evidence | str, words: str) -> None:
    assert said(evidence) == words


@given(st.text(max_size=80))
def test_no_text_breaks_it(text: str) -> None:
    assert said(text) or not text


def finding(title: str, evidence: Evidence | str = "", key: str = "") -> Finding:
    return Finding(key=key, title=title, severity=Severity.LOW, evidence=evidence, advice="a")


@pytest.mark.parametrize(
    ("made", "key"),
    [
        (finding("41 % hold", Evidence(metrics=("robust", "k"))), "robust"),
        (finding("41 % hold", Evidence(metrics=("robust",)), "given"), "given"),
        (finding("A copy of fidelity 90 % costs 1,200 queries", Evidence(tables=("seen",))), "a-copy-of-fidelity-costs-queries"),
        (finding("17", "text"), "finding"),
    ],
)
def test_a_key_is_given_or_the_first_metric_or_the_words_of_the_title(made: Finding, key: str) -> None:
    assert made.key == key
    assert Finding.model_validate_json(made.model_dump_json()) == made


def record(*findings: Finding) -> Record:
    who = Identity(name="net", fingerprint="ab" * 32)
    result = CheckResult(status=Status.FINDING, summary="s", metrics=METRICS, findings=findings)
    return Record(
        id="1" * 32, check="evasion.pgd", title="PGD", result=result, given={}, effective={}, seed=0, target=who, data=who, versions={},
        started=datetime(2026, 11, 24, tzinfo=UTC), seconds=1.0, queries=7,
    )  # fmt: skip


def test_findings_of_one_key_are_told_apart_by_their_place() -> None:
    twice = record(finding("One"), finding("Other"), finding("One"))
    assert [key for key, _ in twice.keyed()] == ["evasion.pgd/one", "evasion.pgd/other", "evasion.pgd/one#2"]


def test_junit_names_the_key() -> None:
    assert "(evasion.pgd/robust)" in render(make([record(finding("41 % hold", Evidence(metrics=("robust",))))]), "junit")


def test_two_seeds_give_the_same_fingerprints() -> None:
    """The numbers of the two runs differ, so the titles do; an alert that is open stays the same one."""
    census = load("census")
    found = [FGSM(rows=60, curve=False, seed=seed)(census.target, census.data) for seed in (1, 2)]
    results = [json.loads(render(make([record]), "sarif"))["runs"][0]["results"] for record in found]
    assert len({f.title for record in found for f in record.result.findings}) == 2
    marks = [[result["partialFingerprints"] for result in one] for one in results]
    assert marks[0] == marks[1] == [{"finding/v2": "evasion.fgsm/robust_accuracy", "target/v1": census.target.fingerprint}]


def test_a_report_of_format_1_is_read_and_said_as_before() -> None:
    text = (Path(__file__).parent / "report_of_format_1.json").read_text()
    old = read(text)
    (kept,) = old.records
    assert [f.evidence for f in kept.result.findings] == [f["evidence"] for f in json.loads(text)["records"][0]["result"]["findings"]]
    robust, area = "Robust accuracy: 41.0 % [31.3, 51.3] at 95 %, n = 100", "Area: 0.7 [0.6, 0.8] at 95 %, n = 100"
    assert [f.evidence for f in described(kept.result)] == [
        robust,
        f"{area}; {robust}; table “Who was seen”; 3 of 10 rows",
        "What a person wrote.",
    ]
    assert [key for key, _ in kept.keyed()] == ["evasion.pgd/hold", "evasion.pgd/area", "evasion.pgd/by-hand"]
    assert robust in render(old, "html") and read(render(old, "json")) == old
