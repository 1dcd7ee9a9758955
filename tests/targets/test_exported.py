"""torch.export programs: read as data, equal to the program itself, gradients through them, hostile ones refused."""

import io
import json
import warnings
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tiltyard.artifacts.formats import Format
from tiltyard.artifacts.sniffing import sniff
from tiltyard.artifacts.verdict import scan
from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.errors import Problem
from tiltyard.targets.opening import open_target

if TYPE_CHECKING:
    from torch import nn

pytestmark = pytest.mark.slow


def numbers(columns: int = 6) -> Dataset:
    x = np.random.default_rng(0).normal(0, 1, (50, columns)).astype(np.float32).astype(np.float64)
    features = tuple(Feature(name=f"c{i}", kind="continuous", low=-9, high=9) for i in range(columns))
    return Dataset(x, np.arange(50) % 3, Schema(features=features, label="y", classes=("a", "b", "c")))


def tokens() -> Dataset:
    x = np.random.default_rng(0).integers(0, 30, (50, 10)).astype(np.float64)
    features = tuple(Feature(name=f"t{i}", kind="integer", low=0, high=29) for i in range(10))
    return Dataset(x, np.arange(50) % 3, Schema(features=features, label="y", classes=("a", "b", "c")))


def pictures() -> Dataset:
    x = np.random.default_rng(0).uniform(0, 1, (50, 3, 12, 12)).astype(np.float32)
    feature = Feature(name="p", kind="pixels", low=0, high=1, shape=(3, 12, 12))
    return Dataset(x, np.arange(50) % 3, Schema(features=(feature,), label="y", classes=("a", "b", "c")))


def module(kind: str) -> "nn.Module":
    import torch
    from torch import nn

    torch.manual_seed(0)

    class Encoder(nn.Module):
        """Tokens, places, two blocks, their mean."""

        def __init__(self) -> None:
            super().__init__()
            self.words, self.places = nn.Embedding(30, 16), nn.Parameter(torch.randn(1, 10, 16))
            self.blocks = nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 4, 32, batch_first=True), 2)
            self.answer = nn.Linear(16, 3)

        def forward(self, x: Any) -> Any:
            return self.answer(self.blocks(self.words(x) + self.places).mean(1))

    class Reader(nn.Module):
        """Tokens through an LSTM."""

        def __init__(self) -> None:
            super().__init__()
            self.words, self.states, self.answer = nn.Embedding(30, 16), nn.LSTM(16, 8, batch_first=True), nn.Linear(8, 3)

        def forward(self, x: Any) -> Any:
            return self.answer(self.states(self.words(x))[0][:, -1])

    class Residual(nn.Module):
        """Two convolutions, a sum, an average."""

        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.norm = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding="same"), nn.GroupNorm(2, 8)
            self.batch, self.answer = nn.BatchNorm2d(8), nn.Linear(8, 3)

        def forward(self, x: Any) -> Any:
            h = torch.relu(self.batch(self.a((x - 0.5) / 0.25)))
            h = nn.functional.adaptive_avg_pool2d(nn.functional.max_pool2d(h + nn.functional.gelu(self.norm(self.b(h))), 2), 1)
            return self.answer(h.view(h.shape[0], -1))

    plain = (nn.Linear(6, 8), nn.LayerNorm(8), nn.GELU(), nn.Linear(8, 8), nn.Dropout(0.3), nn.SiLU(), nn.Linear(8, 3), nn.Softmax(1))
    return {"plain": lambda: nn.Sequential(*plain), "encoder": Encoder, "reader": Reader, "residual": Residual}[kind]().eval()


DATA = {"plain": numbers, "encoder": tokens, "reader": tokens, "residual": pictures}


def exported(path: Path, kind: str, decomposed: bool = False, fixed: bool = False) -> Any:
    """The program, saved under ``path``."""
    import torch

    x = given(kind)[:3]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shapes = None if fixed else ({0: torch.export.Dim("rows", min=1, max=1 << 20)},)
        program = torch.export.export(module(kind), (x,), dynamic_shapes=shapes)
        program = program.run_decompositions() if decomposed else program
        torch.export.save(program, path)
    return program.module()


def given(kind: str) -> Any:
    import torch

    x = torch.from_numpy(DATA[kind]().x.copy())
    return x.long() if kind in ("encoder", "reader") else x.float()


