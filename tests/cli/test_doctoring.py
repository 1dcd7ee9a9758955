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


def crowd(monkeypatch: pytest.MonkeyPatch, free: int, limited: bool = True, files: int = 20_000) -> dict[str, Any]:
    """What is said of a crowd where so much memory is free."""
    from tiltyard.cli.commands import doctor_shared

    monkeypatch.setattr("tiltyard.child_processes.memory.memory", lambda: (64 << 30, free))
    monkeypatch.setattr("tiltyard.child_processes.memory.bounded", lambda: limited)
    monkeypatch.setattr(doctor_shared, "forks", lambda: True)
    monkeypatch.setattr(doctor_shared, "weighs", lambda: True)
    monkeypatch.setattr(doctor_shared, "_users", lambda: True)
    monkeypatch.setattr(doctor_shared, "_files", lambda: files)
    return {one.name: one for one in doctor_shared.crowd()}


def test_how_many_people_hold_in_the_memory_that_is_free_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """768 MiB of the server and 512 that stay free, then 112 a page."""
    enough = crowd(monkeypatch, (768 + 512 + 30 * 112) << 20)
    assert (enough["room"].state, list(enough)) == ("well", ["room"]) and enough["room"].found.startswith("30 pages")
    short = crowd(monkeypatch, (768 + 512 + 30 * 112 - 1) << 20)["room"]
    assert short.state == "remark" and short.found.startswith("29 pages") and "4.5 GB" in short.fix
    assert crowd(monkeypatch, 1)["room"].found.startswith("0 pages")


def test_what_bounds_nobody_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    found = crowd(monkeypatch, 64 << 30, limited=False, files=256)
    assert "MemoryMax" in found["bound"].fix
    assert "enough for 9 pages" in found["files"].found and "ulimit -n 580" in found["files"].fix


def test_sessions_with_equal_shares_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from tiltyard.cli.commands import doctor_shared

    switch, own = tmp_path / "switch", tmp_path / "autogroup"
    monkeypatch.setattr(doctor_shared, "GROUPS", switch)
    monkeypatch.setattr(doctor_shared, "OWN_GROUP", own)
    assert doctor_shared.weighs()  # of a system without
    switch.write_text("0\n")
    assert doctor_shared.weighs()
    switch.write_text("1\n")
    assert not doctor_shared.weighs()  # nobody may say
    own.write_text("/autogroup-7 nice 0\n")
    assert doctor_shared.weighs() and own.read_text() == "0"


def test_a_port_that_is_taken_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    from tiltyard.cli.commands import doctor_shared, window

    with socket.socket() as taken:
        taken.bind((window.HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setitem(window.PORTS, "app", port)
        assert [one.found for one in doctor_shared.shared() if one.name == "port"] == [
            f"{port} is taken, so `tiltyard app` takes any that is free"
        ]
