"""Numbers in a skops file that NumPy, SciPy and scikit-learn take for places in memory without asking, shown to stay inside.

A random generator starts to read where its file says, an encoder and a vocabulary name columns of a sparse array that SciPy
writes to without a look, a hasher divides by its columns, and support vectors, centers and neighbors are read as wide as the rows that come. skops trusts them all.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .parts import Fault, array_of, each_itself, entries, items, kind, must, number, plain
from .shown import SHOWN
from .trees import BOOSTINGS

if TYPE_CHECKING:
    from .parts import Arrays

_MOST_THREADS = 1024
_BIN_MAPPER = "_BinMapper"
_BUFFERS = {"MT19937": ("pos", 624), "Philox": ("buffer_pos", 4)}
_SCALARS = frozenset("int8 int16 int32 int64 uint8 uint16 uint32 uint64".split())
_MACHINES = {"SVC": True, "NuSVC": True, "SVR": False, "NuSVR": False, "OneClassSVM": False}
OUT = "it writes into an array of its own (out)"


def fault(nodes: list[dict[str, Any]], array: "Arrays") -> tuple[str, str] | None:
    """What in a skops file could lead outside of an array, and why; None where nothing does.

    ``nodes``: every dictionary of its schema. ``array``: reads an array of the file by the name of its entry.
    """
    what = "schema.json"
    try:
        each_itself(nodes, array)
        must(not any(_writes(n.get("out")) for n in nodes), OUT)
        listed = [n for n in nodes if isinstance(n.get("__loader__"), str)]
        _check_mappers(listed)
        for node in listed:
            what = f"{node['__module__']}.{node['__class__']}"
            if check := _CHECKS.get(node["__loader__"]):
                check(node, array)
            elif node["__loader__"] == "ObjectNode" and "content" in node:
                _check_object(node, array)
    except Fault as error:
        return what, str(error)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, RecursionError):
        return what, "it is not written as skops writes it"
    return None


def _writes(node: object) -> bool:
    """Whether this stands for an array that a ufunc would write into; a number (a word's place in a vocabulary) does not."""
    return isinstance(node, dict) and node.get("__loader__") not in (None, "JsonNode") and node.get("__class__") not in _SCALARS


def _check_mappers(listed: list[dict[str, Any]]) -> None:
    """A bin mapper asks for columns, not for the lists it reads them by; within its estimator nothing transforms after the fit."""
    held = [n["content"]["content"]["_bin_mapper"] for n in listed if n["__class__"] in BOOSTINGS and "_bin_mapper" in _content(n)]
    known = {id(n) for n in held}
    must(all(id(n) in known for n in listed if n["__class__"] == _BIN_MAPPER), "a bin mapper stands outside of its estimator")


def _content(node: dict[str, Any]) -> dict[str, Any]:
    return node["content"]["content"] if "content" in node else {}


def _check_state(node: dict[str, Any], array: "Arrays") -> None:
    _check_generator(entries(node["content"]))


def _check_seeded(node: dict[str, Any], array: "Arrays") -> None:
    _check_generator(entries(node["content"]["bit_generator"]))
    seed = entries(node["content"]["seed_seq"])
    must("pool_size" not in seed or number(seed["pool_size"]) <= 64, "its pool of seeds would be mixed for ever")


def _check_generator(held: dict[str, Any]) -> None:
    if found := _BUFFERS.get(plain(held["bit_generator"])):
        field, most = found
        where = held if field in held else entries(held["state"])
        must(number(where[field]) <= most, f"it would go on reading at {field} {number(where[field]):,} of {most}")


_CHECKS: "dict[str, Callable[[dict[str, Any], Arrays], None]]" = {
    "RandomStateNode": _check_state,
    "RandomGeneratorNode": _check_seeded,
}


def _check_object(node: dict[str, Any], array: "Arrays") -> None:
    _, module, name = kind(node)
    if name in ("FeatureHasher", "HashingVectorizer"):
        count = _whole(entries(node["content"])["n_features"], array)
        must(0 < count < 1 << 31, f"it would divide by its {count:,} columns")
    elif name in ("CountVectorizer", "TfidfVectorizer", "DictVectorizer", "MultiLabelBinarizer"):
        _check_places(entries(node["content"]), array)
    elif name == "OneHotEncoder":
        _check_encoder(entries(node["content"]), array)
    elif name in ("KMeans", "MiniBatchKMeans"):
        _check_centers(entries(node["content"]), array)
    elif name == "BisectingKMeans":
        must("_bisecting_tree" not in entries(node["content"]), "another object stands in for its tree of centers")
    elif module.startswith("sklearn.neighbors.") and kind(node) not in SHOWN:
        _check_neighbors(entries(node["content"]), array)
    elif name in _MACHINES:
        _check_machine(entries(node["content"]), _MACHINES[name], array)


def _check_places(held: dict[str, Any], array: "Arrays") -> None:
    for key in ("vocabulary_", "_cached_dict"):
        if key in held and held[key]["__loader__"] != "JsonNode":
            places = [_whole(n, array) for n in entries(held[key]).values()]
            must(all(0 <= p < len(places) for p in places), f"a place in its {key} lies outside of its {len(places):,} columns")
        elif key in held:
            must(plain(held[key]) is None, f"its {key} is no dictionary")


def _check_encoder(held: dict[str, Any], array: "Arrays") -> None:
    if "_n_features_outs" not in held:
        return
    widths = [_whole(n, array) for n in items(held["_n_features_outs"])]
    tops = [_top(n, array) for n in items(held["categories_"])]
    if plain(held["_infrequent_enabled"]):
        grouped = [_mapped(n, top, array) for n, top in zip(items(held["_default_to_infrequent_mappings"]), tops, strict=True)]
        rare = items(held["_infrequent_indices"])
        same = len(rare) == len(tops) and all(_nothing(r) == (g is None) for r, g in zip(rare, grouped, strict=True))
        must(same, "it groups other categories than it maps")
        tops = [top if g is None else g for top, g in zip(tops, grouped, strict=True)]
    left = held["_drop_idx_after_grouping"]
    dropped: list[Any] = [None] * len(tops) if _nothing(left) else [plain(n) for n in left["content"]]
    must(_nothing(left) or left["type"] == "json", "what it drops is no list")
    for width, top, drop in zip(widths, tops, dropped, strict=True):
        must(drop is None or (type(drop) is int and 0 <= drop <= top), "it drops a category that it does not have")
        must(width > top - (drop is not None), f"its categories do not fit into the {width:,} columns it writes")


def _top(node: dict[str, Any], array: "Arrays") -> int:
    """The largest code of a column's categories."""
    if node["type"] == "json":
        return len(items(node, "NdArrayNode")) - 1
    known = array_of(node, array)
    ordered = known.dtype.kind in "OUS" or bool(((known[:-1] <= known[1:]) | (known[1:] != known[1:])).all())
    must(known.ndim == 1 and ordered, "its categories are not in order, so that codes go past their end")
    return len(known) - 1


def _mapped(node: dict[str, Any], top: int, array: "Arrays") -> int | None:
    if _nothing(node):
        return None
    codes = array_of(node, array)
    must(codes.dtype.kind in "iu" and codes.shape == (top + 1,) and bool((codes >= 0).all()), "it maps categories to no codes")
    return int(codes.max(initial=0))


def _check_centers(held: dict[str, Any], array: "Arrays") -> None:
    if "cluster_centers_" in held:
        shape = array_of(held["cluster_centers_"], array).shape
        must(
            len(shape) == 2 and shape[1] == number(held["n_features_in_"]),
            f"its centers have the shape {shape}, other columns than it takes",
        )
        must(0 < number(held["_n_threads"]) <= _MOST_THREADS, "it asks for more threads than a machine has")


def _check_neighbors(held: dict[str, Any], array: "Arrays") -> None:
    if "_fit_X" not in held:
        return
    shape = array_of(held["_fit_X"], array).shape
    expected = (number(held["n_samples_fit_"]), number(held["n_features_in_"]))
    must(shape == expected, f"its rows have the shape {shape}, not {expected}")
    if "classes_" in held and "_y" in held:
        one = held["classes_"]["__loader__"] != "ListNode"
        most = min(_length(n, array) for n in ([held["classes_"]] if one else items(held["classes_"])))
        codes = array_of(held["_y"], array)
        must(codes.dtype.kind in "iu" and len(codes) == shape[0], "its rows have no classes")
        must(bool(((codes >= 0) & (codes < most)).all()), f"a row has a class outside of the {most}") if one else None


def _check_machine(held: dict[str, Any], classifies: bool, array: "Arrays") -> None:
    """libsvm believes its arrays: as many vectors as are counted, as wide as the rows, with a weight each."""
    import numpy as np

    if "support_vectors_" not in held:
        return
    must(plain(held["_sparse"]) is False, "it was fitted on sparse rows")
    must("_impl" not in held and "_sparse_kernels" not in held, "it stands in for another kind of machine")
    vectors, weights = (array_of(held[k], array) for k in ("support_vectors_", "_dual_coef_"))
    counts, rows = array_of(held["_n_support"], array), array_of(held["support_"], array)
    odds = [array_of(held[k], array) for k in ("_intercept_", "_probA", "_probB")]
    count, classes = len(rows), len(counts) if classifies else 2
    pairs = classes * (classes - 1) // 2
    must(counts.dtype == rows.dtype == np.int32 and classes > 1, "its support vectors are not counted")
    must(bool((counts >= 0).all()) if classifies else len(counts) > 0, "it counts fewer than no support vectors")
    must(int((counts if classifies else counts[:1]).sum()) == count, "it counts other support vectors than it has")
    fit_rows = number(items(held["shape_fit_"], "TupleNode")[0])
    must(bool(((rows >= 0) & (rows < fit_rows)).all()), "a support vector is none of its rows")
    ready = plain(held["kernel"]) == "precomputed" if held["kernel"]["__loader__"] == "JsonNode" else True
    must(
        vectors.shape == (count, number(held["n_features_in_"])) or (ready and not vectors.size),
        "its support vectors are not as wide as rows",
    )
    must(weights.shape == (classes - 1, count), "its support vectors have no weight each")
    must(odds[0].shape == (pairs,) and all(o.shape in ((0,), (pairs,)) for o in odds[1:]), "its pairs of classes are not counted")
    must(odds[1].shape == odds[2].shape or not classifies, "its probabilities are half there")


def _length(node: dict[str, Any], array: "Arrays") -> int:
    return len(items(node, "NdArrayNode")) if node["type"] == "json" else len(array_of(node, array))


def _nothing(node: dict[str, Any]) -> bool:
    return node["__loader__"] == "JsonNode" and plain(node) is None


def _whole(node: dict[str, Any], array: "Arrays") -> int:
    """A whole number, of Python or of NumPy."""
    if node["__loader__"] == "JsonNode":
        return number(node)
    must(node["__class__"] in _SCALARS and node["type"] == "numpy", "a number of it is no whole number")
    return int(array(str(node["file"])).item())
