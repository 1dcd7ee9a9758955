"""Decision trees in skops files: those that scikit-learn grew are shown safe, and no crafted one is."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiltyard.artifacts.skops.parts import Fault
from tiltyard.artifacts.skops.trees import _depth
from tiltyard.artifacts.verdict import Verdict, scan_content
from tiltyard.errors import Problem
from tiltyard.targets.model_file import ModelFile, scan_and_read
from tiltyard.targets.skops_file import estimator_in

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(120, 4)), RNG.integers(0, 3, 120)
Change = Callable[[dict[str, Any], dict[str, np.ndarray]], object]


def grown() -> list[Any]:
    from sklearn.ensemble import (
        AdaBoostClassifier,
        BaggingClassifier,
        ExtraTreesClassifier,
        HistGradientBoostingClassifier,
        HistGradientBoostingRegressor,
        IsolationForest,
        RandomForestClassifier,
        RandomForestRegressor,
    )
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor

    return [
        DecisionTreeClassifier(max_depth=4),
        DecisionTreeClassifier(max_leaf_nodes=7, ccp_alpha=0.01),
        DecisionTreeClassifier(max_depth=1, min_samples_leaf=60),
        DecisionTreeRegressor(max_depth=3),
        ExtraTreeClassifier(),
        ExtraTreeRegressor(max_depth=2),
        RandomForestClassifier(3),
        RandomForestRegressor(2, max_depth=3),
        ExtraTreesClassifier(2),
        BaggingClassifier(n_estimators=2, max_features=0.5),
        AdaBoostClassifier(n_estimators=2),
        IsolationForest(n_estimators=2),
        HistGradientBoostingClassifier(max_iter=3),
        HistGradientBoostingRegressor(max_iter=2, early_stopping=True),
        make_pipeline(StandardScaler(), RandomForestClassifier(2)),
    ]


def judged(data: bytes) -> Verdict:
    return scan_content("model.skops", data)


def saved(model: Any, x: np.ndarray = X) -> bytes:
    import skops.io

    return skops.io.dumps(model.fit(x, Y))


def changed(data: bytes, change: Change) -> bytes:
    """``data`` after ``change`` of its schema and its arrays, by the name of their entry."""
    archive = zipfile.ZipFile(io.BytesIO(data))
    schema = json.loads(archive.read("schema.json"))
    arrays = {n: np.load(io.BytesIO(archive.read(n)), allow_pickle=False) for n in archive.namelist() if n.endswith(".npy")}
    change(schema, arrays)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name, array in arrays.items():
            kept = io.BytesIO()
            np.save(kept, array, allow_pickle=False)
            made.writestr(name, kept.getvalue())
        made.writestr("schema.json", json.dumps(schema))
    return out.getvalue()


def fields(schema: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = schema["content"]["content"]
    return found


def state(schema: dict[str, Any]) -> dict[str, Any]:
    """What the tree of a single estimator keeps."""
    return fields(fields(schema)["tree_"])


def named(value: object) -> dict[str, Any]:
    return {"__class__": type(value).__name__, "__module__": "builtins", "__loader__": "JsonNode", "content": json.dumps(value)}


def put(schema: dict[str, Any], key: str, value: dict[str, Any]) -> None:
    held = schema["content"]
    if key not in held["content"]:
        held["key_types"]["content"].append({"__class__": "str", "__module__": "builtins", "__loader__": "TypeNode"})
    held["content"][key] = value


def node(field: str, at: int, value: float) -> Change:
    def change(schema: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        arrays[state(schema)["nodes"]["file"]][field][at] = value

    return change


def columns_by_name(schema: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    held = schema["content"]
    held["content"]["n_features_in_"] = held["content"].pop("n_features_in_")
    held["key_types"]["content"].pop()  # so that skops leaves it out, and nothing counts columns


def another_id(schema: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    four = fields(schema)["n_features_in_"]
    fields(schema)["criterion"] = {**named(9), "__id__": four["__id__"]}  # built first, so read in the place of the other


def ufunc(name: str) -> dict[str, Any]:
    return {"__class__": name, "__module__": "numpy", "__loader__": "FunctionNode", "content": name}


def shape(key: str, array: Callable[[np.ndarray], np.ndarray]) -> Change:
    def change(schema: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        where = state(schema)[key]["file"]
        arrays[where] = array(arrays[where])

    return change


def classes(array: np.ndarray) -> Change:
    def change(schema: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        arrays[fields(schema)["tree_"]["__reduce__"]["args"]["content"][1]["file"]] = array

    return change


CRAFTED: dict[str, Change] = {
    "a child beyond the end": node("left_child", 0, 10**9),
    "a child before its parent": node("left_child", 2, 1),
    "a child of its own": node("right_child", 0, 0),
    "a child below zero": node("right_child", 0, -7),
    "two parents": node("right_child", 0, 1),
    "a half leaf": lambda s, a: a[state(s)["nodes"]["file"]]["right_child"].__setitem__(-1, 3),
    "a column beyond the end": node("feature", 0, 4),
    "a column below zero": node("feature", 0, -2),
    "too deep": lambda s, a: state(s).update(max_depth=named(1)),
    "a depth for a huge array": lambda s, a: state(s).update(max_depth=named(1 << 40)),
    "more nodes than there are": lambda s, a: state(s).update(node_count=named(1 << 20)),
    "no number of nodes": lambda s, a: state(s).update(node_count=named(True)),
    "fewer values": shape("values", lambda v: v[:-1]),
    "values of half the width": shape("values", lambda v: v.astype(np.float32)),
    "fewer nodes": shape("nodes", lambda v: v[:-1]),
    "nodes without a name": shape("nodes", lambda v: v.view("V64")),
    "no nodes": shape("nodes", lambda v: v[:0]),
    "more classes than values": classes(np.array([9])),
    "no class": classes(np.array([0])),
    "more outputs than counts": lambda s, a: fields(s)["tree_"]["__reduce__"]["args"]["content"].__setitem__(2, named(5)),
    "columns not those of the estimator": lambda s, a: fields(s).update(n_features_in_=named(3)),
    "columns that are left out": columns_by_name,
    "columns under another's id": another_id,
    "a reference": lambda s, a: put(s, "random_state", {"__loader__": "CachedNode", "__module__": "", "__class__": "", "__id__": 1}),
    "a method replaced": lambda s, a: put(s, "_validate_X_predict", ufunc("fmax")),
    "a key that is no text": lambda s, a: s["content"]["key_types"]["content"][0].update({"__class__": "int"}),
    "a tree under another name": lambda s, a: put(s, "criterion", fields(s)["tree_"]),
    "no constructor": lambda s, a: fields(s)["tree_"].pop("__reduce__"),
    "an array that is missing": lambda s, a: state(s)["nodes"].update(file="0.npy"),
}


def test_what_scikit_learn_grew_is_safe_and_predicts_the_same(tmp_path: Path) -> None:
    path = tmp_path / "model.skops"
    for model in grown():
        path.write_bytes(saved(model))
        file = scan_and_read(path)
        assert np.array_equal(estimator_in(file).predict(X), model.predict(X)), model


def test_a_table_with_named_columns_is_safe() -> None:
    import pandas
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.tree import DecisionTreeClassifier

    named_columns = pandas.DataFrame(X, columns=list("abcd"))
    assert judged(saved(DecisionTreeClassifier(max_depth=2), named_columns)).safe
    assert judged(saved(HistGradientBoostingClassifier(max_iter=1), named_columns)).safe


@pytest.mark.parametrize("name", CRAFTED)
def test_a_crafted_tree_is_not_shown_safe(name: str) -> None:
    from sklearn.tree import DecisionTreeClassifier

    data = saved(DecisionTreeClassifier(max_depth=4, random_state=0))
    assert judged(changed(data, lambda s, a: None)).safe
    assert not judged(changed(data, CRAFTED[name])).safe


@pytest.mark.parametrize(
    ("field", "value"),
    [("feature_idx", 4), ("feature_idx", -1), ("left", 0), ("right", 2**32 - 1), ("is_categorical", 1)],
)
def test_a_crafted_boosting_is_not_shown_safe(field: str, value: int) -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier

    def change(schema: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        tree = fields(schema)["_predictors"]["content"][1]["content"][0]
        arrays[fields(tree)["nodes"]["file"]][field][0] = value

    data = saved(HistGradientBoostingClassifier(max_iter=2, random_state=0))
    assert judged(data).safe
    assert not judged(changed(data, change)).safe


@pytest.mark.parametrize("replaced", ["_preprocess_X", "_raw_predict", "_in_fit"])
def test_a_boosting_whose_method_is_replaced_is_not_shown_safe(replaced: str) -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier

    data = saved(HistGradientBoostingClassifier(max_iter=1))
    assert not judged(changed(data, lambda s, a: put(s, replaced, ufunc("positive")))).safe


def test_gradient_boosting_says_why(tmp_path: Path) -> None:
    from sklearn.ensemble import GradientBoostingRegressor

    path = tmp_path / "model.skops"
    path.write_bytes(saved(GradientBoostingRegressor(n_estimators=1)))
    with pytest.raises(Problem, match="only GradientBoostingClassifier is known"):
        scan_and_read(path)


def test_a_tree_without_an_estimator_is_not_shown_safe() -> None:
    import skops.io
    from sklearn.tree import DecisionTreeClassifier

    assert not judged(skops.io.dumps(DecisionTreeClassifier().fit(X, Y).tree_)).safe


def test_nothing_else_is_trusted_with_trees() -> None:
    from sklearn.tree import DecisionTreeClassifier

    data = changed(
        saved(DecisionTreeClassifier()), lambda s, a: put(s, "class_weight", {**ufunc("x"), "__module__": "os", "__class__": "system"})
    )
    assert judged(data).verdict == "malicious"
    with pytest.raises(Problem):
        estimator_in(ModelFile(Path("m.skops"), judged(data).format, data, ""))


@given(st.data())
def test_depth_is_that_of_a_walk(data: st.DataObject) -> None:
    """Any tree grown by splitting leaves; and any one changed child is a fault or another tree of as many nodes."""
    left: dict[int, int] = {}
    right: dict[int, int] = {}
    leaves, depths = [0], {0: 0}
    for _ in range(data.draw(st.integers(0, 12))):
        parent = leaves.pop(data.draw(st.integers(0, len(leaves) - 1)))
        left[parent], right[parent] = len(depths), len(depths) + 1
        depths |= {left[parent]: depths[parent] + 1, right[parent]: depths[parent] + 1}
        leaves += [left[parent], right[parent]]
    parents = np.array(sorted(left), np.int64)
    children = [np.array([side[p] for p in parents.tolist()], np.int64) for side in (left, right)]
    assert _depth(len(depths), parents, *children) == max(depths.values())
    if len(parents):
        at, value = data.draw(st.integers(0, len(parents) - 1)), data.draw(st.integers(-3, len(depths) + 3))
        if value != children[0][at]:
            children[0][at] = value
            with pytest.raises(Fault):
                _depth(len(depths), parents, *children)
