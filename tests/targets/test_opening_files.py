"""Every format that is opened gives the scores of the module it came from; every other file one line."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tiltyard.artifacts.verdict import scan
from tiltyard.datasets.schema import Schema
from tiltyard.errors import Problem
from tiltyard.progress import Progress
from tiltyard.targets.opening import open_target
from tiltyard.targets.saving import save

if TYPE_CHECKING:
    from torch import nn


def test_safetensors_describe_themselves(tmp_path: Path) -> None:
    from tiltyard.targets.torch_target import TorchTarget
    from tiltyard.targets.training import Recipe

    from .model_files import ARCHITECTURE, SCHEMA, data, drawn, module, same

    source = TorchTarget(module(), SCHEMA.classes, SCHEMA, "mine", recipe=Recipe(epochs=1), architecture=ARCHITECTURE)
    save(source, tmp_path / "m.safetensors")
    target = same(tmp_path / "m.safetensors")
    assert target.name == "mine"
    assert target.schema == SCHEMA
    assert target.fingerprint == source.fingerprint
    assert target.offers >= {"gradients", "weights", "training"}
    again = target.retrain(data().x, data().y, 0, Progress())
    assert again.scores(drawn()).shape == (200, 3)


@pytest.mark.parametrize("as_text", [True, False], ids=["text", "path"])
def test_safetensors_with_a_given_architecture(tmp_path: Path, as_text: bool) -> None:
    from .model_files import ARCHITECTURE, SCHEMA, plain_safetensors, same

    path = plain_safetensors(tmp_path / "m.safetensors")
    text = ARCHITECTURE.model_dump_json()
    (tmp_path / "layers.json").write_text(text)
    target = same(path, architecture=text if as_text else tmp_path / "layers.json", schema=SCHEMA)
    assert "training" not in target.offers
    assert "logits" in " ".join(target.assumptions)


def test_half_precision_is_read_as_single(tmp_path: Path) -> None:
    from .model_files import ARCHITECTURE, SCHEMA, module, plain_safetensors, same

    path = plain_safetensors(tmp_path / "m.safetensors", module().half())
    target = same(path, module().half().float(), architecture=ARCHITECTURE, schema=SCHEMA)
    assert "float32" in target.assumptions[0]


def made_here() -> "nn.Module":
    """The factory that the test names."""

    from tiltyard.targets.architecture import build

    from .model_files import ARCHITECTURE

    return build(ARCHITECTURE)


def broken_factory() -> "nn.Module":
    raise RuntimeError("no such weights")


def test_behind_a_shared_login_nobody_but_an_admin_names_code_to_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without this an analyst of the app could call any function: http.server:test serves the server's folder to the network."""

    import torch
    from torch import nn

    from .model_files import SCHEMA, problem

    (tmp_path / "called_by_name.py").write_text("def net():\n    import pathlib\n    pathlib.Path(__file__).with_name('called').touch()\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    mine = tmp_path / "root" / "ann" / "m.pt"
    mine.parent.mkdir(parents=True)
    torch.save(nn.Linear(5, 3).state_dict(), mine)
    monkeypatch.setenv("TILTYARD_DATA_ROOT", str(tmp_path / "root"))
    monkeypatch.setenv("TILTYARD_USER", "ann")
    for role in ("viewer", "analyst"):
        monkeypatch.setenv("TILTYARD_ROLE", role)
        assert "the role admin to name a function" in str(problem(mine, factory="called_by_name:net", schema=SCHEMA))
    assert not (tmp_path / "called").exists()
    monkeypatch.setenv("TILTYARD_ROLE", "admin")
    assert "a torch.nn.Module from" in str(problem(mine, factory="called_by_name:net", schema=SCHEMA))
    assert (tmp_path / "called").exists()


def test_pt_with_a_factory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from torch import nn

    from .model_files import ARCHITECTURE, SCHEMA, problem, same

    (tmp_path / "nets_of_mine.py").write_text("from torch import nn\ndef net():\n    return nn.Sequential(nn.Linear(5, 3))\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    net = nn.Sequential(nn.Linear(5, 3))
    torch.save(net.state_dict(), tmp_path / "m.pt")
    same(tmp_path / "m.pt", net, factory="nets_of_mine:net", schema=SCHEMA)
    assert "colon" in str(problem(tmp_path / "m.pt", factory="nets_of_mine", schema=SCHEMA))
    assert "PYTHONPATH" in str(problem(tmp_path / "m.pt", factory="not_there_at_all:net", schema=SCHEMA))
    assert "AttributeError" in str(problem(tmp_path / "m.pt", factory="nets_of_mine:other", schema=SCHEMA))
    assert "not both" not in str(problem(tmp_path / "m.pt", factory="nets_of_mine:net", architecture=ARCHITECTURE, schema=SCHEMA))


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_tensor_only_pt(tmp_path: Path, legacy: bool) -> None:
    import torch

    from .model_files import ARCHITECTURE, SCHEMA, module, problem, same

    path = tmp_path / "m.pt"
    torch.save(module().state_dict(), path, _use_new_zipfile_serialization=not legacy)
    if scan(path).safe:
        same(path, architecture=ARCHITECTURE, schema=SCHEMA)
    else:
        assert legacy
        assert "safe" in str(problem(path, architecture=ARCHITECTURE, schema=SCHEMA))


def test_a_checkpoint_and_a_wrapper_prefix_are_seen_through(tmp_path: Path) -> None:
    import torch

    from .model_files import ARCHITECTURE, SCHEMA, module, same

    torch.save({"epoch": 3, "state_dict": {f"module.{k}": v for k, v in module().state_dict().items()}}, tmp_path / "m.pt")
    target = same(tmp_path / "m.pt", architecture=ARCHITECTURE, schema=SCHEMA)
    assert "'state_dict'" in target.assumptions[0]
    assert "'module.'" in target.assumptions[1]


def test_torchscript(tmp_path: Path) -> None:
    import torch

    from .model_files import SCHEMA, drawn, same, script

    target = same(script(tmp_path / "m.pt"), schema=SCHEMA)
    assert "gradients" in target.offers
    assert "training" not in target.offers
    assert target.fingerprint == scan(tmp_path / "m.pt").sha256
    x = torch.from_numpy(drawn(4)).float().requires_grad_()
    (slope,) = torch.autograd.grad(target.module(x).sum(), x)
    assert slope.abs().sum() > 0


def test_classes_given_in_the_models_order(tmp_path: Path) -> None:
    from .model_files import SCHEMA, drawn, expected, module, script

    path = script(tmp_path / "m.pt")
    x = drawn()
    target = open_target(path, schema=SCHEMA, classes=("yes", "maybe", "no"))
    assert target.classes == SCHEMA.classes
    np.testing.assert_allclose(target.scores(x), expected(module(), x)[:, [2, 0, 1]], atol=1e-5)
    with pytest.raises(Problem, match="yes, maybe"):
        open_target(path, schema=SCHEMA, classes=("a", "b", "c"))


def test_probabilities_are_told_from_logits(tmp_path: Path) -> None:
    from torch import nn

    from .model_files import SCHEMA, module, problem, same, script

    target = same(script(tmp_path / "m.pt", nn.Sequential(module(), nn.Softmax(1))), schema=SCHEMA)
    assert target.outputs == "probabilities"
    assert "sum to 1" in target.assumptions[0]
    assert 'Say outputs="logits"' in str(problem(script(tmp_path / "l.pt"), schema=SCHEMA, outputs="probabilities"))


def two_classes(classes: tuple[str, str] = ("no", "yes")) -> Schema:
    from .model_files import SCHEMA

    return SCHEMA.model_copy(update={"classes": classes})


def test_one_sigmoid_is_two_classes(tmp_path: Path) -> None:
    import torch
    from torch import nn

    from .model_files import drawn, script

    net = nn.Sequential(nn.Linear(5, 1), nn.Sigmoid())
    x = drawn()
    with torch.inference_mode():
        yes = net(torch.from_numpy(x).float()).numpy()
    path = script(tmp_path / "m.pt", net)
    target = open_target(path, schema=two_classes())
    np.testing.assert_allclose(target.scores(x), np.concatenate([1 - yes, yes], 1), atol=1e-5)
    turned = open_target(path, schema=two_classes(), classes=("yes", "no"))
    np.testing.assert_allclose(turned.scores(x), np.concatenate([yes, 1 - yes], 1), atol=1e-5)


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    from .model_files import ARCHITECTURE, SCHEMA, plain_safetensors, problem, script

    path = plain_safetensors(tmp_path / "m.safetensors")
    assert "architecture" in str(problem(path, schema=SCHEMA))
    assert "schema" in str(problem(path, architecture=ARCHITECTURE))
    assert "schema" in str(problem(script(tmp_path / "s.pt")))


def test_weights_of_another_network(tmp_path: Path) -> None:
    from tiltyard.targets.architecture import mlp

    from .model_files import SCHEMA, plain_safetensors, problem

    path = plain_safetensors(tmp_path / "m.safetensors")
    wider = mlp(5, (9,), 3, [0.0] * 5, [1.0] * 5)
    deeper = mlp(5, (8, 8), 3, [0.0] * 5, [1.0] * 5)
    shallower = mlp(5, (), 3, [0.0] * 5, [1.0] * 5)
    assert "shape (9, 5)" in str(problem(path, architecture=wider, schema=SCHEMA))
    assert "missing" in str(problem(path, architecture=deeper, schema=SCHEMA))
    assert "also" in str(problem(path, architecture=shallower, schema=SCHEMA)) or "shape" in str(
        problem(path, architecture=shallower, schema=SCHEMA)
    )


def test_a_description_that_claims_a_huge_network_allocates_nothing(tmp_path: Path) -> None:
    from .model_files import SCHEMA, plain_safetensors, problem

    path = plain_safetensors(tmp_path / "m.safetensors")
    layer = {"type": "linear", "options": {"in_features": 30_000, "out_features": 30_000}}
    assert "weights for" in str(problem(path, architecture=json.dumps({"layers": [layer] * 50}), schema=SCHEMA))
    assert "at most" in str(
        problem(
            path,
            architecture=json.dumps({"layers": [{"type": "linear", "options": {"in_features": 10**9, "out_features": 10**9}}]}),
            schema=SCHEMA,
        )
    )


def test_a_description_of_a_newer_format_or_none(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    from .model_files import SCHEMA, module, problem, state

    for text, said in (('{"format": 2}', "Upgrade"), ("[1]", "description"), ('{"classes": 3}', "classes"), ('{"other": 1}', "other")):
        save_file(state(module()), tmp_path / "m.safetensors", {"tiltyard": text})
        assert said in str(problem(tmp_path / "m.safetensors", schema=SCHEMA))
    save_file(state(module()), tmp_path / "m.safetensors", {"tiltyard": "{"})
    assert "JSON" in str(problem(tmp_path / "m.safetensors", schema=SCHEMA))


def test_the_wrong_number_of_columns(tmp_path: Path) -> None:
    from torch import nn

    from tiltyard.targets.torch_target import TorchTarget

    from .model_files import ARCHITECTURE, SCHEMA, module, problem, script

    narrow = SCHEMA.model_copy(update={"features": SCHEMA.features[:4]})
    said = str(problem(script(tmp_path / "m.pt", nn.Sequential(nn.Linear(5, 3))), schema=narrow))
    assert "rows of shape (4,)" in said
    source = TorchTarget(module(), SCHEMA.classes, SCHEMA, "mine", architecture=ARCHITECTURE)
    save(source, tmp_path / "d.safetensors")
    assert "the model's own schema" in str(problem(tmp_path / "d.safetensors", schema=narrow))


def test_scores_for_other_classes_and_nan(tmp_path: Path) -> None:
    import torch

    from .model_files import ARCHITECTURE, SCHEMA, module, plain_safetensors, problem, script

    assert "2 scores a row" in str(problem(script(tmp_path / "m.pt"), schema=two_classes()))
    net = module()
    with torch.no_grad():
        next(net.parameters())[0, 0] = torch.nan
    assert "NaN" in str(problem(plain_safetensors(tmp_path / "n.safetensors", net), architecture=ARCHITECTURE, schema=SCHEMA))


def test_architecture_that_is_none(tmp_path: Path) -> None:
    from tiltyard.targets.architecture import Architecture

    from .model_files import ARCHITECTURE, SCHEMA, plain_safetensors, problem

    path = plain_safetensors(tmp_path / "m.safetensors")
    assert "JSON" in str(problem(path, architecture="nowhere.json", schema=SCHEMA))
    assert "layer 0 among" in str(problem(path, architecture='{"layers": [{"type": "os.system"}]}', schema=SCHEMA))
    (tmp_path / "x.json").write_bytes(b"\xff\xfe\x00")
    assert "text" in str(problem(path, architecture=str(tmp_path / "x.json"), schema=SCHEMA))
    assert isinstance(ARCHITECTURE, Architecture)


def test_a_factory_in_a_python_file_counts_as_it_is_now(tmp_path: Path) -> None:
    from .model_files import SCHEMA, module, plain_safetensors, problem, same

    path, code = plain_safetensors(tmp_path / "m.safetensors"), tmp_path / "net.py"
    code.write_text("def make():\n    return None\n")
    assert "NoneType" in str(problem(path, factory=f"{code}:make", schema=SCHEMA))
    code.write_text("from tests.targets.model_files import module\n\ndef make():\n    return module()\n")
    assert "gradients" in same(path, module(), factory=f"{code}:make", schema=SCHEMA).offers
    code.write_text("def make(:\n")
    assert "SyntaxError" in str(problem(path, factory=f"{code}:make", schema=SCHEMA))
    assert "none.py" in str(problem(path, factory=f"{tmp_path / 'none.py'}:make", schema=SCHEMA))
