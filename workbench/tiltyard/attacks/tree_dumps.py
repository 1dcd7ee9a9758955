"""The trees of scikit-learn, XGBoost, LightGBM and CatBoost as leaves: the bounds on the columns that lead to each, and what it adds to the scores."""

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..files.reading import opened

Floats = NDArray[np.float64]
Bounds = dict[int, tuple[float, float]]
FORESTS = ("RandomForestClassifier", "ExtraTreesClassifier")
MISSING = -1  # a category that a row lacks, among codes


@dataclass(frozen=True)
class Split:
    """A split by categories on the way to a leaf: the code in ``column`` is among ``codes``, or is not, `MISSING` being one of them."""

    column: int
    codes: frozenset[int]
    among: bool

    def holds(self, values: Floats) -> NDArray[np.bool_]:
        """Which of these codes, NaN where a row lacks the category, go to this side."""
        found = np.isin(np.where(np.isnan(values), MISSING, values), list(self.codes))
        return found if self.among else ~found


@dataclass(frozen=True)
class Way:
    """What leads to a node: ``low < value <= high`` by column, and splits by categories."""

    bounds: Bounds
    splits: tuple[Split, ...] = ()

    def at(self, column: int, threshold: float) -> "tuple[Way, Way]":
        """What leads to the two sides of ``value <= threshold`` and above it."""
        low, high = self.bounds.get(column, (-np.inf, np.inf))
        below, above = {**self.bounds, column: (low, min(high, threshold))}, {**self.bounds, column: (max(low, threshold), high)}
        return Way(below, self.splits), Way(above, self.splits)

    def among(self, column: int, codes: frozenset[int]) -> "tuple[Way, Way]":
        """What leads to the two sides of a split by categories: these codes, and all others."""
        return Way(self.bounds, (*self.splits, Split(column, codes, True))), Way(self.bounds, (*self.splits, Split(column, codes, False)))


@dataclass(frozen=True)
class Leaf:
    """What leads to a leaf, and what it adds to the score of each class, float64 (classes,)."""

    way: Way
    value: Floats


Tree = list[Leaf]
ROOT = Way({})


@dataclass(frozen=True)
class Trees:
    """All trees of a model. ``narrow``: values are compared as float32."""

    trees: list[Tree]
    narrow: bool


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
        return Trees([_histogram(tree, k, classes) for round in model._predictors for k, tree in enumerate(round)], False)
    if library == "xgboost":
        return _xgboost(model, classes)
    if library == "lightgbm":
        dumped = (model.booster_ if hasattr(model, "booster_") else model).dump_model()["tree_info"]
        return Trees([_lightgbm(tree["tree_structure"], i, classes) for i, tree in enumerate(dumped)], False)
    return _catboost(model, classes) if library == "catboost" else None


def added(value: float, k: int, classes: int) -> Floats:
    """A number for the score of class ``k``; of two classes with one tree a round it is for the last."""
    found = np.zeros(classes)
    found[1 if classes == 2 else k % classes] = value
    return found


def _sklearn(tree: Any) -> Iterator[tuple[int, Way]]:
    left = [(0, ROOT)]
    while left:
        node, way = left.pop()
        if tree.children_left[node] < 0:
            yield node, way
            continue
        below, above = way.at(int(tree.feature[node]), float(tree.threshold[node]))
        left += [(int(tree.children_left[node]), below), (int(tree.children_right[node]), above)]


def _shares(tree: Any, trees: int = 1) -> Tree:
    """Leaves that add the shares of their classes, of so many trees."""
    return [Leaf(way, tree.value[node][0] / tree.value[node][0].sum() / trees) for node, way in _sklearn(tree)]


def _boosted(tree: Any, k: int, classes: int, rate: float) -> Tree:
    return [Leaf(way, added(rate * float(tree.value[node][0, 0]), k, classes)) for node, way in _sklearn(tree)]


def _histogram(tree: Any, k: int, classes: int) -> Tree:
    """There a category goes left where its bit is set; one that a row lacks where the node says."""
    found: Tree = []
    left = [(0, ROOT)]
    while left:
        at, way = left.pop()
        node = tree.nodes[at]
        if node["is_leaf"]:
            found.append(Leaf(way, added(float(node["value"]), k, classes)))
            continue
        column = int(node["feature_idx"])
        if node["is_categorical"]:
            words = tree.raw_left_cat_bitsets[int(node["bitset_idx"])]
            codes = {32 * i + bit for i, word in enumerate(words) for bit in range(32) if int(word) >> bit & 1}
            one, other = way.among(column, frozenset(codes | ({MISSING} if node["missing_go_to_left"] else set())))
        else:
            one, other = way.at(column, float(node["num_threshold"]))
        left += [(int(node["left"]), one), (int(node["right"]), other)]
    return found


