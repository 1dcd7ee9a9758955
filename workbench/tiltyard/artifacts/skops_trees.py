"""Decision trees in a skops file, shown safe by their numbers.

scikit-learn follows the indices of a tree's nodes without asking whether they stay inside its arrays, so skops trusts no
tree. Here each is looked at before it is built: every node but the root has one parent that comes before it, every split
reads a column that the estimator itself asks for, and the estimator holds nothing beyond what scikit-learn writes, for an
attribute can stand in for the method that counts the columns.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy import ndarray

    Arrays = Callable[[str], ndarray[Any, Any]]

TREE = ("TreeNode", "sklearn.tree._tree", "Tree")
PREDICTOR = ("ObjectNode", "sklearn.ensemble._hist_gradient_boosting.predictor", "TreePredictor")
TREES = frozenset({TREE, PREDICTOR})
CATEGORIES = "it splits by categories; give it numbers, or convert it to ONNX"
_LEAF = -1
_NODE = {
    "left_child": "<i8",
    "right_child": "<i8",
    "feature": "<i8",
    "threshold": "<f8",
    "impurity": "<f8",
    "n_node_samples": "<i8",
    "weighted_n_node_samples": "<f8",
    "missing_go_to_left": "|u1",
}
_BOOSTED_NODE = {
    "value": "<f8",
    "count": "<u4",
    "feature_idx": "<i8",
    "num_threshold": "<f8",
    "missing_go_to_left": "|u1",
    "left": "<u4",
    "right": "<u4",
    "gain": "<f8",
    "depth": "<u4",
    "is_leaf": "|u1",
    "bin_threshold": "|u1",
    "is_categorical": "|u1",
    "bitset_idx": "<u4",
}
_SINGLE = frozenset(
    """_sklearn_version ccp_alpha class_weight classes_ criterion feature_names_in_ max_depth max_features max_features_
    max_leaf_nodes min_impurity_decrease min_samples_leaf min_samples_split min_weight_fraction_leaf monotonic_cst n_classes_
    n_features_in_ n_outputs_ random_state splitter tree_""".split()
)
_BOOSTED = frozenset(
    """_baseline_prediction _bin_mapper _feature_subsample_rng _is_categorical_remapped _label_encoder _loss _n_features
    _predictors _preprocessor _random_seed _scorer _sklearn_version _use_validation_data categorical_features class_weight
    classes_ do_early_stopping_ early_stopping feature_names_in_ interaction_cst is_categorical_ l2_regularization
    learning_rate loss max_bins max_depth max_features max_iter max_leaf_nodes min_samples_leaf monotonic_cst n_features_in_
    n_iter_no_change n_trees_per_iteration_ quantile random_state scoring tol train_score_ validation_fraction
    validation_score_ verbose warm_start""".split()
)
_SINGLES = frozenset({"DecisionTreeClassifier", "DecisionTreeRegressor", "ExtraTreeClassifier", "ExtraTreeRegressor"})
_BOOSTINGS = frozenset({"HistGradientBoostingClassifier", "HistGradientBoostingRegressor"})


class _Fault(ValueError):
    """Why a tree is not shown safe."""


def fault(nodes: Iterable[dict[str, Any]], array: "Arrays") -> str | None:
    """Why a tree of a skops file cannot be shown safe; None where every one is.

    ``nodes``: every dictionary of its schema. ``array``: reads an array of the file by the name of its entry.
    """
    listed = [n for n in nodes if isinstance(n.get("__loader__"), str)]
    try:
        _each_itself(listed)
        shown = {id(tree) for node in listed for tree in _shown(node, array)}
        if any(_kind(n) in TREES and id(n) not in shown for n in listed):
            raise _Fault("it stands outside of the estimators whose use of a tree is known")
    except _Fault as error:
        return str(error)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError):
        return "it is not written as skops writes it"
    return None


def _kind(node: dict[str, Any]) -> tuple[str, str, str]:
    return node["__loader__"], node["__module__"], node["__class__"]


def _each_itself(nodes: list[dict[str, Any]]) -> None:
    """skops builds a node once for each id, so what stands at a second place with that id is not what it would read."""
    known: dict[Any, dict[str, Any]] = {}
    for node in nodes:
        own = node.get("__id__")
        _must(node["__loader__"] != "CachedNode" and (not own or _same(known.setdefault(own, node), node)), "a node refers to another one")
        _must(
            node["__module__"] != "sklearn.ensemble._gb",
            "GradientBoosting goes past its trees' own checks; HistGradientBoosting can be shown",
        )


def _same(one: Any, other: Any) -> bool:
    """Whether two parts of a schema say the same; ids inside may differ, for skops gives new ones to what it makes on the way."""
    if one is other:
        return True
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(k == "__id__" or _same(v, other[k]) for k, v in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and bool(one == other)


def _shown(node: dict[str, Any], array: "Arrays") -> Iterator[dict[str, Any]]:
    """The trees directly in an estimator, each shown safe."""
    loader, module, name = _kind(node)
    if loader != "ObjectNode":
        return
    if module == "sklearn.tree._classes" and name in _SINGLES:
        held = _fields(node["content"], _SINGLE)
        if "tree_" in held:
            _check_tree(held["tree_"], _number(held["n_features_in_"]), array)
            yield held["tree_"]
    elif module == "sklearn.ensemble._hist_gradient_boosting.gradient_boosting" and name in _BOOSTINGS:
        held = _fields(node["content"], _BOOSTED)
        stages = _items(held["_predictors"]) if "_predictors" in held else []
        for predictor in (p for stage in stages for p in _items(stage)):
            _must(_json(held["_preprocessor"]) is None, CATEGORIES)
            _check_predictor(predictor, _number(held["n_features_in_"]), array)
            yield predictor


def _check_tree(tree: dict[str, Any], features: int, array: "Arrays") -> None:
    import numpy as np

    _must(_kind(tree) == TREE, "an estimator's tree is of another type")
    columns, classes, outputs = _items(tree["__reduce__"]["args"], "TupleNode")
    state = _fields(tree["content"], frozenset({"max_depth", "node_count", "nodes", "values"}))
    nodes, values, counts = _array(state["nodes"], array), _array(state["values"], array), _array(classes, array)
    _must(0 < features == _number(columns), "it was made for another number of columns than its estimator")
    _must(nodes.dtype == np.dtype(list(_NODE.items()), align=True), "its nodes are not those of scikit-learn 1.3 to 1.9")
    _must(nodes.ndim == 1 and len(nodes) == _number(state["node_count"]) > 0, "it counts other nodes than it has")
    _must(counts.dtype == np.int64 and counts.shape == (_number(outputs),) and bool((counts > 0).all()), "its classes are not counted")
    expected = (len(nodes), len(counts), int(counts.max(initial=1)))
    _must(values.dtype == np.float64 and values.shape == expected, f"its values have the shape {values.shape}, not {expected}")
    inner = nodes["left_child"] != _LEAF
    _must(bool((nodes["right_child"][~inner] == _LEAF).all()), "a leaf has a child")
    depth = _depth(len(nodes), np.flatnonzero(inner), nodes["left_child"][inner], nodes["right_child"][inner])
    _must(depth <= _number(state["max_depth"]) < max(len(nodes), 2), "it is deeper than it says")
    _check_columns(nodes["feature"][inner], features)


def _check_predictor(predictor: dict[str, Any], features: int, array: "Arrays") -> None:
    import numpy as np

    _must(_kind(predictor) == PREDICTOR, "an estimator's tree is of another type")
    held = _fields(predictor["content"], frozenset({"nodes", "binned_left_cat_bitsets", "raw_left_cat_bitsets"}))
    nodes = _array(held["nodes"], array)
    _must(nodes.dtype == np.dtype(list(_BOOSTED_NODE.items())), "its nodes are not those of scikit-learn 1.3 to 1.9")
    _must(nodes.ndim == 1 and len(nodes) > 0, "it has no nodes")
    _must(not nodes["is_categorical"].any(), CATEGORIES)
    inner = nodes["is_leaf"] == 0
    _depth(len(nodes), np.flatnonzero(inner), nodes["left"][inner].astype(np.int64), nodes["right"][inner].astype(np.int64))
    _check_columns(nodes["feature_idx"][inner], features)


def _depth(count: int, parents: "ndarray[Any, Any]", left: "ndarray[Any, Any]", right: "ndarray[Any, Any]") -> int:
    """Depth of a tree of ``count`` nodes whose children come after their parents, each once; anything else is a fault."""
    import numpy as np

    for children in (left, right):
        _must(bool(((parents < children) & (children < count)).all()), "a node leads outside of it, or back")
    both = np.concatenate([left, right])
    _must(bool((np.sort(both) == np.arange(1, count)).all()) if len(both) == count - 1 else False, "a node has two parents, or none")
    ahead, steps = np.zeros(count, np.int64), np.ones(count, np.int64)
    ahead[left], ahead[right], steps[0] = parents, parents, 0
    while ahead.any():  # each round doubles how far up a node has looked
        steps, ahead = steps + steps[ahead], ahead[ahead]
    return int(steps.max())


def _check_columns(read: "ndarray[Any, Any]", features: int) -> None:
    _must(bool(((read >= 0) & (read < features)).all()), f"a split reads a column outside of the {features:,} of its estimator")


def _must(held: bool, otherwise: str) -> None:
    if not held:
        raise _Fault(otherwise)


def _fields(node: Any, known: frozenset[str]) -> dict[str, Any]:
    """The entries of a dictionary whose keys are text and among ``known``."""
    _must(_kind(node) == ("DictNode", "builtins", "dict"), "a part of it is no plain dictionary")
    held = dict(node["content"])
    kinds = _items(node["key_types"])
    _must(len(kinds) == len(held) and all(_kind(k) == ("TypeNode", "builtins", "str") for k in kinds), "a key of it is no text")
    _must(held.keys() <= known, f"it holds {min(held.keys() - known, default='')[:60]!r}, which scikit-learn does not write")
    return held


def _items(node: Any, loader: str = "ListNode") -> list[Any]:
    _must(node["__loader__"] == loader and isinstance(node["content"], list), "a part of it is no list")
    return list(node["content"])


def _json(node: Any) -> Any:
    _must(node["__loader__"] == "JsonNode", "a part of it is no plain value")
    return json.loads(node["content"])


def _number(node: Any) -> int:
    value = _json(node)
    _must(type(value) is int and 0 <= value < 1 << 62, "a number of it is no whole number")
    return int(value)


def _array(node: Any, array: "Arrays") -> "ndarray[Any, Any]":
    _must(_kind(node) == ("NdArrayNode", "numpy", "ndarray") and node["type"] == "numpy", "a part of it is no array")
    return array(str(node["file"]))
