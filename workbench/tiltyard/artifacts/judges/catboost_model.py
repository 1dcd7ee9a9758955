"""Judging CatBoost's models: the JSON tree by tree, the binary by its frame; its own reader proves the rest in a process of its own."""

import os
from typing import IO, Any

from ..malformed import Malformed
from ..reason import Findings
from .model_json import count, member, numbers, parsed, whole

DEEPEST = 16


def judge_catboost(stream: IO[bytes], findings: Findings) -> None:
    """Numbers and text that make up trees, and nothing else?"""
    stream.seek(0)
    binary = stream.read(4) == b"CBM1"
    try:
        what = _frame(stream) if binary else _json(parsed(whole(stream)))
    except Malformed as error:
        findings.unproven("model", str(error), "it is not what CatBoost writes: cut off, altered, or another file")
        return
    findings.note("model", what, "numbers and text; CatBoost's reader runs nothing of it")


def _frame(stream: IO[bytes]) -> str:
    """The magic, the length of the core, and in it a table of FlatBuffers that lies inside."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(4)
    core = int.from_bytes(stream.read(4), "little")
    if not 16 <= core <= size - 8:
        raise Malformed(f"a core of {core:,} bytes in a file of {size:,}")
    head = stream.read(core)
    root = int.from_bytes(head[:4], "little")
    table = root - int.from_bytes(head[root : root + 4], "little", signed=True)
    if not (4 <= root <= core - 4 and 0 <= table <= core - 4):
        raise Malformed("a root that lies outside the core")
    fields = int.from_bytes(head[table : table + 2], "little")
    if not (4 <= fields <= core - table and fields % 2 == 0):
        raise Malformed("a table that lies outside the core")
    return f"a core of {core:,} bytes"


def _json(model: Any) -> str:
    floats = member(model, "features_info").get("float_features", [])
    if not isinstance(floats, list) or not isinstance(member(model, "model_info"), dict):
        raise Malformed("no float_features or model_info")
    width = len(floats)
    for i, feature in enumerate(floats):
        numbers(member(feature, "borders") if feature.get("borders") is not None else [], f"float feature {i}: borders")
    trees = model.get("oblivious_trees", model.get("trees"))
    if not isinstance(trees, list):
        raise Malformed("no trees")
    for i, tree in enumerate(trees):
        _tree(tree, width, f"tree {i}") if "oblivious_trees" in model else _node(tree, width, f"tree {i}", 0)
    return f"{len(trees):,} trees"


def _tree(tree: Any, width: int, where: str) -> None:
    splits = tree.get("splits") if isinstance(tree, dict) else None
    splits = [] if splits is None else splits
    if not isinstance(splits, list) or len(splits) > DEEPEST:
        raise Malformed(f"{where}: more than {DEEPEST} splits")
    for split in splits:
        _split(split, width, where)
    values = numbers(member(tree, "leaf_values"), f"{where}: leaf_values")
    leaves = 2 ** len(splits)
    if not len(values) or len(values) % leaves:
        raise Malformed(f"{where}: {len(values):,} values for {leaves:,} leaves")


def _node(node: Any, width: int, where: str, depth: int) -> None:
    if depth > 256:
        raise Malformed(f"{where}: deeper than 256")
    if not isinstance(node, dict):
        raise Malformed(f"{where}: no node")
    if "split" not in node:
        value = member(node, "value")
        numbers(value if isinstance(value, list) else [value], f"{where}: value")
        return
    _split(node["split"], width, where)
    for side in ("left", "right"):
        _node(member(node, side), width, where, depth + 1)


def _split(split: Any, width: int, where: str) -> None:
    kind = member(split, "split_type")
    if kind == "FloatFeature" and count(member(split, "float_feature_index"), f"{where}: float_feature_index") >= width:
        raise Malformed(f"{where}: a feature that the model lacks")
