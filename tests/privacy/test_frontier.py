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
