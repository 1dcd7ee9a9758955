"""The trees of scikit-learn, XGBoost and LightGBM as leaves: the bounds on the columns that lead to each, and what it adds to the scores."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bounds = dict[int, tuple[float, float]]
FORESTS = ("RandomForestClassifier", "ExtraTreesClassifier")


@dataclass(frozen=True)
class Leaf:
    """What leads to a leaf, ``low < value <= high`` by column, and what it adds to the score of each class, float64 (classes,)."""

    bounds: Bounds
    value: Floats


Tree = list[Leaf]


@dataclass(frozen=True)
class Trees:
    """All trees of a model.

    ``narrow``: values are compared as float32. ``whole``: no split is by categories, of which a box says nothing.
    """

    trees: list[Tree]
    narrow: bool
    whole: bool = True


def trees_of(model: Any, classes: int) -> Trees | None:
    """The trees of a model of so many classes; None of one that is not known."""
    name, library = type(model).__name__, type(model).__module__.partition(".")[0]
    if library == "sklearn" and name in ("DecisionTreeClassifier", "ExtraTreeClassifier"):
        return Trees([_shares(model.tree_)], True)
    if library == "sklearn" and name in FORESTS:
        return Trees([_shares(tree.tree_, len(model.estimators_)) for tree in model.estimators_], True)
    if library == "sklearn" and name == "GradientBoostingClassifier":
        return Trees(
            [_boosted(tree.tree_, k, classes, model.learning_rate) for round in model.estimators_ for k, tree in enumerate(round)], True
        )
    if library == "sklearn" and name == "HistGradientBoostingClassifier":
        nodes = [(k, tree.nodes) for round in model._predictors for k, tree in enumerate(round)]
        whole = not any(bool((tree["is_categorical"] & ~tree["is_leaf"].astype(bool)).any()) for _, tree in nodes)
        return Trees([_histogram(tree, k, classes) for k, tree in nodes], False, whole)
    if library == "xgboost":
        return _xgboost(model.get_booster() if hasattr(model, "get_booster") else model, classes)
    if library == "lightgbm":
        dumped = (model.booster_ if hasattr(model, "booster_") else model).dump_model()["tree_info"]
        whole = '"decision_type": "=="' not in str(dumped).replace("'", '"')
        return Trees([_lightgbm(tree["tree_structure"], i, classes) for i, tree in enumerate(dumped)], False, whole)
    return None


def split(bounds: Bounds, column: int, threshold: float) -> tuple[Bounds, Bounds]:
    """What leads to the two sides of ``value <= threshold`` and above it."""
    low, high = bounds.get(column, (-np.inf, np.inf))
    return {**bounds, column: (low, min(high, threshold))}, {**bounds, column: (max(low, threshold), high)}


def added(value: float, k: int, classes: int) -> Floats:
    """A number for the score of class ``k``; of two classes with one tree a round it is for the last."""
    found = np.zeros(classes)
    found[1 if classes == 2 else k % classes] = value
    return found


def _sklearn(tree: Any) -> Iterator[tuple[int, Bounds]]:
    left: list[tuple[int, Bounds]] = [(0, {})]
    while left:
        node, bounds = left.pop()
        if tree.children_left[node] < 0:
            yield node, bounds
            continue
        below, above = split(bounds, int(tree.feature[node]), float(tree.threshold[node]))
        left += [(int(tree.children_left[node]), below), (int(tree.children_right[node]), above)]


def _shares(tree: Any, trees: int = 1) -> Tree:
    """Leaves that add the shares of their classes, of so many trees."""
    return [Leaf(bounds, tree.value[node][0] / tree.value[node][0].sum() / trees) for node, bounds in _sklearn(tree)]


def _boosted(tree: Any, k: int, classes: int, rate: float) -> Tree:
    return [Leaf(bounds, added(rate * float(tree.value[node][0, 0]), k, classes)) for node, bounds in _sklearn(tree)]


def _histogram(nodes: Any, k: int, classes: int) -> Tree:
    found: Tree = []
    left: list[tuple[int, Bounds]] = [(0, {})]
    while left:
        at, bounds = left.pop()
        node = nodes[at]
        if node["is_leaf"]:
            found.append(Leaf(bounds, added(float(node["value"]), k, classes)))
            continue
        sides = (bounds, bounds) if node["is_categorical"] else split(bounds, int(node["feature_idx"]), float(node["num_threshold"]))
        left += [(int(node["left"]), sides[0]), (int(node["right"]), sides[1])]
    return found


def _xgboost(booster: Any, classes: int) -> Trees | None:
    """There the left child is ``value < threshold`` in float32: at most the number before it."""
    frame = booster.trees_to_dataframe()
    if "Category" in frame and frame["Category"].notna().any():
        return None
    names = {name: i for i, name in enumerate(booster.feature_names or [])}
    trees: list[Tree] = []
    for number, part in frame.groupby("Tree"):
        nodes = {row.ID: row for row in part.itertuples()}
        found: Tree = []
        left: list[tuple[Any, Bounds]] = [(part["ID"].iloc[0], {})]
        while left:
            node, bounds = left.pop()
            row = nodes[node]
            if row.Feature == "Leaf":
                found.append(Leaf(bounds, added(float(row.Gain), int(number), classes)))
                continue
            before = float(np.nextafter(np.float32(row.Split), np.float32(-np.inf)))
            column = names[row.Feature] if names else int(str(row.Feature).removeprefix("f"))
            below, above = split(bounds, column, before)
            left += [(row.Yes, below), (row.No, above)]
        trees.append(found)
    return Trees(trees, True)


def _lightgbm(root: dict[str, Any], number: int, classes: int) -> Tree:
    found: Tree = []
    left: list[tuple[dict[str, Any], Bounds]] = [(root, {})]
    while left:
        node, bounds = left.pop()
        if "split_feature" not in node:
            found.append(Leaf(bounds, added(float(node["leaf_value"]), number, classes)))
        elif node["decision_type"] == "<=":
            below, above = split(bounds, int(node["split_feature"]), float(node["threshold"]))
            left += [(node["left_child"], below), (node["right_child"], above)]
        else:  # a split by categories: nothing is said of either side
            left += [(node["left_child"], bounds), (node["right_child"], bounds)]
    return found
