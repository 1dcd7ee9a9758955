"""Judging LightGBM's text models: is every tree whole, and do its nodes lead to its own nodes, leaves and features only?"""

import re
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ..malformed import Malformed
from ..reason import Findings
from .model_json import count, parsed, whole

_BLOCK = re.compile(rb"^Tree=(\d+)$", re.MULTILINE)
_END = b"end of trees"
_NOTHING = np.empty(0)


def judge_lightgbm(stream: IO[bytes], findings: Findings) -> None:
    """Numbers and text that make up trees, and nothing else?"""
    try:
        trees, features = _judged(whole(stream))
    except Malformed as error:
        findings.unproven("model", str(error), "it is not what LightGBM writes: cut off, altered, or another file")
        return
    findings.note("model", f"{trees:,} trees on {features:,} features", "numbers and text; LightGBM's reader runs nothing of it")


def _judged(content: bytes) -> tuple[int, int]:
    content = content.replace(b"\r\n", b"\n")
    end = content.find(f"\n{_END.decode()}".encode())
    if end < 0 or b"\0" in content:
        raise Malformed("no end of trees")
    marks = list(_BLOCK.finditer(content, 0, end + 1))
    header = _pairs(content[: marks[0].start() if marks else end])
    features = count(header.get("max_feature_idx"), "max_feature_idx") + 1
    names = header.get("feature_names", "").split(" ")
    if len(names) != features:
        raise Malformed(f"{len(names):,} feature names for {features:,} features")
    for key in ("num_class", "num_tree_per_iteration"):
        count(header.get(key), key)
    if [int(m[1]) for m in marks] != list(range(len(marks))):
        raise Malformed("trees that are not numbered in order")
    _sizes(header, content, marks, end)
    stops = [*(m.start() for m in marks[1:]), end + 1]
    for mark, stop in zip(marks, stops, strict=True):
        _tree(_pairs(content[mark.start() : stop]), features, f"tree {mark[1].decode()}")
    _tail(content[end:])
    return len(marks), features


def _sizes(header: dict[str, str], content: bytes, marks: list[Any], end: int) -> None:
    """The bytes of each tree, by which LightGBM cuts them, are those that are there."""
    sizes = [count(size, "tree_sizes") for size in header.get("tree_sizes", "").split()]
    if len(sizes) != len(marks):
        raise Malformed(f"{len(sizes):,} tree_sizes for {len(marks):,} trees")
    starts = [m.start() for m in marks] + [content.find(_END, end)]
    if any(stop - start != size for start, stop, size in zip(starts, starts[1:], sizes, strict=False)):
        raise Malformed("tree_sizes that are not those of the trees")


def _pairs(block: bytes) -> dict[str, str]:
    lines = (line.partition("=") for line in block.decode("utf-8", "replace").split("\n") if line)
    return {key: value for key, _, value in lines}


def _tree(tree: dict[str, str], features: int, where: str) -> None:
    leaves = count(tree.get("num_leaves"), f"{where}: num_leaves")
    if leaves < 1:
        raise Malformed(f"{where} has no leaf")
    _list(tree, "leaf_value", leaves, where)
    inner = leaves - 1
    if inner:
        _within(_list(tree, "split_feature", inner, where), 0, features, f"{where}: split_feature")
        _children(tree, inner, leaves, where)
    thresholds = _list(tree, "threshold", inner, where)
    kinds = _list(tree, "decision_type", inner, where)
    _categories(tree, thresholds[(kinds.astype(np.int64) & 1) == 1], where)
    if count(tree.get("is_linear", "0"), f"{where}: is_linear"):
        _linear(tree, leaves, features, where)


def _list(tree: dict[str, str], key: str, length: int, where: str) -> NDArray[np.float64]:
    words = tree.get(key, "").split()
    try:
        found = np.array(words, np.float64) if words else _NOTHING
    except ValueError:
        raise Malformed(f"{where}: {key} is no list of numbers") from None
    if len(found) != length:
        raise Malformed(f"{where}: {key} holds {len(found):,} numbers, not {length:,}")
    return found


def _within(array: NDArray[np.float64], low: int, stop: int, what: str) -> None:
    if len(array) and not (np.equal(np.mod(array, 1), 0).all() and array.min() >= low and array.max() < stop):
        raise Malformed(f"{what} leads outside {low} to {stop - 1}")


def _children(tree: dict[str, str], inner: int, leaves: int, where: str) -> None:
    """A child is a later node, or a leaf as -1 - its place; each stands under one node."""
    both = np.concatenate([_list(tree, key, inner, where) for key in ("left_child", "right_child")])
    _within(both, -leaves, inner, f"{where}: children")
    if len(np.unique(both)) != len(both) or (both == 0).any():
        raise Malformed(f"{where}: two nodes lead to one")


def _categories(tree: dict[str, str], chosen: NDArray[np.float64], where: str) -> None:
    """Each split by category names its own part of the bits."""
    number = count(tree.get("num_cat", "0"), f"{where}: num_cat")
    _within(chosen, 0, max(number, 1) if number else 0, f"{where}: a split by category")
    if not number:
        return
    bounds = _list(tree, "cat_boundaries", number + 1, where)
    bits = tree.get("cat_threshold", "").split()
    _within(bounds, 0, len(bits) + 1, f"{where}: cat_boundaries")
    if (np.diff(bounds) < 0).any() or bounds[-1] != len(bits):
        raise Malformed(f"{where}: cat_boundaries that do not end with the bits")
    _within(_list(tree, "cat_threshold", len(bits), where), 0, 2**32, f"{where}: cat_threshold")


def _linear(tree: dict[str, str], leaves: int, features: int, where: str) -> None:
    sizes = _list(tree, "num_features", leaves, where)
    _within(sizes, 0, features + 1, f"{where}: num_features")
    total = int(sizes.sum())
    _within(_list(tree, "leaf_features", total, where), 0, features, f"{where}: leaf_features")
    _list(tree, "leaf_coeff", total, where)
    _list(tree, "leaf_const", leaves, where)


def _tail(tail: bytes) -> None:
    """The categories of pandas, which LightGBM's Python reader takes from the last line as JSON."""
    mark = tail.rfind(b"\npandas_categorical:")
    if mark < 0:
        return
    text = tail[mark + len(b"\npandas_categorical:") :].strip()
    levels = parsed(text)
    if levels is not None and not (isinstance(levels, list) and all(isinstance(column, list) for column in levels)):
        raise Malformed("categories of pandas that are no lists")
