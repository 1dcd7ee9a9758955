"""Costs by a probe, on steps whose cost is known; unused budget goes back; worth sets the order; a stolen copy leads an attack."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.campaign.test_campaign import WEIGHTS, space

from tiltyard.campaign.campaign import ThreatModel, plan
from tiltyard.campaign.cost import Cost, Span, _halved
from tiltyard.campaign.matrix import matrix
from tiltyard.campaign.probe import LOAD, Line, Probe
from tiltyard.campaign.replan import replanned
from tiltyard.campaign.rules import Rules, start
from tiltyard.catalogue import checks
from tiltyard.check import Check, named
from tiltyard.datasets.dataset import Dataset
from tiltyard.evasion.square import Square
from tiltyard.samples.catalog import load
from tiltyard.targets.estimators import FunctionTarget
from tiltyard.targets.target import Target


@pytest.fixture
def rows() -> Dataset:
    x = (0.25 + 0.5 * np.random.default_rng(0).random((400, 3), np.float32)).astype(np.float32)
    return Dataset(x, (x @ WEIGHTS > 0.375).astype(np.int64), space(), "linear data", {}, np.arange(400) < 200)


@pytest.fixture
def scorer() -> Target:
    return FunctionTarget(lambda x: 1 / (1 + np.exp(-20 * (np.asarray(x) @ WEIGHTS - 0.375))), ("no", "yes"), space(), "linear scores")


def test_a_line_is_read_where_it_was_and_beyond_with_its_interval() -> None:
    exact = Line((10, 10, 30, 30), (25, 25, 65, 65)).at(300)  # 5 + 2 x
    assert exact.value == pytest.approx(605)
    assert (exact.low, exact.high) == pytest.approx((65, 650)), "from no growth to growth in proportion"
    assert Line((10, 10, 30, 30), (10, 10, 30, 30)).at(300) == Span(300, 300, 300)
    flat = Line((10, 10, 30, 30), (4, 6, 5, 5)).at(30)
    assert flat.value == pytest.approx(5) and flat.low < 4 and flat.high > 6
    below = Line((10, 10, 30, 30), (0, 2, 50, 54)).at(100)
    assert below.value == pytest.approx(100 * (10 * 2 + 30 * 104) / 2000), "through the origin, where a line would begin below 0"
    rng = np.random.default_rng(0)
    x = np.array([10.0, 10, 30, 30])
    held = [
        (line := Line(tuple(x), tuple(3 + 2 * x + rng.normal(0, 4, 4))).at(60)).low <= 123 + rng.normal(0, 4) <= line.high
        for _ in range(200)
    ]
    assert np.mean(held) >= 0.93


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 1.2, 1.5])
def test_the_interval_holds_what_grows_by_any_power_on_a_machine_that_gets_busy(power: float) -> None:
    """Noise of 10 %, load of probe and of run each off by a typical 30 %: before, 15 % of runs at 1,000 rows were held at a power of 1.2."""
    rng, x = np.random.default_rng(0), np.array([10.0, 10, 30, 30])
    held = []
    for size in np.repeat([60.0, 300, 1000], 60):
        loads, noise = np.exp(rng.normal(0, 0.3, 2)), np.exp(rng.normal(0, 0.1, 5))
        span = Line(tuple(x), tuple(x**power * noise[:4] * loads[0])).at(size).widened(LOAD)
        held.append(span.low <= size**power * noise[4] * loads[1] <= span.high)
    assert np.mean(held) >= 0.93


def test_who_was_wrong_once_is_less_sure_of_the_rest(scorer: Target, rows: Dataset) -> None:
    def costs(step: Any, target: Target, data: Dataset) -> Cost:
        return Cost(100, 1.0, False, "", Span(100, 80, 120), Span(1, 0.5, 2))

    only = ("privacy.membership_gap", "privacy.membership_threshold")
    made = plan(ThreatModel(), scorer, rows, only=only, costs=costs)
    first, second = made.steps
    found = first.step(scorer, rows).model_copy(update={"queries": 240, "seconds": 6.0})
    after = replanned(made, scorer, rows, [first.id], [found], costs).steps[1]
    assert after.id == second.id
    assert (after.queries_low, after.queries_high) == (40, 240)
    assert (after.seconds_low, after.seconds_high) == pytest.approx((0.5 / 3, 6))
    inside = replanned(made, scorer, rows, [first.id], [found.model_copy(update={"queries": 90, "seconds": 1.5})], costs).steps[1]
    assert (inside.queries_low, inside.queries_high) == (80, 120)


def test_a_probe_tells_what_an_attack_costs(scorer: Target, rows: Dataset, share: Callable[..., Any]) -> None:
    probe = Probe()
    cost = probe(share(rows=200), scorer, rows)
    assert (cost.queries, cost.measured, cost.guessed) == (200, True, False)
    assert probe.queries == 10 + 10 + 10 + 30 + 30
    again = probe(share(rows=100), scorer, rows)
    assert again.queries == 100 and probe.queries == 90, "the same probes are read at another size"
    small = probe(share(rows=5), scorer, rows)
    assert not small.measured or small.queries == 5


def test_what_cannot_be_measured_keeps_its_estimate(scorer: Target, rows: Dataset, broken: Callable[..., Any]) -> None:
    cost = Probe()(broken(how="problem"), scorer, rows)
    assert not cost.measured and cost.guessed and "could not be measured" in cost.note


def test_an_upper_bound_that_is_far_off_is_corrected(scorer: Target, rows: Dataset) -> None:
    step = Square(rows=60, query_budget=50, curve=False)
    told, measured = Cost.of(step, scorer, rows), Probe()(step, scorer, rows)
    real = step(scorer, rows).queries
    assert measured.rows_span is not None
    assert abs(measured.queries - real) < abs(told.queries - real) / 2, (told.queries, measured.queries, real)
    assert measured.rows_span.low <= real <= measured.rows_span.high


def test_unused_budget_brings_back_what_did_not_fit(scorer: Target, rows: Dataset) -> None:
    only = ("privacy.membership_gap", "theft.equations", "privacy.membership_threshold")

    def costs(step: Any, target: Target, data: Dataset) -> Cost:
        return Cost(100_000 if step.id == "theft.equations" else 60_000, 1.0, False)

    threat = ThreatModel(query_budget=120_000)
    made = plan(threat, scorer, rows, only=only, costs=costs)
    assert {one.id for one in made.left_out if one.parameters is not None} == {"theft.equations"}
    rules = Rules(threat, plan=made, costs=costs)
    records = start(made, scorer, rows, rules=rules).wait(120)
    assert {r.check for r in records} == set(only), "the others asked far less than they told"
    assert rules.plan is not None and rules.plan.left_out == ()
    back = next(step for step in rules.plan.steps if step.id == "theft.equations")
    assert "fits by what others left" in back.note
    assert matrix(records, rules.plan).metric("queries").value == sum(r.queries for r in records) <= 120_000
    spent = replanned(made, scorer, rows, [records[0].check], [records[0].model_copy(update={"queries": 119_999})], costs)
    assert [step.id for step in spent.steps] == [records[0].check]


def test_what_a_goal_is_worth_sets_the_order(scorer: Target, rows: Dataset) -> None:
    first = plan(ThreatModel(worth_steal=3, worth_evade=1, worth_infer=0), scorer, rows)
    goals = [s.goal for s in first.steps]
    assert "infer" not in goals
    assert goals[:2] == ["steal", "steal"], "three times the worth: its third attack comes with the first of another"
    assert {o.reason for o in first.left_out if o.goal == "infer"} == {"of no worth to this attacker"}
    alone = plan(ThreatModel(goal="infer", worth_infer=0), scorer, rows)
    assert alone.steps, "a goal that is wanted alone is worth all"


def test_weights_are_for_who_has_the_model(scorer: Target) -> None:
    class Weighs:
        needs = frozenset({"weights"})
        campaign_goal = "steal"

    white, black = ThreatModel(knowledge="white"), ThreatModel()
    assert white.view(Weighs(), scorer) is scorer  # type: ignore[arg-type]
    assert black.view(Weighs(), scorer) is not scorer  # type: ignore[arg-type]
    assert "weights" in white.sees and not {"weights", "gradients"} & (black.sees | ThreatModel(knowledge="gray").sees)


def test_the_stolen_copy_leads_the_attack(scorer: Target, rows: Dataset) -> None:
    made = plan(ThreatModel(), scorer, rows, only=("theft.extraction", "evasion.transfer"))
    assert [s.id for s in made.steps] == ["theft.extraction", "evasion.transfer"]
    assert "uses the answers of theft.extraction" in made.steps[1].note
    rules = Rules(made.threat, plan=made)
    records = start(made, scorer, rows, rules=rules).wait(120)
    stolen, moved = records
    assert len(rules.answers["theft.extraction"]) == stolen.queries
    assert moved.result.metric("asked_for_copy").value == 0
    assert moved.queries < made.steps[1].queries
    assert "AML.T0043.002" in moved.standards
    chains = [note for note in matrix(records, made).notes if note.startswith("Chain: ")]
    assert len(chains) == 1 and "AML.T0024.002" in chains[0] and "AML.T0043.002" in chains[0]


@pytest.mark.parametrize("id", sorted(id for id, step in checks().items() if step.campaign_goal))
def test_an_attack_is_halved_to_its_own_least_and_no_further(id: str) -> None:
    step: Check | None = named(checks()[id], {})
    turns = 0
    while step is not None:
        step, turns = _halved(step), turns + 1
    assert turns < 60


@pytest.mark.parametrize("budget", [0, 1, 100, 5_000, 20_000, 200_000])
def test_a_plan_of_the_shipped_table_is_made_at_any_budget(budget: int) -> None:
    sample = load("census")
    made = plan(ThreatModel(query_budget=budget), sample.target, sample.data)
    assert sum(step.queries for step in made.steps) <= budget
    assert len(made.steps) + len(made.left_out) == len({*(s.id for s in made.steps), *(o.id for o in made.left_out)}) > 30
