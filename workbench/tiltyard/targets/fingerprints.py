"""The SHA-256 of what decides a model's answers: an estimator's fitted state, a function's code and what it closes over."""

import dis
import functools
import hashlib
import sys
import sysconfig
import types
from collections.abc import Iterable
from typing import Any

import numpy as np

LIBRARY = tuple(sysconfig.get_paths()[key] for key in ("stdlib", "platstdlib", "purelib", "platlib"))
COUNTERS = slice(7, 11)  # of a neighbor tree's state: how often it was asked, which is nothing that it knows


def content_fingerprint(thing: Any) -> str:
    """SHA-256 of a model that is held in memory, by its value: the same after it was asked, copied or read from a file again.

    Arrays and tensors count by their bytes, a function by its code, defaults, closure and the globals that it uses, functions and classes
    of libraries by their name. What cannot be looked into counts by its type.
    """
    return Contents().digest(thing).hex()


class Contents:
    """The digests of one thing and of all it is made of; each is worked out once."""

    def __init__(self) -> None:
        self._done: dict[int, tuple[Any, bytes]] = {}
        self._open: set[int] = set()

    def digest(self, thing: Any) -> bytes:
        """The SHA-256 of ``thing`` by value."""
        if id(thing) in self._done:
            return self._done[id(thing)][1]
        if id(thing) in self._open:
            return b"itself"
        self._open.add(id(thing))
        try:
            found = self._digest(thing)
        finally:
            self._open.discard(id(thing))
        self._done[id(thing)] = (thing, found)
        return found

    def _digest(self, thing: Any) -> bytes:
        kind = type(thing)
        if thing is None or kind in (bool, int, float, complex, str, bytes, bytearray):
            return _joined(kind.__name__, repr(thing))
        if isinstance(thing, np.ndarray):
            return self._array(thing)
        if isinstance(thing, np.generic | np.dtype):
            return _joined("numpy", repr(thing))
        if kind in (list, tuple):
            return _joined(kind.__name__, *map(self.digest, thing))
        if kind in (set, frozenset):
            return _joined("set", *sorted(map(self.digest, thing)))
        if isinstance(thing, dict):
            return _joined(_name(kind), *sorted(self.digest(key) + self.digest(value) for key, value in thing.items()))
        return self._called(thing) or self._object(thing)

    def _array(self, array: Any) -> bytes:
        if array.dtype.hasobject:
            return _joined("array", array.shape, *map(self.digest, array.ravel().tolist()))
        if array.dtype.names:  # by field: the bytes between fields are anything
            return _joined("fields", array.shape, *(self.digest(np.ascontiguousarray(array[name])) for name in array.dtype.names))
        return _joined("array", array.dtype.str, array.shape, np.ascontiguousarray(array).tobytes())

    def _called(self, thing: Any) -> bytes:
        """The digest of a function, a class or a module; empty for other things."""
        if isinstance(thing, types.FunctionType):
            return self._function(thing)
        if isinstance(thing, types.MethodType):
            return _joined("method", self.digest(thing.__func__), self.digest(thing.__self__))
        if isinstance(thing, functools.partial):
            return _joined("partial", *map(self.digest, (thing.func, thing.args, thing.keywords)))
        if isinstance(thing, types.ModuleType):
            return _joined("module", thing.__name__)
        if isinstance(thing, types.CodeType):
            return self._code(thing)
        if isinstance(thing, type):
            own = thing.__module__ == "__main__" or "<locals>" in thing.__qualname__
            functions = sorted((n, f) for n, f in vars(thing).items() if isinstance(f, types.FunctionType)) if own else []
            return _joined("class", _name(thing), *(self.digest(f) for _, f in functions))
        if isinstance(thing, types.BuiltinFunctionType | np.ufunc):
            return _joined("builtin", getattr(thing, "__module__", ""), getattr(thing, "__qualname__", repr(thing)))
        return b""

    def _function(self, function: Any) -> bytes:
        code = function.__code__
        if code.co_filename.startswith(LIBRARY) and "<locals>" not in function.__qualname__ and "<lambda>" not in function.__qualname__:
            return _joined("function", _name(function))
        cells = [_cell(cell) for cell in function.__closure__ or ()]
        known = {name: function.__globals__[name] for name in _globals(code) if name in function.__globals__}
        parts = (code, function.__defaults__, function.__kwdefaults__, cells, known)
        return _joined("function", *map(self.digest, parts))

    def _code(self, code: types.CodeType) -> bytes:
        return _joined("code", code.co_code, *code.co_names, *code.co_varnames, *map(self.digest, code.co_consts))

    def _object(self, thing: Any) -> bytes:
        kind = type(thing)
        torch = sys.modules.get("torch")
        if torch is not None and isinstance(thing, torch.Tensor):
            return self._tensor(thing)
        if hasattr(thing, "reset_n_calls"):
            state = list(thing.__getstate__())
            del state[COUNTERS]
            return _joined(_name(kind), self.digest(state))
        try:
            reduced = thing.__reduce_ex__(4)
        except Exception:  # locks, handles and their like: what else it holds counts
            return _joined(_name(kind), self.digest(dict(getattr(thing, "__dict__", {}))))
        if isinstance(reduced, str):
            return _joined("global", _name(kind), reduced)
        make, arguments, *rest = reduced
        state, items, pairs = (*rest, None, None, None)[:3]
        listed = [list(part) if part is not None else None for part in (items, pairs)]
        return _joined(_name(kind), self.digest(make), self.digest(arguments), self.digest(state), self.digest(listed))

    def _tensor(self, tensor: Any) -> bytes:
        plain = tensor.detach().cpu()
        try:
            return _joined("tensor", self._array(plain.numpy()))
        except TypeError:  # a dtype that NumPy lacks
            return _joined("tensor", str(plain.dtype), self._array(plain.float().numpy()))


def _joined(*parts: object) -> bytes:
    """One digest of parts, each with its length."""
    digest = hashlib.sha256()
    for part in parts:
        raw = part if isinstance(part, bytes) else str(part).encode(errors="surrogatepass")
        digest.update(len(raw).to_bytes(8, "big"))
        digest.update(raw)
    return digest.digest()


def _name(thing: Any) -> str:
    return f"{getattr(thing, '__module__', '')}.{getattr(thing, '__qualname__', '')}"


def _cell(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return None  # not yet filled


def _globals(code: types.CodeType) -> Iterable[str]:
    """The names that code, and code inside it, looks for among the globals."""
    found = {i.argval for i in dis.get_instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= set(_globals(constant))
    return sorted(found)
