"""The guard: out of range is always caught, noise images at one false alarm in a hundred, a file gives the same guard."""

from dataclasses import replace

import numpy as np
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.random_rows import random_rows
from tiltyard.errors import Problem
from tiltyard.result import Status
from tiltyard.samples.catalog import load as sample
from tiltyard.validation._strange import outside
from tiltyard.validation.guard import apart, build, load, most, nearest, place
from tiltyard.validation.guard_roc import GuardROC, auc
from tiltyard.validation.input_guard import Guard


@pytest.fixture(scope="module")
def digits():
    found = sample("digits")
    return found.target, found.data


@pytest.fixture(scope="module")
def census():
    found = sample("census")
    return found.target, found.data


def test_noise_images_are_caught_at_one_false_alarm_in_a_hundred(digits):
    result = GuardROC(rows=300, steps=5)(*digits).result
    assert result.metric("caught_random_noise").value == 1.0
    assert result.metric("caught_out_of_range").value == 1.0
    assert result.metric("false_alarms").low <= 0.01
    assert result.metric("auc_random_noise").value == 1.0


@pytest.mark.parametrize("name", ["digits", "census"])
def test_rows_out_of_range_are_always_caught(name, request):
    _, data = request.getfixturevalue(name)
    rng = np.random.default_rng(3)
    guard = build(data, 500, 5, 0.01, rng)
    assert guard.refused(outside(data.unseen.sample(500, rng), rng)).all()


def test_a_broken_group_and_a_fraction_are_caught(census):
    _, data = census
    rng = np.random.default_rng(0)
    guard = build(data, 300, 5, 0.01, rng)
    x = data.x[:3].copy()
    category = next(f for f in data.schema.features if f.kind == "categorical")
    x[0, data.schema.slices[category.name]] = len(category.categories)
    x[1, data.schema.slices["age"]] = 30.5
    x[2, 0] = np.nan
    assert guard.invalid(x).all()
    assert not guard.invalid(data.x[:50]).any()


def test_saved_and_loaded_it_decides_the_same(digits, tmp_path):
    _, data = digits
    rng = np.random.default_rng(0)
    guard = build(data, 500, 5, 0.01, rng)
    again = load(guard.save(tmp_path / "g.safetensors"))
    x = np.concatenate([data.unseen.x[:100], random_rows(data.schema, 50, rng)])
    assert (guard.refused(x) == again.refused(x)).all()
    assert (guard.score(x) == again.score(x)).all()


def test_what_is_no_guard_is_said(tmp_path):
    path = tmp_path / "g.safetensors"
    path.write_bytes(b"nothing")
    with pytest.raises(Problem, match="a guard file"):
        load(path)
    with pytest.raises(Problem, match="a guard file"):
        load(tmp_path / "missing")


def test_scores_by_hand():
    reference = np.array([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]], np.float32)
    assert nearest(np.zeros((1, 2), np.float32), reference, 2)[0] == pytest.approx(2.5)
    assert auc(np.array([0.0, 1.0]), np.array([1.0, 2.0])) == pytest.approx(0.875)


def test_the_guarded_target_gives_no_answer_to_noise(digits):
    target, data = digits
    outcome = Guard(rows=1000)(target, data)
    scores = outcome.target.scores(random_rows(data.schema, 20, np.random.default_rng(0)))
    assert np.allclose(scores, 0.1)
    assert outcome.target.refusals >= 20
    assert outcome.record.result.metric("refused").low <= 0.01


def test_too_few_rows_are_said(digits):
    target, data = digits
    few: Dataset = data.take(np.arange(10))
    assert "training rows" in Guard()(target, few).record.result.summary


def test_where_nobody_knows_what_was_trained_on_no_row_is_judged_that_the_guard_was_built_from(census):
    data = census[1].take(np.arange(400))
    for member in (None, np.ones(400, bool), np.zeros(400, bool)):
        own, held = apart(replace(data, member=member), np.random.default_rng(0))
        assert (len(own), len(held)) == (200, 200)
        assert not {row.tobytes() for row in np.unique(own.x, axis=0)} & {row.tobytes() for row in held.x} - duplicates(data)
    own, held = apart(census[1], np.random.default_rng(0))
    assert (len(own), len(held)) == (len(census[1].seen), len(census[1].unseen))


def duplicates(data: Dataset) -> set[bytes]:
    values, counts = np.unique(data.x, axis=0, return_counts=True)
    return {row.tobytes() for row in values[counts > 1]}


def test_few_rows_promise_little_and_say_so(census):
    target, data = census
    few = data.take(np.arange(120))
    result = GuardROC(rows=40, steps=2)(target, few).result
    assert any("too few rows set the threshold to promise 1 %" in note for note in result.notes)
    assert most(299, 1) <= 0.01 < most(298, 1)
    assert most(2000, 13) <= 0.01 < most(2000, 14)


def test_held_out_rows_that_differ_are_a_finding(census):
    target, data = census
    strange = data.x.copy()
    strange[~data.member] = random_rows(data.schema, int((~data.member).sum()), np.random.default_rng(0))
    result = GuardROC(rows=200, steps=2)(target, replace(data, x=strange)).result
    assert result.status is Status.FINDING
    assert any("more than 1 % of natural rows" in finding.title for finding in result.findings)


def test_the_threshold_keeps_its_promise_with_the_certainty_it_names():
    assert [place(n, 0.01) for n in (10, 298, 299, 2000)] == [1, 1, 1, 13]
    scores = np.sort(np.random.default_rng(0).random((4000, 2000)), axis=1)
    refused = 1 - scores[:, -place(2000, 0.01)]  # of uniform scores the share above a threshold is 1 less the threshold
    assert 0.94 <= (refused <= 0.01).mean() <= 0.99
