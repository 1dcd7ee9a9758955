import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.sarif_fields import sarif_faults

from tiltyard.published.schemas import FOLDER

Tiltyard = Callable[..., Any]


class Evil:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (__import__("os").system, ("echo it ran",))


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    np.savez(folder / "good.npz", x=np.zeros(3))
    (folder / "bad.pkl").write_bytes(pickle.dumps(Evil()))
    return folder


def test_exit_codes(tiltyard: Tiltyard, files: Path) -> None:
    assert tiltyard("scan", files / "good.npz").code == 0
    assert tiltyard("scan", files / "bad.pkl").code == 1
    assert tiltyard("scan", files).code == 1
    assert tiltyard("scan", files / "good.npz", files / "missing").code == 2


def test_each_file_is_said_with_its_reason(tiltyard: Tiltyard, files: Path) -> None:
    said = tiltyard("scan", files)
    assert "good.npz: safe" in said.out
    assert "bad.pkl: malicious" in said.out
    assert "system" in said.out


def test_json_and_sarif(tiltyard: Tiltyard, files: Path) -> None:
    from jsonschema import Draft202012Validator

    found = json.loads(tiltyard("scan", files, files / "missing", "--json").out)
    Draft202012Validator(json.loads((FOLDER / "scan.schema.json").read_text())).validate(found)
    assert [(Path(f["path"]).name, (f["verdict"] or {}).get("verdict")) for f in found["files"]] == [
        ("bad.pkl", "malicious"),
        ("good.npz", "safe"),
        ("missing", None),
    ]
    sarif = json.loads(tiltyard("scan", files, "--sarif").out)
    assert sarif["version"] == "2.1.0" and sarif_faults(sarif) == []
    assert {r["ruleId"] for r in sarif["runs"][0]["results"]} == {"runs-code"}
    assert all(r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].endswith("bad.pkl") for r in sarif["runs"][0]["results"])


def test_an_empty_folder_and_a_link_out(tiltyard: Tiltyard, files: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "empty" in tiltyard("scan", tmp_path / "empty").line
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "good.npz").write_bytes((files / "good.npz").read_bytes())
    (tmp_path / "linked" / "link.pkl").symlink_to(files / "bad.pkl")
    found = tiltyard("scan", tmp_path / "linked")
    assert found.code == 2 and "link.pkl: a link that leads outside the folder, not judged" in found.out


def test_documents_beside_a_model_do_not_count_but_programs_and_lies_do(tiltyard: Tiltyard, files: Path) -> None:
    (files / "bad.pkl").unlink()
    (files / "README.md").write_text("# A model\n\nWith words, and more words.\n")
    (files / "config.json").write_text('{"layers": 3}')
    assert tiltyard("scan", files).code == 0
    assert tiltyard("scan", files / "README.md").code == 2
    (files / "modeling.py").write_text("import os\nos.system('id')\n")
    assert tiltyard("scan", files).code != 0
    (files / "modeling.py").unlink()
    (files / "notes.json").write_bytes(pickle.dumps(Evil()))
    assert tiltyard("scan", files).code == 1


def test_a_cache_of_links_is_followed(tiltyard: Tiltyard, files: Path, tmp_path: Path) -> None:
    model = tmp_path / "models--a--b"
    (model / "blobs").mkdir(parents=True)
    snapshot = model / "snapshots" / "1234"
    snapshot.mkdir(parents=True)
    (model / "blobs" / "aa").write_bytes((files / "good.npz").read_bytes())
    (model / "blobs" / "bb").write_bytes((files / "bad.pkl").read_bytes())
    (snapshot / "good.npz").symlink_to("../../blobs/aa")
    assert tiltyard("scan", snapshot).code == 0
    (snapshot / "bad.pkl").symlink_to("../../blobs/bb")
    assert tiltyard("scan", snapshot).code == 1
    found = tiltyard("scan", model)
    assert found.code == 1 and found.out.count(": safe") == 1 and "snapshots/1234/good.npz" in found.out


@pytest.mark.parametrize(
    ("name", "text", "rule", "code"),
    [
        ("config.json", '{"auto_map": {"AutoModel": "modeling_x.X"}}', "remote-code", 2),
        ("config.json", '{"custom_pipelines": {"p": {"impl": "x.P"}}}', "remote-code", 2),
        ("tokenizer_config.json", '{"chat_template": "{{ x.__class__ }}"}', "template-code", 1),
        ("tokenizer_config.json", '{"chat_template": [{"name": "a", "template": "{{ x.__class__ }}"}]}', "template-code", 1),
        ("chat_template.jinja", "{{ cycler.__init__.__globals__ }}", "template-code", 1),
        ("model.safetensors.index.json", '{"weight_map": {"a": "../../etc/passwd"}}', "path-outside", 1),
        ("model.safetensors.index.json", '{"weight_map": {"a": "/etc/passwd"}}', "path-outside", 1),
        ("config.yaml", "model:\n  _target_: os.system\n", "target-runs", 1),
        ("config.yaml", "x: !!python/object/apply:os.system [id]\n", "yaml-python", 1),
        (
            "MLmodel",
            "flavors:\n  python_function:\n    loader_module: mlflow.pyfunc.model\n    python_model: python_model.pkl\n",
            "mlflow-code",
            2,
        ),
        ("MANIFEST.json", '{"model": {"handler": "handler.py"}}', "mar-handler", 2),
        ("model_index.json", '{"unet": ["mine", "Unet"]}', "remote-code", 2),
    ],
)
def test_texts_that_name_code_or_files_count(tiltyard: Tiltyard, files: Path, name: str, text: str, rule: str, code: int) -> None:
    (files / "bad.pkl").unlink()
    (files / name).write_text(text)
    found = tiltyard("scan", files)
    assert found.code == code, found.out
    assert f"[{rule}," in found.out


