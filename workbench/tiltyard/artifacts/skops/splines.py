"""Splines in a skops file, shown safe: SciPy reads as many coefficients as its knots promise without asking."""

from typing import TYPE_CHECKING, Any

from .parts import array_of, fields, items, kind, must, number, plain

if TYPE_CHECKING:
    from .parts import Arrays

SPLINE = ("ObjectNode", "scipy.interpolate._bsplines", "BSpline")
AS_ARRAY = ("FunctionNode", "scipy._lib.array_api_compat.numpy._aliases", "asarray")
_HIGHEST = 16


def splines(node: dict[str, Any], array: "Arrays") -> list[dict[str, Any]]:
    """The splines of a SplineTransformer and what they call, shown safe; none of another node. Raises a `Fault`."""
    if kind(node) != ("ObjectNode", "sklearn.preprocessing._polynomial", "SplineTransformer"):
        return []
    held = fields(node["content"], _FIELDS)
    found = items(held["bsplines_"]) if "bsplines_" in held else []
    must(not found or len(found) == number(held["n_features_in_"]), "it has other splines than columns")
    calls = [_check(spline, number(held["degree"]), array) for spline in found]
    return [*found, *calls]


_FIELDS = frozenset(
    """_sklearn_version bsplines_ degree extrapolation feature_names_in_ handle_missing include_bias knots n_features_in_ n_features_out_
    n_knots order sparse_output""".split()
)


def _check(spline: dict[str, Any], degree: int, array: "Arrays") -> dict[str, Any]:
    """The function that a spline calls."""
    import numpy as np

    must(kind(spline) == SPLINE, "a spline of it is none")
    held = fields(spline["content"], frozenset({"_t", "_c", "k", "extrapolate", "axis", "_asarray"}))
    knots, weights, order = array_of(held["_t"], array), array_of(held["_c"], array), number(held["k"])
    must(order == degree <= _HIGHEST and number(held["axis"]) == 0, "a spline of another degree")
    must(knots.dtype == weights.dtype == np.float64 and knots.ndim == 1 and weights.ndim == 2, "a spline of other numbers")
    must(len(knots) == len(weights) + order + 1 and len(weights) > order, f"{len(knots):,} knots for {len(weights):,} coefficients")
    must(bool(np.isfinite(knots).all() and (np.diff(knots) >= 0).all()), "knots that are not in order")
    must(plain(held["extrapolate"]) in (True, False, "periodic"), "it goes on in an unknown way")
    must(kind(held["_asarray"]) == AS_ARRAY, "it calls another function")
    call: dict[str, Any] = held["_asarray"]
    return call
