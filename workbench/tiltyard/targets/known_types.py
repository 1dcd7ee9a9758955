"""Pickles of known types, opened after somebody looked: first in a bounded child, then here, by an unpickler that knows the list alone."""

import io
import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from ..artifacts.formats import Format
from ..artifacts.judges.bound import DISTRIBUTIONS, METHODS
from ..artifacts.judges.pickles import is_known
from ..artifacts.judges.trust import TENSORS, executes
from ..child_processes.companion import companion
from ..errors import Problem

if TYPE_CHECKING:
    from .model_file import ModelFile

MEMORY = 8 << 30
SECONDS = 60
MOST_WALKED = 20_000
_AGAIN = "Save it again where it was made, with skops, ONNX or safetensors"


def allowed(module: str, name: str, own: frozenset[str]) -> bool:
    """May an accepted file import this? What its scan allowed, and nothing else."""
    listed = (module, name) in TENSORS or is_known(module, name) or f"{module}.{name}" in own
    return listed and (is_known(module, name) or (module, name) in TENSORS or not executes(module, name))


def object_in(file: "ModelFile", own: frozenset[str] = frozenset()) -> Any:
    """The object in an accepted file of known types; it opened in a child within 60 s and 8 GiB first, with no network and no file to write.

    Raises
    ------
    Problem
        It breaks, hangs, asks for too much, or imports what is on no list.
    """
    _tried(file, own)
    return bounded(loaded(file.content, file.format, own))


def loaded(content: bytes, kind: Format, own: frozenset[str]) -> Any:
    """Unpickle ``content`` as its format is, importing only what is `allowed`."""
    if kind in (Format.TORCH_ZIP, Format.TORCH_LEGACY):
        import torch

        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=False, pickle_module=_pickles(own))
    if kind is Format.JOBLIB:
        return _joblib(content, own)
    return _pickles(own).load(io.BytesIO(content))


def _listed(find: Callable[[str, str], Any], module: str, name: str, own: frozenset[str]) -> Any:
    if not allowed(module, name, own):
        raise pickle.UnpicklingError(f"{module}.{name} is on no list")
    return find(module, name)


def _instead(module: str, name: str) -> Any:
    """What is called in the place of a function that would do more than the scan allowed; None of all others."""
    return _INSTEAD.get((module, name))


def _bind(owner: Any, name: str) -> Any:
    """``getattr`` for the methods that ordinary pickles bind."""
    from zoneinfo import ZoneInfo

    if owner is ZoneInfo and name == "_unpickle":
        return ZoneInfo._unpickle  # type: ignore[attr-defined]
    if (type(owner).__module__, type(owner).__name__) in DISTRIBUTIONS and name in METHODS:
        return getattr(owner, name)
    raise pickle.UnpicklingError(f"getattr of {name[:60]!r}")


def _numbers(content: bytes) -> Any:
    """``torch.storage._load_from_bytes``, of numbers alone."""
    import torch

    return torch.load(io.BytesIO(content), weights_only=True)


def _sparse(layout: Any, parts: tuple[Any, ...]) -> Any:
    """``torch._utils._rebuild_sparse_tensor``, with indices that were compared to the size."""
    import torch

    with torch.sparse.check_sparse_tensor_invariants():  # type: ignore[no-untyped-call]
        if layout is torch.sparse_coo:
            return torch.sparse_coo_tensor(*parts[:3], is_coalesced=parts[3] if len(parts) > 3 else None)
        return torch.sparse_compressed_tensor(*parts[:4], layout=layout)


_INSTEAD: dict[tuple[str, str], Any] = {
    ("builtins", "getattr"): _bind,
    ("__builtin__", "getattr"): _bind,
    ("torch.storage", "_load_from_bytes"): _numbers,
    ("torch._utils", "_rebuild_sparse_tensor"): _sparse,
}


