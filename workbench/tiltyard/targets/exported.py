"""A program of torch.export (.pt2): read as data, its ATen operators called one by one, so that gradients come through it."""

import io
import json
import operator
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..artifacts import archives
from ..artifacts.archives import BadArchive, Directory
from ..artifacts.judges.exported import GRAPH, NUMBERS, OPERATORS, read_graph
from ..errors import Problem
from .model_file import ModelFile

MOST_NUMBERS = 1 << 26  # of a result on the few rows tried
DTYPES = {
    1: torch.uint8, 2: torch.int8, 3: torch.int16, 4: torch.int32, 5: torch.int64, 6: torch.float16, 7: torch.float32, 8: torch.float64,
    12: torch.bool, 13: torch.bfloat16,
}  # fmt: skip
FORMATS = {1: torch.contiguous_format, 2: torch.channels_last, 4: torch.preserve_format}
AGAIN = "Export it again with one input of rows and one output of scores, in eval mode"


class Exported(nn.Module):
    """A program's graph on rows (n, …).

    Parameters
    ----------
    graph
        The parsed ``graph_module``.
    tensors
        Parameters, buffers and constants by the names of their placeholders.
    """

    def __init__(self, graph: Mapping[str, Any], tensors: Mapping[str, Tensor], source: str) -> None:
        super().__init__()
        self.places = {name: f"tensor_{i}" for i, name in enumerate(tensors)}
        for name, tensor in tensors.items():
            self.register_buffer(self.places[name], tensor)
        self.nodes = graph["graph"]["nodes"]
        self.input, self.dtype, self.batch = _input(graph)
        self.output = _output(graph)
        self.differentiable = self.dtype.is_floating_point
        self.source = source
        self.largest = 0

    def forward(self, x: Tensor) -> Tensor:
        """The program's output; where it was exported for a fixed number of rows, in parts of so many."""
        x = (x if self.differentiable else x.round()).to(self.dtype)
        if self.batch is None:
            return self._run(x)
        parts = [x[i : i + self.batch] for i in range(0, len(x), self.batch)]
        return torch.cat([self._run(self._filled(part))[: len(part)] for part in parts])

    def _filled(self, part: Tensor) -> Tensor:
        lacking = (self.batch or 0) - len(part)
        return torch.cat([part, part[-1:].expand(lacking, *part.shape[1:])]) if lacking else part

    def _run(self, x: Tensor) -> Tensor:
        values: dict[str, Any] = {name: getattr(self, place) for name, place in self.places.items()}
        values[self.input] = x
        for node in self.nodes:
            values |= _called(node, values, x.device)
        out: Tensor = values[self.output]
        return out

    def extra_repr(self) -> str:
        """What decides the answers beside the tensors."""
        return self.source


def _called(node: Mapping[str, Any], values: Mapping[str, Any], device: torch.device) -> dict[str, Any]:
    """What an operator gives, by name. Only those that are known are called, whatever the file names."""
    target = str(node["target"])
    given = {part["name"]: _argument(part["arg"], values) for part in node["inputs"]}
    if target in NUMBERS:
        return {_names(node)[0]: getattr(operator, target.partition(".")[2])(*given.values())}
    if target not in OPERATORS:
        raise Problem("known operators", target, "Convert it to ONNX")
    _, _, _, name, overload = target.split(".")
    if "device" in given:
        given["device"] = device
    found = getattr(getattr(torch.ops.aten, name), overload)(**given)
    several = found if isinstance(found, tuple | list) else (found,)
    for value in several:
        if isinstance(value, Tensor) and value.device.type == "meta" and value.numel() > MOST_NUMBERS:
            raise Problem(
                f"results of at most {MOST_NUMBERS:,} numbers for a few rows", f"{value.numel():,} from {target}", "Check the file"
            )
    return dict(zip(_names(node), several, strict=False))


def _names(node: Mapping[str, Any]) -> list[str]:
    """Under which names what a node gives is used."""
    found: list[str] = []
    for output in node["outputs"]:
        kind, value = next(iter(output.items()))
        if kind == "as_tensors":
            found += [tensor["name"] for tensor in value]
        else:
            found.append(value["as_name"] if kind in ("as_sym_int", "as_sym_float", "as_sym_bool") else value["name"] if value else "")
    return found


