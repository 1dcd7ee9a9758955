"""Tensors from a safetensors or tensor-only .pt file, and the network they belong to."""

import importlib
import io
import pickle
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from ..access.person import me
from ..access.places import discreet, opened
from ..artifacts.formats import Format
from ..errors import Plain, Problem
from .architecture import Architecture, build, read
from .model_file import ModelFile

INNER = ("state_dict", "model_state_dict", "model_state", "model", "weights", "net")
PREFIXES = ("module.", "_orig_mod.", "model.", "_module.", "net.")
SAVE = "Save torch.save(model.state_dict(), path), or better safetensors"


def tensors(file: ModelFile) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The file's tensors by name, on the CPU, and what was assumed.

    Raises
    ------
    Problem
        When the file breaks off or holds something other than a dictionary of tensors.
    """
    found: Any = _safetensors(file) if file.format is Format.SAFETENSORS else _torch(file)
    notes: tuple[str, ...] = ()
    if isinstance(found, dict):
        for key in INNER:
            if isinstance(found.get(key), dict) and _all_tensors(found[key]):
                found, notes = found[key], (f"The weights are those under {key!r} in the file.",)
                break
    if not isinstance(found, dict) or not _all_tensors(found):
        what = f"a dictionary with {', '.join(map(repr, list(found)[:4]))}" if isinstance(found, dict) else type(found).__name__
        raise Problem("a dictionary of tensors by name", f"{what} in {file.path.name}", SAVE)
    if not found:
        raise Problem("weights", f"none in {file.path.name}", SAVE)
    return {str(name): tensor for name, tensor in found.items()}, notes


def _all_tensors(values: dict[Any, Any]) -> bool:
    return all(isinstance(v, Tensor) for v in values.values())


def _safetensors(file: ModelFile) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return load(file.content)
    except (SafetensorError, ValueError, KeyError, OverflowError, RuntimeError) as error:
        raise Problem(
            "a whole safetensors file", f"{file.path.name}, which cannot be read ({error})", "Copy or download it again"
        ) from None


def _torch(file: ModelFile) -> Any:
    try:
        return torch.load(io.BytesIO(file.content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise Problem("a file of tensors only", f"{file.path.name}, which holds other objects", SAVE) from None
    except (RuntimeError, ValueError, EOFError, KeyError, TypeError, AttributeError, OSError, IndexError) as error:
        found = (str(error).splitlines() or [type(error).__name__])[0][:120]
        raise Problem("a whole .pt file", f"{file.path.name}, which cannot be read ({found})", "Copy or download it again") from None


def architecture_of(given: "str | Path | Architecture") -> Architecture:
    """An architecture from itself, its JSON, or the path of a file with its JSON."""
    if isinstance(given, Architecture):
        return given
    text = str(given).strip()
    if text.startswith("{"):
        return read(text)
    path = Path(text).expanduser()
    try:
        with opened(path, "an architecture as JSON or the path of such a file") as stream:
            content = stream.read(2**24 + 1)
        if len(content) > 2**24:
            raise Problem("an architecture of at most 16 MiB", "more bytes", "Check the path")
        with discreet(path, "an architecture as JSON"):
            return read(content.decode("utf-8"))
    except UnicodeDecodeError:
        raise Problem("an architecture as JSON", f"{path.name}, which is no text", "Check the path") from None
    except OSError as error:
        raise Problem("an architecture file that can be read", f"{path.name}: {error.strerror or error}", "Check the path") from None


def made_by(factory: str) -> nn.Module:
    """The module that the user's own ``package.module:function`` or ``FILE.py:function`` makes, called with no arguments.

    A file is read anew each time, so that what was changed in it counts without a restart. It can be any function, so behind a shared
    login it is for admins: `Denied` for others.
    """
    me().must("code")
    module_name, _, function_name = factory.rpartition(":")
    if not module_name or not function_name:
        found = "Name module or file and function with a colon between"
        raise Problem('a factory "package.module:function" or "FILE.py:function"', repr(factory), found)
    try:
        module = _python_file(module_name) if module_name.endswith(".py") else importlib.import_module(module_name)
    except Problem:
        raise
    except ModuleNotFoundError as error:
        do = f"Correct the name, or start with the folder of {str(error.name).partition('.')[0]} on the path: PYTHONPATH=FOLDER"
        raise Problem(f"a module {module_name!r} that can be imported", f"none called {error.name!r}", do) from None
    except Exception as error:
        found = (str(error).splitlines() or [""])[0][:160]
        raise Problem(f"{module_name} to be imported", f"{type(error).__name__}: {found}", "Fix that module") from None
    try:
        function = getattr(module, function_name)
        made = function()
    except Exception as error:
        found = (str(error).splitlines() or [""])[0][:160]
        raise Problem(f"{factory} to make a module", f"{type(error).__name__}: {found}", "Fix the factory") from None
    if not isinstance(made, nn.Module):
        raise Plain(f"a torch.nn.Module from {factory}", type(made).__name__, "Return the module")
    return made


def _python_file(path: str) -> ModuleType:
    """A module of the Python file at ``path``, run now and kept nowhere."""
    try:
        with opened(Path(path).expanduser(), "a Python file") as stream:
            source = stream.read(2**24)
    except OSError as error:
        raise Problem(f"a Python file {path}", error.strerror or str(error), "Check the path") from None
    module = ModuleType(Path(path).stem)
    module.__file__ = path
    exec(compile(source, path, "exec"), module.__dict__)  # noqa: S102 the person's own code, whose right was asked for
    return module


def built(architecture: Architecture, weights: dict[str, Tensor]) -> tuple[nn.Module, tuple[str, ...]]:
    """The described network with these weights. Nothing is allocated for weights that are not in the file."""
    with torch.device("meta"):
        module: nn.Module = build(architecture)
    fixed = fixed_numbers(architecture)
    weights, notes = _named_alike(weights, set(module.state_dict()) - set(fixed))
    weights, more = _in_order(weights, module, set(fixed))
    module, last = filled(module, {**fixed, **weights}, assign=True)
    return module, (*notes, *more, *last)


def fixed_numbers(architecture: Architecture) -> dict[str, Tensor]:
    """The numbers that the architecture itself says: those that scale its input."""
    layers = enumerate(architecture.layers)
    made = {index: build(Architecture(layers=(layer,))) for index, layer in layers if layer.type == "normalize"}
    return {f"{index}.{name.partition('.')[2]}": t for index, one in made.items() for name, t in one.state_dict().items()}


def _in_order(weights: dict[str, Tensor], module: nn.Module, fixed: set[str]) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Weights of other names under the module's own, layer by layer, where order and shapes are the same."""
    from .state_dict import facts
    from .state_dict_order import ordered
    from .state_dict_parts import parts_of

    wanted = {name: t for name, t in module.state_dict().items() if name not in fixed}
    if all(name in weights for name in wanted if not name.endswith("num_batches_tracked")):
        return weights, ()
    ours, theirs = parts_of(facts(wanted)), parts_of(facts(weights))
    if ours[1] or theirs[1] or not ours[0]:
        return weights, ()
    pairs = list(zip(ours[0], ordered(theirs[0], ours[0][-1].outputs), strict=False))
    if len(ours[0]) != len(theirs[0]) or any(a.tensors.keys() != b.tensors.keys() for a, b in pairs):
        return weights, ()
    named = {a.tensors[leaf]: weights[b.tensors[leaf]] for a, b in pairs for leaf in a.tensors}
    if any(wanted[name].shape != tensor.shape for name, tensor in named.items()):
        return weights, ()
    return named, ("The file's names are others: its tensors were given to the layers by order and shape.",)