def _pickles(own: frozenset[str]) -> Any:
    """What torch takes for the module ``pickle``."""

    class Known(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            return _instead(module, name) or _listed(super().find_class, module, name, own)

    def load(stream: Any, *, encoding: str = "ASCII") -> Any:
        return Known(stream, encoding=encoding).load()

    return SimpleNamespace(__name__="pickle", Unpickler=Known, load=load, UnpicklingError=pickle.UnpicklingError)


def _joblib(content: bytes, own: frozenset[str]) -> Any:
    from joblib.numpy_pickle import NumpyUnpickler

    from ..artifacts.judges.flat import unpacked

    class Known(NumpyUnpickler):  # type: ignore[misc]
        def find_class(self, module: str, name: str) -> Any:
            return _instead(module, name) or _listed(super().find_class, module, name, own)

    stream = io.BytesIO(content) if content[:1] == b"\x80" else unpacked(content)
    return Known("", stream, ensure_native_byte_order=False).load()


def bounded(value: Any) -> Any:
    """``value`` with every ``n_jobs`` and ``nthread`` in it that asks for more than one process set to one."""
    todo: list[Any] = [value]
    seen: set[int] = set()
    while todo and len(seen) < MOST_WALKED:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, dict):
            todo += list(one.values())
        elif isinstance(one, list | tuple):
            todo += list(one)
        elif isinstance(found := getattr(one, "__dict__", None), dict):
            for name in {"n_jobs", "nthread", "thread_count", "pre_dispatch"} & set(found):
                found[name] = 1 if name != "pre_dispatch" else "2*n_jobs"
            todo += list(found.values())
    return value


def model_in(value: Any, name: str) -> Any:
    """The one model in what a file held: itself, or the only one in a dictionary, list or tuple."""
    if not isinstance(value, dict | list | tuple):
        return value
    inside = [v for v in (value.values() if isinstance(value, dict) else value) if hasattr(v, "predict") or hasattr(v, "state_dict")]
    if len(inside) != 1:
        raise Problem("a file with one model", f"{name}, which holds {len(inside)} in a {type(value).__name__}", "Save the model alone")
    return inside[0]


def _tried(file: "ModelFile", own: frozenset[str]) -> None:
    head = json.dumps([str(file.format), sorted(own)]).encode() + b"\n"
    with companion(__name__, subprocess.PIPE) as process:
        try:
            out, _ = process.communicate(head + file.content, timeout=2 * SECONDS)
        except subprocess.TimeoutExpired:
            raise Problem("a file that opens within a minute", f"{file.path.name}, which did not", _AGAIN) from None
        finally:
            process.kill()
    lines = out.splitlines()
    if process.returncode or not lines:
        raise Problem("a file that opens", f"{file.path.name}, which broke its reader (exit {process.returncode})", _AGAIN)
    if trouble := json.loads(lines[-1]):
        raise Problem("a file that opens within 60 s and 8 GiB, without network", f"{file.path.name}: {trouble}", _AGAIN)


def main() -> None:
    """What the child does: format and own types in a line, then the file, come on its standard input."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    kind, own = json.loads(sys.stdin.buffer.readline())
    content = sys.stdin.buffer.read()
    alone()
    print(json.dumps(_outcome(content, Format(kind), frozenset(own))), flush=True)  # noqa: T201


def alone() -> None:
    """No file to write and no network, where this system can; its own limits hold everywhere."""
    import socket

    from ..access.confined import Confines, confine, impossible, python_places, system_places

    if not impossible():
        confine(Confines((*python_places(), *system_places()), ()))

    def refused(*_: Any, **__: Any) -> Any:
        raise OSError("no network here")

    socket.socket.connect = refused  # type: ignore[method-assign]


def _outcome(content: bytes, kind: Format, own: frozenset[str]) -> str:
    """Nothing where it opened, else what went wrong."""
    try:
        bounded(loaded(content, kind, own))
    except Exception as error:  # whatever the libraries' own code raises while it is opened
        return f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0][:160]}"
    return ""