def _argument(given: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
    kind, value = next(iter(given.items()))
    if kind == "as_none":
        return None
    if kind == "as_tensor":
        return values[value["name"]]
    if kind in ("as_tensors", "as_optional_tensors"):
        return [_optional(one, values) for one in value]
    if kind == "as_optional_tensor":
        return _optional(value, values)
    if kind in ("as_sym_int", "as_sym_float", "as_sym_bool"):
        return _number(value, values)
    if kind in ("as_sym_ints", "as_sym_floats", "as_sym_bools"):
        return [_number(one, values) for one in value]
    if kind == "as_scalar_type":
        return DTYPES[value]
    if kind == "as_memory_format":
        return FORMATS[value]
    if kind == "as_layout":
        return torch.strided
    if kind == "as_device":
        return torch.device("cpu")
    if kind in ("as_float", "as_floats"):  # infinity is written as a word
        return [float(one) for one in value] if kind == "as_floats" else float(value)
    if kind in ("as_int", "as_ints", "as_bool", "as_bools", "as_string"):
        return value
    raise Problem("arguments that are tensors, numbers and words", kind, "Convert it to ONNX")


def _optional(given: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
    if "name" in given:
        return values[given["name"]]
    kind, value = next(iter(given.items()))
    return None if kind == "as_none" else values[value["name"]]


def _number(given: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
    kind, value = next(iter(given.items()))
    return values[value] if kind == "as_name" else value


def _input(graph: Mapping[str, Any]) -> tuple[str, torch.dtype, int | None]:
    """Name and type of the one input, and how many rows it takes where that is fixed."""
    users = [spec["user_input"]["arg"] for spec in graph["signature"]["input_specs"] if "user_input" in spec]
    if len(users) != 1 or "as_tensor" not in users[0]:
        raise Problem("a program of one input, a tensor", f"{len(users)} inputs", AGAIN)
    name = users[0]["as_tensor"]["name"]
    about = graph["graph"]["tensor_values"][name]
    rows = about["sizes"][0].get("as_int") if about["sizes"] else 1
    return name, DTYPES[about["dtype"]], rows


def _output(graph: Mapping[str, Any]) -> str:
    specs = graph["signature"]["output_specs"]
    if len(specs) != 1 or "user_output" not in specs[0] or "as_tensor" not in specs[0]["user_output"]["arg"]:
        kinds = ", ".join(next(iter(spec)) for spec in specs[:4])
        raise Problem("a program of one output, a tensor, that changes nothing of its own", f"outputs {kinds}", AGAIN)
    found: str = specs[0]["user_output"]["arg"]["as_tensor"]["name"]
    return found


def exported_module(file: ModelFile) -> tuple[Exported, tuple[str, ...]]:
    """The program in an archive that was judged safe, and what was assumed. Nothing of it is unpickled or run as code.

    Raises
    ------
    Problem
        It breaks off, has several inputs or outputs, or keeps a tensor in a pickle.
    """
    stream = io.BytesIO(file.content)
    try:
        found = archives.directory(stream)
        root = found.entries[0].name.split("/", 1)[0]
        graph = read_graph(stream, found.entry(f"{root}/{GRAPH}"))["graph_module"]
        tensors = _tensors(stream, found, root, graph)
        module = Exported(graph, tensors, file.sha256)
        _check_size(module, graph)
    except (BadArchive, KeyError, ValueError, TypeError, IndexError, AttributeError, RuntimeError, StopIteration) as error:
        what = f"{file.path.name}, which cannot be read ({type(error).__name__}: {' '.join(str(error).split())[:120]})"
        raise Problem("a whole program of torch.export", what, "Export it again") from None
    notes = ["torch.export: gradients are offered, training it again is not."] if module.differentiable else []
    if module.batch is not None:
        notes.append(f"It was exported for {module.batch} rows at a time, and is asked so many.")
    return module, tuple(notes)


def _tensors(stream: io.BytesIO, found: Directory, root: str, graph: Mapping[str, Any]) -> dict[str, Tensor]:
    """The tensor of each placeholder that is no input."""
    places: dict[str, tuple[str, dict[str, Any]]] = {}
    for folder in ("weights", "constants"):
        name = f"{root}/data/{folder}/model_{folder}_config.json"
        if any(entry.name == name for entry in found.entries):
            config = json.loads(archives.read(stream, found.entry(name), 64 << 20))["config"]
            places |= {key: (folder, about) for key, about in config.items()}
    tensors = {}
    for spec in graph["signature"]["input_specs"]:
        kind, about = next(iter(spec.items()))
        if kind == "user_input":
            continue
        key = about.get("parameter_name") or about.get("buffer_name") or about.get("tensor_constant_name")
        if kind not in ("parameter", "buffer", "tensor_constant") or key is None:
            raise Problem("a program of parameters, buffers and constants", kind, AGAIN)
        folder, where = places[key]
        if where["use_pickle"]:
            raise Problem("tensors kept as plain bytes", f"{key!r} in a pickle", "Give the weights as safetensors and the architecture")
        content = archives.read(stream, found.entry(f"{root}/data/{folder}/{where['path_name']}"), 4 << 30)
        tensors[about["arg"]["name"]] = _tensor(content, where["tensor_meta"], key)
    return tensors


def _tensor(content: bytes, about: Mapping[str, Any], name: str) -> Tensor:
    """A tensor of these bytes, within them."""
    sizes, strides = ([part["as_int"] for part in about[key]] for key in ("sizes", "strides"))
    offset, dtype = about["storage_offset"]["as_int"], DTYPES[about["dtype"]]
    if not all(isinstance(n, int) and n >= 0 for n in (*sizes, *strides, offset)) or len(sizes) != len(strides):
        raise ValueError(f"sizes of {name!r}")
    if 0 in sizes:
        return torch.zeros(sizes, dtype=dtype)
    last = offset + sum((n - 1) * step for n, step in zip(sizes, strides, strict=True))
    if (last + 1) * dtype.itemsize > len(content):
        raise ValueError(f"{name!r} should have {(last + 1) * dtype.itemsize:,} bytes, its entry has {len(content):,}")
    flat = torch.frombuffer(bytearray(content), dtype=dtype)
    return flat.as_strided(sizes, strides, offset).contiguous()


def _check_size(module: Exported, graph: Mapping[str, Any]) -> None:
    """Run it once without numbers: what it would allocate is known before it does."""
    about = graph["graph"]["tensor_values"][module.input]
    shape = [part.get("as_int", 16) for part in about["sizes"]]
    values = {name: torch.empty_like(getattr(module, place), device="meta") for name, place in module.places.items()}
    values[module.input] = torch.empty(shape, dtype=module.dtype, device="meta")
    with torch.inference_mode():
        for node in module.nodes:
            values |= _called(node, values, torch.device("meta"))
