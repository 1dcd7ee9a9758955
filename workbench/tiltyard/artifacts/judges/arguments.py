"""What the calls in a pickle may be given: of each name that may be called, the arguments that ordinary files have.

`fault` answers with a clause where a call of an allowed name asks for more than its bytes justify, reaches outside its memory, or
is of a kind that ordinary files do not have. Of names that are on no list it says nothing: those are refused by name.
"""

import math
import re
from collections.abc import Callable
from typing import Any

from . import known
from .array_types import fault_of_type
from .bound import DISTRIBUTIONS, fault_of_distribution, zone
from .known_names import TRAINING
from .trust import ITEM_BYTES, TENSORS
from .values import Data, Holder, Import, Made, Stored

WRAPPERS = frozenset({("joblib.numpy_pickle", "NumpyArrayWrapper")})
MOST_FREE = 1 << 20
"""Bytes that a tensor may spread over without having them."""
_DESCR = re.compile(r"[<>|=]?(?:[biufcO](?:1|2|4|8|16|32)?|[SUVa][0-9]{1,9}|[mM]8(?:\[[0-9A-Za-zμ]{1,12}\])?|\?)")
_WIDTHS = {"float8": 1, "uint16": 2, "uint32": 4, "uint64": 8, "float16": 2, "bfloat16": 2, "float32": 4, "float64": 8, "int8": 1, "uint8": 1,
           "int16": 2, "int32": 4, "int64": 8, "bool": 1, "complex64": 8, "complex128": 16}  # fmt: skip
_ARRAYS = frozenset(
    {("numpy", "ndarray"), ("numpy", "matrix"), ("numpy.matrixlib.defmatrix", "matrix"), ("numpy", "recarray"), ("numpy.rec", "recarray")}
)
_GENERATORS = frozenset({"MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"})
_RANDOM = "numpy.random._pickle"
PASSED_ON = frozenset({(_RANDOM, "__bit_generator_ctor")})
"""What is only called, and NumPy before 2.0 gives to the call that makes a generator."""
_NUMPY = ("numpy.core.multiarray", "numpy._core.multiarray", "numpy")
_NUMERIC = ("numpy.core.numeric", "numpy._core.numeric")
_COPYREG = ("copyreg", "copy_reg")
_LATIN = frozenset({"latin1", "latin-1", "latin_1", "iso-8859-1", "utf-8", "utf8", "ascii"})
_FACTORIES = frozenset({"list", "dict", "int", "float", "set", "str", "bool", "tuple"})
_PATHS = frozenset({"Path", "PosixPath", "WindowsPath", "PurePath", "PurePosixPath", "PureWindowsPath"})


def _name(value: Any) -> known.Name:
    return (value.module or "", value.name) if isinstance(value, Import) else ("", "")


def plain(*values: Any) -> bool:
    """No import among the values, nor directly in a tuple of them, and no range, which a few bytes would unroll to gigabytes."""
    return all(plain(*v) if isinstance(v, tuple) else not isinstance(v, Import) and not _unrolls(v) for v in values)


def _unrolls(value: Any) -> bool:
    return isinstance(value, Made) and value.of[1] in ("range", "xrange")


def named_class(pid: Any) -> Import | None:
    """The class that a persistent id of torch's old format names beside its source, which torch only compares; or None."""
    whole = isinstance(pid, tuple) and len(pid) == 4 and pid[0] == "module" and plain(*pid[2:])
    return pid[1] if whole and known.is_class(*_name(pid[1])) else None


def stored(pid: Any) -> Stored | None:
    """The torch storage that a persistent id names, or None."""
    if not isinstance(pid, tuple) or len(pid) not in (5, 6) or pid[0] != "storage" or type(pid[4]) is not int or pid[4] < 0:
        return None
    width = ITEM_BYTES.get(_name(pid[1])[1].removesuffix("Storage"))
    return Stored(width, pid[4]) if width else None


