"""Is this name one of the known types? By exact names under exact packages, never by a pattern an attacker could meet."""

from . import known_names as names

Name = tuple[str, str]


def _exact(table: dict[str, str]) -> frozenset[Name]:
    return frozenset((module, name) for module, listed in table.items() for name in listed.split())


_SKLEARN = {package: frozenset(listed.split()) for package, listed in names.SKLEARN.items()}
_SKLEARN_CALLED = {package: frozenset(listed.split()) for package, listed in names.SKLEARN_CALLED.items()}
_UFUNCS = frozenset(names.UFUNCS.split())
_METRICS = frozenset(names.METRICS.split())
_SCORES = frozenset("chi2 f_classif f_oneway f_regression mutual_info_classif mutual_info_regression r_regression".split())
_TORCH = frozenset(names.TORCH_MODULES.split())
_OPTIMIZERS = frozenset(names.TORCH_OPTIMIZERS.split())
_DISTRIBUTIONS = frozenset(
    (f"scipy.stats.{module}", name)
    for module, listed in (("_continuous_distns", names.CONTINUOUS), ("_discrete_distns", names.DISCRETE))
    for name in listed.split()
)
_SPARSE = frozenset(names.SPARSE.split())
_CLASSES = _exact({**names.PANDAS, **names.BOOSTERS, **names.TORCH_MORE, **names.SMOOTH}) | {
    ("joblib.numpy_pickle", "NumpyArrayWrapper"),
    ("torch.nn.modules.module", "Module"),
    ("transformers.training_args", "TrainingArguments"),
    ("transformers.trainer_pt_utils", "AcceleratorConfig"),
    ("accelerate.state", "PartialState"),
    ("argparse", "Namespace"),
    ("types", "SimpleNamespace"),
    ("numpy.random.bit_generator", "SeedSequence"),
    ("numpy.random._bit_generator", "SeedSequence"),
    ("collections", "UserDict"),
    ("collections", "UserList"),
}
_VALUES = (
    _exact(names.TORCH_FUNCTIONS)
    | {("numpy", name) for name in (*names.UFUNCS.split(), *names.SCALARS.split(), "ndarray", "dtype", "matrix", "nan", "inf")}
    | {("numpy.ma", "MaskedArray"), ("numpy.ma.core", "MaskedArray"), ("numpy.matrixlib.defmatrix", "matrix"), ("numpy", "recarray"), ("numpy.rec", "recarray"), ("numpy", "record")}
    | {("numpy", name) for name in "mean median amax amin max min sum std var".split()}
    | {("scipy._lib.array_api_compat.numpy._aliases", "asarray"), ("sklearn.cluster._kmeans", "_kmeans_single_lloyd"), ("sklearn.cluster._kmeans", "_kmeans_single_elkan")}
    | {("scipy.interpolate._interpolate", f"interp1d._call_{kind}") for kind in "linear linear_np nearest previous_next spline nan_spline".split()}
    | {("zoneinfo", "ZoneInfo"), ("pandas", "NA"), ("pandas._libs.missing", "NA"), ("sklearn.utils.validation", "check_array")}
    | {("scipy.special._ufuncs", name) for name in ("expit", "logit")}
    | {(b, n) for b in ("builtins", "__builtin__") for n in "int float str bool bytes list dict tuple object type NoneType Ellipsis NotImplemented long unicode".split()}
    | {("numpy.random._mt19937", "MT19937"), ("numpy.random._pcg64", "PCG64"), ("numpy.random._philox", "Philox"), ("numpy.random._sfc64", "SFC64")}
)  # fmt: skip
Builtins = ("builtins", "__builtin__")


def is_class(module: str, name: str) -> bool:
    """A class that is made without arguments and given its state: no constructor of it runs."""
    first, _, rest = module.partition(".")
    if first == "sklearn":
        return name in _SKLEARN.get(rest.split(".")[0], ())
    if first == "torch":
        modules, optimizer = module.startswith("torch.nn.modules."), module.startswith("torch.optim.")
        return (modules and name in _TORCH) or (optimizer and name in _OPTIMIZERS) or (module, name) in _CLASSES
    if module.startswith("scipy.stats."):
        return (module, name) in _CLASSES or (module, name) in _DISTRIBUTIONS
    if module.startswith("scipy.sparse."):
        return name in _SPARSE
    return (module, name) in _CLASSES


def is_kept_function(module: str, name: str) -> bool:
    """A function of plain values that an object may keep bound to arguments."""
    return (
        (module == "numpy" and name in _UFUNCS)
        or (module, name) == ("sklearn.utils.validation", "check_array")
        or (module.startswith("sklearn.metrics.") and name in _METRICS)
    )


def is_value(module: str, name: str) -> bool:
    """A type or function that is only kept, never called by the file: a dtype, a metric, a ufunc."""
    if module.startswith("sklearn.metrics."):
        return name in _METRICS or (module, name) == ("sklearn.metrics._scorer", "_passthrough_scorer")
    if module.startswith("sklearn.feature_selection."):
        return name in _SCORES
    return (module, name) in _VALUES


def is_made(module: str, name: str) -> bool:
    """A small compiled class of scikit-learn that is called with numbers."""
    package = module.partition(".")[2].split(".")[0]
    return module.startswith("sklearn.") and name in _SKLEARN_CALLED.get(package, ())
