"""Ball trees and k-d trees in a skops file, shown safe: a query follows the ranges of their nodes and their rows without asking."""

from typing import TYPE_CHECKING, Any

from .parts import array_of, entries, items, kind, must, number, plain

if TYPE_CHECKING:
    from .parts import Arrays

BALL = ("ObjectNode", "sklearn.neighbors._ball_tree", "BallTree")
KD = ("ObjectNode", "sklearn.neighbors._kd_tree", "KDTree")
# Those that measure by the two rows alone; others keep weights or matrices that they take for as wide as the rows.
DISTANCES = frozenset(
    ("ObjectNode", "sklearn.metrics._dist_metrics", f"{name}Distance64") for name in ("Euclidean", "Manhattan", "Chebyshev")
)
OWNERS = ("KNeighborsClassifier", "RadiusNeighborsClassifier")
_NODE = {"idx_start": "<i8", "idx_end": "<i8", "is_leaf": "<i8", "radius": "<f8"}


def neighbor_tree(node: dict[str, Any], array: "Arrays") -> dict[str, Any] | None:
    """The tree that a classifier of neighbors holds, shown safe; None where it holds none. Raises a `Fault`."""
    loader, module, name = kind(node)
    if loader != "ObjectNode" or module != "sklearn.neighbors._classification" or name not in OWNERS:
        return None
    held = entries(node["content"])
    tree = held.get("_tree")
    if tree is None or tree["__loader__"] == "JsonNode":
        return None
    _check(tree, number(held["n_samples_fit_"]), number(held["n_features_in_"]), array)
    found: dict[str, Any] = tree
    return found


def _check(tree: dict[str, Any], rows: int, features: int, array: "Arrays") -> None:
    import numpy as np

    must(kind(tree) in (BALL, KD), "what finds the neighbors is no ball tree and no k-d tree")
    state = items(tree["content"], "TupleNode")
    must(len(state) == 13, "its state is not that of scikit-learn 1.3 to 1.9")
    data, order, nodes, bounds = (array_of(part, array) for part in state[:4])
    leaf, levels, count = (number(part) for part in state[4:7])
    must(data.dtype == np.float64 and data.shape == (rows, features) and data.flags.c_contiguous, "its rows are not those of its estimator")
    must(
        order.dtype == np.int64 and bool((np.sort(order) == np.arange(rows)).all()) if order.shape == (rows,) else False,
        "its order is none",
    )
    must(nodes.dtype == np.dtype(list(_NODE.items())) and nodes.shape == (count,) and count > 0, "it counts other nodes than it has")
    must(levels < 63 and count == 2**levels - 1 and leaf > 0, "its levels are not those of its nodes")
    sides = 1 if kind(tree) == BALL else 2
    must(bounds.dtype == np.float64 and bounds.shape == (sides, count, features), f"its bounds have the shape {bounds.shape}")
    start, end = nodes["idx_start"], nodes["idx_end"]
    must(bool(((start >= 0) & (start <= end) & (end <= rows)).all()), "a node holds rows outside of it")
    must(bool((nodes["is_leaf"][count // 2 :] == 1).all()), "a last node is no leaf")
    for part in state[7:11]:
        number(part)
    _check_distance(state[11], array)
    must(plain(state[12]) is None, "it weighs its rows")


def _check_distance(node: dict[str, Any], array: "Arrays") -> None:
    must(kind(node) in DISTANCES, "its distance keeps numbers of its own; fit it with metric minkowski and p=1 or 2")
    power, weights, matrix = items(node["content"], "TupleNode")
    must(isinstance(plain(power), int | float), "its distance has no power")
    must(array_of(weights, array).shape == (1,) and array_of(matrix, array).shape == (1, 1), "its distance keeps weights")
