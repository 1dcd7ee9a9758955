"""Every format that is opened gives the scores of the module it came from; every other file one line."""

import contextlib
import io
import json
import os
import pickle
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from tiltyard.artifacts.verdict import scan, scan_stream
from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.schema import Feature, Schema
from tiltyard.errors import Problem
from tiltyard.progress import Progress
from tiltyard.targets import model_file
from tiltyard.targets.architecture import Architecture, build, mlp
from tiltyard.targets.opening import open_target
from tiltyard.targets.saving import save
from tiltyard.targets.torch_target import TorchTarget
from tiltyard.targets.training import Recipe

SCHEMA = Schema(
    features=tuple(Feature(name=f"f{i}", kind="continuous", low=-1, high=1) for i in range(5)),
    label="label",
    classes=("no", "yes", "maybe"),
)
ARCHITECTURE = mlp(5, (8,), 3, [0.1] * 5, [2.0] * 5)


def drawn(n: int = 200, schema: Schema = SCHEMA) -> NDArray[np.float32]:
    return np.random.default_rng(3).uniform(-1, 1, (n, *schema.shape)).astype(np.float32)


def module() -> nn.Module:
    torch.manual_seed(5)
    return build(ARCHITECTURE).eval()


def expected(net: nn.Module, x: NDArray[np.float32]) -> NDArray[np.float32]:
    with torch.inference_mode():
        return torch.softmax(net(torch.from_numpy(x)), 1).numpy()


def data() -> Dataset:
    x = drawn()
    return Dataset(x, expected(module(), x).argmax(1).astype(np.int64), SCHEMA)


def state(net: nn.Module) -> dict[str, torch.Tensor]:
    return {k: v.contiguous().clone() for k, v in net.state_dict().items()}


def plain_safetensors(path: Path, net: nn.Module | None = None) -> Path:
    from safetensors.torch import save_file

    save_file(state(net or module()), path)
    return path


def script(path: Path, net: nn.Module | None = None) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torch.jit.script(net or module()), path)
    return path


def same(path: Path, net: nn.Module | None = None, **given: object) -> TorchTarget:
    target = open_target(path, **given)  # type: ignore[arg-type]
    x = drawn()
    np.testing.assert_allclose(target.scores(x), expected(net or module(), x), atol=1e-5)
    assert "file" in target.offers
    assert target.origin == str(path)
    return target  # type: ignore[return-value]


def problem(path: Path | str, **given: object) -> Problem:
    with pytest.raises(Problem) as caught:
        open_target(path, **given)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    return caught.value


def test_safetensors_describe_themselves(tmp_path: Path) -> None:
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
    path = plain_safetensors(tmp_path / "m.safetensors")
    text = ARCHITECTURE.model_dump_json()
    (tmp_path / "layers.json").write_text(text)
    target = same(path, architecture=text if as_text else tmp_path / "layers.json", schema=SCHEMA)
    assert "training" not in target.offers
    assert "logits" in " ".join(target.assumptions)


def test_half_precision_is_read_as_single(tmp_path: Path) -> None:
    path = plain_safetensors(tmp_path / "m.safetensors", module().half())
    target = same(path, module().half().float(), architecture=ARCHITECTURE, schema=SCHEMA)
    assert "float32" in target.assumptions[0]


def made_here() -> nn.Module:
    """The factory that the test names."""
    return build(ARCHITECTURE)


def broken_factory() -> nn.Module:
    raise RuntimeError("no such weights")


def test_behind_a_shared_login_nobody_but_an_admin_names_code_to_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without this an analyst of the app could call any function: http.server:test serves the server's folder to the network."""
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
    path = tmp_path / "m.pt"
    torch.save(module().state_dict(), path, _use_new_zipfile_serialization=not legacy)
    if scan(path).safe:
        same(path, architecture=ARCHITECTURE, schema=SCHEMA)
    else:
        assert legacy
        assert "safe" in str(problem(path, architecture=ARCHITECTURE, schema=SCHEMA))


def test_a_checkpoint_and_a_wrapper_prefix_are_seen_through(tmp_path: Path) -> None:
    torch.save({"epoch": 3, "state_dict": {f"module.{k}": v for k, v in module().state_dict().items()}}, tmp_path / "m.pt")
    target = same(tmp_path / "m.pt", architecture=ARCHITECTURE, schema=SCHEMA)
    assert "'state_dict'" in target.assumptions[0]
    assert "'module.'" in target.assumptions[1]


def test_torchscript(tmp_path: Path) -> None:
    target = same(script(tmp_path / "m.pt"), schema=SCHEMA)
    assert "gradients" in target.offers
    assert "training" not in target.offers
    assert target.fingerprint == scan(tmp_path / "m.pt").sha256
    x = torch.from_numpy(drawn(4)).requires_grad_()
    (slope,) = torch.autograd.grad(target.module(x).sum(), x)
    assert slope.abs().sum() > 0


