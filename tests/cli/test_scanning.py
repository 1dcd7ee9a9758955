import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

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
    assert sarif["version"] == "2.1.0"
    assert {r["ruleId"] for r in sarif["runs"][0]["results"]} == {"malicious"}
    assert all(r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].endswith("bad.pkl") for r in sarif["runs"][0]["results"])


def test_an_empty_folder_and_a_link_out(tiltyard: Tiltyard, files: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "empty" in tiltyard("scan", tmp_path / "empty").line
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "good.npz").write_bytes((files / "good.npz").read_bytes())
    (tmp_path / "linked" / "link.pkl").symlink_to(files / "bad.pkl")
    assert tiltyard("scan", tmp_path / "linked").code == 0


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
