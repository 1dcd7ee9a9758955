"""What an attacker sees of a target: known offers, labels alone, and a budget that is never overrun."""

import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.errors import Unavailable
from tiltyard.progress import Progress
from tiltyard.targets.estimators import FunctionTarget
from tiltyard.targets.query_budget import BudgetSpent, Meter
from tiltyard.targets.restricted import RestrictedTarget, restricted_fingerprint

SCHEMA = Schema(features=(Feature(name="a", kind="continuous"), Feature(name="b", kind="continuous")), label="y", classes=("no", "yes"))


class Asked:
    """A model that counts for itself what it answered."""

    def __init__(self) -> None:
        self.rows = 0

    def __call__(self, x: Any) -> NDArray[np.float32]:
        self.rows += len(x)
        return np.asarray(x)[:, 0].astype(np.float32)


def inner(model: Asked | None = None) -> FunctionTarget:
    return FunctionTarget(model or Asked(), SCHEMA.classes, SCHEMA, "honest")


def rows(n: int) -> NDArray[np.float64]:
    return np.random.default_rng(0).random((n, 2))


def test_scores_pass_through() -> None:
    target = RestrictedTarget(inner(), frozenset({"labels", "scores"}))
    assert np.array_equal(target.scores(rows(9)), inner().scores(rows(9)))
    assert target.offers == {"labels", "scores"}


def test_labels_only_gives_no_more_than_the_label() -> None:
    target = RestrictedTarget(inner(), frozenset({"labels"}))
    scores = target.scores(rows(50))
    assert set(np.unique(scores)) == {0.0, 1.0}
    assert np.array_equal(scores.argmax(1), inner().labels(rows(50)))


def test_offers_nothing_the_target_does_not() -> None:
    target = RestrictedTarget(inner(), frozenset({"labels", "scores", "gradients", "training", "weights"}))
    assert target.offers == {"labels", "scores"}


@settings(max_examples=60, deadline=None)
@given(allowed=st.integers(0, 40), asks=st.lists(st.integers(0, 25), max_size=12))
def test_budget_is_never_overrun(allowed: int, asks: list[int]) -> None:
    model = Asked()
    target = RestrictedTarget(inner(model), frozenset({"labels"}), Meter(allowed))
    answered = model.rows
    for n in asks:
        before = target.queries
        try:
            target.labels(rows(n))
        except BudgetSpent:
            assert before + n > allowed
    assert model.rows - answered == target.queries <= allowed


def test_threads_share_one_budget() -> None:
    model = Asked()
    target = RestrictedTarget(inner(model), frozenset({"labels"}), Meter(100))
    before = model.rows

    def ask() -> None:
        for _ in range(30):
            try:
                target.labels(rows(3))
            except BudgetSpent:
                return

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert model.rows - before <= 100
    assert target.queries == 99


def test_a_caller_cannot_count_for_itself() -> None:
    target = RestrictedTarget(inner(), frozenset({"labels"}), Meter(10))
    target.labels(rows(4))
    target.queries += 1000
    target.queries = 0
    assert target.queries == 4


def test_gradients_are_metered_where_they_are_given() -> None:
    torch = pytest.importorskip("torch")
    from tiltyard.targets.torch_target import TorchTarget

    made = TorchTarget(torch.nn.Linear(2, 2), SCHEMA.classes, SCHEMA)
    target = RestrictedTarget(made, frozenset({"labels", "scores", "gradients"}), Meter(10))
    x = torch.from_numpy(rows(6).astype(np.float32)).requires_grad_()
    target.module(x).sum().backward()
    assert x.grad is not None
    assert target.queries == 6
    with pytest.raises(BudgetSpent, match="4 left"):
        target.module(x)
    with pytest.raises(Unavailable, match="gives none"):
        _ = RestrictedTarget(made, frozenset({"labels"})).module


def test_training_only_where_allowed() -> None:
    target = RestrictedTarget(inner(), frozenset({"labels"}))
    with pytest.raises(Unavailable, match="training routine"):
        target.retrain(rows(3), np.zeros(3, np.int64), 0, Progress())


def test_fingerprint_says_what_is_seen_and_not_how_much() -> None:
    one, other = (RestrictedTarget(inner(), frozenset({"labels"}), Meter(n)) for n in (1, 2))
    assert one.fingerprint == other.fingerprint == restricted_fingerprint(inner(), frozenset({"labels"}))
    assert one.fingerprint != RestrictedTarget(inner(), frozenset({"labels", "scores"})).fingerprint != inner().fingerprint
