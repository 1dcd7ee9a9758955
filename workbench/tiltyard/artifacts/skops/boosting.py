"""GradientBoosting in a skops file, shown safe: its C code takes each estimator's tree unasked, and writes a column for each of a stage.

So every stage must be of scikit-learn's own trees, as many as there are columns, on as many features as the ensemble asks for, and what the
sums start from must have these columns.
"""

from typing import TYPE_CHECKING, Any

from .parts import array_of, fields, items, kind, must, number, plain
from .trees import SINGLE, check_tree

if TYPE_CHECKING:
    from .parts import Arrays

MODULE = "sklearn.ensemble._gb"
TREE_OWNER = ("ObjectNode", "sklearn.tree._classes", "DecisionTreeRegressor")
START = ("ObjectNode", "sklearn.dummy", "DummyClassifier")
_FIELDS = frozenset(
    """_loss _rng _sklearn_version alpha ccp_alpha classes_ criterion estimators_ feature_names_in_ init init_ learning_rate loss max_depth
    max_features max_features_ max_leaf_nodes min_impurity_decrease min_samples_leaf min_samples_split min_weight_fraction_leaf n_classes_
    n_estimators n_estimators_ n_features_in_ n_iter_no_change n_trees_per_iteration_ oob_improvement_ oob_score_ oob_scores_ random_state
    subsample tol train_score_ validation_fraction verbose warm_start""".split()
)
_START = frozenset(
    """_sklearn_version _strategy class_prior_ classes_ constant feature_names_in_ n_classes_ n_features_in_ n_outputs_ random_state
    sparse_output_ strategy""".split()
)
_LOSS = frozenset(
    "approx_hessian class_indexing_offsets closs constant_hessian device interval_y_pred interval_y_true link n_classes xp y_true_int y_true_one_hot".split()
)
_LOSSES = {"HalfBinomialLoss": "LogitLink", "ExponentialLoss": "HalfLogitLink", "HalfMultinomialLoss": "MultinomialLogit"}


def check_boosting(node: dict[str, Any], array: "Arrays") -> None:
    """Raise a `Fault` unless a GradientBoostingClassifier is what scikit-learn fits."""
    must(kind(node) == ("ObjectNode", MODULE, "GradientBoostingClassifier"), "only GradientBoostingClassifier is known of its module")
    held = fields(node["content"], _FIELDS)
    if "estimators_" not in held:
        return
    classes, columns, features = (number(held[key]) for key in ("n_classes_", "n_trees_per_iteration_", "n_features_in_"))
    must(columns == (1 if classes == 2 else classes) and classes > 1, f"it has {columns:,} trees a stage for {classes:,} classes")
    _check_stages(held["estimators_"], columns, features, array)
    _check_loss(held["_loss"], classes)
    if held["init_"]["__loader__"] == "JsonNode":
        must(plain(held["init_"]) == "zero", "it starts from something unknown")
    else:
        _check_start(held["init_"], classes, array)


def _check_stages(node: dict[str, Any], columns: int, features: int, array: "Arrays") -> None:
    must(kind(node) == ("NdArrayNode", "numpy", "ndarray") and node["type"] == "json", "its stages are no array")
    stages = [items(stage) for stage in items(node, "NdArrayNode")]
    shape = [number(side) for side in items(node["shape"], "TupleNode")]
    must(shape == [len(stages), columns] and bool(stages), f"its stages have the shape {shape}")
    for stage in stages:
        must(len(stage) == columns, "a stage has other trees than columns")
        for owner in stage:
            must(kind(owner) == TREE_OWNER, "a stage holds something else than DecisionTreeRegressor")
            held = fields(owner["content"], SINGLE)
            must(number(held["n_features_in_"]) == features, "a tree reads other columns than its ensemble")
            check_tree(held["tree_"], features, array, single=True)


def _check_loss(node: dict[str, Any], classes: int) -> None:
    _, module, name = kind(node)
    must(node["__loader__"] == "ObjectNode" and module == "sklearn._loss.loss" and name in _LOSSES, "its loss is not known")
    held = fields(node["content"], _LOSS)
    must((name == "HalfMultinomialLoss") == (classes > 2), "its loss is that of another number of classes")
    link = held["link"]
    must(kind(link) == ("ObjectNode", "sklearn._loss.link", _LOSSES[name]), "its link is not that of its loss")
    if link["content"]["__loader__"] != "JsonNode":
        fields(link["content"], frozenset({"interval_y_pred", "symmetry_check"}))


def _check_start(node: dict[str, Any], classes: int, array: "Arrays") -> None:
    must(kind(node) == START, "it starts from another estimator (init)")
    held = fields(node["content"], _START)
    must(plain(held["_strategy"]) == "prior" and number(held["n_outputs_"]) == 1, "it starts from no prior")
    must(array_of(held["class_prior_"], array).shape == (classes,), "it starts from other classes")
    must(array_of(held["classes_"], array).shape == (classes,) and number(held["n_classes_"]) == classes, "it starts from other classes")