def test_ordinary_texts_of_a_model_do_not_count(tiltyard: Tiltyard, files: Path) -> None:
    (files / "bad.pkl").unlink()
    (files / "config.json").write_text('{"architectures": ["Bert"], "hidden_size": 3}')
    (files / "model.safetensors.index.json").write_text('{"weight_map": {"a": "model-00001-of-00002.safetensors"}}')
    (files / "tokenizer_config.json").write_text('{"chat_template": "{% for m in messages %}{{ m.content }}{% endfor %}"}')
    (files / "MLmodel").write_text("flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n    model_path: model.skops\n")
    (files / "explore.ipynb").write_text(
        '{"cells": [{"cell_type": "code", "source": "1"}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
    )
    (files / ".git").mkdir()
    (files / ".git" / "hook.pkl").write_bytes(pickle.dumps(Evil()))
    found = tiltyard("scan", files)
    assert found.code == 0, found.out
    assert ".git: left out" in found.out and "1 code" in found.out


def test_a_folder_of_documents_alone_is_nothing_to_judge(tiltyard: Tiltyard, tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "README.md").write_text("# Words\n\nand more words.\n")
    (folder / "notes.txt").write_text("one thing, and\nanother\n\nlast\n")
    found = tiltyard("scan", folder)
    assert found.code == 2 and "Nothing to judge" in found.out


def test_rules_are_explained_suppressed_and_weighed(tiltyard: Tiltyard, files: Path) -> None:
    explained = tiltyard("scan", "--explain", "runs-code")
    assert explained.code == 0 and "CWE-502" in explained.out and "ATLAS" in explained.out
    assert "runs-code" in tiltyard("scan", "--explain", "no-such").line
    assert tiltyard("scan", files, "--suppress", "runs-code").code == 0
    assert tiltyard("scan", files, "--suppress", "no-such").code == 2
    assert tiltyard("scan", files / "bad.pkl", "--severity", "critical").code == 1
    (files / "cut.safetensors").write_bytes(b"\x05")
    assert tiltyard("scan", files / "cut.safetensors").code == 2
    assert tiltyard("scan", files / "cut.safetensors", "--severity", "high").code == 0
    assert tiltyard("scan", files, "--exclude", "bad.*", "--exclude", "*.safetensors").code == 0
    suppressed = json.loads(tiltyard("scan", files / "bad.pkl", "--suppress", "runs-code", "--sarif").out)["runs"][0]["results"]
    assert suppressed and all(result["suppressions"] for result in suppressed)


def test_patterns_and_stdin(tiltyard: Tiltyard, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import io
    import sys

    assert tiltyard("scan", f"{files}/*.npz").code == 0
    assert tiltyard("scan", f"{files}/*.nothing").code == 2
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO((files / "bad.pkl").read_bytes())))
    found = tiltyard("scan", "-")
    assert found.code == 1 and "stdin: malicious" in found.out


def test_verdicts_are_kept_by_their_bytes(tiltyard: Tiltyard, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    large = files / "large.npy"
    np.save(large, np.zeros(20_000))

    def cached() -> list[bool]:
        return [one["cached"] for one in json.loads(tiltyard("scan", large, "--json").out)["files"]]

    assert [cached(), cached()] == [[False], [True]]
    large.write_bytes(large.read_bytes() + pickle.dumps(Evil()))
    assert cached() == [False] and tiltyard("scan", large).code != 0


def test_many_files_are_judged_in_parallel_and_in_order(tmp_path: Path) -> None:
    from tiltyard.progress import Progress
    from tiltyard.published import scanning

    for i in range(70):
        (tmp_path / f"{i:02}.pkl").write_bytes(pickle.dumps(Evil() if i == 40 else i))
    steps: list[float] = []
    found = scanning.scanned([tmp_path], progress=Progress(lambda report: steps.append(report.done)))
    assert [Path(one.path).name for one in found] == [f"{i:02}.pkl" for i in range(70)]
    assert [i for i, one in enumerate(found) if one.verdict and one.verdict.verdict == "malicious"] == [40]
    assert len(steps) > 10 and steps == sorted(steps)