def filled(module: nn.Module, weights: dict[str, Tensor], assign: bool = False) -> tuple[nn.Module, tuple[str, ...]]:
    """``module`` with ``weights`` in it, as float32, and what was assumed.

    Raises
    ------
    Problem
        Naming the first weight that is missing, unknown, or of another shape.
    """
    wanted = module.state_dict()
    weights, notes = _named_alike(weights, set(wanted))
    if missing := [name for name in wanted if name not in weights and not name.endswith("num_batches_tracked")]:
        raise Problem(
            f"weights for {missing[0]!r}",
            f"none ({len(missing)} missing; the file has {_few(weights)})",
            "Give the architecture these weights are of",
        )
    if unknown := [name for name in weights if name not in wanted]:
        raise Problem(
            f"weights for {_few(wanted)}", f"also {unknown[0]!r} ({len(unknown)} such)", "Give the architecture these weights are of"
        )
    for name, place in wanted.items():
        if name in weights and weights[name].shape != place.shape:
            found = f"{tuple(weights[name].shape)}"
            raise Problem(f"{name!r} of shape {tuple(place.shape)}", found, "Give the architecture these weights are of")
    float32 = {name: t.float() if t.is_floating_point() else t for name, t in weights.items()}
    if any(t.dtype != torch.float32 for t in weights.values() if t.is_floating_point()):
        notes += ("Weights of another precision were read as float32.",)
    for name, tensor in wanted.items():
        if name.endswith("num_batches_tracked") and name not in float32:
            float32[name] = torch.zeros(tensor.shape, dtype=tensor.dtype)
    module.load_state_dict(float32, assign=assign)
    return module.float(), notes


def _few(names: Any) -> str:
    names = list(names)
    return ", ".join(map(repr, names[:3])) + (" …" if len(names) > 3 else "")


def _named_alike(weights: dict[str, Tensor], wanted: set[str]) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Weights under the module's own names, where only a wrapper's prefix differs."""
    if set(weights) & wanted:
        return weights, ()
    for prefix in PREFIXES:
        if all(name.startswith(prefix) for name in weights) and any(name[len(prefix) :] in wanted for name in weights):
            return {name[len(prefix) :]: t for name, t in weights.items()}, (f"The prefix {prefix!r} of the weights' names was dropped.",)
    return weights, ()
