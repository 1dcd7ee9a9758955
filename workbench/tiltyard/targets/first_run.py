"""ONNX graphs and TorchScript that could swell or never end: loaded and run first in a child with limits of time and memory.

What has no loop, no function of its own and no operator that makes more out of less ends by itself, and is opened here at once.
"""

import io
import json
import re
import subprocess
import sys
import warnings
import zipfile
from typing import TYPE_CHECKING, Any

from ..artifacts.formats import Format
from ..artifacts.judges import onnx_model
from ..child_processes.companion import companion
from ..errors import Problem
from .known_types import alone

if TYPE_CHECKING:
    import numpy as np

    from .model_file import ModelFile

MEMORY = 8 << 30
SECONDS = 20
ROWS = 2
GROWS = frozenset(
    "ConstantOfShape Expand Tile Range Pad Resize Upsample OneHot Loop Scan If SequenceMap RandomNormal RandomUniform EyeLike "
    "ConvTranspose GridSample Einsum DynamicQuantizeLSTM".split()
)
"""Operators that repeat others, or whose result may be larger than what they are given."""
_LOOPS = re.compile(
    r"\b(?:while|for)\b|\d{7,}|\btorch\.(?:zeros|ones|full|empty|arange|linspace|eye|rand|randn|repeat_interleave|expand|tile|outer)\b"
    r"|\.(?:repeat|expand|tile|new_zeros|new_ones|new_empty|new_full)\("
)
_AGAIN = "Export it again from its source, without loops, or ask who made it"


def may_not_end(file: "ModelFile") -> bool:
    """Could running this file take more time or memory than its size tells?"""
    if file.format is Format.ONNX:
        found = onnx_model.read(io.BytesIO(file.content))
        return bool(found.functions) or not GROWS.isdisjoint(name for _, name in found.operators)
    with zipfile.ZipFile(io.BytesIO(file.content)) as archive:
        codes = [archive.read(name).decode("latin-1") for name in archive.namelist() if "/code/" in name and name.endswith(".py")]
    return any(_LOOPS.search(code) for code in codes)


def tried(file: "ModelFile", rows: "np.ndarray[Any, Any] | None" = None) -> None:
    """Return where ``file`` may be opened here.

    Parameters
    ----------
    rows
        Numbers of shape (n, …) of which the first two are what a script is run on; None: it is only loaded.

    Raises
    ------
    Problem
        It took over 20 s of computing or 8 GiB, or broke its reader.
    """
    if not may_not_end(file):
        return
    first = rows[:ROWS].astype("float32") if rows is not None and rows.dtype.kind in "fiub" else None
    head = {"format": str(file.format), "shape": list(first.shape) if first is not None else None, "seconds": SECONDS}
    sent = json.dumps(head).encode() + b"\n" + (first.tobytes() if first is not None else b"") + file.content
    with companion(__name__, subprocess.PIPE) as process:
        try:
            out, _ = process.communicate(sent, timeout=3 * SECONDS)
        except subprocess.TimeoutExpired:
            out = b""
        finally:
            process.kill()
    if not out.splitlines() or json.loads(out.splitlines()[-1]) != "ended":
        raise Problem(f"a model that runs {ROWS} rows within {SECONDS} s and 8 GiB", f"{file.path.name}, which did not", _AGAIN)


def main() -> None:
    """What the child does: a line of JSON, the rows, then the file, come on its standard input."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    head = json.loads(sys.stdin.buffer.readline())
    resource.setrlimit(resource.RLIMIT_CPU, (head["seconds"], head["seconds"]))
    rows = _rows(head["shape"])
    content = sys.stdin.buffer.read()
    warnings.simplefilter("ignore")
    alone()
    try:
        (_graph if Format(head["format"]) is Format.ONNX else _script)(content, rows)
    except (MemoryError, RecursionError):
        return
    except Exception as error:  # what does not run on these rows is said by whoever opens it, in its own words
        if "alloc" in str(error).lower() or "memory" in str(error).lower():
            return
    print('"ended"', flush=True)  # noqa: T201


def _rows(shape: list[int] | None) -> Any:
    import numpy as np

    if shape is None:
        return None
    return np.frombuffer(sys.stdin.buffer.read(4 * int(np.prod(shape))), "float32").reshape(shape)


def _graph(content: bytes, rows: Any) -> None:
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    kinds = {
        "tensor(float)": "f4",
        "tensor(double)": "f8",
        "tensor(int64)": "i8",
        "tensor(int32)": "i4",
        "tensor(bool)": "?",
        "tensor(string)": "O",
    }
    for value in (0, 1):
        given = {}
        for one in session.get_inputs():
            shape = [n if isinstance(n, int) and n > 0 else ROWS for n in one.shape]
            given[one.name] = np.full(shape, str(value) if kinds.get(one.type) == "O" else value, kinds.get(one.type, "f4"))
        session.run(None, given)


def _script(content: bytes, rows: Any) -> None:
    import torch

    torch.set_num_threads(1)
    module = torch.jit.load(io.BytesIO(content), map_location="cpu").eval()  # type: ignore[no-untyped-call]
    if rows is not None:
        with torch.no_grad():
            module(torch.from_numpy(rows.copy()))
