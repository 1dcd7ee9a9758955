"""Parquet with a column of pictures, as Hugging Face's ``datasets`` writes it: one file, and a folder of them."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tiltyard.datasets.reading import read
from tiltyard.errors import Problem

NAMES = ["plane", "car", "bird"]


def encoded(pixels: NDArray[Any]) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def pixels(n: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (n, 6, 7, 3), np.uint8)


def shard(path: Path, images: Any, labels: Any, names: list[str] | None = None, column: str = "label") -> Path:
    import pyarrow as pa  # type: ignore[import-untyped,unused-ignore]
    import pyarrow.parquet as pq  # type: ignore[import-untyped,unused-ignore]

    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    values = [{"bytes": image if isinstance(image, bytes) else encoded(image), "path": f"{i}.png"} for i, image in enumerate(images)]
    table = pa.table({"image": pa.array(values, kind), column: pa.array(labels), "id": list(range(len(labels)))})
    if names:
        features = {
            "image": {"_type": "Image"},
            column: {"names": names, "_type": "ClassLabel"},
            "id": {"dtype": "int64", "_type": "Value"},
        }
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, row_group_size=5)
    return path


def refused(source: Any, **given: Any) -> str:
    with pytest.raises(Problem) as caught:
        read(source, **given)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_file_with_the_names_of_its_classes(tmp_path: Path) -> None:
    images = pixels(40)
    data = read(shard(tmp_path / "t.parquet", images, [i % 3 for i in range(40)], NAMES))
    assert data.schema.classes == ("plane", "car", "bird")
    assert data.y.tolist() == [i % 3 for i in range(40)]
    np.testing.assert_array_equal(data.x, images.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255))
    assert data.member is None


@pytest.mark.parametrize(("labels", "classes"), [([10, 9, 10, 2], ("2", "9", "10")), (["b", "a", "b", "a"], ("a", "b"))])
def test_labels_without_names(tmp_path: Path, labels: list[Any], classes: tuple[str, ...]) -> None:
    data = read(shard(tmp_path / "t.parquet", pixels(4), labels))
    assert data.schema.classes == classes
    assert [data.schema.classes[i] for i in data.y] == [str(v) for v in labels]


def test_a_folder_with_its_parts(tmp_path: Path) -> None:
    first, second, third = pixels(6, 1), pixels(7, 2), pixels(4, 3)
    where = tmp_path / "cifar" / "data"
    shard(where / "train-00000-of-00002.parquet", first, [0, 1] * 3, NAMES)
    shard(where / "train-00001-of-00002.parquet", second, [2] * 7, NAMES)
    shard(where / "test-00000-of-00001.parquet", third, [0] * 4, NAMES)
    (tmp_path / "cifar" / "README.md").write_text("# cifar")
    data = read(tmp_path / "cifar")
    assert data.name == "cifar"
    assert data.y.tolist() == [0] * 4 + [0, 1] * 3 + [2] * 7
    assert data.member is not None
    assert data.member.tolist() == [False] * 4 + [True] * 13
    expected = np.concatenate([third, first, second]).transpose(0, 3, 1, 2)
    np.testing.assert_array_equal((data.x * 255).round().astype(np.uint8), expected)


def test_a_label_of_another_name_is_that_which_is_declared_or_named(tmp_path: Path) -> None:
    path = shard(tmp_path / "t.parquet", pixels(4), [0, 1, 2, 0], NAMES, column="what it shows")
    assert read(path).y.tolist() == [0, 1, 2, 0]
    plain = shard(tmp_path / "p.parquet", pixels(4), [0, 1, 2, 0], column="what it shows")
    assert "Name the label column" in refused(plain)
    assert read(plain, label="what it shows").schema.classes == ("0", "1", "2")


def test_what_is_none_is_refused(tmp_path: Path) -> None:
    assert "image 2 of bad.parquet" in refused(shard(tmp_path / "bad.parquet", [*pixels(2), b"no picture"], [0, 1, 2], NAMES))
    assert "none in row 1 (1 such rows)" in refused(shard(tmp_path / "lost.parquet", pixels(3), [0, -1, 1], NAMES))
    assert "none in row 2 (1 such rows)" in refused(shard(tmp_path / "null.parquet", pixels(3), [0, 1, None]))
    for part in ("one", "two"):
        shard(tmp_path / "several" / part / "train.parquet", pixels(2), [0, 1], NAMES)
    assert "some in each of one, two" in refused(tmp_path / "several")


def test_no_path_in_a_file_is_followed(tmp_path: Path) -> None:
    import pyarrow as pa  # type: ignore[import-untyped,unused-ignore]
    import pyarrow.parquet as pq  # type: ignore[import-untyped,unused-ignore]

    real = tmp_path / "real.png"
    real.write_bytes(encoded(pixels(1)[0]))
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    values = pa.array([{"bytes": None, "path": str(real)}] * 2, kind)
    pq.write_table(pa.table({"image": values, "label": [0, 1]}), tmp_path / "t.parquet")
    assert "none in row 0" in refused(tmp_path / "t.parquet")


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = shard(tmp_path / "pets" / "train.parquet", pixels(30), [i % 3 for i in range(30)], NAMES)
    content = bytearray(path.read_bytes())
    content[40:2000] = bytes(1960)
    path.write_bytes(content)
    assert "train.parquet" in refused(path.parent)
    path.write_bytes(b"PAR1")
    assert "train.parquet" in refused(path.parent)


def test_a_table_stays_a_table(tmp_path: Path) -> None:
    import pandas as pd

    frame = pd.DataFrame({"a": [3, 1, 4, 1, 5, 9, 2, 6, 5, 3], "label": [0, 1] * 5})
    frame.to_parquet(tmp_path / "table.parquet")
    assert read(tmp_path / "table.parquet").schema.label == "label"
    assert "other data" in refused(tmp_path / "table.parquet", size=(8, 8))
    assert "one column of pictures" in refused(tmp_path)


def test_an_onnx_model_answers_on_them_as_its_library_does(tmp_path: Path) -> None:
    import onnx
    import onnxruntime  # type: ignore[import-untyped,unused-ignore]
    from onnx import TensorProto, helper, numpy_helper

    from tiltyard.targets.opening import open_target

    images = pixels(12)
    data = read(shard(tmp_path / "t.parquet", images, [i % 3 for i in range(12)], NAMES))
    weights = np.random.default_rng(0).normal(size=(3 * 6 * 7, 3)).astype(np.float32)
    nodes = [
        helper.make_node("Flatten", ["x"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["z"]),
        helper.make_node("Softmax", ["z"], ["p"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 6, 7])],
        [helper.make_tensor_value_info("p", TensorProto.FLOAT, ["n", 3])],
        [numpy_helper.from_array(weights, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "m.onnx")
    target = open_target(tmp_path / "m.onnx", data=data, outputs="probabilities")
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"))
    x = images.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
    (expected,) = session.run(None, {"x": x})
    np.testing.assert_array_equal(target.labels(data.x), expected.argmax(1))
    np.testing.assert_allclose(target.scores(data.x), expected, atol=1e-6)
