"""Noise that clients add together: whole numbers of the right chances, sums of the promised deviation, epsilon no smaller than the Gaussian's."""

import numpy as np
import pytest
from tests.lazily import Lazily

from tiltyard.errors import Problem
from tiltyard.federated.malice import Omission
from tiltyard.federated.training import Training
from tiltyard.privacy_accounting.rdp import rdp
from tiltyard.progress import Progress

noise, promise = Lazily("tiltyard.federated.rounds.distributed_noise"), Lazily("tiltyard.federated.rounds.promise")
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
    spent = {metric.name: metric.value for metric in promise.spending(plan, 1e-5, 1000)}
    assert spent["epsilon"] == pytest.approx(rdp(2.0, 1.0, 5, 1e-5).epsilon, rel=1e-3)
    assert (spent["epsilon_to_clients"] or 0) > (spent["epsilon"] or 0)


@pytest.mark.parametrize("omits", ["noise", "clip", "both"])
def test_what_malicious_clients_leave_out_is_missing_from_the_sum(omits: Omission) -> None:
    """Seven answers of which three cheat: the noise left is that of four, and an update that is not clipped is there whole."""
    share, rng, d = noise.NoiseShare(noise=1.3, clip=0.5, least=7), np.random.default_rng(0), 20_000
    updates = [np.full(d, 0.05 * (i < 3)) for i in range(7)]  # of norm 7, of which the clip leaves 0.5
    total = sum((share.summand(u, rng, omits if i < 3 else "nothing") for i, u in enumerate(updates)), np.zeros(d, np.int64)) * share.step
    adding = 7 if omits == "clip" else 4
    whole = 0.05 if omits != "noise" else 0.5 / np.sqrt(d)
    assert total.std() == pytest.approx(1.3 * 0.5 * np.sqrt(adding / 7), rel=0.03)
    assert total.mean() == pytest.approx(3 * whole, abs=4 * 0.65 / np.sqrt(d))
    assert share.multiplier(d, league=7 - adding) * 0.5 <= total.std() * 1.03


def test_a_client_who_does_not_clip_moves_a_sum_no_further_than_is_said() -> None:
    share = noise.NoiseShare(noise=1.0, clip=0.5, least=4)
    sent = share.summand(np.array([1e9, -1e9, 1e300]), np.random.default_rng(0), "both") * share.step
    assert np.abs(sent).max() <= share.largest


@pytest.mark.parametrize("silent", [0, 6])
def test_the_epsilon_that_remains_bounds_what_an_attacker_reads_from_sums(silent: int) -> None:
    """Sums with and without one update are told apart by the likelihood ratio: the measured bound is below the epsilon of the noise left,
    and, where six of seven leave theirs out, above the one of the whole noise."""
    from tiltyard.privacy._epsilon_bounds import rates_bound

    share, rng, n = noise.NoiseShare(noise=2.0, clip=1.0, least=7), np.random.default_rng(3), 40_000
    update = np.zeros(n)  # n runs of a sum of one number at once
    sums = []
    for one in (1.0, 0.0):
        total = np.floor(update + one / share.step + rng.random(n)) + sum(
            share.summand(update, rng, "noise" if i < silent else "nothing") for i in range(7)
        )
        sums.append(total * share.step)
    threshold = 1.0 + 1.5 * share.multiplier(1, silent)
    hits, false = (int((s > threshold).sum()) for s in sums)
    measured = rates_bound(hits, n, false, n, 1e-5, 0.999)
    assert 0 < measured <= share.epsilon(1, 1, 1e-5, silent)
    assert (measured > share.epsilon(1, 1, 1e-5)) == (silent == 6)


def test_omissions_are_of_malicious_clients_that_noise() -> None:
    with pytest.raises(ValueError, match="omit is of malicious clients"):
        Training(omit="noise", noise_multiplier=1.0)
    Training(omit="noise", noise_multiplier=1.0, secure=True, attackers=2)


@pytest.mark.parametrize(("omit", "k"), [("nothing", 0), ("nothing", 2), ("both", 2), ("noise", 9)])
def test_the_result_says_what_it_assumes_and_what_remains(omit: Omission, k: int) -> None:
    step = Training(clients=10, rounds=3, secure=True, noise_multiplier=2.0, attackers=k, omit=omit)
    plan = step.plan(training.Recipe(epochs=1, batch_size=32, rate=0.01, decay=0.0), 0)
    share, silent = noise.NoiseShare(2.0, 1.0, 7), k if omit != "nothing" else 0
    spent = {metric.name: metric.value for metric in promise.spending(plan, 1e-5, 1000)}
    left = None if silent >= 7 else share.epsilon(1000, 3, 1e-5, silent)
    assert spent["epsilon"] == left
    assert ("epsilon_in_league" in spent) == (k > 0)
    (table,) = promise.noise_left(plan, 1e-5, 1000)
    assert [row[0] for row in table.rows] == list(range(8))
    assert table.rows[silent][3] == left if silent < 7 else table.rows[7][3] is None
    assert f"It assumes that {7 - silent} of any 7 clients" in " ".join(promise.distributed(plan, share, 1000, 1e-5))


def test_a_federation_whose_clients_noise_runs_in_this_process_too() -> None:
    from tiltyard.samples.catalog import load

    census = load("census")
    step = Training(
        clients=4, rounds=1, rows=400, secure=True, noise_multiplier=0.05, clip=0.8, least=3, attackers=1, attack="sign_flip", omit="both"
    )
    result = step.apply(census.target, census.data, Progress()).result
    assert result.metric("epsilon").value == result.metric("epsilon_in_league").value is not None
    assert any("nothing was masked" in note for note in result.notes)
    assert any("malicious clients here neither clip nor add noise" in note for note in result.notes)
    assert any(table.name == "noise_left" for table in result.tables)
