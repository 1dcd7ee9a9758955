"""Files that are refused: pickles, whole modules, files cut off, changed, too large, or of no model."""

import contextlib
import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tiltyard.artifacts.verdict import scan_stream
from tiltyard.errors import Problem
from tiltyard.targets import model_file
from tiltyard.targets.opening import open_target
from tiltyard.targets.saving import save


class Runs:
    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return os.system, ("touch /tmp/tiltyard-must-not-exist",)


def test_a_pickle_is_refused_and_never_run(tmp_path: Path) -> None:
    from .model_files import SCHEMA, problem

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
    import torch

    from .model_files import ARCHITECTURE, SCHEMA, problem

    path = tmp_path / name
    torch.save({"w": Runs()}, path)
    assert "system" in str(problem(path, schema=SCHEMA, architecture=ARCHITECTURE))
    assert not Path("/tmp/tiltyard-must-not-exist").exists()


def test_a_whole_pickled_module_is_refused(tmp_path: Path) -> None:
    import torch

    from .model_files import SCHEMA, module, problem

    torch.save(module(), tmp_path / "m.pt")
    found = problem(tmp_path / "m.pt", schema=SCHEMA)
    assert "safe" in found.expected
    assert "state_dict" in found.do


def test_a_joblib_file_is_refused(tmp_path: Path) -> None:
    import joblib
    from sklearn.linear_model import LogisticRegression

    from .model_files import SCHEMA, data, drawn, problem

    joblib.dump(LogisticRegression().fit(drawn(), data().y), tmp_path / "m.joblib")
    assert "known types: sklearn.linear_model" in str(problem(tmp_path / "m.joblib", schema=SCHEMA))


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.98])
@pytest.mark.parametrize("kind", ["safetensors", "pt", "script"])
def test_truncated_files(tmp_path: Path, share: float, kind: str) -> None:
    import torch

    from .model_files import ARCHITECTURE, SCHEMA, module, plain_safetensors, problem, script

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
    import torch

    from tiltyard.targets.torch_target import TorchTarget

    from .model_files import ARCHITECTURE, SCHEMA, module, script

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
    from .model_files import problem

    assert "nothing at" in str(problem(tmp_path / "none.pt"))
    assert "folder" in str(problem(tmp_path))
    (tmp_path / "empty.pt").touch()
    assert "empty" in str(problem(tmp_path / "empty.pt"))
    os.mkfifo(tmp_path / "pipe.pt")
    assert "regular" in str(problem(tmp_path / "pipe.pt"))
    assert "address" in str(problem("https://models.invalid/m.pt"))
    assert "path" in str(problem(""))


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from .model_files import SCHEMA, plain_safetensors, problem

    path = plain_safetensors(tmp_path / "m.safetensors")
    monkeypatch.setattr(
        "tiltyard.files.reading.os.open", lambda *given, **more: (_ for _ in ()).throw(PermissionError(13, "Permission denied"))
    )
    assert "permission" in str(problem(path, schema=SCHEMA))


def test_a_folder_that_may_not_be_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There even the question whether a path is a folder is denied."""
    from .model_files import SCHEMA, plain_safetensors, problem

    path = plain_safetensors(tmp_path / "m.safetensors")
    for function in ("stat", "open"):
        real = getattr(os, function)

        def denied(place: object, *given: object, real: Callable[..., object] = real, **more: object) -> object:
            if str(place) == str(path):
                raise PermissionError(13, "Permission denied")
            return real(place, *given, **more)

        monkeypatch.setattr(os, function, denied)
    assert "found no permission for m.safetensors" in str(problem(path, schema=SCHEMA))


def test_a_file_that_changes_after_the_scan_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from .model_files import ARCHITECTURE, SCHEMA, plain_safetensors, problem

    path = plain_safetensors(tmp_path / "m.safetensors")
    other = io.BytesIO()
    torch.save({"w": Runs()}, other)

    def judged(at: Path, stream: Any, progress: Any, own: frozenset[str]) -> Any:
        verdict = scan_stream(at, stream, progress, own)
        path.write_bytes(other.getvalue())
        return verdict

    monkeypatch.setattr("tiltyard.artifacts.verdict.scan_stream", judged)
    assert "changed after it was scanned" in str(problem(path, schema=SCHEMA, architecture=ARCHITECTURE))


def test_too_large_a_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from .model_files import SCHEMA, plain_safetensors, problem

    monkeypatch.setattr(model_file, "LARGEST", 100)
    assert "GiB" in str(problem(plain_safetensors(tmp_path / "m.safetensors"), schema=SCHEMA))


def test_data_are_not_a_model(tmp_path: Path) -> None:
    from .model_files import SCHEMA, problem

    (tmp_path / "d.csv").write_text("a,b\n1,2\n3,4\n")
    np.savez(tmp_path / "d.npz", x=np.zeros((2, 2)))
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        archive.writestr("a.txt", "hello")
    for name in ("d.csv", "d.npz", "d.zip"):
        assert "a model as safetensors" in str(problem(tmp_path / name, schema=SCHEMA))


def test_formats_of_other_libraries_say_what_to_do(tmp_path: Path) -> None:
    from .model_files import SCHEMA, problem

    (tmp_path / "m.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    (tmp_path / "m.gguf").write_bytes(b"GGUF" + bytes(100))
    assert "ONNX" in problem(tmp_path / "m.h5", schema=SCHEMA).do
    assert "classifier" in problem(tmp_path / "m.gguf", schema=SCHEMA).do
