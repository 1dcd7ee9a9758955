"""Opening a network or an ONNX file proves itself too: a plain call of the library on the person's table is compared with what is answered here."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.encoding import Encoding
from tiltyard.datasets.reading import read
from tiltyard.targets.opening import open_target

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

N = 200


def frame() -> "pd.DataFrame":
    import pandas as pd

    rng = np.random.default_rng(0)
    town = rng.choice(["Kyoto", "Lyon", "Oslo"], N)
    table = pd.DataFrame({"a": rng.normal(size=N), "town": town, "owner": rng.random(N) < 0.5, "n": rng.integers(0, 9, N)})
    return table.assign(y=np.where(table["a"] + (town == "Oslo") > 0.3, "yes", "no"))


def data() -> Dataset:
    return read(frame(), label="y")


def net() -> "nn.Module":
    """A network of a, three towns, two of owner, and n."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    made = nn.Sequential(nn.Linear(7, 16), nn.ReLU(), nn.Linear(16, 2))
    return made.eval()


def script(place: Path) -> Path:
    import warnings

    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.script(net()).save(str(place / "net.ts"))
    return place / "net.ts"


def onnx_file(place: Path) -> Path:
    """The same network: one matrix after the other."""
    pytest.importorskip("onnx", reason="the extra onnx is not installed")
    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    from onnx import TensorProto, helper, numpy_helper

    weights = {k.replace(".", "_"): v.numpy() for k, v in net().state_dict().items()}
    nodes = [
        helper.make_node("Gemm", ["x", "0_weight", "0_bias"], ["h"], transB=1),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("Gemm", ["r", "2_weight", "2_bias"], ["out"], transB=1),
    ]
    sides = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, n]) for name, n in (("x", 7), ("out", 2))]
    graph = helper.make_graph(nodes, "g", sides[:1], sides[1:], [numpy_helper.from_array(v, k) for k, v in weights.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    (place / "net.onnx").write_bytes(model.SerializeToString())
    return place / "net.onnx"


def opened(source: Any) -> Any:
    return open_target(source, data=data(), classes=("no", "yes"))


@pytest.mark.parametrize("kind", ["module", "script", "onnx"])
def test_a_plain_call_answers_the_same(kind: str, tmp_path: Path) -> None:
    target = opened({"module": lambda _: net(), "script": script, "onnx": onnx_file}[kind](tmp_path))
    assert target.doubts == ()
    assert any("as by itself" in note for note in target.assumptions)


@pytest.mark.parametrize("kind", ["module", "script", "onnx"])
def test_columns_given_in_another_order_are_doubted_with_numbers(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One-hot columns turned about make another model of it; the plain call knows them by pandas."""
    encode = Encoding.encode

    def turned(self: Encoding, x: Any, *rest: Any, **more: Any) -> Any:
        z = encode(self, x, *rest, **more)
        z[:, 1:4] = z[:, [2, 3, 1]]
        return z

    monkeypatch.setattr(Encoding, "encode", turned)
    target = opened({"module": lambda _: net(), "script": script, "onnx": onnx_file}[kind](tmp_path))
    assert any("rows are labeled otherwise here than by the model itself, and scores differ by up to" in doubt for doubt in target.doubts)


def test_classes_in_another_order_are_no_difference() -> None:
    target = open_target(net(), data=data(), classes=("yes", "no"))
    assert target.doubts == () and any("as by itself" in note for note in target.assumptions)


def test_images_are_compared_too() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (40, 1, 4, 4)).astype(np.uint8), np.array(["cat", "dog"])[np.arange(40) % 2]
    rows = read((x, y))
    module = nn.Sequential(nn.Flatten(), nn.Linear(16, 2))
    target = open_target(module, data=rows)
    assert any("as by itself" in note for note in target.assumptions) and not target.doubts


def test_a_program_of_torch_export_says_why_it_was_not_asked_otherwise(tmp_path: Path) -> None:
    import warnings

    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = torch.export.Dim("rows", min=1, max=10**6)
        program = torch.export.export(net(), (torch.zeros(3, 7),), dynamic_shapes=({0: rows},))
        torch.export.save(program, tmp_path / "net.pt2")
    target = opened(tmp_path / "net.pt2")
    assert not any("as by itself" in note for note in target.assumptions)
    assert any("evaluates text of theirs" in note for note in target.assumptions)
