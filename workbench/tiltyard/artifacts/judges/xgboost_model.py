"""Judging XGBoost's models, JSON and UBJSON: is every tree whole, and do its nodes lead to its own nodes and features only?"""

from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ..malformed import Malformed
from ..reason import Findings
from .model_json import count, member, numbers, parsed, places, whole
from .ubjson import NotUbjson
from .ubjson import parsed as from_ubjson

_SHUT = 2**31 - 1  # the parent of a root


def judge_xgboost(stream: IO[bytes], findings: Findings) -> None:
    """Numbers and text that make up trees (or one linear model), and nothing else?"""
    try:
        content = whole(stream)
        trees, features = _judged(from_ubjson(content) if content[:2] != b'{"' and content[1:2] in b"LliUIC#" else parsed(content))
    except (Malformed, NotUbjson) as error:
        findings.unproven("model", str(error), "it is not what XGBoost writes: cut off, altered, or another file")
        return
    findings.note("model", f"{trees:,} trees on {features:,} features", "numbers and text; XGBoost's reader runs nothing of it")


def _judged(model: Any) -> tuple[int, int]:
    learner = member(model, "learner")
    features = count(member(learner, "learner_model_param", "num_feature"), "num_feature")
    count(member(learner, "learner_model_param", "num_class"), "num_class")
    if not isinstance(member(learner, "objective", "name"), str):
        raise Malformed("no name of an objective")
    for key in ("feature_names", "feature_types"):
        named = learner.get(key, [])
        if not isinstance(named, list) or not all(isinstance(n, str) for n in named) or len(named) not in (0, features):
            raise Malformed(f"{key} that are not {features:,} texts")
    booster = member(learner, "gradient_booster")
    if member(booster, "name") == "dart":
        booster = member(booster, "gbtree")
    if member(booster, "name") == "gblinear":
        numbers(member(booster, "model", "weights"), "weights")
        return 0, features
    return _trees(member(booster, "model"), features), features


def _trees(model: Any, features: int) -> int:
    total = count(member(model, "gbtree_model_param", "num_trees"), "num_trees")
    trees = member(model, "trees")
    if not isinstance(trees, list) or len(trees) != total:
        raise Malformed(f"other than the {total:,} trees that it names")
    numbers(member(model, "tree_info"), "tree_info", total)
    for i, tree in enumerate(trees):
        _tree(tree, features, f"tree {i}")
    return total


def _tree(tree: Any, features: int, where: str) -> None:
    nodes = count(member(tree, "tree_param", "num_nodes"), f"{where}: num_nodes")
    if nodes == 0:
        raise Malformed(f"{where} has no root")
    if count(member(tree, "tree_param", "num_feature"), f"{where}: num_feature") > features:
        raise Malformed(f"{where} has features that the model lacks")
    left = places(member(tree, "left_children"), f"{where}: left_children", -1, nodes, nodes)
    right = places(member(tree, "right_children"), f"{where}: right_children", -1, nodes, nodes)
    if ((left < 0) != (right < 0)).any():
        raise Malformed(f"{where}: a node with one child")
    reached = _reached(left, right, where)
    split = numbers(member(tree, "split_indices"), f"{where}: split_indices", nodes)
    places(split[reached & (left >= 0)], f"{where}: split_indices", 0, features)
    parents = numbers(member(tree, "parents"), f"{where}: parents", nodes)
    if ((parents < -1) | ((parents >= nodes) & (parents != _SHUT))).any():
        raise Malformed(f"{where}: parents outside the tree")
    numbers(member(tree, "split_conditions"), f"{where}: split_conditions", nodes)
    numbers(member(tree, "default_left"), f"{where}: default_left", nodes)
    _categories(tree, nodes, where)


def _reached(left: NDArray[np.int64], right: NDArray[np.int64], where: str) -> NDArray[np.bool_]:
    """The nodes that a row can come to, each by one way; those that pruning left behind are none of them."""
    reached = np.zeros(len(left), bool)
    front = np.array([0])
    while len(front):
        if reached[front].any() or len(np.unique(front)) != len(front):
            raise Malformed(f"{where}: two nodes lead to one")
        reached[front] = True
        inner = front[left[front] >= 0]
        front = np.concatenate([left[inner], right[inner]])
    return reached


def _categories(tree: Any, nodes: int, where: str) -> None:
    held = numbers(tree.get("categories", []), f"{where}: categories")
    owners = places(tree.get("categories_nodes", []), f"{where}: categories_nodes", 0, nodes)
    sizes = places(tree.get("categories_sizes", []), f"{where}: categories_sizes", 0, len(held) + 1, len(owners))
    starts = places(tree.get("categories_segments", []), f"{where}: categories_segments", 0, len(held) + 1, len(owners))
    if len(owners) and ((starts + sizes) > len(held)).any():
        raise Malformed(f"{where}: categories beyond their end")
    if len(held) and not (np.min(held) >= 0 and np.max(held) < 2**24):
        raise Malformed(f"{where}: a category outside 0 to 2^24")
