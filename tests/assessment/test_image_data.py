"""A folder of images under ``[data]`` and in the load panel."""

from pathlib import Path

import numpy as np
import pytest

from tiltyard.assessment.config import read_config

CONFIG = """
[target]
file = "m.onnx"
outputs = "probabilities"

[data]
file = "pets"
size = [6, 7]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model of images of 6 × 7 and a folder of larger ones."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    from PIL import Image

    rng = np.random.default_rng(0)
    weights = numpy_helper.from_array(rng.normal(size=(3 * 6 * 7, 2)).astype(np.float32), "w")
    nodes = [
        helper.make_node("Flatten", ["x"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["z"]),
        helper.make_node("Softmax", ["z"], ["p"], axis=1),
    ]
    given = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 6, 7])]
    answered = [helper.make_tensor_value_info("p", TensorProto.FLOAT, ["n", 2])]
    graph = helper.make_graph(nodes, "g", given, answered, [weights])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "m.onnx")
    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for i in range(4):
            Image.fromarray(rng.integers(0, 256, (12, 14, 3), np.uint8)).save(tmp_path / "pets" / name / f"{i}.png")
    return tmp_path


def test_an_assessment_takes_a_folder_and_a_size(folder: Path) -> None:
    (folder / "a.toml").write_text(CONFIG)
    target, data = read_config(folder / "a.toml").opened()
    assert data.x.shape == (8, 3, 6, 7)
    assert target.classes == ("cat", "dog")
    assert any("8 of 8 images had another size and were resized to 6 × 7" in said for said in data.assumed)
    assert len(target.labels(data.x)) == 8


def test_the_load_panel_takes_a_folder(folder: Path) -> None:
    from PIL import Image

    from tiltyard.access.person import me
    from tiltyard_widgets.panels.load_asked import Asked

    for path in (folder / "pets").rglob("*.png"):
        Image.open(path).resize((7, 6)).save(path)
    loaded = Asked(me(), "files", "", model=str(folder / "m.onnx"), data=str(folder / "pets")).opened()
    assert loaded.data.x.shape == (8, 3, 6, 7)
    assert any("cat, dog" in said for said in loaded.data.assumed)
    assert loaded.probe.state != "failed"
