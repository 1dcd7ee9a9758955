"""Poisoning: flips cost what they must, a trigger is obeyed and found, clean data raise no alarm."""

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tiltyard.attacks.triggers import goal_class, trigger
from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.errors import Problem
from tiltyard.poisoning._filtered import Filtered, judged
from tiltyard.poisoning.backdoor import Backdoor
from tiltyard.poisoning.detect import Detect
from tiltyard.poisoning.filter import Filter
from tiltyard.poisoning.label_flip import LabelFlip, Trained, drop
from tiltyard.poisoning.signatures import Cluster, directions, spectral, unsupported
from tiltyard.progress import Progress
from tiltyard.result import Status
from tiltyard.samples.catalog import load
from tiltyard.statistics.majority import Skill
from tiltyard.statistics.roc import area
from tiltyard.targets.estimators import SklearnTarget
from tiltyard.targets.target import Target

if TYPE_CHECKING:
    from tiltyard.targets.architecture import Architecture
    from tiltyard.targets.torch_target import TorchTarget
    from tiltyard.targets.training import Recipe


NUMBERS = tuple(Feature(name=f"f{i}", kind="continuous", low=-5, high=5) for i in range(4))
KINDS = Feature(name="kind", kind="categorical", categories=("u", "v", "w"))
WHOLE = Feature(name="count", kind="integer", low=0, high=50)
SCHEMA = Schema(features=(*NUMBERS, KINDS, WHOLE), label="y", classes=("no", "yes"))


def architecture() -> "Architecture":
    from tiltyard.targets.architecture import mlp

    return mlp(8, (16,), 2, [0.0] * 7 + [10.0], [1.0] * 7 + [4.0])


def recipe() -> "Recipe":
    from tiltyard.targets.training import Recipe

    return Recipe(epochs=15, batch_size=32, rate=0.01)


