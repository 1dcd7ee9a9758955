"""Boosted trees, neighbors and splines in skops files: what scikit-learn fitted is shown safe, and nothing crafted is."""

from typing import Any

import numpy as np
import pytest

from .test_skops_trees import changed, fields, judged, named, put, saved, ufunc

Schema = dict[str, Any]
Arrays = dict[str, np.ndarray]


def neighbors(algorithm: str = "kd_tree", metric: str = "euclidean") -> bytes:
    from sklearn.neighbors import KNeighborsClassifier

    return saved(KNeighborsClassifier(algorithm=algorithm, leaf_size=7, metric=metric))


def boosted() -> bytes:
    from sklearn.ensemble import GradientBoostingClassifier

    return saved(GradientBoostingClassifier(n_estimators=2, max_depth=2, random_state=0))


def splined() -> bytes:
    from sklearn.preprocessing import SplineTransformer

    return saved(SplineTransformer(n_knots=4))


def state(schema: Schema) -> list[Any]:
    found: list[Any] = fields(schema)["_tree"]["content"]["content"]
    return found


def held(schema: Schema, arrays: Arrays, at: int) -> np.ndarray:
    return arrays[state(schema)[at]["file"]]


def replaced(schema: Schema, arrays: Arrays, at: int, value: np.ndarray) -> None:
    arrays[state(schema)[at]["file"]] = value


NEIGHBORS: dict[str, Any] = {
    "a row beyond the end": lambda s, a: held(s, a, 1).__setitem__(0, 10**9),
    "a row below zero": lambda s, a: held(s, a, 1).__setitem__(0, -1),
    "a node of rows beyond the end": lambda s, a: held(s, a, 2)["idx_end"].__setitem__(0, 10**9),
    "a node that begins below zero": lambda s, a: held(s, a, 2)["idx_start"].__setitem__(1, -5),
    "a last node with children": lambda s, a: held(s, a, 2)["is_leaf"].__setitem__(-1, 0),
    "fewer nodes": lambda s, a: replaced(s, a, 2, held(s, a, 2)[:-1]),
    "fewer rows": lambda s, a: replaced(s, a, 0, held(s, a, 0)[:-1]),
    "narrower rows": lambda s, a: replaced(s, a, 0, held(s, a, 0)[:, :-1]),
    "fewer bounds": lambda s, a: replaced(s, a, 3, held(s, a, 3)[:, :-1]),
    "more levels": lambda s, a: state(s).__setitem__(5, named(60)),
    "endless levels": lambda s, a: state(s).__setitem__(5, named(1 << 61)),
    "more nodes than there are": lambda s, a: state(s).__setitem__(6, named(1 << 30)),
    "weights of rows": lambda s, a: state(s).__setitem__(12, state(s)[0]),
    "another tree's kind": lambda s, a: fields(s)["_tree"].update({"__class__": "BallTree", "__module__": "sklearn.neighbors._ball_tree"}),
    "a distance with weights": lambda s, a: a.__setitem__(state(s)[11]["content"]["content"][1]["file"], np.ones(50)),
    "no distance": lambda s, a: state(s).__setitem__(11, ufunc("add")),
    "under another name": lambda s, a: put(s, "weights", fields(s)["_tree"]),
}


@pytest.mark.parametrize("algorithm", ["kd_tree", "ball_tree"])
def test_neighbors_as_fitted_are_safe(algorithm: str) -> None:
    for metric in ("euclidean", "manhattan", "chebyshev"):
        assert judged(neighbors(algorithm, metric)).safe


@pytest.mark.parametrize("name", NEIGHBORS)
def test_crafted_neighbors_are_not_shown_safe(name: str) -> None:
    assert judged(changed(neighbors(), NEIGHBORS[name])).verdict == "unproven"


def stage(schema: Schema) -> list[Any]:
    found: list[Any] = fields(schema)["estimators_"]["content"][0]["content"]
    return found


BOOSTED: dict[str, Any] = {
    "no tree": lambda s, a: stage(s).__setitem__(0, ufunc("add")),
    "a linear model for a tree": lambda s, a: stage(s)[0].update(
        {"__class__": "LinearRegression", "__module__": "sklearn.linear_model._base"}
    ),
    "fewer trees than columns": lambda s, a: stage(s).pop(),
    "more columns": lambda s, a: fields(s).update(n_trees_per_iteration_=named(9)),
    "one class more": lambda s, a: fields(s).update(n_classes_=named(4)),
    "fewer columns of the ensemble": lambda s, a: fields(s).update(n_features_in_=named(3)),
    "a tree of other columns": lambda s, a: stage(s)[0]["content"]["content"].update(n_features_in_=named(9)),
    "a start of two classes": lambda s, a: a.__setitem__(fields(s)["init_"]["content"]["content"]["class_prior_"]["file"], np.ones(2) / 2),
    "a start that is constant": lambda s, a: fields(s)["init_"]["content"]["content"].update(_strategy=named("constant")),
    "a start by another function": lambda s, a: put(fields(s)["init_"], "predict_proba", ufunc("add")),
    "a loss of two classes": lambda s, a: fields(s)["_loss"].update({"__class__": "HalfBinomialLoss"}),
    "a method replaced": lambda s, a: put(s, "_check_initialized", ufunc("add")),
    "a link replaced": lambda s, a: fields(s)["_loss"]["content"]["content"].update(link=fields(s)["init_"]),
}


def test_boosted_trees_as_fitted_are_safe() -> None:
    assert judged(boosted()).safe


@pytest.mark.parametrize("name", BOOSTED)
def test_crafted_boosted_trees_are_not_shown_safe(name: str) -> None:
    assert judged(changed(boosted(), BOOSTED[name])).verdict == "unproven"


def spline(schema: Schema) -> Schema:
    found: Schema = fields(schema)["bsplines_"]["content"][0]["content"]["content"]
    return found


def knots(change: Any) -> Any:
    def apply(schema: Schema, arrays: Arrays) -> None:
        where = spline(schema)["_t"]["file"]
        arrays[where] = change(arrays[where])

    return apply


SPLINES: dict[str, Any] = {
    "fewer knots": knots(lambda t: t[:-1]),
    "more knots": knots(lambda t: np.append(t, t[-1])),
    "knots out of order": knots(lambda t: t[::-1].copy()),
    "knots that are no numbers": knots(lambda t: np.full_like(t, np.nan)),
    "a higher degree": lambda s, a: spline(s).update(k=named(900)),
    "a lower degree": lambda s, a: spline(s).update(k=named(1)),
    "another axis": lambda s, a: spline(s).update(axis=named(1)),
    "another function": lambda s, a: spline(s).update(_asarray=ufunc("add")),
    "fewer splines": lambda s, a: fields(s)["bsplines_"]["content"].pop(),
}


def test_splines_as_fitted_are_safe() -> None:
    assert judged(splined()).safe


@pytest.mark.parametrize("name", SPLINES)
def test_crafted_splines_are_not_shown_safe(name: str) -> None:
    assert judged(changed(splined(), SPLINES[name])).verdict == "unproven"


def test_a_spline_outside_of_its_transformer_is_not_shown_safe() -> None:
    from sklearn.linear_model import LogisticRegression

    lent: list[Any] = []
    changed(splined(), lambda s, a: lent.append(fields(s)["bsplines_"]["content"][0]))
    assert judged(changed(saved(LogisticRegression()), lambda s, a: put(s, "coef_", lent[0]))).verdict == "unproven"
