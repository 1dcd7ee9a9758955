"""A fingerprint is of the value: the same for what answers the same, another where a weight, a line or a closure differs."""

import pickle
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tiltyard.targets.fingerprints import content_fingerprint


def rows() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    x = np.random.default_rng(0).normal(size=(80, 3))
    return x, (x[:, 0] + x[:, 1] > 0).astype(np.int64)


def estimators() -> dict[str, Any]:
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer
    from sklearn.svm import SVC

    return {
        "forest": RandomForestClassifier(5, random_state=0),
        "boosting": HistGradientBoostingClassifier(max_iter=5, random_state=0),
        "kd tree": KNeighborsClassifier(algorithm="kd_tree"),
        "ball tree": KNeighborsClassifier(algorithm="ball_tree"),
        "network": MLPClassifier((4,), max_iter=20, random_state=0),
        "svc": SVC(),
        "lambda": make_pipeline(FunctionTransformer(lambda x: np.sign(x) * 2), LogisticRegression()),
    }


@pytest.mark.parametrize("name", ["forest", "boosting", "kd tree", "ball tree", "network", "svc", "lambda"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_an_estimator_has_one_fingerprint_before_and_after_it_was_asked(name: str) -> None:
    x, y = rows()
    model = estimators()[name].fit(x, y)
    before = content_fingerprint(model)
    model.predict(x)
    assert content_fingerprint(model) == before
    assert len(before) == 64
    if name != "lambda":
        assert content_fingerprint(pickle.loads(pickle.dumps(model))) == before
    assert content_fingerprint(estimators()[name].fit(x[:60], y[:60])) != before


def test_another_lambda_is_another_model() -> None:
    from sklearn.preprocessing import FunctionTransformer

    twice, again, thrice = (FunctionTransformer(f) for f in (lambda x: x * 2, lambda x: x * 2, lambda x: x * 3))
    assert content_fingerprint(twice) == content_fingerprint(again)
    assert content_fingerprint(twice) != content_fingerprint(thrice)


def above(limit: Any) -> Any:
    return lambda x: x[:, 0] > limit


LIMIT = 0.5


def uses_a_global(x: NDArray[np.float64]) -> Any:
    return x[:, 0] > LIMIT


def test_what_a_function_closes_over_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert content_fingerprint(above(0.5)) == content_fingerprint(above(0.5))
    assert content_fingerprint(above(0.5)) != content_fingerprint(above(0.6))
    assert content_fingerprint(above(np.array([0.5]))) != content_fingerprint(above(np.array([0.6])))
    assert content_fingerprint(partial(above, 1)) != content_fingerprint(partial(above, 2))
    before = content_fingerprint(uses_a_global)
    monkeypatch.setitem(uses_a_global.__globals__, "LIMIT", 0.7)
    assert content_fingerprint(uses_a_global) != before


class Scorer:
    """A callable object, and one whose method is passed."""

    def __init__(self, weight: float) -> None:
        self.weight = weight
        self.me = self

    def __call__(self, x: NDArray[np.float64]) -> Any:
        return x[:, 0] * self.weight


def test_callable_objects_and_methods_count_by_what_they_hold() -> None:
    assert content_fingerprint(Scorer(1.0)) == content_fingerprint(Scorer(1.0))
    assert content_fingerprint(Scorer(1.0)) != content_fingerprint(Scorer(2.0))
    assert content_fingerprint(Scorer(1.0).__call__) != content_fingerprint(Scorer(2.0).__call__)


def test_a_torch_module_in_a_closure_counts_by_its_weights() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    net = nn.Linear(2, 2)
    before = content_fingerprint(above(net))
    net(torch.zeros(1, 2))
    assert content_fingerprint(above(net)) == before
    with torch.no_grad():
        net.weight[0, 0] += 1
    assert content_fingerprint(above(net)) != before


def test_what_cannot_be_looked_into_counts_by_its_type() -> None:
    import threading

    assert content_fingerprint(threading.Lock()) == content_fingerprint(threading.Lock())
    assert content_fingerprint({1, "a", None}) == content_fingerprint({None, "a", 1})
    assert content_fingerprint({"a": 1, "b": 2}) == content_fingerprint({"b": 2, "a": 1})