def test_classes_given_in_the_models_order(tmp_path: Path) -> None:
    path = script(tmp_path / "m.pt")
    x = drawn()
    target = open_target(path, schema=SCHEMA, classes=("yes", "maybe", "no"))
    assert target.classes == SCHEMA.classes
    np.testing.assert_allclose(target.scores(x), expected(module(), x)[:, [2, 0, 1]], atol=1e-5)
    renamed = open_target(path, schema=SCHEMA, classes=("a", "b", "c"))
    assert renamed.classes == ("a", "b", "c")
    assert "in this order" in " ".join(renamed.assumptions)


def test_probabilities_are_told_from_logits(tmp_path: Path) -> None:
    target = same(script(tmp_path / "m.pt", nn.Sequential(module(), nn.Softmax(1))), schema=SCHEMA)
    assert target.outputs == "probabilities"
    assert "sum to 1" in target.assumptions[0]
    assert 'Say outputs="logits"' in str(problem(script(tmp_path / "l.pt"), schema=SCHEMA, outputs="probabilities"))


def two_classes(classes: tuple[str, str] = ("no", "yes")) -> Schema:
    return SCHEMA.model_copy(update={"classes": classes})


def test_one_sigmoid_is_two_classes(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(5, 1), nn.Sigmoid())
    x = drawn()
    with torch.inference_mode():
        yes = net(torch.from_numpy(x)).numpy()
    path = script(tmp_path / "m.pt", net)
    target = open_target(path, schema=two_classes())
    np.testing.assert_allclose(target.scores(x), np.concatenate([1 - yes, yes], 1), atol=1e-5)
    turned = open_target(path, schema=two_classes(), classes=("yes", "no"))
    np.testing.assert_allclose(turned.scores(x), np.concatenate([yes, 1 - yes], 1), atol=1e-5)


class Runs:
    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return os.system, ("touch /tmp/tiltyard-must-not-exist",)


def test_a_pickle_is_refused_and_never_run(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(Runs()))
    found = problem(path, schema=SCHEMA)
    assert "pickle" in found.found
    assert "skops" in found.do
    (tmp_path / "model.safetensors").write_bytes(path.read_bytes())
    assert "pickle" in str(problem(tmp_path / "model.safetensors", schema=SCHEMA))
    assert not Path("/tmp/tiltyard-must-not-exist").exists()


@pytest.mark.parametrize("name", ["m.pt", "m.onnx", "m.skops"])
def test_a_malicious_torch_file_is_refused_with_the_reason(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    torch.save({"w": Runs()}, path)
    assert "system" in str(problem(path, schema=SCHEMA, architecture=ARCHITECTURE))
    assert not Path("/tmp/tiltyard-must-not-exist").exists()


def test_a_whole_pickled_module_is_refused(tmp_path: Path) -> None:
    torch.save(module(), tmp_path / "m.pt")
    found = problem(tmp_path / "m.pt", schema=SCHEMA)
    assert "safe" in found.expected
    assert "state_dict" in found.do


def test_a_joblib_file_is_refused(tmp_path: Path) -> None:
    import joblib
    from sklearn.linear_model import LogisticRegression

    joblib.dump(LogisticRegression().fit(drawn(), data().y), tmp_path / "m.joblib")
    assert "pickle" in str(problem(tmp_path / "m.joblib", schema=SCHEMA))


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.98])
@pytest.mark.parametrize("kind", ["safetensors", "pt", "script"])
def test_truncated_files(tmp_path: Path, share: float, kind: str) -> None:
    path = tmp_path / "m.bin"
    if kind == "safetensors":
        plain_safetensors(path)
    elif kind == "pt":
        torch.save(module().state_dict(), path)
    else:
        script(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    problem(path, schema=SCHEMA, architecture=ARCHITECTURE)


def test_mutated_files_give_a_target_or_one_line(tmp_path: Path) -> None:
    source = TorchTarget(module(), SCHEMA.classes, SCHEMA, "mine", architecture=ARCHITECTURE)
    save(source, tmp_path / "a.safetensors")
    (tmp_path / "a.safetensors").rename(tmp_path / "a.bin")
    torch.save(module().state_dict(), tmp_path / "b.bin")
    script(tmp_path / "c.bin")
    rng = np.random.default_rng(0)
    for name in "abc":
        whole = (tmp_path / f"{name}.bin").read_bytes()
        for _ in range(40):
            part = bytearray(whole)
            for at in rng.integers(0, len(part) if rng.random() < 0.5 else 400, rng.integers(1, 4)):
                part[at] = rng.integers(0, 256)
            path = tmp_path / "mutated.bin"
            path.write_bytes(bytes(part))
            with contextlib.suppress(Problem):
                open_target(path, schema=SCHEMA, architecture=None if name == "a" else ARCHITECTURE)


def test_places_that_are_no_file(tmp_path: Path) -> None:
    assert "nothing at" in str(problem(tmp_path / "none.pt"))
    assert "folder" in str(problem(tmp_path))
    (tmp_path / "empty.pt").touch()
    assert "empty" in str(problem(tmp_path / "empty.pt"))
    os.mkfifo(tmp_path / "pipe.pt")
    assert "regular" in str(problem(tmp_path / "pipe.pt"))
    assert "address" in str(problem("https://models.invalid/m.pt"))
    assert "path" in str(problem(""))


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = plain_safetensors(tmp_path / "m.safetensors")
    monkeypatch.setattr(
        "tiltyard.files.reading.os.open", lambda *given, **more: (_ for _ in ()).throw(PermissionError(13, "Permission denied"))
    )
    assert "permission" in str(problem(path, schema=SCHEMA))


def test_a_file_that_changes_after_the_scan_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = plain_safetensors(tmp_path / "m.safetensors")
    other = io.BytesIO()
    torch.save({"w": Runs()}, other)

    def judged(at: Path, stream: Any, progress: Any) -> Any:
        verdict = scan_stream(at, stream, progress)
        path.write_bytes(other.getvalue())
        return verdict

    monkeypatch.setattr("tiltyard.artifacts.verdict.scan_stream", judged)
    assert "changed after it was scanned" in str(problem(path, schema=SCHEMA, architecture=ARCHITECTURE))


def test_too_large_a_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_file, "LARGEST", 100)
    assert "GiB" in str(problem(plain_safetensors(tmp_path / "m.safetensors"), schema=SCHEMA))