def _xgboost(model: Any, classes: int) -> Trees | None:
    """Its own JSON: a number goes left where ``value < threshold`` in float32, at most the number before it; a category that is listed goes right."""
    booster = model.get_booster() if hasattr(model, "get_booster") else model
    held = json.loads(bytes(booster.save_raw("json")))["learner"]["gradient_booster"]
    dropped = held.get("weight_drop")  # of DART, which scales its trees
    forest = (held.get("gbtree") or held).get("model", {})
    if "trees" not in forest or any(int(tree["tree_param"].get("size_leaf_vector", 1)) > 1 for tree in forest["trees"]):
        return None
    best = getattr(model, "best_iteration", None) if model is not booster else None  # it stopped early, and predicts by these rounds alone
    used = len(forest["trees"]) if best is None else forest["iteration_indptr"][best + 1]
    weights = dropped if dropped is not None else [1.0] * used
    return Trees([_of_json(forest["trees"][i], forest["tree_info"][i], weights[i], classes) for i in range(used)], True)


def _of_json(tree: dict[str, Any], k: int, weight: float, classes: int) -> Tree:
    listed = {
        node: frozenset(tree["categories"][start : start + size])
        for node, start, size in zip(tree["categories_nodes"], tree["categories_segments"], tree["categories_sizes"], strict=True)
    }
    found: Tree = []
    left = [(0, ROOT)]
    while left:
        node, way = left.pop()
        if tree["left_children"][node] < 0:
            found.append(Leaf(way, added(weight * float(np.float32(tree["split_conditions"][node])), k, classes)))
            continue
        column = int(tree["split_indices"][node])
        if node in listed:
            right, other = way.among(column, listed[node] | (frozenset() if tree["default_left"][node] else {MISSING}))
        else:
            before = float(np.nextafter(np.float32(tree["split_conditions"][node]), np.float32(-np.inf)))
            other, right = way.at(column, before)
        left += [(tree["left_children"][node], other), (tree["right_children"][node], right)]
    return found


def _lightgbm(root: dict[str, Any], number: int, classes: int) -> Tree:
    """There a category that is listed goes left, and one that a row lacks goes right."""
    found: Tree = []
    left = [(root, ROOT)]
    while left:
        node, way = left.pop()
        if "split_feature" not in node:
            found.append(Leaf(way, added(float(node["leaf_value"]), number, classes)))
            continue
        column = int(node["split_feature"])
        if node["decision_type"] == "<=":
            one, other = way.at(column, float(node["threshold"]))
        else:
            one, other = way.among(column, frozenset(int(code) for code in str(node["threshold"]).split("||")))
        left += [(node["left_child"], one), (node["right_child"], other)]
    return found


def _catboost(model: Any, classes: int) -> Trees | None:
    """Its own JSON: all nodes of a level ask the same, and a number goes up where ``value > border`` in float32; None where trees are grown
    otherwise, or ask for categories."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.json"
        model.save_model(str(file), format="json")
        with opened(file) as stream:
            held = json.load(stream)
    trees = held.get("oblivious_trees")
    if not trees or any(split["split_type"] != "FloatFeature" for tree in trees for split in tree["splits"] or ()):
        return None
    columns = {one["feature_index"]: one["flat_feature_index"] for one in held["features_info"]["float_features"]}
    return Trees([_of_levels(tree, columns, float(held["scale_and_bias"][0]), classes) for tree in trees], True)


def _of_levels(tree: dict[str, Any], columns: dict[int, int], scale: float, classes: int) -> Tree:
    """Of a leaf's number each bit says whether the split of that place holds."""
    ways = [ROOT]
    for split in tree["splits"] or ():
        sides = [way.at(columns[split["float_feature_index"]], float(split["border"])) for way in ways]
        ways = [below for below, _ in sides] + [above for _, above in sides]
    values = scale * np.array(tree["leaf_values"], np.float64).reshape(len(ways), -1)
    return [Leaf(way, value if len(value) > 1 else added(float(value[0]), 0, classes)) for way, value in zip(ways, values, strict=True)]
