"""A store by another spelling of its path is the same store, at the same place of the audit log."""

import shutil
from pathlib import Path

import pytest
from tests.store.tampering import MODES, attacker, filled, found, keyed

from tiltyard.store.store import Store

SPELLINGS = ("{folder}/runs.sqlite", "{folder}/../{name}/runs.sqlite", "{folder}-link/runs.sqlite", "{folder}/link.sqlite")


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("mode", MODES)
def test_another_store_put_in_its_place_is_found_however_the_path_is_spelled(
    mode: str, spelling: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of the same owner's, under the same key, of which the same log speaks, and which holds."""
    keyed(mode, tmp_path, monkeypatch)
    monkeypatch.setenv("TILTYARD_AUDIT", str(tmp_path / "audit.jsonl"))
    for name in ("bad", "good"):
        (tmp_path / name).mkdir()
        filled(tmp_path / name / "runs.sqlite")
        with attacker(tmp_path / name / "runs.sqlite"):
            pass
    folder = tmp_path / "bad"
    shutil.copy2(tmp_path / "good" / "runs.sqlite", folder / "runs.sqlite")
    (tmp_path / "bad-link").symlink_to(folder)
    (folder / "link.sqlite").symlink_to("runs.sqlite")
    place = Path(spelling.format(folder=folder, name="bad"))
    assert "another store lies here than its audit log speaks of" in "\n".join(found(place).broken)
    assert {line.proof for line in Store(place).runs()} == {"broken"}