def _sizes(value: Any) -> bool:
    return isinstance(value, tuple) and all(type(v) is int and 0 <= v < 1 << 62 for v in value)


def _tensor(args: tuple[Any, ...]) -> bool:
    """Storage, offset, sizes, strides: all that they reach lies in the storage, and is hardly more than it."""
    if len(args) < 4 or not isinstance(args[0], Stored) or type(args[1]) is not int or args[1] < 0:
        return False
    size, stride = args[2], args[3]
    if not (_sizes(size) and _sizes(stride) and len(size) == len(stride) and plain(*args[4:])):
        return False
    count, items = args[0].count, math.prod(size)
    if items == 0:
        return True
    last: int = args[1] + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    return last < count and bool(items <= count or items * args[0].width <= MOST_FREE)


def _typed(args: tuple[Any, ...]) -> bool:
    """As `_tensor`, over bytes: the type of the numbers is the seventh argument."""
    if len(args) < 7 or not isinstance(args[0], Stored) or _name(args[6])[0] != "torch":
        return False
    width = next((w for name, w in _WIDTHS.items() if _name(args[6])[1].startswith(name)), 0)
    return bool(width) and _tensor((Stored(width, args[0].width * args[0].count // width), *args[1:6], *args[7:]))


def _quantized(args: tuple[Any, ...]) -> bool:
    return _tensor((*args[:4],)) and plain(*(v for v in args[5:]))


def _meta(args: tuple[Any, ...]) -> bool:
    return plain(*(a for a in args if not (isinstance(a, Import) and a.module == "torch")))


def _parameter(args: tuple[Any, ...]) -> bool:
    return len(args) == 3 and isinstance(args[0], Made) and plain(*args[1:])


def _bytes(args: tuple[Any, ...]) -> bool:
    """Bytes that the file has, not a number of them to be made up."""
    return not args or (plain(*args) and type(args[0]) not in (int, bool, float, tuple))


def _encode(args: tuple[Any, ...]) -> bool:
    return len(args) in (1, 2, 3) and plain(*args) and all(isinstance(a, str) and a.lower() in _LATIN for a in args[1:2])


def _default(args: tuple[Any, ...]) -> bool:
    module, name = _name(args[0]) if args else ("", "")
    usual = (module in known.Builtins and name in _FACTORIES) or (module, name) == ("collections", "OrderedDict")
    return not args or ((args[0] is None or usual) and plain(*args[1:]))


def _partial(args: tuple[Any, ...]) -> bool:
    return len(args) == 1 and known.is_kept_function(*_name(args[0]))


def _word(args: tuple[Any, ...]) -> bool:
    return len(args) == 1 and (isinstance(args[0], str) and len(args[0]) < 64)


def _missing(args: tuple[Any, ...]) -> bool:
    """Plain values, or pandas' own mark of what is missing."""
    return plain(*(a for a in args if _name(a) not in (("pandas", "NA"), ("pandas._libs.missing", "NA"))))


def _sparse(args: tuple[Any, ...]) -> bool:
    """A layout, then tensors and sizes; that the indices lie within is checked where it is opened."""
    return (
        len(args) == 2
        and isinstance(args[0], Made)
        and args[0].of == ("torch.serialization", "_get_layout")
        and isinstance(args[1], tuple)
        and plain(*args[1])
    )


def _reconstructor(args: tuple[Any, ...]) -> bool:
    if len(args) == 3 and _name(args[0])[1] in ("dok_matrix", "dok_array"):
        return known.is_class(*_name(args[0])) and _name(args[1])[1] == "dict" and isinstance(args[2], Holder)
    return len(args) == 3 and known.is_class(*_name(args[0])) and _name(args[1])[1] == "object" and args[2] is None


def _array(args: tuple[Any, ...]) -> bool:
    """An empty array, which its state then fills."""
    return len(args) == 3 and _name(args[0]) in _ARRAYS and args[1] in ((0,), (0, 0)) and plain(args[2])


def _masked(args: tuple[Any, ...]) -> bool:
    return (
        len(args) == 4
        and _name(args[0])[1] == "MaskedArray"
        and _name(args[1]) == ("numpy", "ndarray")
        and args[2] == (0,)
        and plain(args[3])
    )


def _dtype(args: tuple[Any, ...]) -> bool:
    if not args or not plain(*args[1:]):
        return False
    return bool(_DESCR.fullmatch(args[0])) if isinstance(args[0], str) else known.is_value(*_name(args[0])) or isinstance(args[0], Made)


def _buffer(args: tuple[Any, ...]) -> bool:
    return len(args) == 4 and isinstance(args[0], Data | Made) and isinstance(args[1], Made) and _sizes(args[2]) and plain(args[3])


def _generator(args: tuple[Any, ...]) -> bool:
    """A bit generator by its name or type, and the one function that makes it."""
    first = not args or args[0] in _GENERATORS or _name(args[0])[1] in _GENERATORS or isinstance(args[0], Made)
    return first and (len(args) < 2 or (len(args) == 2 and _name(args[1]) in PASSED_ON))


def _numbers(args: tuple[Any, ...]) -> bool:
    return plain(*args)


def _fraction(args: tuple[Any, ...]) -> bool:
    """Whole numbers, or text without an exponent, which would be written out."""
    return plain(*args) and all(type(a) is int or (isinstance(a, str) and len(a) < 4000 and "e" not in a.lower()) for a in args)


def _range(args: tuple[Any, ...]) -> bool:
    return all(type(a) is int and abs(a) <= 10_000_000 for a in args)


def _tree(args: tuple[Any, ...]) -> bool:
    return len(args) == 3 and all(type(a) is int and 0 < a <= 1_000_000 for a in (args[0], args[2]))


def _class_first(args: tuple[Any, ...]) -> bool:
    """A known class and plain values: what compiled classes and pandas' indexes are made of."""
    first = _name(args[0]) if args else ("", "")
    return (known.is_class(*first) or known.is_made(*first) or first in PANDAS_ARRAYS) and plain(*args[1:])


Rule = Callable[[tuple[Any, ...]], bool]
PANDAS_ARRAYS = frozenset({("pandas._libs.arrays", "NDArrayBacked"), ("pandas._libs.internals", "BlockPlacement")})
_RULES: dict[known.Name, Rule] = {
    **{("torch._utils", name): _tensor for name in ("_rebuild_tensor", "_rebuild_tensor_v2")},
    ("torch._utils", "_rebuild_tensor_v3"): _typed,
    ("torch._utils", "_rebuild_qtensor"): _quantized,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch._utils", "_rebuild_meta_tensor_no_storage"): _meta,
    ("torch._utils", "_rebuild_sparse_tensor"): _sparse,
    ("torch.storage", "_load_from_bytes"): lambda args: False,
    ("functools", "partial"): _partial,
    ("zoneinfo", "ZoneInfo._unpickle"): zone,
    **{(module, name): _word for module, listed in TRAINING.items() for name in listed.split()},
    ("torch.serialization", "_get_layout"): _numbers,
    ("torch", "Size"): _numbers,
    ("torch", "device"): _numbers,
    **{(b, name): _bytes for b in known.Builtins for name in ("bytes", "bytearray")},
    **{(b, name): _numbers for b in known.Builtins for name in ("set", "frozenset", "complex", "slice")},
    **{(b, name): _range for b in known.Builtins for name in ("range", "xrange")},
    ("_codecs", "encode"): _encode,
    ("collections", "OrderedDict"): _numbers,
    ("collections", "Counter"): _numbers,
    ("collections", "deque"): _numbers,
    ("collections", "defaultdict"): _default,
    **{("pathlib", name): _numbers for name in _PATHS},
    **{("pathlib._local", name): _numbers for name in _PATHS},
    **{("datetime", name): _numbers for name in ("datetime", "date", "time", "timedelta", "timezone")},
    ("decimal", "Decimal"): _numbers,
    ("fractions", "Fraction"): _fraction,
    ("uuid", "UUID"): _numbers,
    **{(module, "_reconstructor"): _reconstructor for module in _COPYREG},
    **{(module, "_reconstruct"): _array for module in _NUMPY},
    **{(module, "scalar"): lambda args: len(args) == 2 and isinstance(args[0], Made) and plain(args[1]) for module in _NUMPY},
    **{(module, "_frombuffer"): _buffer for module in _NUMERIC},
    ("numpy", "dtype"): _dtype,
    ("numpy.ma.core", "_mareconstruct"): _masked,
    ("numpy.core._internal", "_convert_to_stringdtype_kwargs"): lambda args: False,
    **{(_RANDOM, name): _generator for name in ("__randomstate_ctor", "__generator_ctor", "__bit_generator_ctor")},
    **{(f"numpy.random.{m}", "__pyx_unpickle_SeedSequence"): _class_first for m in ("bit_generator", "_bit_generator")},
    ("pyarrow.lib", "_restore_array"): _numbers,
    ("pyarrow.lib", "type_for_alias"): _numbers,
    ("pyarrow.lib", "py_buffer"): lambda args: len(args) == 1 and isinstance(args[0], Data | Made),
    ("pandas", "StringDtype"): _missing,
    **{(m, "PeriodDtype"): _word for m in ("pandas", "pandas.core.dtypes.dtypes")},
    **{("pandas", f"{name}Dtype"): _numbers for name in "Int8 Int16 Int32 Int64 UInt8 UInt16 UInt32 UInt64 Float32 Float64 Boolean".split()},
    ("pandas.core.arrays.boolean", "BooleanDtype"): _numbers,
    **{("pandas.core.arrays.floating", f"Float{bits}Dtype"): _numbers for bits in (32, 64)},
    **{("pandas._libs.sparse", name): _numbers for name in ("IntIndex", "BlockIndex")},
    ("pandas._libs.interval", "Interval"): _numbers,
    ("pandas.core.indexes.interval", "_new_IntervalIndex"): _class_first,
    ("pandas._libs.tslibs.nattype", "_nat_unpickle"): _numbers,
    ("sklearn.tree._tree", "Tree"): _tree,
    **{(f"sklearn.neighbors.{m}", "newObj"): _class_first for m in ("_kd_tree", "_ball_tree", "kd_tree", "ball_tree")},
    ("sklearn.metrics._dist_metrics", "newObj"): _class_first,
    ("sklearn.neighbors._dist_metrics", "newObj"): _class_first,
    ("sklearn._loss.link", "Interval"): _numbers,
    ("sklearn.gaussian_process.kernels", "Hyperparameter"): _numbers,
    ("sklearn.impute._iterative", "_ImputerTriplet"): _numbers,
    ("pandas.core.indexes.base", "_new_Index"): _class_first,
    ("pandas._libs.internals", "_unpickle_block"): _numbers,
    ("pandas.core.internals.managers", "BlockManager"): _numbers,
    ("pandas.core.internals.managers", "SingleBlockManager"): _numbers,
    ("pandas._libs.arrays", "__pyx_unpickle_NDArrayBacked"): _class_first,
    ("pandas._libs.tslibs.timestamps", "_unpickle_timestamp"): _numbers,
    ("pandas._libs.tslibs.timedeltas", "_timedelta_unpickle"): _numbers,
    ("pandas.core.arrays.string_", "StringDtype"): _missing,
    ("pandas.core.indexes.frozen", "FrozenList"): _numbers,
    **{("pandas.core.arrays.integer", f"{u}Int{bits}Dtype"): _numbers for u in ("", "U") for bits in (8, 16, 32, 64)},
    ("pandas._libs.tslibs.offsets", "Day"): _numbers,
    ("pandas.core.indexes.datetimes", "_new_DatetimeIndex"): _class_first,
}  # fmt: skip
ONLY_CALLED = frozenset(_RULES) - TENSORS - {("numpy", "dtype"), *((b, n) for b in known.Builtins for n in ("set", "frozenset", "slice", "range", "bytes", "bytearray", "complex")),
                                              ("collections", "defaultdict"), ("collections", "deque"), ("sklearn.tree._tree", "Tree")}  # fmt: skip
_TENSORS = frozenset(name for name in _RULES if name[0] in ("torch._utils", "torch", "torch.serialization"))
_DICTS = frozenset({("collections", "OrderedDict"), ("collections", "defaultdict"), ("collections", "Counter")})


def is_called(module: str, name: str) -> bool:
    """True for what may be called with arguments that were looked at."""
    return (module, name) in _RULES or known.is_made(module, name) or _unpickles(module, name)


def _unpickles(module: str, name: str) -> bool:
    """Cython's own reconstructors of scikit-learn's small compiled classes."""
    return name.startswith("__pyx_unpickle_") and known.is_made(module, name.removeprefix("__pyx_unpickle_"))


def fault(callee: Import, args: Any, how: str) -> str:
    """Why this call is none that an ordinary file makes, or nothing."""
    if callee.module is None:
        return ""
    module, name = callee.module, callee.name
    if rule := _RULES.get((module, name)):
        return "" if isinstance(args, tuple) and rule(args) else "with arguments that ordinary files do not give it"
    if _unpickles(module, name):
        return "" if isinstance(args, tuple) and _class_first(args) else "with arguments that ordinary files do not give it"
    if known.is_made(module, name):
        return "" if isinstance(args, tuple) and plain(*args) else "with arguments that ordinary files do not give it"
    if known.is_class(module, name):
        return "" if how != "REDUCE" and args == () else "a class that ordinary files make without arguments"
    return "called, though ordinary files only keep it" if known.is_value(module, name) else ""


def fault_of_state(target: Made) -> str:
    """Why nothing ordinary sets this state on this object, or nothing."""
    if target.of in _TENSORS:
        return f"sets attributes on what {target.callee} made"
    parts = target.state if isinstance(target.state, tuple) else (target.state,)
    if any(isinstance(part, Holder) and part.special for part in parts):
        return "sets an attribute that Python itself calls"
    if target.of in DISTRIBUTIONS:
        return fault_of_distribution(target.state)
    if target.of == ("functools", "partial"):
        return (
            ""
            if parts and known.is_kept_function(*_name(parts[0])) and plain(*parts[1:])
            else "binds another function than it was made with"
        )
    slotted = target.of[0].startswith("scipy.interpolate.")
    if (
        known.is_class(*target.of)
        and not slotted
        and isinstance(target.state, tuple)
        and len(target.state) == 2
        and isinstance(target.state[1], Holder)
    ):
        return "sets attributes one by one, which may run code of theirs"
    if target.of[1] == "_reconstruct" and not _filled(target.state):
        return "an array of more objects than the file has"
    return fault_of_type(target) if target.of == ("numpy", "dtype") else ""


def _filled(state: Any) -> bool:
    """Whether an array of objects has as many as its shape says; of numbers, NumPy compares itself."""
    if not isinstance(state, tuple) or len(state) != 5 or not isinstance(state[4], Holder):
        return True
    return _sizes(state[1]) and math.prod(state[1]) <= state[4].count


def fault_of_items(target: Any, pairs: bool) -> str | None:
    """Why nothing ordinary stores items in ``target``, or None."""
    if isinstance(target, Made):
        module, name = target.of
        ours = target.of in _DICTS if pairs else target.of in (("collections", "deque"), ("pandas.core.indexes.frozen", "FrozenList"))
        bunch = pairs and known.is_class(module, name) and module.startswith(("sklearn.utils", "collections"))
        return None if ours or bunch or not module else f"stores items in what {target.callee} made"
    if isinstance(target, Stored | Data | tuple | str | int):
        return "stores items in something that has none"
    return "stores pairs in a set" if pairs and isinstance(target, Holder) and target.kind == "frozenset" else None
