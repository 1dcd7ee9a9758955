"""Graphs and scripts that would swell or never end are refused by a child with limits; ordinary ones open, most without it."""

import io
import resource
import warnings
from pathlib import Path
from typing import Any

import pytest

from tiltyard.artifacts.formats import Format
from tiltyard.errors import Problem
from tiltyard.targets import first_run
from tiltyard.targets.model_file import ModelFile


def held(content: bytes, kind: Format) -> ModelFile:
    return ModelFile(Path("m"), kind, content, "0" * 64)


def graph(nodes: list[Any], functions: tuple[Any, ...] = ()) -> bytes:
    from onnx import TensorProto, helper

    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3]) for name in "xy")
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("local", 1)]
    model = helper.make_model(helper.make_graph(nodes, "g", [x], [y]), opset_imports=opsets, functions=list(functions))
    model.ir_version = 10
    content: bytes = model.SerializeToString()
    return content


def function_bomb(depth: int) -> bytes:
    """Each function calls the one below it twice: a few bytes a level, twice the nodes."""
    from onnx import helper

    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("local", 1)]
    made = [helper.make_function("local", "f0", ["a"], ["b"], [helper.make_node("Relu", ["a"], ["b"])], opsets)]
    for i in range(1, depth):
        calls = [helper.make_node(f"f{i - 1}", [a], [b], domain="local") for a, b in (("a", "c"), ("c", "b"))]
        made.append(helper.make_function("local", f"f{i}", ["a"], ["b"], calls, opsets))
    return graph([helper.make_node(f"f{depth - 1}", ["x"], ["y"], domain="local")], tuple(made))


def script(source: str) -> bytes:
    import torch

    class Holder(torch.nn.Module):
        pass

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        module = torch.jit.script(Holder())  # type: ignore[no-untyped-call]
    module.define(source)
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(module, out)  # type: ignore[no-untyped-call]
    return out.getvalue()


def test_a_plain_graph_needs_no_child() -> None:
    from onnx import helper

    plain = graph([helper.make_node("Relu", ["x"], ["y"])])
    assert not first_run.may_not_end(held(plain, Format.ONNX))
    assert first_run.may_not_end(held(function_bomb(3), Format.ONNX))


def test_a_graph_with_small_functions_opens() -> None:
    first_run.tried(held(function_bomb(3), Format.ONNX))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["functions", "loop"])
def test_what_swells_or_never_ends_is_refused(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np

    monkeypatch.setattr(first_run, "SECONDS", 4)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    if kind == "functions":
        file, rows = held(function_bomb(40), Format.ONNX), None
    else:
        endless = "def forward(self, x):\n    while bool(x.sum() >= -1.0):\n        x = x + 1.0\n    return x\n"
        file, rows = held(script(endless), Format.TORCHSCRIPT), np.zeros((5, 3))
    with pytest.raises(Problem, match="which did not"):
        first_run.tried(file, rows)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 60  # of the processor, not by the clock


def test_a_script_that_ends_opens() -> None:
    import numpy as np

    looped = "def forward(self, x):\n    for i in range(3):\n        x = x + 1.0\n    return x\n"
    first_run.tried(held(script(looped), Format.TORCHSCRIPT), np.zeros((5, 3)))
