"""State dicts with foreign names: the network found answers as the one that the weights came from, number for number."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.errors import Problem
from tiltyard.targets.opening import open_target

if TYPE_CHECKING:
    from torch import Tensor, nn

SIDE = 16


def pictures(n: int = 400, channels: int = 1) -> Dataset:
    """A bright bar in one of four places."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, n)
    x = rng.uniform(0, 0.4, (n, channels, SIDE, SIDE)).astype(np.float32)
    for i, place in enumerate(y):
        rows, columns = (slice(3, 5), slice(None)) if place == 0 else (slice(11, 13), slice(None)) if place == 1 else (slice(None), slice(3 + 8 * (place - 2), 5 + 8 * (place - 2)))  # fmt: skip
        x[i, :, rows, columns] += 0.3
    y = np.where(rng.uniform(size=n) < 0.05, rng.integers(0, 4, n), y)
    feature = Feature(name="picture", kind="pixels", low=0, high=1, shape=(channels, SIDE, SIDE))
    return Dataset(x, y, Schema(features=(feature,), label="place", classes=("top", "bottom", "left", "right")))


def table(n: int = 600) -> Dataset:
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, (n, 6))
    y = (x[:, 0] * x[:, 1] + x[:, 2] > 0).astype(np.int64) + (x[:, 3] > 1)
    features = tuple(Feature(name=f"c{i}", kind="continuous", low=-5, high=5) for i in range(6))
    return Dataset(x, y, Schema(features=features, label="y", classes=("a", "b", "c")))


def texts(n: int = 600) -> Dataset:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 30, (n, 10)).astype(np.float64)
    y = ((x < 5).sum(1) > (x > 24).sum(1)).astype(np.int64)
    y = np.where(rng.uniform(size=n) < 0.05, 1 - y, y)
    features = tuple(Feature(name=f"t{i}", kind="integer", low=0, high=29) for i in range(10))
    return Dataset(x, y, Schema(features=features, label="y", classes=("late", "early")))


def trained(module: "nn.Module", data: Dataset, steps: int = 150, rate: float = 5e-3) -> "nn.Module":
    import torch

    torch.manual_seed(0)
    x, y = inputs(module, data), torch.from_numpy(data.y.copy())
    optimizer = torch.optim.Adam(module.parameters(), rate)
    for _ in range(steps):
        rows = torch.randperm(len(x))[:128]
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(module(x[rows]), y[rows]).backward()
        optimizer.step()
    return module.eval()


def inputs(module: "nn.Module", data: Dataset) -> "Tensor":
    import torch
    from torch import nn

    x = torch.from_numpy(np.array(data.x, np.float32))
    return x.long() if any(isinstance(m, nn.Embedding) for m in module.modules()) else x


def renamed(module: "nn.Module", names: dict[str, str]) -> "dict[str, Tensor]":
    """The state under other names; a counter that torch adds is left out."""
    return {
        f"{names[name.rpartition('.')[0]]}.{name.rpartition('.')[2]}": tensor.clone()
        for name, tensor in module.state_dict().items()
        if "num_batches" not in name
    }


def written(path: Path, state: "dict[str, Tensor]") -> Path:
    import torch
    from safetensors.torch import save_file

    if path.suffix == ".safetensors":
        save_file({name: t.contiguous() for name, t in state.items()}, path)
    else:
        torch.save(state, path)
    return path


def check_same(target: Any, module: "nn.Module", data: Dataset) -> None:
    import torch

    with torch.inference_mode():
        wanted = torch.softmax(module(inputs(module, data)).double(), 1).numpy()
    np.testing.assert_array_equal(target.scores(data.x), wanted)


def convolutional() -> "nn.Module":
    import torch
    from torch import nn

    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 12, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(12 * 16, 20), nn.ReLU(), nn.Linear(20, 4),
    )  # fmt: skip


FOREIGN = {"0": "features.conv_a", "3": "features.conv_b", "6": "features.conv_c", "9": "classifier.dense", "11": "classifier.answer"}


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_three_convolutions_and_two_linear_layers_with_foreign_names(tmp_path: Path, suffix: str) -> None:
    data, module = pictures(), convolutional()
    path = written(tmp_path / f"m{suffix}", renamed(trained(module, data), FOREIGN))
    target = open_target(path, data=data)
    check_same(target, module, data)
    assert "gradients" in target.offers
    notes = " ".join(target.assumptions)
    assert "activation: relu" in notes
    assert "next best" in notes
    (tmp_path / "again.safetensors").write_bytes(target.safetensors())
    check_same(open_target(tmp_path / "again.safetensors"), module, data)