def test_data_are_not_a_model(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("a,b\n1,2\n3,4\n")
    np.savez(tmp_path / "d.npz", x=np.zeros((2, 2)))
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        archive.writestr("a.txt", "hello")
    for name in ("d.csv", "d.npz", "d.zip"):
        assert "a model as safetensors" in str(problem(tmp_path / name, schema=SCHEMA))


def test_formats_of_other_libraries_say_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "m.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    (tmp_path / "m.gguf").write_bytes(b"GGUF" + bytes(100))
    assert "ONNX" in problem(tmp_path / "m.h5", schema=SCHEMA).do
    assert "classifier" in problem(tmp_path / "m.gguf", schema=SCHEMA).do


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    path = plain_safetensors(tmp_path / "m.safetensors")
    assert "architecture" in str(problem(path, schema=SCHEMA))
    assert "schema" in str(problem(path, architecture=ARCHITECTURE))
    assert "schema" in str(problem(script(tmp_path / "s.pt")))


def test_weights_of_another_network(tmp_path: Path) -> None:
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

    for text, said in (('{"format": 2}', "Upgrade"), ("[1]", "description"), ('{"classes": 3}', "classes"), ('{"other": 1}', "other")):
        save_file(state(module()), tmp_path / "m.safetensors", {"tiltyard": text})
        assert said in str(problem(tmp_path / "m.safetensors", schema=SCHEMA))
    save_file(state(module()), tmp_path / "m.safetensors", {"tiltyard": "{"})
    assert "JSON" in str(problem(tmp_path / "m.safetensors", schema=SCHEMA))


def test_the_wrong_number_of_columns(tmp_path: Path) -> None:
    narrow = SCHEMA.model_copy(update={"features": SCHEMA.features[:4]})
    said = str(problem(script(tmp_path / "m.pt", nn.Sequential(nn.Linear(5, 3))), schema=narrow))
    assert "rows of shape (4,)" in said
    source = TorchTarget(module(), SCHEMA.classes, SCHEMA, "mine", architecture=ARCHITECTURE)
    save(source, tmp_path / "d.safetensors")
    assert "the model's own schema" in str(problem(tmp_path / "d.safetensors", schema=narrow))


def test_scores_for_other_classes_and_nan(tmp_path: Path) -> None:
    assert "2 scores a row" in str(problem(script(tmp_path / "m.pt"), schema=two_classes()))
    net = module()
    with torch.no_grad():
        next(net.parameters())[0, 0] = torch.nan
    assert "NaN" in str(problem(plain_safetensors(tmp_path / "n.safetensors", net), architecture=ARCHITECTURE, schema=SCHEMA))


def test_architecture_that_is_none(tmp_path: Path) -> None:
    path = plain_safetensors(tmp_path / "m.safetensors")
    assert "JSON" in str(problem(path, architecture="nowhere.json", schema=SCHEMA))
    assert "layer 0 among" in str(problem(path, architecture='{"layers": [{"type": "os.system"}]}', schema=SCHEMA))
    (tmp_path / "x.json").write_bytes(b"\xff\xfe\x00")
    assert "text" in str(problem(path, architecture=str(tmp_path / "x.json"), schema=SCHEMA))
    assert isinstance(ARCHITECTURE, Architecture)