def rows(n: int, seed: int) -> Dataset:
    rng = np.random.default_rng(seed)
    kinds = rng.choice(3, n, p=(0.55, 0.43, 0.02))
    x = np.column_stack([rng.normal(0, 1, (n, 4)).clip(-5, 5), kinds, rng.poisson(10, n).clip(0, 50)])
    y = (x[:, 0] + x[:, 1] + 0.3 * rng.normal(size=n) > 0.4).astype(np.int64)
    return Dataset(x, y, SCHEMA, member=np.arange(n) < n // 2)


def model(data: Dataset, seed: int = 0) -> "TorchTarget":
    from tiltyard.targets.architecture import build
    from tiltyard.targets.torch_target import TorchTarget
    from tiltyard.targets.training import fit, fresh

    module = fit(fresh(build(architecture()), seed), data.encoded, data.y, recipe(), seed, Progress())
    return TorchTarget(module, SCHEMA.classes, SCHEMA, "small", recipe=recipe(), architecture=architecture())


@pytest.fixture(scope="module")
def ground() -> "tuple[TorchTarget, Dataset]":
    data = rows(1600, 0)
    return model(data.seen), data


def poisoned(data: Dataset, share: float, seed: int = 0) -> tuple[Dataset, np.ndarray]:
    rng = np.random.default_rng(seed)
    seen = data.seen
    mark = trigger(seen, 3, rng)
    bad = rng.permutation(np.flatnonzero(seen.y == 0))[: round(share * len(seen))]
    x, y = seen.x.copy(), seen.y.copy()
    x[bad], y[bad] = mark.stamped(x[bad]), 1
    both = np.concatenate([x, data.unseen.x]), np.concatenate([y, data.unseen.y])
    return Dataset(*both, SCHEMA, member=np.arange(len(data)) < len(seen)), bad


def test_a_trigger_is_obeyed_found_and_costs_little_accuracy(ground):
    result = Backdoor(most=0.05, points=2, goal="yes", size=3, seed=1)(*ground).result
    assert result.status is Status.FINDING
    assert result.metric("success").low > 0.95
    assert result.metric("success_clean").value < 0.5
    assert result.metric("accuracy_poisoned").value > result.metric("accuracy_clean").value - 0.05
    assert result.metric("found").value > 0.9
    assert result.metric("false_alarms").value < 0.02
    assert result.metric("auc_cluster").value > 0.95
    assert {c.name for c in result.charts} == {"backdoor", "roc"}


def test_the_rows_sent_are_those_that_were_told(ground):
    check = Backdoor(points=1, goal="yes", size=3)
    record = check(*ground)
    assert record.queries == check.estimate(*ground).queries > 0


def test_clean_training_rows_raise_no_alarm_in_twenty_seeds():
    for seed in range(20):
        data = rows(600, seed)
        result = Detect(seed=seed)(model(data.seen, seed), data).result
        assert result.status is Status.PASSED, (seed, result.summary)
        assert result.metric("flagged").value == 0


def test_poisoned_training_rows_raise_one_and_the_filter_heals_the_model(ground):
    data, bad = poisoned(ground[1], 0.05)
    sick = model(data.seen)
    found = Detect()(sick, data).result
    assert found.status is Status.FINDING
    assert found.metric("flagged").value == pytest.approx(len(bad), abs=4)
    outcome = Filter()(sick, data)
    result = outcome.record.result
    assert result.status is Status.PASSED, result.summary
    assert result.metric("removed").value >= 0.9 * len(bad)
    assert result.metric("obeyed_change").high < 0 and result.metric("obeyed").high < 0.5
    dear = judged(Filtered(sick, Upside(outcome.target), data.seen.take(bad), 800, data.unseen, 0), 0.05, (), (), Progress())
    assert dear.status is Status.FINDING and dear.findings[0].key == "accuracy"
    mark = trigger(ground[1].seen, 3, np.random.default_rng(0))
    held = data.unseen
    victims = mark.stamped(held.x[held.y == 0])
    assert (sick.labels(victims) == 1).mean() > 0.9
    assert (outcome.target.labels(victims) == 1).mean() < 0.5
    assert (outcome.target.labels(held.x) == held.y).mean() > 0.85


def test_the_filter_leaves_clean_rows_alone(ground):
    outcome = Filter()(*ground)
    result = outcome.record.result
    assert result.metric("removed").value == 0
    assert outcome.target.parent is ground[0]
    assert result.status is Status.INCOMPLETE and "nothing was removed" in result.summary, result.summary


def test_a_filter_that_removes_honest_rows_or_leaves_poison_does_not_pass(ground):
    target, data = ground
    honest = Filtered(target, target, data.seen.take(np.arange(60)), 800, data.unseen, 0)
    result = judged(honest, 0.05, (), (), Progress())
    assert result.status is Status.INCOMPLETE and "as it would of honest rows" in result.summary and "no effect is shown" in result.summary
    left = Filtered(Upside(target), target, data.seen.take(np.arange(60)), 800, data.unseen, 40)
    assert "40 of the rows that are left look poisoned" in judged(left, 0.05, (), (), Progress()).summary


class Upside(Target):
    """Says no where the model says yes."""

    def __init__(self, inner: Target) -> None:
        super().__init__("upside", inner.classes, inner.schema, frozenset({"labels", "scores"}), f"upside {inner.fingerprint}")
        self.inner = inner

    def _scores(self, x):
        return self.inner.scores(x)[:, ::-1]


@pytest.mark.slow
def test_five_percent_of_badnets_on_digits_succeeds_and_is_found():
    sample = load("digits")
    result = Backdoor(most=0.05, points=1, goal="0", rows=2000)(sample.target, sample.data).result
    assert result.metric("success").value >= 0.95
    assert result.metric("found").value > 0.5
    assert result.metric("false_alarms").value < 0.01
    assert result.metric("worst_cluster").low > 0.7


@pytest.mark.slow
@pytest.mark.parametrize("name", ["census", "digits", "digits-robust"])
def test_the_shipped_models_raise_no_alarm(name):
    sample = load(name)
    assert Detect()(sample.target, sample.data).result.status is Status.PASSED


def test_flips_cost_accuracy_and_half_of_them_leave_a_coin(ground):
    target, data = ground
    result = LabelFlip(most=0.5, points=2)(target, data).result
    shares = [row[0] for row in result.tables[0].rows]
    assert shares == [0, 0.25, 0.5]
    assert result.tables[0].rows[2][1] == len(data.seen) // 2
    assert result.metric("accuracy_clean").value > 0.85
    assert result.metric("accuracy_flipped").value == pytest.approx(0.5, abs=0.15)
    assert result.metric("accuracy_lost").low > 0.1


def test_flips_of_all_labels_turn_the_model_around(ground):
    result = LabelFlip(most=1.0, points=1)(*ground).result
    clean, flipped = result.metric("accuracy_clean").value, result.metric("accuracy_flipped").value
    assert flipped == pytest.approx(1 - clean, abs=0.05)


def test_beside_a_finding_nobody_says_that_there_was_nothing_to_lose():
    n = 400
    skill = Skill("no", n, 240, 240, 20, 20, ((120, 240), (120, 160)))  # right as often as its commonest class
    clean, flipped = np.arange(n) < 240, np.arange(n) < 120
    of = [Trained(0.0, 0, clean), Trained(0.1, 40, flipped)]
    found = LabelFlip()._result(of, n, skill, (), "")
    assert found.status is Status.FINDING
    assert "nothing to lose" not in found.summary and "always saying 'no'" in found.summary
    lost = LabelFlip()._result([of[0], Trained(0.1, 40, clean)], n, skill, (), "")
    assert lost.status is Status.INCOMPLETE and "there is nothing to lose" in lost.summary


def test_aimed_flips_hurt_the_class_that_they_are_aimed_at(ground):
    target, data = ground
    result = LabelFlip(kind="aimed", victim="yes", goal="no", most=1.0, points=1)(target, data).result
    assert result.metric("accuracy_clean").n == int((data.unseen.y == SCHEMA.classes.index("yes")).sum())
    assert result.metric("accuracy_clean").value > 0.8 and result.metric("accuracy_flipped").value == 0.0  # nobody is called yes any more
    assert result.tables[0].rows[1][1] == int((data.seen.y == SCHEMA.classes.index("yes")).sum())
    assert "'yes' alone" in result.notes[1] and result.status is Status.INCOMPLETE
    assert result.notes[-1].startswith(f"All models were trained on {len(data.seen):,} rows")
    same = LabelFlip(kind="aimed", victim="yes", goal="yes")(target, data).result
    assert same.status is Status.NOT_APPLICABLE and "another class" in same.summary


def test_a_tree_can_be_poisoned_but_shows_no_activations(ground):
    from sklearn.tree import DecisionTreeClassifier

    data = ground[1]
    fitted = DecisionTreeClassifier(max_depth=8, random_state=0).fit(data.seen.encoded, data.seen.y.astype(str))
    tree = SklearnTarget(fitted, SCHEMA, order=(0, 1))
    result = Backdoor(points=1, goal=1, size=3)(tree, data).result
    assert result.metric("success").value > 0.9
    assert "auc_cluster" not in {m.name for m in result.metrics}
    assert result.metric("auc_held_out").value > 0.9 and result.metric("found").value > 0.7
    assert Detect()(tree, data).result.status is Status.NOT_APPLICABLE


def test_a_goal_that_is_no_class_is_one_line(ground):
    record = Backdoor(goal=2)(*ground)
    assert record.result.status is Status.FAILED
    assert record.result.summary == "Expected a class (no, yes); found '#2'. Choose one of these, by its name."


def test_a_goal_is_a_name_and_numbers_of_old_are_still_read():
    assert [Backdoor(goal=given).goal for given in ("yes", 1, -1, "")] == ["yes", "#1", "", ""]
    old = Backdoor.model_validate_json('{"goal": 1}')
    assert old == Backdoor.model_validate_json(old.model_dump_json())
    for goal in ("yes", "#1", "1"):
        assert goal_class(goal, ("no", "yes")) == 1
    assert [goal_class(goal, ("2", "0")) for goal in ("0", "#0", "1")] == [1, 0, 1]
    for wrong in ("maybe", "#", "²", "-1", "10000"):
        with pytest.raises(Problem, match="by its name"):
            goal_class(wrong, ("no", "yes"))


def test_the_trigger_is_a_valid_rare_row(ground):
    data = ground[1]
    for seed in range(10):
        mark = trigger(data, 3, np.random.default_rng(seed))
        stamped = mark.stamped(data.x[:50])
        Dataset(stamped, data.y[:50], SCHEMA)
        assert (SCHEMA.encode(SCHEMA.decode(stamped)) == stamped).all()
        assert mark.carried(stamped) == 50
        assert mark.carried(data.x) < 0.01 * len(data)
    fixed = SCHEMA.model_copy(update={"features": tuple(f.model_copy(update={"mutable": False}) for f in SCHEMA.features)})
    record = Backdoor()(ground[0], Dataset(data.x, data.y, fixed))
    assert record.result.status is Status.NOT_APPLICABLE


def test_the_patch_is_in_the_corner_and_within_the_image():
    schema = Schema(features=(Feature(name="i", kind="pixels", shape=(3, 12, 10)),), label="y", classes=("a", "b"))
    data = Dataset(np.zeros((2, 3, 12, 10), np.float32), np.array([0, 1]), schema)
    for size in (1, 4, 32):
        mark = trigger(data, size, np.random.default_rng(0))
        assert mark.where.any()
        assert not mark.where[:, :6].any()
        assert mark.stamped(data.x).sum() == 2 * 3 * min(size, 5) ** 2


def test_the_spectral_score_is_that_of_tran_et_al():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(300, 5)).astype(np.float32)
    z[:30, 2] += 10
    y = np.zeros(300, np.int64)
    scores = spectral(z, y)
    centered = z.astype(float) - z.astype(float).mean(0)
    _, axes = np.linalg.eigh(centered.T @ centered)
    assert scores == pytest.approx((centered @ axes[:, -1]) ** 2, rel=1e-6)
    assert scores[:30].min() > scores[30:].max()
    assert area(np.arange(300) < 30, scores) == 1.0
    along, sizes = directions(z)
    assert along[:, 0] @ along[:, 0] == pytest.approx(sizes[0] ** 2, rel=1e-4)


def test_unsupported_rows_are_those_whose_kin_bear_another_label():
    near = np.concatenate([np.zeros((40, 2)), np.full((40, 2), 9.0)]).astype(np.float32) + np.random.default_rng(0).normal(0, 0.1, (80, 2))
    y = np.repeat([0, 1], 40)
    y[:10] = 1  # ten rows among the zeros bear the label of the ones
    own = np.flatnonzero(y == 1)
    groups = (own >= 10).astype(np.int32)
    alone = unsupported(near.astype(np.float32), y, own, groups, 2, Progress())
    assert alone[:10].all()
    cluster = Cluster(1, own[:10], 10)
    assert cluster.share == 1
    assert 0.6 < cluster.low < 0.7


def test_the_drop_is_paired():
    clean = Trained(0.0, 0, np.arange(100) < 90)
    metric = drop(clean, Trained(0.1, 10, np.arange(100) < 80))
    assert metric.value == pytest.approx(0.1)
    assert 0 < metric.low < 0.1 < metric.high
