"""Attacks that students write, and the answers of single labs: each fault has its own reason."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tiltyard.errors import Problem
from tiltyard.labs import kit
from tiltyard.labs.evidence import Evidence
from tiltyard.labs.ladder import EPS, Ladder, first_rows
from tiltyard.labs.models import Model, model
from tiltyard.labs.questions import capstone, evaluations, evasion, threats
from tiltyard.labs.work import Work
from tiltyard.result import CheckResult, Identity, Metric, Record, Status

from .test_grading import PRINTS, ran

RUNG = evaluations.Rung("3c", defense="quantized")


@pytest.fixture(scope="module")
def quantized() -> Model:
    return model("broken:quantized")


def record(quantized: Model, x: Any) -> Record:
    return Ladder(defense="quantized").on(x)(quantized.target, quantized.data)


def reason(quantized: Model, x: Any) -> str:
    prints = {"broken:quantized": quantized.target.fingerprint}
    return RUNG.grade("rows", Evidence([record(quantized, x)], prints), Work()).reason


def test_an_attack_is_held_against_range_budget_and_what_the_bare_model_withstands(quantized: Model) -> None:
    x, _ = first_rows(quantized.data)
    rng = np.random.default_rng(0)
    tried = {
        "unchanged": x,
        "over_budget": np.clip(x + 0.3 * np.sign(rng.normal(size=x.shape)), 0, 1),
        "outside_range": x + EPS * np.sign(rng.normal(size=x.shape)),
        "too_weak": np.clip(x + EPS * np.sign(rng.normal(size=x.shape)), 0, 1),
    }
    assert {why: reason(quantized, rows) for why, rows in tried.items()} == {why: why for why in tried}


def test_following_the_gradient_behind_the_rounding_breaks_it(quantized: Model) -> None:
    import torch

    x, y = (torch.from_numpy(part) for part in first_rows(quantized.data))
    at = x.clone()
    for _ in range(20):
        at.requires_grad_()
        loss = torch.nn.functional.cross_entropy(quantized.target.inner.inner(at), y)  # type: ignore[attr-defined]
        (gradient,) = torch.autograd.grad(loss, at)
        at = (x + (at.detach() + 0.0125 * gradient.sign() - x).clamp(-EPS, EPS)).clamp(0, 1)
    assert reason(quantized, at) == "right"


@pytest.mark.parametrize(
    ("x", "found"), [(np.zeros((3, 1, 28, 28)), "shape"), (np.full((50, 1, 28, 28), np.nan), "nan or inf"), ("rows", "shape")]
)
def test_what_is_no_array_of_these_rows_is_one_line(quantized: Model, x: Any, found: str) -> None:
    made = record(quantized, x)
    assert made.result.status is Status.FAILED
    assert found in made.error and "Expected" in made.error


def bracketed(answer: float, *accuracy_at: tuple[float, float]) -> str:
    """The reason for an answer, with runs of these eps and robust accuracies."""
    runs = [ran(minutes=i, eps=eps, robust=accuracy, norm="linf", rows=50, steps=10) for i, (eps, accuracy) in enumerate(accuracy_at)]
    return evasion.Bracketed("2d").grade(answer, Evidence(runs, PRINTS), Work()).reason


def test_the_half_lies_between_two_near_runs() -> None:
    assert bracketed(0.11, (0.1, 0.7), (0.12, 0.3)) == "right"
    assert bracketed(0.2, (0.1, 0.7), (0.12, 0.3)) == "outside_bracket"
    assert bracketed(0.11, (0.1, 0.7), (0.2, 0.1)) == "too_wide"
    assert bracketed(0.11, (0.1, 0.7), (0.105, 0.65)) == "one_side"
    assert bracketed(0.11) == "no_run"


@pytest.fixture
def scanned(tmp_path: Path) -> Work:
    return Work(scans={name: verdict.verdict for name, verdict in kit.verdicts(kit.unpack(tmp_path / "kit")).items()})


def test_files_are_counted_once_they_were_scanned(scanned: Work) -> None:
    asked = threats.Scanned("1a")
    there = Evidence([], {})
    assert asked.grade(2, there, Work()).reason == "no_scan"
    assert [asked.grade(n, there, scanned).reason for n in (2, 3, 5, "two")] == ["right", "counted_unsafe", "miscounted", "not_a_number"]
    liar = threats.Disguised("1b")
    found = {name: liar.grade(name, there, scanned).reason for name in ("c", "a", "e.pt", "z")}
    assert found == {"c": "right", "a": "is_safe", "e.pt": "openly_unsafe", "z": "no_option"}


def test_the_kit_loads_nothing_and_lacks_nothing(tmp_path: Path) -> None:
    folder = kit.unpack(tmp_path / "kit")
    kit.verdicts(folder)
    assert not (folder / kit.MARK).exists()
    (folder / "b.pkl").unlink()
    with pytest.raises(Problem, match=r"no b\.pkl"):
        kit.verdicts(folder)


def told(text: str, folder: Path) -> str:
    path = folder / "report.json"
    path.write_text(text)
    checks = ("validation.performance", "evasion.pgd", "privacy.membership_gap", "fairness.groups", "privacy.membership_threshold")
    prints = {"capstone": "d" * 64}
    needed = {"rows": 100, "steps": 10, "columns": ["sex"]}
    records = [ran(minutes=i, **needed).model_copy(update={"check": check, "id": check}) for i, check in enumerate(checks)]
    return capstone.Reported("8h").grade(path, Evidence(records, prints), Work(student="Ada")).reason


def test_a_report_is_of_ones_own_model_with_enough_in_it(tmp_path: Path) -> None:
    assert told("{}", tmp_path) == "other_model"
    assert told("[]", tmp_path) == "no_report"
    assert told('{"records": [{"id": "evasion.pgd"}]}', tmp_path) == "too_few_risks"
    five = '{"records": [{"id": "validation.performance"}, {"id": "evasion.pgd"}, {"id": "privacy.membership_gap"}, {"id": "fairness.groups"}, {"id": "privacy.membership_threshold"}]}'
    assert told(five, tmp_path) == "thin_ledger"


def test_a_defense_counts_once_more_than_one_risk_was_measured_again() -> None:
    made = Identity(name="m", fingerprint="m" * 64)
    defense = ran().model_copy(update={"check": "fairness.threshold_optimizer", "kind": "defense", "made": made})
    needed = {"columns": ["sex"]}
    before = [
        ran(minutes=2, **needed).model_copy(update={"check": c, "id": c})
        for c in ("validation.performance", "privacy.membership_gap", "fairness.groups")
    ]
    after = [
        ran(minutes=3).model_copy(update={"check": c, "id": f"{c} after", "target": made})
        for c in ("fairness.groups", "validation.performance")
    ]
    asked, prints = capstone.Remedied("8f"), {"capstone": "d" * 64}
    found = [asked.grade(defense.check, Evidence([*before, defense, *after[:n]], prints), Work()).reason for n in (0, 1, 2)]
    assert found == ["not_remeasured", "not_remeasured", "right"]
    assert asked.grade("privacy.dp_sgd", Evidence([*before, defense], prints), Work()).reason == "no_defense"


def strong(low: float, high: float, of: str) -> Record:
    metric = Metric(name="robust_accuracy", label="Robust accuracy", value=(low + high) / 2, low=low, high=high, level=0.95, n=60)
    parameters = {"norm": "linf", "eps": 0.1, "rows": 60}
    known = Identity(name=of, fingerprint=of)
    return ran().model_copy(
        update={
            "id": of,
            "check": "evasion.strong",
            "effective": parameters,
            "target": known,
            "result": CheckResult(status=Status.FINDING, summary="It ran.", metrics=(metric,), findings=FINDINGS),
        }
    )


def test_overlapping_intervals_decide_nothing() -> None:
    prints = {"broken:quantized": "q", "digits-robust": "r"}
    pairs = {
        "adversarially-trained": ((0.5, 0.7), (0.8, 0.9)),
        "quantized": ((0.8, 0.9), (0.5, 0.7)),
        "undecided": ((0.5, 0.8), (0.7, 0.9)),
    }
    for which, (one, other) in pairs.items():
        records = Evidence([strong(*one, "q"), strong(*other, "r")], prints)
        assert (evaluations.robust_one(records) or "undecided") == which


def _finding() -> Any:
    from tiltyard.result import Finding, Severity

    return Finding(title="It is fooled", severity=Severity.LOW, evidence="a run", advice="Train")


FINDINGS = (_finding(),)
