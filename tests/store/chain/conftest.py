"""A store with all kinds of rows, in each way it can be kept; each test gets a copy."""

from pathlib import Path

import pytest
from tests.store.tampering import MODES, attacker, copied, filled, keyed


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A filled store for each way of keeping, made once."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        for mode in MODES:
            found[mode] = tmp_path_factory.mktemp(mode)
            keyed(mode, found[mode], patch)
            filled(found[mode] / "runs.sqlite")
            with attacker(found[mode] / "runs.sqlite"):
                pass
    return found


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def place(mode: str, made: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the store of this mode, with its keys in the environment."""
    place = copied(made[mode], tmp_path)
    keyed(mode, tmp_path, monkeypatch)
    return place