@pytest.mark.slow
def test_batch_norm_average_pooling_and_a_scaled_input(tmp_path: Path) -> None:
    from torch import nn

    from tiltyard.targets.architecture import Normalize

    data = pictures()
    module = nn.Sequential(
        Normalize([0.5], [0.5], 3), nn.Conv2d(1, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6), nn.ReLU(), nn.AvgPool2d(2),
        nn.Conv2d(6, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(128, 4),
    )  # fmt: skip
    state = renamed(trained(module.train(), data), {"0": "in", "1": "stem.c", "2": "stem.n", "5": "body.c", "6": "body.n", "10": "head"})
    state = {name: t for name, t in state.items() if not name.startswith("in.")}
    target = open_target(written(tmp_path / "m.pt", state), data=data)
    notes = " ".join(target.assumptions)
    assert "input: from −1 to 1" in notes
    assert "pooling: avg" in notes
    check_same(target, module, data)


@pytest.mark.parametrize("activation", ["ReLU", "Tanh", "GELU"])
def test_a_perceptron_and_its_activation(tmp_path: Path, activation: str) -> None:
    from torch import nn

    data = table()
    act = getattr(nn, activation)
    module = trained(nn.Sequential(nn.Linear(6, 16), act(), nn.Linear(16, 16), act(), nn.Linear(16, 3)), data, 400)
    state = {f"{'wb'[name.endswith('bias')]}{name[0]}": t for name, t in module.state_dict().items()}
    target = open_target(written(tmp_path / "m.safetensors", state), data=data)
    assert f"activation: {activation.lower()}" in " ".join(target.assumptions)
    check_same(target, module, data)


@pytest.mark.parametrize("both", [False, True])
def test_a_text_classifier_of_embedding_and_lstm(tmp_path: Path, both: bool) -> None:
    from torch import nn

    class Text(nn.Module):
        """Reads tokens, answers by the mean state."""

        def __init__(self) -> None:
            super().__init__()
            self.word_embedding = nn.Embedding(30, 8)
            self.reader = nn.LSTM(8, 12, batch_first=True, bidirectional=both)
            self.answer = nn.Linear(24 if both else 12, 2)

        def forward(self, x: Any) -> Any:
            return self.answer(self.reader(self.word_embedding(x))[0].mean(1))

    data = texts()
    module = trained(Text(), data, 200)
    target = open_target(written(tmp_path / "m.pt", module.state_dict()), data=data)
    assert "read: the mean over all" in " ".join(target.assumptions)
    check_same(target, module, data)
    assert "gradients" not in target.offers


@pytest.mark.slow
def test_untrained_weights_are_in_doubt(tmp_path: Path) -> None:
    import torch

    torch.manual_seed(0)
    target = open_target(written(tmp_path / "m.pt", convolutional().state_dict()), data=pictures())
    assert any("always the most frequent class" in doubt for doubt in target.doubts)


def test_what_is_no_network_is_refused_by_name(tmp_path: Path) -> None:
    import torch

    data = pictures()
    state = {**convolutional().state_dict(), "odd.thing": torch.zeros(3, 3, 3, 3, 3)}
    with pytest.raises(Problem, match=r"odd\.thing"):
        open_target(written(tmp_path / "a.pt", state), data=data)
    with pytest.raises(Problem, match="4 outputs"):
        open_target(written(tmp_path / "b.pt", {"w.weight": torch.zeros(3, 256), "w.bias": torch.zeros(3)}), data=data)
    with pytest.raises(Problem, match="first layer"):
        open_target(written(tmp_path / "c.pt", {"w.weight": torch.zeros(4, 7), "w.bias": torch.zeros(4)}), data=data)


@pytest.mark.slow
def test_a_person_may_choose_and_may_cancel(tmp_path: Path) -> None:
    from tiltyard.progress import Cancelled, Progress
    from tiltyard.targets.state_dict import facts, propose
    from tiltyard.targets.state_dict_fit import fit

    data = pictures()
    state = renamed(trained(convolutional(), data), FOREIGN)
    proposal = propose(facts(state), data.schema, data)
    assert [p.prefix for p in proposal.parts] == list(FOREIGN.values())
    found = fit(proposal, state, data, fixed={"activation": "tanh", "pooling": "avg"})
    assert {(t.chosen["activation"], t.chosen["pooling"]) for t in (found.best, *found.others)} == {("tanh", "avg")}
    stopped = Progress()
    stopped.cancel()
    with pytest.raises(Cancelled):
        fit(proposal, state, data, stopped)


def test_a_given_architecture_takes_foreign_names_by_order_and_shape(tmp_path: Path) -> None:
    import torch

    from tiltyard.targets.architecture import build, mlp

    data, architecture = table(), mlp(6, (16, 16), 3, [0.1] * 6, [2.0] * 6)
    torch.manual_seed(0)
    module = build(architecture).eval()
    state = renamed(module, {"0": "x", "1": "zzz.first", "3": "mmm.second", "5": "aaa.third"})
    state = {name: t for name, t in state.items() if not name.startswith("x.")}
    target = open_target(written(tmp_path / "m.safetensors", state), data=data, architecture=architecture)
    check_same(target, module, data)
    assert any("order and shape" in note for note in target.assumptions)
