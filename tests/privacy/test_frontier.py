"""The frontier on a toy set: it passes where privacy costs little, finds where it costs all, and goes on where it was cut off."""

from pathlib import Path

import numpy as np
import pytest

from tiltyard.privacy.frontier import Frontier
from tiltyard.progress import Progress
from tiltyard.result import Status

from .test_dp_sgd import target, toy

FEW = {"budgets": 2, "seeds": 2, "epochs": 3, "batch_size": 64, "rate": 0.02}


@pytest.fixture(scope="module")
def easy():
    data = toy()
    return target(data=data), data


@pytest.mark.slow
def test_an_easy_task_is_learned_at_a_small_budget_and_resumed(easy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resume = str(tmp_path / "frontier.safetensors")
    step = Frontier(lowest=0.5, highest=8.0, resume=resume, **FEW)
    record = step(*easy)
    result = record.result
    assert result.status is not Status.FAILED, result.summary
    accuracy, robust = result.charts[:2]
    assert accuracy.series[0].x == pytest.approx((0.5, 8.0))
    assert accuracy.series[0].y[-1] > 0.9
    assert accuracy.reference[0][0] == "clipping, no noise"
    assert max(robust.series[0].y) <= max(accuracy.series[0].y) + 0.05
    assert result.metric("skill_kept_best").value > 0.5

    def trained_again(*_: object) -> None:
        raise AssertionError("it was trained already")

    monkeypatch.setattr("tiltyard.privacy._dp_training.loop.train", trained_again)
    again = step(*easy)
    assert again.result.metrics == result.metrics, again.error


@pytest.mark.slow
def test_a_budget_that_leaves_nothing_is_no_pass(easy) -> None:
    result = Frontier(lowest=0.01, highest=0.011, **FEW)(*easy).result
    assert result.status in (Status.FINDING, Status.INCOMPLETE)


@pytest.mark.slow
def test_a_model_without_skill_has_nothing_to_lose(easy) -> None:
    from dataclasses import replace

    model, data = easy
    coin = replace(data, y=np.random.default_rng(1).integers(0, 2, len(data)))
    assert "cannot be seen on it" in Frontier(**FEW)(model, coin).result.summary


def test_it_stops(easy) -> None:
    progress = Progress()
    progress.cancel()
    assert Frontier(**FEW)(*easy, progress).result.status is Status.CANCELLED


def test_the_interval_over_seeds_covers() -> None:
    from tiltyard.privacy._dp_training.points import spread

    rng = np.random.default_rng(0)
    covered = [s.low <= 0.8 <= s.high for s in (spread(rng.normal(0.8, 0.02, 3).tolist()) for _ in range(2000))]
    assert 0.93 <= np.mean(covered) <= 0.97


@pytest.mark.parametrize("moves", [0.0, 0.02])
def test_the_interval_over_seeds_and_rows_covers(moves: float) -> None:
    """Of 400 rows that all seeds share, each right with the seed's own chance: also where all seeds give the same (over these alone: a point)."""
    from tiltyard.privacy._dp_training.points import spread

    rng, covered = np.random.default_rng(0), []
    for _ in range(2000):
        easy = rng.random(400)  # the same rows for every seed
        values = [float((easy < 0.8 + moves * rng.normal()).mean()) for _ in range(3)]
        one = spread(values, 400)
        covered.append(one.low <= 0.8 <= one.high)
    assert 0.93 <= np.mean(covered) <= 0.985


def test_the_share_of_the_skill_has_the_error_of_the_model_itself() -> None:
    from tiltyard.privacy._dp_training.points import Spread
    from tiltyard.privacy.frontier import _share
    from tiltyard.statistics.majority import Skill

    y = np.arange(1000) % 10 < 3  # the commonest class: 700
    before = Skill.of(y.astype(np.int64), np.arange(1000) < 900, ("no", "yes"))
    alone = _share(before, Spread(0.9, 0.9, 0.9))
    assert alone.mean == pytest.approx(1.0)
    assert (alone.high - alone.low) / 2 == pytest.approx(1.96 * (0.9 * 0.1 / 1000) ** 0.5 / 0.2, rel=0.1)
