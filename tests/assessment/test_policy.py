from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tiltyard.assessment.policy import Outcome, Policy, Rule, read_policy
from tiltyard.errors import Problem
from tiltyard.result import CheckResult, Finding, Identity, Metric, Record, Severity, Status

WHO = Identity(name="m", fingerprint="0" * 64)


def record(check: str = "a.b", status: Status = Status.PASSED, metrics: tuple[Metric, ...] = (), **effective: Any) -> Record:
    finding = (Finding(title="f", severity=Severity.HIGH, evidence="e", advice="a"),) if status is Status.FINDING else ()
    result = CheckResult(status=status, summary="s", metrics=metrics, findings=finding)
    facts = {"title": "t", "target": WHO, "data": WHO, "versions": {}, "started": datetime.now(UTC), "seconds": 0, "queries": 0, "seed": 0}
    return Record(id="i", check=check, result=result, given={}, effective=effective, **facts)


def accuracy(value: float | None, low: float | None = None, high: float | None = None) -> Metric:
    return Metric(name="acc", label="Accuracy", value=value, low=low, high=high, note="" if value is not None else "no rows")


def verdict(rule: dict[str, Any], *records: Record) -> tuple[str, list[str]]:
    judgment = Policy(rule=(Rule(check="a.b", metric="acc", **rule),)).judge(records)
    return judgment.verdict, [str(v.outcome) for v in judgment.verdicts]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"at_least": 0.6}, "fail"),
        ({"at_least": 0.6, "tolerance": 0.02}, "pass"),
        ({"at_least": 0.59}, "pass"),
        ({"at_least": 0.59, "use": "low"}, "fail"),
        ({"at_most": 0.6, "use": "high"}, "fail"),
        ({"at_most": 0.6}, "pass"),
        ({"at_least": 0.5, "at_most": 0.55}, "fail"),
    ],
)
def test_limits_tolerance_and_which_end(rule: dict[str, Any], expected: str) -> None:
    assert verdict(rule, record(metrics=(accuracy(0.59, 0.55, 0.63),)))[0] == expected


@pytest.mark.parametrize("status", [Status.NOT_APPLICABLE, Status.INCOMPLETE, Status.FAILED, Status.CANCELLED])
def test_what_gave_no_answer_is_no_pass(status: Status) -> None:
    assert verdict({"at_least": 0.0}, record(status=status, metrics=(accuracy(0.9),))) == ("incomplete", ["incomplete"])
    assert Policy(required=("a.b",)).judge([record(status=status)]).verdict == "incomplete"


def test_not_run_not_measured_no_interval_and_no_metric_are_no_pass() -> None:
    assert verdict({"at_least": 0.0}) == ("incomplete", ["not run"])
    assert verdict({"at_least": 0.0}, record("a.other", metrics=(accuracy(0.9),))) == ("incomplete", ["not run"])
    assert verdict({"at_least": 0.0}, record(metrics=(accuracy(None),))) == ("incomplete", ["incomplete"])
    assert verdict({"at_least": 0.0, "use": "low"}, record(metrics=(accuracy(0.9),))) == ("incomplete", ["incomplete"])
    assert verdict({"at_least": 0.0}, record()) == ("incomplete", ["incomplete"])


@pytest.mark.parametrize("asked", ["fell", "successful_attacks"])
@pytest.mark.parametrize("stored", ["fell", "successful_attacks"])
def test_a_metric_that_was_renamed_is_found_under_both_names(asked: str, stored: str) -> None:
    """``fell`` of a campaign is called ``successful_attacks`` now; policies and stores of before are read as they are."""
    judge = Policy(rule=(Rule(check="campaign.matrix", metric=asked, at_most=1),)).judge
    kept = record("campaign.matrix", metrics=(Metric(name=stored, label="Attacks", value=2.0),))
    assert [v.reason for v in judge([kept]).verdicts] == ["found 2"]
    assert judge([kept]).verdict == "fail"


def test_a_failure_outweighs_what_is_incomplete() -> None:
    policy = Policy(rule=(Rule(check="a.b", metric="acc", at_least=0.9),), required=("never.run",))
    judgment = policy.judge([record(metrics=(accuracy(0.5),))])
    assert judgment.verdict == "fail"
    assert {v.outcome for v in judgment.verdicts} == {Outcome.FAIL, Outcome.NOT_RUN}


def test_every_record_of_the_check_is_held_unless_narrowed() -> None:
    good, bad = record(metrics=(accuracy(0.9),), norm="l2"), record(metrics=(accuracy(0.1),), norm="linf")
    assert verdict({"at_least": 0.5}, good, bad) == ("fail", ["pass", "fail"])
    assert verdict({"at_least": 0.5, "where": {"norm": "l2"}}, good, bad) == ("pass", ["pass"])
    assert verdict({"at_least": 0.5, "where": {"norm": "l1"}}, good, bad) == ("incomplete", ["not run"])


def test_of_equal_parameters_the_last_counts() -> None:
    old, new = record(metrics=(accuracy(0.1),), norm="l2"), record(metrics=(accuracy(0.9),), norm="l2")
    assert verdict({"at_least": 0.5}, old, new) == ("pass", ["pass"])


def test_findings_are_limited_by_severity() -> None:
    bad = record(status=Status.FINDING)
    assert Policy(worst_finding=Severity.MEDIUM).judge([bad]).verdict == "fail"
    assert Policy(worst_finding=Severity.HIGH).judge([bad]).verdict == "pass"
    assert Policy(worst_finding=Severity.HIGH).judge([]).verdict == "incomplete"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "asks for nothing"),
        ("[[rule]]\ncheck = 'a'\nmetric = 'm'", "neither at_least nor at_most"),
        ("[[rule]]\ncheck = 'a'\nmetric = 'm'\nat_least = 0.9\nat_most = 0.1", "no number is at least 0.9 and at most 0.1"),
        ("[[rule]]\ncheck = 'a'\nmetric = 'm'\nat_least = nan", "finite number"),
        ("[[rule]]\ncheck = 'a'\nmetric = 'm'\nat_leest = 1", "'rule.0.at_leest'"),
        ("[[rule]]\ncheck = 'a'\nmetric = 'm'\nat_least = 'x'", "rule.0.at_least"),
        ("[[rule]\n", "in TOML"),
        ("worst_finding = 'awful'", "worst_finding"),
    ],
)
def test_a_wrong_policy_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(text)
    with pytest.raises(Problem) as found:
        read_policy(path)
    assert said in str(found.value)
    assert "\n" not in str(found.value)


def test_a_policy_comes_from_toml(tmp_path: Path) -> None:
    path = tmp_path / "strict.toml"
    path.write_text("required = ['a.b']\n[[rule]]\ncheck = 'a.b'\nmetric = 'acc'\nat_least = 0.6\ntolerance = 0.02\nuse = 'low'\n")
    policy = read_policy(path)
    assert (policy.name, policy.required) == ("strict", ("a.b",))
    assert policy.rules[0].text == "low end of acc of a.b at least 0.6, tolerance 0.02"
    with pytest.raises(Problem, match="nothing at"):
        read_policy(tmp_path / "none.toml")
