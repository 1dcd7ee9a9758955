"""Noise that clients add together: whole numbers of the right chances, sums of the promised deviation, epsilon no smaller than the Gaussian's."""

import numpy as np
import pytest
from tests.lazily import Lazily

from tiltyard.errors import Problem
from tiltyard.federated.training import Training
from tiltyard.privacy_accounting.rdp import rdp

noise, outcome = Lazily("tiltyard.federated.rounds.distributed_noise"), Lazily("tiltyard.federated.rounds.outcome")
training = Lazily("tiltyard.targets.training")


@pytest.mark.parametrize("spread", [1.0, 3.0])
def test_whole_numbers_come_with_the_chances_of_the_discrete_gaussian(spread: float) -> None:
    from scipy.stats import chisquare

    drawn = noise.discrete_gaussian(spread, 100_000, np.random.default_rng(1))
    places = np.arange(-int(4 * spread), int(4 * spread) + 1)
    chance = np.exp(-(places**2) / (2 * spread**2)) / np.exp(-(np.arange(-60, 61) ** 2) / (2 * spread**2)).sum()
    counts = np.append((drawn[:, None] == places).sum(0), (np.abs(drawn) > places[-1]).sum())
    assert chisquare(counts, np.append(chance, 1 - chance.sum()) * len(drawn)).pvalue > 0.01


def test_the_least_number_of_answers_has_the_whole_noise_and_more_have_more() -> None:
    share, rng = noise.NoiseShare(noise=1.3, clip=0.5, least=7), np.random.default_rng(0)
    update = np.zeros(20_000)
    for answers, expected in ((7, 1.3 * 0.5), (10, 1.3 * 0.5 * np.sqrt(10 / 7))):
        total = sum((share.summand(update, rng) for _ in range(answers)), np.zeros(len(update), np.int64)) * share.step
        assert total.std() == pytest.approx(expected, rel=0.03)


def test_an_update_is_clipped_and_kept_up_to_a_step() -> None:
    share = noise.NoiseShare(noise=1.0, clip=2.0, least=3)
    update = np.random.default_rng(0).normal(size=400)
    same = (np.random.default_rng(5) for _ in range(2))
    sent = share.summand(update, next(same)) - share.summand(np.zeros(400), next(same))
    assert np.abs(sent * share.step - update * 2 / np.linalg.norm(update)).max() <= share.step * 1.001
    assert np.abs(share.summand(np.array([1e9, 0.0]), np.random.default_rng(0))).max() < 2**21


def test_epsilon_is_the_gaussians_for_a_multiplier_that_rounding_lessens() -> None:
    share = noise.NoiseShare(noise=1.0, clip=1.0, least=8)
    assert 0.999 < share.multiplier(10_000) < 1.0
    assert share.epsilon(10_000, 10, 1e-5) == rdp(share.multiplier(10_000), 1.0, 10, 1e-5).epsilon > rdp(1.0, 1.0, 10, 1e-5).epsilon
    assert share.multiplier(10_000, league=2) == pytest.approx(share.multiplier(10_000) * np.sqrt(6 / 8))
    assert share.epsilon(10_000, 10, 1e-5, league=8) == np.inf
    with pytest.raises(Problem, match="Raise the noise multiplier"):
        noise.NoiseShare(noise=1e-6, clip=1.0, least=8)


def test_epsilon_counts_no_amplification_by_drawing_clients() -> None:
    step = Training(clients=20, rounds=5, share=0.5, processes=True, secure=True, noise_multiplier=2.0)
    plan = step.plan(training.Recipe(epochs=1, batch_size=32, rate=0.01, decay=0.0), 0)
    assert plan.least == 7
    spent = {metric.name: metric.value for metric in outcome.spending(plan, 1e-5, 1000)}
    assert spent["epsilon"] == pytest.approx(rdp(2.0, 1.0, 5, 1e-5).epsilon, rel=1e-3)
    assert (spent["epsilon_to_clients"] or 0) > (spent["epsilon"] or 0)