@pytest.mark.parametrize("decomposed", [False, True])
@pytest.mark.parametrize("kind", list(DATA))
def test_it_answers_as_the_program_does(tmp_path: Path, kind: str, decomposed: bool) -> None:
    import torch

    program, data = exported(tmp_path / "m.pt2", kind, decomposed), DATA[kind]()
    assert sniff(tmp_path / "m.pt2") is Format.TORCH_EXPORT
    assert scan(tmp_path / "m.pt2").safe
    target = open_target(tmp_path / "m.pt2", data=data)
    with torch.inference_mode():
        wanted = program(given(kind)).double()
    wanted = wanted / wanted.sum(1, keepdim=True) if kind == "plain" else torch.softmax(wanted, 1)
    np.testing.assert_allclose(target.scores(data.x), wanted.numpy(), atol=1e-7)
    assert ("gradients" in target.offers) == (kind in ("plain", "residual"))
    if "gradients" in target.offers:
        z = torch.from_numpy(data.encoded.copy()).requires_grad_()
        (slope,) = torch.autograd.grad(target.module(z)[:, 0].sum(), z)
        (wanted_slope,) = torch.autograd.grad(_logits(module(kind)(z), kind)[:, 0].sum(), z)
        np.testing.assert_allclose(slope.numpy(), wanted_slope.numpy(), atol=1e-5)


def _logits(out: Any, kind: str) -> Any:
    return out.log() if kind == "plain" else out


def test_a_fixed_number_of_rows(tmp_path: Path) -> None:
    import torch

    exported(tmp_path / "m.pt2", "residual", fixed=True)
    data = pictures()
    target = open_target(tmp_path / "m.pt2", data=data)
    with torch.inference_mode():
        wanted = torch.softmax(module("residual")(given("residual")).double(), 1).numpy()
    np.testing.assert_allclose(target.scores(data.x), wanted, atol=1e-6)
    assert any("3 rows at a time" in note for note in target.assumptions)


def changed(path: Path, name: str, change: Any) -> Path:
    """The archive with one entry changed, or added where it is none of them."""
    out = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w") as new:
        for info in old.infolist():
            content = old.read(info)
            new.writestr(info.filename, change(content) if info.filename.endswith(name) else content)
        if not any(info.filename.endswith(name) for info in old.infolist()):
            new.writestr(f"{old.infolist()[0].filename.split('/')[0]}/{name}", change(b""))
    path.write_bytes(out.getvalue())
    return path


def graph(change: Any) -> Any:
    """A change of the program's JSON."""

    def changing(content: bytes) -> bytes:
        whole = json.loads(content)
        change(whole["graph_module"]["graph"]["nodes"], whole["graph_module"])
        return json.dumps(whole).encode()

    return changing


def refused(path: Path, data: Dataset) -> str:
    with pytest.raises(Problem) as caught:
        open_target(path, data=data)
    return str(caught.value)


def test_hostile_programs_are_refused_by_name(tmp_path: Path) -> None:
    data, path = numbers(), tmp_path / "m.pt2"

    def with_change(name: str, change: Any) -> str:
        exported(path, "plain")
        return refused(changed(path, name, change), data)

    def calls(target: str) -> Any:
        return graph(lambda nodes, _: nodes[2].update(target=target))

    assert "torch.ops.aten.from_file.default" in with_change("model.json", calls("torch.ops.aten.from_file.default"))
    assert "os.system" in with_change("model.json", calls("os.system"))
    assert "_operator.methodcaller" in with_change("model.json", calls("_operator.methodcaller"))
    assert "no program" in with_change("model.json", lambda content: content[:-9])
    assert "machine code" in with_change("data/aotinductor/model/wrapper.so", lambda _: b"\x7fELF")
    assert "foreign" in with_change("foreign.bin", lambda _: b"x" * 50)
    assert "in a pickle" in with_change("weights_config.json", lambda c: c.replace(b'"use_pickle": false', b'"use_pickle": true'))
    longer = with_change("weights_config.json", lambda c: c.replace(b'"sizes": [{"as_int": 8}', b'"sizes": [{"as_int": 80000}'))
    assert "should have" in longer
    two = with_change("model.json", graph(lambda _, g: g["signature"]["output_specs"].append(g["signature"]["output_specs"][0])))
    assert "one output" in two


def test_a_result_past_memory_is_refused_before_it_is_made(tmp_path: Path) -> None:
    path = tmp_path / "m.pt2"
    exported(path, "plain")
    huge = {
        "target": "torch.ops.aten.zeros.default",
        "inputs": [{"name": "size", "arg": {"as_ints": [1 << 40]}, "kind": 1}, {"name": "device", "arg": {"as_device": {"type": "cpu"}}, "kind": 2}],
        "outputs": [{"as_tensor": {"name": "huge"}}],
    }  # fmt: skip
    changed(path, "model.json", graph(lambda nodes, _: nodes.insert(0, huge)))
    assert "results of at most" in refused(path, numbers())
