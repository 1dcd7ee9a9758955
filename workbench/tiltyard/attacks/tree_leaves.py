"""The leaves of a tree, a forest or a boosting as boxes of the columns that it is given: read from the libraries' own public dumps.

Which values lead to a leaf: ``low < value <= high`` in every column, as float32 where the library compares so.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..targets.estimators import SklearnTarget
from ..targets.target import Target

Floats = NDArray[np.float64]
MOST = 200_000  # leaves times columns are kept in memory at once
LOOKED = 32


@dataclass(frozen=True)
class Leaves:
    """All leaves of ``trees`` trees: ``low`` and ``high`` float64 (leaves, columns), infinite where a leaf says nothing of a column."""

    low: Floats
    high: Floats
    trees: int


def leaves_of(target: Target, x: Floats) -> Leaves | None:
    """The leaves behind a target that is given its encoded columns as they are, seen on rows x; None where it is another model, or fed otherwise."""
    if type(target) is not SklearnTarget or target.schema.images or not len(x):
        return None
    estimator = target.estimator
    some = x[:LOOKED]
    try:
        given = np.asarray(target.rows(some), np.float64)
    except (TypeError, ValueError):
        return None
    encoded = target.encoding.encode(some, np.float64, holding=True)
    if given.shape != encoded.shape or not np.allclose(given, encoded, equal_nan=True):
        return None
    found = list(_read(getattr(estimator, "model", estimator), encoded.shape[1]))
    boxes = [box for tree in found for box in tree]
    if not boxes:
        return None
    return Leaves(np.stack([low for low, _ in boxes]), np.stack([high for _, high in boxes]), len(found))


Box = tuple[Floats, Floats]


def _read(model: Any, width: int) -> Iterator[list[Box]]:
    """The boxes of each tree; none of a model that is not known."""
    name, library = type(model).__name__, type(model).__module__.partition(".")[0]
    if library == "sklearn" and name in ("DecisionTreeClassifier", "ExtraTreeClassifier"):
        yield _sklearn(model.tree_, width)
    elif library == "sklearn" and name in ("RandomForestClassifier", "ExtraTreesClassifier", "GradientBoostingClassifier"):
        for tree in np.ravel(np.asarray(model.estimators_, dtype=object)):
            yield _sklearn(tree.tree_, width)
    elif library == "xgboost":
        yield from _xgboost(model.get_booster() if hasattr(model, "get_booster") else model, width)
    elif library == "lightgbm":
        booster = model.booster_ if hasattr(model, "booster_") else model
        for tree in booster.dump_model()["tree_info"]:
            yield _lightgbm(tree["tree_structure"], width)


def _whole(width: int) -> Box:
    return np.full(width, -np.inf), np.full(width, np.inf)


def _split(box: Box, column: int, threshold: float) -> tuple[Box, Box]:
    """The two boxes of ``value <= threshold`` and above it."""
    low, high = box
    left, right = high.copy(), low.copy()
    left[column], right[column] = min(high[column], threshold), max(low[column], threshold)
    return (low, left), (right, high)


def _sklearn(tree: Any, width: int) -> list[Box]:
    found, left = [], [(0, _whole(width))]
    while left:
        node, box = left.pop()
        if tree.children_left[node] < 0:
            found.append(box)
            continue
        below, above = _split(box, int(tree.feature[node]), float(tree.threshold[node]))
        left += [(int(tree.children_left[node]), below), (int(tree.children_right[node]), above)]
    return found


def _xgboost(booster: Any, width: int) -> Iterator[list[Box]]:
    """There the left child is ``value < threshold`` in float32: at most the number before it."""
    names = {name: i for i, name in enumerate(booster.feature_names or [f"f{i}" for i in range(width)])}
    frame = booster.trees_to_dataframe()
    if "Category" in frame and frame["Category"].notna().any():
        return
    for _, part in frame.groupby("Tree"):
        nodes = {row.ID: row for row in part.itertuples()}
        found, left = [], [(part["ID"].iloc[0], _whole(width))]
        while left:
            node, box = left.pop()
            row = nodes[node]
            if row.Feature == "Leaf":
                found.append(box)
                continue
            before = float(np.nextafter(np.float32(row.Split), np.float32(-np.inf)))
            below, above = _split(box, names[row.Feature], before)
            left += [(row.Yes, below), (row.No, above)]
        yield found


def _lightgbm(root: dict[str, Any], width: int) -> list[Box]:
    found: list[Box] = []
    left = [(root, _whole(width))]
    while left:
        node, box = left.pop()
        if "split_feature" not in node:
            found.append(box)
        elif node["decision_type"] == "<=":
            below, above = _split(box, int(node["split_feature"]), float(node["threshold"]))
            left += [(node["left_child"], below), (node["right_child"], above)]
        else:  # a split by categories: nothing is said of either side
            left += [(node["left_child"], box), (node["right_child"], box)]
    return found
