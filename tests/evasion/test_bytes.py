"""A model that takes bytes alone: every row that an attack ends with is one of bytes, and within eps of the row it came from."""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.lazily import Lazily
from tests.targets.onnx_files import made, scores_out

from tiltyard.catalogue import checks
from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.reading import read
from tiltyard.evasion.attack import Evasion
from tiltyard.evasion.rows_file import ROWS
from tiltyard.evasion.square import Square
from tiltyard.progress import Progress
from tiltyard.targets.opening import open_target
from tiltyard.targets.target import Target

torch: Any = Lazily("torch")
LEFT = np.tile([1.0, 1.0, -1.0, -1.0], (4, 1))
SMALL = {"evasion.square": {"query_budget": 60}, "evasion.hop_skip_jump": {"query_budget": 150}}
INTO_EPS: dict[str, Any] = {
    f"{check.id}": check for check in checks().values() if issubclass(check, Evasion) and not {"gradients", "table"} & check.needs
}


def brighter(x: Any) -> Any:
    """By how many levels the left half of images (n, 4, 4) is brighter."""
    return (np.asarray(x, np.int64) * LEFT).sum((1, 2))


def bytes_and_model() -> tuple[Dataset, Target]:
    """Gray images of bytes, and a model that takes no other numbers: it tells whether the left half is the brighter."""

    class Halves(torch.nn.Module):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            if x.dtype != torch.uint8:
                raise TypeError(f"bytes are wanted, not {x.dtype}")
            gap = (x.float() * torch.from_numpy(LEFT).float()).sum((1, 2)) / 255
            return torch.stack([-gap, gap], 1)

    data = pictures()
    return data, open_target(Halves().eval(), data=data)


def onnx_model(path: Path, data: Dataset) -> Target:
    """The same as a file whose input is uint8."""
    pytest.importorskip("onnxruntime")
    from onnx import TensorProto, helper

    given = [helper.make_tensor_value_info("x", TensorProto.UINT8, [None, 1, 4, 4])]
    halves = np.stack([-LEFT.ravel(), LEFT.ravel()], 1).astype(np.float32) / 255
    nodes = [
        helper.make_node("Cast", ["x"], ["cast"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["cast"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["p"]),
    ]
    return open_target(made(path, nodes, {"w": halves}, [scores_out(k=2)], given, ml=False), data=data, outputs="logits")


def pictures() -> Dataset:
    """Gray images of bytes, and whether the left half is the brighter."""
    x = np.random.default_rng(0).integers(0, 256, (40, 4, 4)).astype(np.uint8)
    x[:4, :, :2], x[:4, :, 2:] = 0, 255  # at the ends of the range
    return read((x, (brighter(x) > 0).astype(int)))


def test_there_are_attacks_without_gradients() -> None:
    assert {"evasion.square", "evasion.hop_skip_jump", "evasion.transfer"} <= set(INTO_EPS)


def held_to_bytes(check: Any, target: Target, data: Dataset) -> None:
    """Run ``check`` and look at its rows by hand."""
    assert target.grain == 1 / 255
    progress = Progress()
    result = check(target, data, progress).result
    with np.load(BytesIO(progress.handed()[ROWS])) as file:
        now, was, y, answered = (file[name] for name in ("x", "natural", "y", "answered"))
    levels = now.astype(np.float64) * 255
    np.testing.assert_array_equal(now, (np.rint(levels) / 255).astype(np.float32))
    change = (np.rint(levels) - np.rint(was.astype(np.float64) * 255)).reshape(len(now), -1)
    fooled = (answered != y) & (change != 0).any(1)
    size = np.abs(change).max(1) if check.norm == "linf" else np.sqrt((change**2).sum(1))
    assert (size[fooled] <= check.eps * 255 * (1 + 1e-6)).all()
    np.testing.assert_array_equal(answered, (brighter(np.rint(levels)[:, 0]) > 0).astype(int))
    assert (result.metric("robust_accuracy").value or 0) == pytest.approx(float((answered == y).mean()))


@pytest.mark.parametrize("id", sorted(INTO_EPS))
@pytest.mark.parametrize(("norm", "eps"), [("linf", 0.1), ("linf", 8 / 255), ("l2", 0.3)])
def test_a_row_found_is_bytes_within_eps(id: str, norm: str, eps: float) -> None:
    data, target = bytes_and_model()
    held_to_bytes(INTO_EPS[id](norm=norm, eps=eps, rows=20, curve=False, seed=0, **SMALL.get(id, {})), target, data)


def test_so_it_is_of_an_onnx_file_that_takes_bytes(tmp_path: Path) -> None:
    data = pictures()
    target = onnx_model(tmp_path / "m.onnx", data)
    held_to_bytes(Square(eps=0.1, rows=20, curve=False, query_budget=60), target, data)


def test_the_whole_ball_is_used() -> None:
    import torch as t

    from tiltyard.attacks.perturbation_space import PerturbationSpace

    data, target = bytes_and_model()
    space = PerturbationSpace.of(data.schema).grained(target.grain)
    x, levels = t.from_numpy(data.x), t.tensor([1, 7, 8, 30, 64]) / 255
    for eps in levels.tolist():
        moved = space.moved(x, t.full_like(x, eps)) * 255 - x * 255
        wanted = t.minimum(t.tensor(round(eps * 255)), 255 - (x * 255).round())
        assert t.equal(moved.round(), wanted)
        assert t.equal(
            space.moved(x, t.full_like(x, -eps * 0.99)).mul(255).round(), ((x * 255).round() - round(eps * 255) + 1).clamp_min(0)
        )
