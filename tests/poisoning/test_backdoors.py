"""Kinds of backdoors, and what is no pass: a weak victim, a trigger that is obeyed without poison."""

import numpy as np
import pytest
from tests.poisoning.test_poisoning import SCHEMA, model, rows

from tiltyard.attacks.triggers import blended
from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.poisoning.backdoor import Backdoor, Poisoned, _weaker
from tiltyard.result import Status
from tiltyard.statistics.majority import Skill
from tiltyard.targets.estimators import FunctionTarget


def skill(right: int, n: int = 400) -> Skill:
    y = np.arange(n) % 2
    return Skill.of(y, np.arange(n) < right, ("no", "yes"))


def tried(clean: int, poisoned: int, right: int = 360) -> list[Poisoned]:
    return [Poisoned(share, count, obeyed, 200, skill(right)) for share, count, obeyed in ((0.0, 0, clean), (0.05, 20, poisoned))]


def test_a_pass_is_earned() -> None:
    check = Backdoor()
    assert check._unsettled(tried(2, 10), "") == ""
    assert "proves nothing" in check._unsettled(tried(110, 60), "")
    assert "may still be obeyed" in check._unsettled(tried(2, 95), "")
    assert "says little" in check._unsettled(tried(2, 10), "it says little of the target")


def test_a_victim_below_the_target_cannot_stand_for_it() -> None:
    data = rows(800, 0)
    rule = FunctionTarget(lambda x: (np.asarray(x)[:, 0] + np.asarray(x)[:, 1] > 0.4).astype(np.float32), SCHEMA.classes, SCHEMA, "a rule")
    right = int((rule.labels(data.x) == data.y).sum())
    assert _weaker(rule, data, skill(right, 800)) == ""
    assert "says little of the target" in _weaker(rule, data, skill(round(0.77 * 800), 800))


def test_a_clean_label_backdoor_leaves_every_label_right() -> None:
    data = rows(1200, 0)
    result = Backdoor(kind="clean_label", most=0.3, points=1, goal="yes", size=3)(model(data.seen), data).result
    assert result.status in (Status.FINDING, Status.INCOMPLETE, Status.PASSED)
    assert "success" in {m.name for m in result.metrics}
    assert any("clean label" in note for note in result.notes)
    assert result.metric("auc_held_out").value > 0.8, "stamped rows of the class are like no held-out row of it"


def test_a_blend_is_the_mean_of_row_and_pattern() -> None:
    schema = Schema(features=(Feature(name="i", kind="pixels", shape=(1, 6, 6)),), label="y", classes=("a", "b"))
    data = Dataset(np.full((2, 1, 6, 6), 0.5, np.float32), np.array([0, 1]), schema)
    mark = blended(data, 0.25, np.random.default_rng(0))
    assert mark.stamped(data.x) == pytest.approx(0.75 * data.x + 0.25 * mark.what, abs=1e-6)
    record = Backdoor(kind="blended")(model(rows(200, 0).seen), rows(200, 0))
    assert record.result.status is Status.NOT_APPLICABLE
