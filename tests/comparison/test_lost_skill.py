"""A defended model that answers nothing any more gains nothing, and every number counts, also past the fortieth."""

import numpy as np
import pytest
from tests.tiny import tiny_data, tiny_target

from tiltyard.attempt import Attempt
from tiltyard.check import record
from tiltyard.comparison.comparison import MetricChange
from tiltyard.comparison.cross_risk import COST, VOID, Crossed, _result, cross, moves, unskilled
from tiltyard.evasion.adversarial_training import AdversarialTraining
from tiltyard.evasion.square import Square
from tiltyard.reports.defended import moves as moved
from tiltyard.result import CheckResult, Record, Status
from tiltyard.statistics.intervals import rate
from tiltyard.targets.estimators import FunctionTarget
from tiltyard.targets.target import Target

DATA = tiny_data()
GOOD = tiny_target(DATA)
CONSTANT = FunctionTarget(lambda x: np.zeros(len(np.asarray(x)), np.float32), DATA.schema.classes, DATA.schema, "never")


def made(step: object, target: Target, *metrics: object) -> Record:
    from datetime import UTC, datetime

    result = CheckResult(status=Status.PASSED, summary="Measured.", metrics=tuple(metrics))  # type: ignore[arg-type]
    return record(step, "check", Attempt(result, datetime.now(UTC), 0.0, 0, ""), target, DATA)  # type: ignore[arg-type]


def robust(target: Target, hits: int) -> Record:
    return made(Square(), target, rate("robust_accuracy", "Robust accuracy", hits, 100, "higher"))


DEFENSE = made(AdversarialTraining(), GOOD)


def test_a_constant_model_gains_nothing():
    crossed = cross(DEFENSE, GOOD, CONSTANT, DATA, [robust(GOOD, 10)], [robust(CONSTANT, 90)])
    (row,) = [row for row in crossed.result.tables[0].rows if row[0] == "Robustness"]
    assert row[-1] == VOID
    assert crossed.result.status is Status.FINDING
    assert crossed.result.findings[0].title == "Adversarial training left a model that no longer answers"
    assert crossed.result.metric("safer").value == sum(one.safer for one in moves(crossed).values())
    assert moves(crossed)["Robustness"].model_dump() == {"safer": 0, "less_safe": 0, "other": 0, "void": 1}
    assert not any("Robustness" in name for chart in crossed.result.charts for name in chart.y.categories)
    found = moved([crossed])
    assert found is not None and found.rows[0].lost
    assert {risk: move.words for risk, move in zip(found.risks, found.rows[0].moves, strict=True)}["Robustness"] == VOID


def test_a_model_that_answers_gains():
    crossed = cross(DEFENSE, GOOD, GOOD, DATA, [robust(GOOD, 10)], [robust(GOOD, 90)])
    assert moves(crossed)["Robustness"].safer == 1
    assert VOID not in {row[-1] for row in crossed.result.tables[0].rows}
    assert unskilled(GOOD, DATA, []) == ""
    assert "always saying" in unskilled(CONSTANT, DATA, [])


@pytest.mark.parametrize("worse_at", [0, 42])
def test_every_number_counts_and_is_shown(worse_at):
    def number(i: int) -> tuple[str, MetricChange]:
        metric = rate("m", f"Measure {i}", 1, 2)
        facts = {"check": "evasion.square", "title": "Square", "name": f"m{i}", "label": f"Measure {i}", "unit": ""}
        return "Robustness", MetricChange(**facts, before=metric, after=metric, verdict="worse" if i == worse_at else "same")

    found = Crossed(tuple(map(number, range(43))))
    assert found.moves["Robustness"].model_dump() == {"safer": 0, "less_safe": 1, "other": 42, "void": 0}
    result = _result(DEFENSE, found)
    assert len(result.tables[0].rows) == 43
    assert sum(str(row[-1]).startswith("↓") for row in result.tables[0].rows) == 1


def test_counts_of_a_record_from_before_are_those_of_its_rows():
    crossed = cross(DEFENSE, GOOD, GOOD, DATA, [robust(GOOD, 10)], [robust(GOOD, 90)])
    old = crossed.model_copy(update={"effective": {"defense": DEFENSE.check}})
    assert {risk: (one.safer, one.less_safe) for risk, one in moves(old).items() if risk != COST} == {"Robustness": (1, 0)}
