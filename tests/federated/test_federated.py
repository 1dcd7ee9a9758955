"""Federated training: one client is central training, rules match hand and Flower, Krum outlives what breaks the mean."""

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiltyard.check import named
from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.errors import Cancelled, Problem
from tiltyard.federated.aggregation import RULES, Trusted, combine, needed
from tiltyard.federated.shards import dirichlet
from tiltyard.federated.training import Training
from tiltyard.privacy_accounting.accountants import default_delta, epsilon
from tiltyard.progress import Progress
from tiltyard.result import Status

if TYPE_CHECKING:
    from tiltyard.federated.rounds.local import Local
    from tiltyard.targets.torch_target import TorchTarget
    from tiltyard.targets.training import Recipe


CLASSES = ("a", "b", "c", "d")
SCHEMA = Schema(features=tuple(Feature(name=f"f{i}", kind="continuous", low=-9, high=9) for i in range(6)), label="y", classes=CLASSES)


def recipe() -> "Recipe":
    from tiltyard.targets.training import Recipe

    return Recipe(epochs=4, batch_size=32, rate=0.01)


@pytest.fixture(scope="module")
def data() -> Dataset:
    """Four round clouds, well apart: rows trained on and rows that were not."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, 2000)
    centers = np.array([[3, 0, 0, 0, 0, 0], [0, 3, 0, 0, 0, 0], [0, 0, 3, 0, 0, 0], [0, 0, 0, 3, 0, 0]])
    x = (centers[y] + rng.normal(0, 0.8, (2000, 6))).clip(-9, 9)
    return Dataset(x, y, SCHEMA, member=np.arange(2000) < 1000)


@pytest.fixture(scope="module")
def target(data: Dataset) -> "TorchTarget":
    from tiltyard.targets.architecture import build, mlp
    from tiltyard.targets.torch_target import TorchTarget
    from tiltyard.targets.training import fit, fresh

    architecture = mlp(6, (16,), 4, [0.0] * 6, [1.0] * 6)
    module = fit(fresh(build(architecture), 0), data.seen.encoded, data.seen.y, recipe(), 0, Progress())
    return TorchTarget(module, CLASSES, SCHEMA, "clouds", recipe=recipe(), architecture=architecture)


def weights_of(target: "TorchTarget") -> np.ndarray:
    from tiltyard.federated.rounds.weights import flat

    return flat(target.inner)


# Known answers


@pytest.mark.parametrize("rule", [rule for rule in RULES if needed(rule, 0) == 1 and rule != "fltrust"])
def test_one_client_in_one_round_is_central_training_bit_for_bit(rule, target, data):
    from tiltyard.federated.rounds.weights import flat
    from tiltyard.targets.training import fit, fresh

    step = Training(clients=1, rounds=1, local_epochs=recipe().epochs, rule=rule, tolerate=0, seed=3)
    made = step(target, data).target
    rows = step.setting(target, data).parts.train
    central = fit(fresh(target.inner, 3).requires_grad_(), rows.encoded, rows.y, recipe(), 3, Progress())
    np.testing.assert_array_equal(weights_of(made), flat(central))


def test_equal_clients_that_train_alike_are_as_one():
    same = np.arange(5, dtype=np.float32)
    trusted = Trusted(np.zeros(5, np.float32), same)
    for rule in RULES:
        np.testing.assert_allclose(combine(rule, [same] * 11, list(range(1, 12)), 2, trusted), same, rtol=1e-6)


def test_krum_survives_two_of_ten_attackers_where_fedavg_fails(target, data):
    facts = {"clients": 10, "attackers": 2, "attack": "sign_flip", "alpha": 100.0, "rounds": 8, "local_epochs": 3, "tolerate": 2}
    right = {}
    for rule in ("fedavg", "krum", "multi_krum", "median", "trimmed_mean"):
        record = named(Training, {**facts, "rule": rule})(target, data).record
        right[rule] = record.result.metric("accuracy_after").value
        assert record.result.status is (Status.FINDING if rule == "fedavg" else Status.PASSED)
    assert right.pop("fedavg") < 0.5
    assert min(right.values()) > 0.9


def test_a_backdoor_gets_through_fedavg_and_not_through_krum(target, data):
    facts = {"clients": 10, "attackers": 2, "attack": "model_replacement", "alpha": 100.0, "rounds": 6, "local_epochs": 3, "goal": "b"}
    got = {rule: named(Training, {**facts, "rule": rule})(target, data).record.result for rule in ("fedavg", "krum")}
    assert got["fedavg"].metric("attack_success").value > 0.5
    assert got["krum"].metric("attack_success").value < 0.2
    assert any(f.evidence.metrics == ("attack_success",) for f in got["fedavg"].findings)


# Rules


@given(st.integers(1, 12), st.sampled_from([1e-300, 0.01, 0.5, 1.0, 100.0]), st.integers(0, 2**16))
def test_every_row_is_at_one_client_and_none_has_nothing(clients, alpha, seed):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 4, 60)
    shards = dirichlet(y, clients, alpha, rng)
    assert sorted(np.concatenate(shards).tolist()) == list(range(60))
    assert min(map(len, shards)) >= 1


def test_alpha_says_how_even_the_classes_are():
    y = np.repeat(np.arange(4), 1000)

    def spread(alpha: float) -> float:
        shards = dirichlet(y, 8, alpha, np.random.default_rng(0))
        return float(np.mean([np.bincount(y[s], minlength=4).max() / len(s) for s in shards]))

    assert spread(0.05) > 0.7
    assert spread(1000) < 0.3


# Privacy


def test_noise_has_the_deviation_it_is_accounted_with():
    from tiltyard.federated.rounds.client import ClientUpdate
    from tiltyard.federated.rounds.plan import Plan
    from tiltyard.federated.rounds.server import combined

    plan = Plan(clients=10, rounds=1, rule="fedavg", tolerate=0, recipe=recipe(), seed=1, noise=2.0, clip=0.5)
    before = np.zeros(200_000, np.float32)
    after, clipped = combined(plan, before, [ClientUpdate(0, before, 5)], 1)
    assert clipped == 0
    assert after.std() == pytest.approx(2.0 * 0.5 / 10, rel=0.02)
    again, _ = combined(plan, before, [ClientUpdate(0, before, 5)], 1)
    np.testing.assert_array_equal(after, again)
    fresh_plan = plan.model_copy(update={"fresh_noise": True})
    assert not np.array_equal(combined(fresh_plan, before, [], 1)[0], combined(fresh_plan, before, [], 1)[0])


def test_no_client_moves_the_sum_by_more_than_the_clip():
    from tiltyard.federated.rounds.client import ClientUpdate
    from tiltyard.federated.rounds.plan import Plan
    from tiltyard.federated.rounds.server import combined

    plan = Plan(clients=2, rounds=1, rule="fedavg", tolerate=0, recipe=recipe(), seed=1, noise=1e-12, clip=1.0)
    before = np.ones(50, np.float32)
    after, clipped = combined(plan, before, [ClientUpdate(0, before + 1000, 10**9)], 1)
    assert clipped == 1
    assert np.linalg.norm(after - before) == pytest.approx(1.0 / 2, rel=1e-4)


def test_epsilon_is_the_tightest_and_below_opacus(target, data):
    opacus = pytest.importorskip("opacus.accountants")
    step = Training(clients=20, rounds=3, share=0.3, noise_multiplier=1.3, clip=0.5, delta=1e-3)
    result = step(target, data).record.result
    accountant = opacus.RDPAccountant()
    for _ in range(3):
        accountant.step(noise_multiplier=1.3, sample_rate=0.3)
    spent = result.metric("epsilon").value
    assert spent == epsilon(1.3, 0.3, 3, 1e-3).epsilon
    assert 0.7 * accountant.get_epsilon(1e-3) < spent < accountant.get_epsilon(1e-3)
    assert epsilon(1.3, 0.3, 3, default_delta(20)).epsilon > 0
    assert any("drawn by its own coin" in note for note in result.notes)
    assert any("trusted to clip" in note for note in result.notes)


def test_the_global_generators_are_left_alone(target, data):
    import torch

    before = torch.random.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    Training(clients=3, rounds=1, share=0.5, noise_multiplier=1.0, rows=100)(target, data)
    assert torch.equal(before[0], torch.random.get_rng_state())
    np.testing.assert_array_equal(before[1], np.random.get_state()[1])  # noqa: NPY002


# Rounds that go wrong


class Odd:
    """Ask in this process; then what some clients send is replaced, and others say nothing."""

    def __init__(self, inner: "Local", sends: dict[int, np.ndarray | None]) -> None:
        self.inner, self.sends = inner, sends

    def __call__(self, number, weights, clients, progress):
        from tiltyard.federated.rounds.client import ClientUpdate

        found = self.inner(number, weights, clients, progress)
        kept = [a for a in found if self.sends.get(a.client, a) is not None]
        return [ClientUpdate(a.client, self.sends.get(a.client, a.weights), a.rows) for a in kept]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_client_that_sends_nan_is_refused_and_said(bad, target, data):
    from tiltyard.federated.rounds.local import Local
    from tiltyard.federated.rounds.server import train
    from tiltyard.federated.rounds.weights import flat

    step = Training(clients=4, rounds=3, alpha=100, local_epochs=3)
    start = step.setting(target, data)
    size = flat(start.start)
    sends = {0: np.full_like(size, bad), 1: size[:-1], 2: None}
    ask = Odd(Local(start.start, start.plan, start.shards), sends)
    weights, rounds = train(start.plan, size, ask, start.watch, Progress())
    assert np.isfinite(weights).all()
    assert {(r.refused, r.lost, r.answered) for r in rounds[1:]} == {((0, 1), (2,), 1)}
    assert rounds[-1].right > rounds[0].right


@pytest.mark.parametrize(("rule", "tolerate"), [("fedavg", 0), ("median", 1), ("trimmed_mean", 1), ("krum", 1), ("multi_krum", 1)])
def test_a_client_that_dies_in_mid_round_is_lost_for_it_alone(rule, tolerate, target, data, monkeypatch):
    """Its training raises in round 2: the round is what the others make of it, and the run goes on with all of them."""
    from tiltyard.federated.rounds.local import Local
    from tiltyard.federated.rounds.server import combined, train
    from tiltyard.federated.rounds.weights import flat
    from tiltyard.targets.training import fit

    step = Training(clients=6, rounds=3, alpha=100, local_epochs=2, rule=rule, tolerate=tolerate)
    start = step.setting(target, data)
    plan, after, dies = start.plan, {}, start.plan.training_seed(4, 2)

    def trained(module, x, y, recipe, seed, progress, correction=None):
        if seed == dies:
            fit(module, x[:40], y[:40], recipe, seed, progress)
            raise RuntimeError("killed in the middle of its training")
        return fit(module, x, y, recipe, seed, progress)

    monkeypatch.setattr("tiltyard.federated.rounds.client.fit", trained)
    weights, rounds = train(
        plan,
        flat(start.start),
        Local(start.start, plan, start.shards),
        start.watch,
        Progress(),
        kept=lambda w, done: after.update({len(done): w}),
    )
    assert [(r.asked, r.answered, r.lost, r.note) for r in rounds[1:]] == [(6, 6, (), ""), (6, 5, (4,), ""), (6, 6, (), "")]
    answers = Local(start.start, plan, start.shards)(2, after[2], [0, 1, 2, 3, 5], Progress())
    np.testing.assert_array_equal(after[3], combined(plan, after[2], answers, 2)[0])
    assert np.isfinite(weights).all() and rounds[-1].right > rounds[0].right
    record = step(target, data).record
    assert record.result.status in (Status.PASSED, Status.FINDING)
    assert "1 answer did not come; the rounds went on without it." in record.result.notes


def test_a_round_without_enough_answers_leaves_the_weights(target, data):
    from tiltyard.federated.rounds.local import Local
    from tiltyard.federated.rounds.server import train
    from tiltyard.federated.rounds.weights import flat

    step = Training(clients=7, rounds=1, rule="krum", tolerate=2)
    start = step.setting(target, data)
    before = flat(start.start)
    ask = Odd(Local(start.start, start.plan, start.shards), {3: None})
    after, rounds = train(start.plan, before, ask, start.watch, Progress())
    np.testing.assert_array_equal(after, before)
    assert "6 answers, 7 needed" in rounds[1].note


def test_a_cancel_stops_it_in_the_middle_of_a_client(target, data):
    step = Training(clients=2, rounds=1, local_epochs=100)
    start = step.setting(target, data)
    progress = Progress()
    progress.listener = lambda report: progress.cancel() if report.done > 0.1 else None
    with pytest.raises(Cancelled):
        start.run(progress)


# Bad input


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"alpha": 0}, "alpha of federated.training: a number above 0"),
        ({"rounds": 0}, "rounds of federated.training: a whole number at least 1"),
        ({"clients": 6, "rule": "krum", "tolerate": 2}, "Krum needs 7 clients to withstand 2; found 6"),
        ({"clients": 4, "rule": "trimmed_mean", "tolerate": 2}, "Trimmed mean needs 5 clients to withstand 2; found 4"),
        ({"clients": 3, "attackers": 4}, "at most 3 attackers"),
        ({"noise_multiplier": 1.0, "rule": "krum"}, "rule must be fedavg"),
    ],
)
def test_impossible_parameters_are_one_line(values, says):
    with pytest.raises(Problem) as caught:
        named(Training, values)
    assert says.lower() in str(caught.value).lower()
    assert "\n" not in str(caught.value)


def test_more_clients_than_rows_is_one_line(target, data):
    result = Training(clients=200, rows=100)(target, data).record.result
    assert result.summary.startswith("Expected at least 200 rows for 200 clients; found 100")


def test_more_attackers_than_the_rule_withstands_is_noted(target, data):
    step = Training(clients=7, attackers=3, rule="krum", tolerate=1, rounds=1, rows=100)
    assert any("set to withstand 1 malicious clients; there are 3" in n for n in step(target, data).record.result.notes)


def test_a_module_that_cannot_train_is_said(data):
    import torch

    from tiltyard.targets.torch_target import TorchTarget

    layers = torch.nn.Sequential(torch.nn.Linear(6, 4), torch.nn.BatchNorm1d(4))
    target = TorchTarget(layers, CLASSES, SCHEMA, "mixes rows", recipe=recipe())
    result = Training(clients=20, rows=20, rounds=1)(target, data).record.result
    assert result.status is Status.FAILED
    assert "a module that trains on a client's rows" in result.summary
    assert "Expected more than 1 value per channel" in result.summary


def test_a_target_without_training_is_not_applicable(data, target):
    from tiltyard.targets.torch_target import TorchTarget

    bare = TorchTarget(target.trainable(), CLASSES, SCHEMA, "no recipe")
    assert Training()(bare, data).record.result.status is Status.NOT_APPLICABLE


# The verdict


def test_a_federation_that_fell_far_behind_the_central_model_is_a_finding_however_far_above_the_majority(target, data):
    weak = Training(clients=6, rounds=1, alpha=100.0, noise_multiplier=0.5, share=1.0, clip=0.05)(target, data).record.result
    good = Training(clients=3, rounds=6, local_epochs=3, alpha=100.0)(target, data).record.result
    for result in (weak, good):
        central, after, change = (result.metric(name) for name in ("accuracy_central", "accuracy_after", "accuracy_change"))
        assert change.value == pytest.approx(after.value - central.value)
        assert change.low <= change.value <= change.high
    assert weak.status is Status.FINDING
    assert any(f.evidence.metrics[0] == "accuracy_change" for f in weak.findings)
    assert good.status is Status.PASSED, good.summary
    assert good.metric("accuracy_change").low >= -0.05


def test_where_the_model_before_has_learned_nothing_one_is_trained_in_one_place(target, data):
    from tiltyard.targets.training import fresh

    idle = target.made(fresh(target.inner, 9), "fresh")
    idle.recipe = target.recipe
    result = Training(clients=3, rounds=1, alpha=100.0, rows=200)(idle, data).record.result
    assert result.metric("accuracy_central").value > 0.9 > result.metric("accuracy_before").value
