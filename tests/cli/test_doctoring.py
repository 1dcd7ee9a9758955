import json
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from tiltyard.published.schemas import FOLDER

Tiltyard = Callable[..., Any]


def looked(tiltyard: Tiltyard) -> tuple[int, dict[str, dict[str, str]]]:
    from jsonschema import Draft202012Validator

    said = tiltyard("doctor", "--json")
    found = json.loads(said.out)
    Draft202012Validator(json.loads((FOLDER / "doctor.schema.json").read_text())).validate(found)
    return said.code, {one["name"]: one for one in found["looked_at"]}


def test_a_sound_environment_is_well(tiltyard: Tiltyard) -> None:
    code, found = looked(tiltyard)
    assert code == 0, found
    assert {"Python", "packages", "checks", "samples", "store", "app", "machine"} <= set(found)
    assert all(one["mend"] for one in found.values() if one["state"] != "well")


def test_a_missing_and_an_old_package_are_told_with_the_mend(tiltyard: Tiltyard, monkeypatch: pytest.MonkeyPatch) -> None:
    real = metadata.version

    def version(name: str) -> str:
        if name == "shap":
            raise metadata.PackageNotFoundError(name)
        return "0.0.1" if name == "torch" else real(name)

    monkeypatch.setattr(metadata, "version", version)
    code, found = looked(tiltyard)
    assert code == 1
    assert (found["shap"]["state"], "pip install 'shap" in found["shap"]["mend"]) == ("ill", True)
    assert "0.0.1" in found["torch"]["found"]


def test_a_store_that_cannot_be_written_is_told(tiltyard: Tiltyard, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TILTYARD_STORE", str(tmp_path / "no" / "x.sqlite"))
    code, found = looked(tiltyard)
    assert (code, found["store"]["state"]) == (1, "ill")


def test_a_plugin_that_breaks_is_told(tiltyard: Tiltyard, monkeypatch: pytest.MonkeyPatch) -> None:
    line = "'acme' of acme-checks is left out: ImportError: no module named acme"
    monkeypatch.setattr("tiltyard.catalogue.broken", lambda: (line,))
    code, found = looked(tiltyard)
    assert (code, found["plugin"]["found"], found["checks"]["state"]) == (1, line, "well")


def test_a_damaged_sample_is_told(tiltyard: Tiltyard, monkeypatch: pytest.MonkeyPatch) -> None:
    from tiltyard.errors import Problem

    def changed(name: str) -> None:
        raise Problem("the shipped file", "another checksum", "Install again")

    monkeypatch.setattr("tiltyard.samples.catalog.load_data", changed)
    assert looked(tiltyard)[1]["samples"]["state"] == "ill"
