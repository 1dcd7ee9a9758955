"""The ladder stops at the cheapest attack that settles, offers the next with its cost where none does, and never trains a model twice."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tiltyard.child_processes.spread import Taken
from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.privacy import shadow_attack
from tiltyard.privacy.membership_ladder import RUNGS, MembershipLadder, _seconds, rungs_of
from tiltyard.privacy.shadow_attack import TrainingCost
from tiltyard.progress import Progress
from tiltyard.result import CheckResult, Status
from tiltyard.targets.target import Target

SCHEMA = Schema(features=(Feature(name="x", kind="continuous", low=-9, high=9),), label="y", classes=("no", "yes"))


class Memorizer(Target):
    """Surer by ``lift`` in the log odds of rows it was trained on; how hard a row is differs by ``spread`` from row to row."""

    def __init__(self, known: NDArray[np.float64], lift: float, spread: float, counter: list[int]) -> None:
        offers = frozenset({"labels", "scores", "training"})
        super().__init__("memorizer", SCHEMA.classes, SCHEMA, offers, f"memorizer {len(known)} {lift}")
        self.known, self.lift, self.spread, self.counter = set(known[:, 0].tolist()), lift, spread, counter

    def _scores(self, x: Any) -> NDArray[np.float64]:
        v = x[:, 0]
        from scipy.stats import norm

        hard = norm.ppf(np.clip((1e4 * v) % 1, 1e-3, 1 - 1e-3))
        odds = 1 + self.spread * hard + self.lift * np.array([u in self.known for u in v.tolist()])
        yes = 1 / (1 + np.exp(-odds))
        return np.stack([1 - yes, yes], 1)

    def retrain(self, x: Any, y: Any, seed: int, progress: Progress) -> Target:
        progress.step(0.5, "learning by heart")
        self.counter.append(len(x))
        return Memorizer(x, self.lift, self.spread * (1 + 1e-3 * (seed % 97) / 97), self.counter)  # no two models are quite alike


def rows(n: int = 800) -> Dataset:
    rng = np.random.default_rng(0)
    return Dataset(rng.normal(size=(n, 1)), np.ones(n, np.int64), SCHEMA, member=np.arange(n) % 2 == 0)


def whole(counter: list[int]) -> int:
    """Shadow models of half of the rows; the rest were to judge the time."""
    return counter.count(400)


def test_the_threshold_settles_where_rows_are_alike() -> None:
    data, counter = rows(), []  # type: tuple[Dataset, list[int]]
    result = MembershipLadder(highest="rmia_8")(Memorizer(data.seen.x, 6.0, 0.5, counter), data).result
    assert result.status is Status.FINDING
    assert [row[0] for row in result.tables[0].rows] == ["Confidence threshold"]
    assert whole(counter) == 0
    assert "stronger" not in result.summary
    assert CheckResult.model_validate_json(result.model_dump_json()) == result


def test_shadow_models_settle_where_rows_differ() -> None:
    data, counter = rows(), []  # type: tuple[Dataset, list[int]]
    result = MembershipLadder(highest="lira_64")(Memorizer(data.seen.x, 1.5, 4.0, counter), data).result
    assert result.status is Status.FINDING
    climbed = result.tables[0].rows
    assert [row[0] for row in climbed][:3] == ["Confidence threshold", "Quantile regression", "RMIA with 2 shadow models"]
    assert whole(counter) == climbed[-1][1]
    assert float(climbed[-1][2]) > float(climbed[0][2]) + 0.05
    assert "stronger" not in result.summary
    assert result.tables[1].name == "agreement"
    assert {"records", "rungs"} <= {table.name for table in result.tables}


@pytest.mark.parametrize(("highest", "models"), [("threshold", 0), ("quantile", 0), ("rmia_2", 2), ("rmia_8", 8)])
def test_what_cannot_be_settled_offers_the_next(highest: Any, models: int) -> None:
    data, counter = rows(), []  # type: tuple[Dataset, list[int]]
    result = MembershipLadder(highest=highest)(Memorizer(data.seen.x, 0.0, 4.0, counter), data).result
    assert result.status is Status.INCOMPLETE
    assert "A stronger attack may find more" in result.summary
    assert whole(counter) == models


def test_the_cost_of_each_rung_is_told_before() -> None:
    data, counter = rows(), []  # type: tuple[Dataset, list[int]]
    cost = MembershipLadder(highest="rmia_8").estimate(Memorizer(data.seen.x, 0.0, 4.0, counter), data)
    assert cost.seconds is not None
    assert "LiRA with 64 shadow models" in cost.note


def only(target: Target, *offers: str) -> Target:
    target.offers = frozenset(offers)
    return target


def test_a_model_that_cannot_be_trained_again_is_climbed_as_far_as_it_goes() -> None:
    data, counter = rows(), []  # type: tuple[Dataset, list[int]]
    target = only(Memorizer(data.seen.x, 0.0, 4.0, counter), "labels", "scores")
    result = MembershipLadder(highest="lira_64")(target, data).result
    assert [row[0] for row in result.tables[0].rows] == ["Confidence threshold", "Quantile regression"]
    assert result.status is Status.INCOMPLETE
    assert "need a target that can be trained again" in result.summary
    assert not counter
    assert MembershipLadder().estimate(target, data).seconds is None


def test_a_model_that_hides_its_scores_is_asked_for_distances_and_the_queries_are_told() -> None:
    data, counter = rows(100), []  # type: tuple[Dataset, list[int]]
    target = only(Memorizer(data.seen.x, 0.0, 4.0, counter), "labels")
    for highest, names in (("threshold", ["Being right"]), ("rmia_2", ["Being right", "Distance to the boundary"])):
        check = MembershipLadder(highest=highest, rows=10)  # type: ignore[arg-type]
        record = check(target, data)
        assert [row[0] for row in record.result.tables[0].rows] == names, record.result.summary
        assert record.queries <= (check.estimate(target, data).queries or 0)
        assert ("Distance to the boundary, 500 queries a row" in record.result.summary) is (highest == "threshold")
    assert any("labels at most" in note for note in record.result.notes)


def test_free_text_has_neither_regression_nor_distance() -> None:
    data, counter = rows(), []  # type: tuple[Dataset, list[int]]
    target = Memorizer(data.seen.x, 0.0, 4.0, counter)
    text = Schema(features=(Feature(name="t", kind="text"),), label="y", classes=("no", "yes"))
    texts = Dataset(np.zeros_like(data.x), data.y, text, member=data.member)
    assert [rung.name for rung in rungs_of(target, texts)] == ["threshold", "rmia_2", "rmia_8", "lira_64"]
    assert [rung.title for rung in rungs_of(only(target, "labels"), texts)] == ["Being right"]


def test_the_cost_told_before_is_that_of_the_training_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Side by side where the target trains them so, over processes where they are worth it; a rung pays for the models it adds."""
    data = rows()
    target = Memorizer(data.seen.x, 6.0, 0.5, [])
    cost = TrainingCost(target, data, 2.0, Taken(2.0, 1.0))
    monkeypatch.setattr(Memorizer, "training_speedup", lambda self, x, y, models: models / 2.0)
    assert cost.of(0) == 0
    assert cost.of(8) == pytest.approx(2.0 * 8 / 4)
    monkeypatch.setattr(Memorizer, "training_speedup", lambda self, x, y, models: 1.0)
    monkeypatch.setattr(shadow_attack, "worthwhile", lambda took, left: 1)
    assert cost.of(9) == pytest.approx(2.0 * (1 + 8 / 2))
    found = _seconds(cost, RUNGS)
    assert found["threshold"] == found["quantile"] == 0
    assert (found["rmia_2"], found["rmia_8"]) == pytest.approx((3.0, 3.0 + 2.0 * (1 + 5 / 2)))
