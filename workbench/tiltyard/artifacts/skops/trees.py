"""Decision trees in a skops file, shown safe by their numbers.

scikit-learn follows the indices of a tree's nodes without asking whether they stay inside its arrays, so skops trusts no
tree. Here each is looked at before it is built: every node but the root has one parent that comes before it, every split
reads a column that the estimator itself asks for, and the estimator holds nothing beyond what scikit-learn writes, for an
attribute can stand in for the method that counts the columns.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .parts import array_of, fields, items, kind, must, number, plain

if TYPE_CHECKING:
    from numpy import ndarray

    from .parts import Arrays

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
SINGLE = frozenset(
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
BOOSTINGS = frozenset({"HistGradientBoostingClassifier", "HistGradientBoostingRegressor"})


def trees_in(node: dict[str, Any], array: "Arrays") -> Iterator[dict[str, Any]]:
    """The trees directly in an estimator, each shown safe."""
    loader, module, name = kind(node)
    if loader != "ObjectNode":
        return
    if module == "sklearn.tree._classes" and name in _SINGLES:
        held = fields(node["content"], SINGLE)
        if "tree_" in held:
            check_tree(held["tree_"], number(held["n_features_in_"]), array)
            yield held["tree_"]
    elif module == "sklearn.ensemble._hist_gradient_boosting.gradient_boosting" and name in BOOSTINGS:
        held = fields(node["content"], _BOOSTED)
        stages = items(held["_predictors"]) if "_predictors" in held else []
        for predictor in (p for stage in stages for p in items(stage)):
            must(plain(held["_preprocessor"]) is None, CATEGORIES)
            _check_predictor(predictor, number(held["n_features_in_"]), array)
            yield predictor


def check_tree(tree: dict[str, Any], features: int, array: "Arrays", single: bool = False) -> None:
    """Raise a `Fault` unless a tree stays inside its arrays and ``features``; ``single``: it must give one number a row."""
    import numpy as np

    must(kind(tree) == TREE, "an estimator's tree is of another type")
    columns, classes, outputs = items(tree["__reduce__"]["args"], "TupleNode")
    state = fields(tree["content"], frozenset({"max_depth", "node_count", "nodes", "values"}))
    nodes, values, counts = array_of(state["nodes"], array), array_of(state["values"], array), array_of(classes, array)
    must(0 < features == number(columns), "it was made for another number of columns than its estimator")
    must(nodes.dtype == np.dtype(list(_NODE.items()), align=True), "its nodes are not those of scikit-learn 1.3 to 1.9")
    must(nodes.ndim == 1 and len(nodes) == number(state["node_count"]) > 0, "it counts other nodes than it has")
    must(counts.dtype == np.int64 and counts.shape == (number(outputs),) and bool((counts > 0).all()), "its classes are not counted")
    must(not single or counts.tolist() == [1], "it gives several numbers a row")
    expected = (len(nodes), len(counts), int(counts.max(initial=1)))
    must(values.dtype == np.float64 and values.shape == expected, f"its values have the shape {values.shape}, not {expected}")
    inner = nodes["left_child"] != _LEAF
    must(bool((nodes["right_child"][~inner] == _LEAF).all()), "a leaf has a child")
    depth = _depth(len(nodes), np.flatnonzero(inner), nodes["left_child"][inner], nodes["right_child"][inner])
    must(depth <= number(state["max_depth"]) < max(len(nodes), 2), "it is deeper than it says")
    _check_columns(nodes["feature"][inner], features)


def _check_predictor(predictor: dict[str, Any], features: int, array: "Arrays") -> None:
    import numpy as np

    must(kind(predictor) == PREDICTOR, "an estimator's tree is of another type")
    held = fields(predictor["content"], frozenset({"nodes", "binned_left_cat_bitsets", "raw_left_cat_bitsets"}))
    nodes = array_of(held["nodes"], array)
    must(nodes.dtype == np.dtype(list(_BOOSTED_NODE.items())), "its nodes are not those of scikit-learn 1.3 to 1.9")
    must(nodes.ndim == 1 and len(nodes) > 0, "it has no nodes")
    must(not nodes["is_categorical"].any(), CATEGORIES)
    inner = nodes["is_leaf"] == 0
    _depth(len(nodes), np.flatnonzero(inner), nodes["left"][inner].astype(np.int64), nodes["right"][inner].astype(np.int64))
    _check_columns(nodes["feature_idx"][inner], features)


def _depth(count: int, parents: "ndarray[Any, Any]", left: "ndarray[Any, Any]", right: "ndarray[Any, Any]") -> int:
    """Depth of a tree of ``count`` nodes whose children come after their parents, each once; anything else is a fault."""
    import numpy as np

    for children in (left, right):
        must(bool(((parents < children) & (children < count)).all()), "a node leads outside of it, or back")
    both = np.concatenate([left, right])
    must(bool((np.sort(both) == np.arange(1, count)).all()) if len(both) == count - 1 else False, "a node has two parents, or none")
    ahead, steps = np.zeros(count, np.int64), np.ones(count, np.int64)
    ahead[left], ahead[right], steps[0] = parents, parents, 0
    while ahead.any():  # each round doubles how far up a node has looked
        steps, ahead = steps + steps[ahead], ahead[ahead]
    return int(steps.max())


def _check_columns(read: "ndarray[Any, Any]", features: int) -> None:
    must(bool(((read >= 0) & (read < features)).all()), f"a split reads a column outside of the {features:,} of its estimator")
