"""Campaigns: the plan keeps to the threat model, known answers, budgets that hold, and going on where it stopped."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from tiltyard.campaign.campaign import Plan, ThreatModel, attacks, plan
from tiltyard.campaign.matrix import campaign_record, matrix
from tiltyard.campaign.rules import Rules, own, remaining, start
from tiltyard.catalogue import checks
from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.execution.runner import Runner
from tiltyard.result import FORMAT, Record, Status
from tiltyard.store.store import Store
from tiltyard.targets.estimators import FunctionTarget
from tiltyard.targets.target import Target

FAST = ("evasion.fgsm", "evasion.pgd", "privacy.membership_gap", "privacy.membership_threshold", "theft.equations")
WEIGHTS = np.array([1.0, -0.5, 0.25], np.float32)


def space(d: int = 3) -> Schema:
    return Schema(features=tuple(Feature(name=f"f{i}", kind="continuous") for i in range(d)), label="y", classes=("no", "yes"))


@pytest.fixture
def rows() -> Dataset:
    x = (0.25 + 0.5 * np.random.default_rng(0).random((400, 3), np.float32)).astype(np.float32)
    y = (x @ WEIGHTS > 0.375).astype(np.int64)
    return Dataset(x, y, space(), "linear data", {}, np.arange(400) < 200)


@pytest.fixture
def linear() -> Target:
    import torch

    from tiltyard.targets.torch_target import TorchTarget

    module = torch.nn.Linear(3, 2)
    with torch.no_grad():
        module.weight.copy_(torch.from_numpy(np.stack([-WEIGHTS / 2, WEIGHTS / 2])))
        module.bias.copy_(torch.tensor([0.1875, -0.1875]))
    return TorchTarget(module, ("no", "yes"), space(), "linear")


@pytest.fixture
def constant() -> Target:
    def always(x: Any) -> NDArray[np.float32]:
        return np.full(len(x), 0.9, np.float32)

    return FunctionTarget(always, ("no", "yes"), space(), "constant")


def run(threat: ThreatModel, target: Target, data: Dataset, only: tuple[str, ...] = FAST) -> tuple[Plan, list[Record]]:
    made = plan(threat, target, data, only=only)
    job = start(made, target, data)
    records = job.wait(120)
    assert job.error is None
    return made, records


def test_every_attack_is_planned_or_left_out_with_a_reason(linear: Target, rows: Dataset) -> None:
    for knowledge, access in (("white", "scores"), ("gray", "scores"), ("black", "scores"), ("gray", "labels"), ("black", "labels")):
        made = plan(ThreatModel.model_validate({"knowledge": knowledge, "access": access}), linear, rows)
        ids = [s.id for s in made.steps] + [s.id for s in made.left_out]
        assert sorted(ids) == sorted(cls.id for _, cls in attacks("any"))
        assert all(one.reason for one in made.left_out)
        assert Plan.model_validate_json(made.model_dump_json()) == made


def test_plan_never_exceeds_what_the_attacker_knows(linear: Target, rows: Dataset) -> None:
    for threat in (ThreatModel(), ThreatModel(access="labels"), ThreatModel(knowledge="gray")):
        for planned in plan(threat, linear, rows).steps:
            needs = checks()[planned.id].needs
            assert "gradients" not in needs
            assert "training" not in needs or threat.knowledge == "gray" or planned.goal == "poison"
            assert "scores" not in needs or threat.access == "scores"
    reasons = {one.id: one.reason for one in plan(ThreatModel(), linear, rows).left_out}
    assert "gradients" in reasons["evasion.pgd"]
    assert "black box" in reasons["evasion.pgd"]


def test_within_the_budgets(linear: Target, rows: Dataset) -> None:
    threat = ThreatModel(knowledge="white", query_budget=40_000, seconds=3600)  # queries bind, on a slow machine too
    made = plan(threat, linear, rows)
    assert made.queries <= 40_000
    assert made.seconds <= 3600
    shrunk = [s for s in made.steps if "fewer rows" in s.note]
    assert shrunk, "an attack that is too dear is given fewer rows"
    nothing = plan(ThreatModel(query_budget=0), linear, rows)
    assert nothing.steps == ()
    assert any("over the query budget" in one.reason for one in nothing.left_out)
    hurried = plan(ThreatModel(seconds=0), linear, rows)
    assert hurried.steps == ()
    assert any("over the time budget" in one.reason for one in hurried.left_out)


def test_no_goal_waits_for_another_goal_s_second_attack(linear: Target, rows: Dataset) -> None:
    made = plan(ThreatModel(knowledge="white"), linear, rows)
    goals = [s.goal for s in made.steps]
    there = set(goals)
    assert len(there) >= 3
    assert set(goals[: len(there)]) == there
    for goal in there:
        core = [checks()[s.id].core for s in made.steps if s.goal == goal]
        assert core == sorted(core, reverse=True), "what a topic stands on comes first"


def test_goal_chooses_the_topics(linear: Target, rows: Dataset) -> None:
    made = plan(ThreatModel(knowledge="white", goal="steal"), linear, rows)
    assert {id.split(".")[0] for id in [*(s.id for s in made.steps), *(s.id for s in made.left_out)]} == {"theft"}


def test_a_white_box_attacker_sees_scores() -> None:
    with pytest.raises(ValidationError, match="compute its scores"):
        ThreatModel(knowledge="white", access="labels")


def test_constant_model_gives_nothing(constant: Target, rows: Dataset) -> None:
    made, records = run(ThreatModel(), constant, rows, only=())
    result = matrix(records, made)
    assert result.metric("successful_attacks").value == 0
    assert result.status is not Status.FINDING
    assert not result.findings
    said = {r.check: r.result for r in records}
    assert {r.status for r in said.values()} <= {Status.PASSED, Status.INCOMPLETE}, [(id, r.summary) for id, r in said.items()]
    assert all(r.status is Status.INCOMPLETE for id, r in said.items() if id.startswith("evasion.")), "holding is no robustness here"
    assert any("did not settle" in note and "nothing to attack" in note for note in result.notes)


def test_linear_model_is_broken_exactly_at_its_margin(linear: Target, rows: Dataset) -> None:
    """Of a linear model the largest gain in the linf ball is budget times the dual (l1) norm of the weights."""
    made, records = run(ThreatModel(knowledge="white", goal="evade"), linear, rows, only=("evasion.fgsm", "evasion.pgd"))
    held = rows.unseen
    margin = np.abs(held.x @ WEIGHTS - 0.375)
    exact = float((margin > 0.1 * np.abs(WEIGHTS).sum()).mean())
    assert [r.check for r in records] == [s.id for s in made.steps]
    for record in records:
        assert record.result.metric("robust_accuracy").value == pytest.approx(exact, abs=1e-9)
    assert matrix(records, made).status is Status.FINDING


def test_linear_model_is_stolen_by_a_black_box(linear: Target, rows: Dataset) -> None:
    made, records = run(ThreatModel(goal="steal"), linear, rows, only=("theft.equations",))
    assert records[0].result.metrics[0].value == pytest.approx(1.0)
    table = matrix(records, made).tables[0]
    row = dict(zip([c.name for c in table.columns], table.rows[0], strict=True))
    assert (row["Goal"], row["Outcome"], row["OWASP"]) == ("steal", "succeeded", "ML05:2023")
    assert "AML.T0024.002" in str(row["ATLAS"])


def test_budget_holds_even_where_a_step_asks_for_more(constant: Target, rows: Dataset) -> None:
    made = plan(ThreatModel(goal="infer"), constant, rows, only=("privacy.membership_gap",))
    tight = made.model_copy(update={"threat": made.threat.model_copy(update={"query_budget": 50})})
    before = constant.queries
    records = start(tight, constant, rows).wait(60)
    assert constant.queries - before <= 50
    assert sum(r.queries for r in records) <= 50
    assert records[0].result.status is Status.NOT_APPLICABLE
    assert "query budget" in records[0].result.summary
    assert matrix(records, tight).status is Status.INCOMPLETE


def test_time_ends_a_step_and_is_said(constant: Target, rows: Dataset, slow: object) -> None:
    rules = Rules(ThreatModel(seconds=0.3))
    job = Runner(None, rules).start([slow, slow], constant, rows)  # type: ignore[list-item]
    records = job.wait(300)
    assert rules.out_of_time
    assert records[0].result.status is Status.INCOMPLETE
    assert "0.3 s were spent" in records[0].result.summary


def test_resumes_where_it_stopped(linear: Target, rows: Dataset, store: Store) -> None:
    made = plan(ThreatModel(knowledge="white"), linear, rows, only=FAST)
    assert len(made.steps) == len(FAST)
    first = made.model_copy(update={"steps": made.steps[:2]})
    job = start(first, linear, rows, Runner(store))
    job.wait(300)
    assert job.run is not None
    assert len(remaining(made, linear, store.records(job.run.id))) == 3
    going = start(made, linear, rows, Runner(store), run=job.run)
    assert len(going.wait(60)) == 3
    kept = store.records(job.run.id)
    assert [r.check for r in kept] == [s.id for s in made.steps]
    assert remaining(made, linear, kept) == []
    assert Plan.model_validate(store.run(job.run.id).config["campaign"]) == first
    assert start(made, linear, rows, Runner(store), run=job.run).wait(300) == []


def test_what_was_spent_stays_spent(linear: Target, rows: Dataset) -> None:
    made, records = run(ThreatModel(knowledge="white"), linear, rows)
    asked = sum(r.queries for r in records)
    rules = Rules(made.threat, own(made, linear, records))
    assert asked > 0
    assert rules.meter.left == made.threat.query_budget - asked
    assert rules.seconds == pytest.approx(made.threat.seconds - sum(r.seconds for r in records))


def test_records_of_another_view_do_not_count(linear: Target, rows: Dataset) -> None:
    made, records = run(ThreatModel(), linear, rows, only=("privacy.membership_gap",))
    labels = plan(ThreatModel(access="labels"), linear, rows, only=("privacy.membership_gap",))
    assert remaining(made, linear, records) == []
    assert len(remaining(labels, linear, records)) == 1
    assert own(made, linear, [replace_target(records[0])]) == []


def replace_target(record: Record) -> Record:
    return record.model_copy(update={"target": record.target.model_copy(update={"fingerprint": "0" * 64})})


def test_matrix_record_is_about_the_target_itself(linear: Target, rows: Dataset, tmp_path: Path) -> None:
    made, records = run(ThreatModel(), linear, rows, only=("privacy.membership_gap", "theft.equations"))
    found = campaign_record(made, linear, rows, records)
    assert found.target == linear.identity
    assert found.effective["records"] == [r.id for r in records]
    assert found.queries == sum(r.queries for r in records)
    assert Record.model_validate_json(found.model_dump_json()) == found
    assert json.loads(found.model_dump_json())["format"] == FORMAT
    from tiltyard.comparison.cross_risk import again

    assert "campaign.matrix" not in {step.id for step in again([found])}


def test_equal_seeds_give_equal_campaigns(linear: Target, rows: Dataset, share: Callable[..., object]) -> None:
    one, other = (run(ThreatModel(knowledge="white"), linear, rows)[1] for _ in range(2))
    by_id = [{r.check: r.result.metrics for r in records} for records in (one, other)]
    assert by_id[0] == by_id[1]


def test_data_without_marks_leaves_membership_out(linear: Target, rows: Dataset) -> None:
    made = plan(ThreatModel(goal="infer"), linear, replace(rows, member=None))
    reasons = {one.id: one.reason for one in made.left_out}
    assert "trained on" in reasons["privacy.membership_gap"]
