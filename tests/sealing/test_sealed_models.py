"""A sealed model is opened in memory, scanned as any other, and never written in the clear."""

import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tiltyard.cli import main
from tiltyard.errors import Problem
from tiltyard.samples.catalog import load
from tiltyard.sealing.broken import Broken
from tiltyard.sealing.keys import new_sealing_key, passphrase
from tiltyard.sealing.sealing import seal
from tiltyard.targets.opening import open_target

WORDS = "correct horse battery"
MODELS = Path(__file__).parents[2] / "workbench" / "tiltyard" / "samples" / "models"


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    out = tmp_path / "census.safetensors.sealed"
    seal(next(MODELS.glob("census*.safetensors")), out, passphrase(WORDS))
    return out


@pytest.fixture
def written() -> Iterator[list[str]]:
    """Every file opened for writing while the test runs, as Python itself tells it; such a hook stays, but is silent afterwards."""
    names: list[str] = []
    on = [True]

    def hook(event: str, args: tuple[object, ...]) -> None:
        if on and event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            names.append(str(args[0]))

    sys.addaudithook(hook)
    yield names
    on.clear()


def test_it_answers_as_the_model_itself_and_nothing_is_written(sealed: Path, written: list[str]) -> None:
    plain = load("census")
    written.clear()
    target = open_target(sealed, sealed=passphrase(WORDS))
    rows = plain.data.x[:50]
    assert np.array_equal(target.scores(rows), plain.target.scores(rows))
    assert target.fingerprint == plain.target.fingerprint
    assert target.origin == str(sealed)
    assert [name for name in written if name not in ("/dev/null", os.devnull)] == []
    assert sorted(p.name for p in sealed.parent.iterdir()) == [sealed.name]


def test_without_the_key_or_with_another_it_stays_shut(sealed: Path) -> None:
    with pytest.raises(Problem, match="passphrase or key file"):
        open_target(sealed)
    with pytest.raises(Broken):
        open_target(sealed, sealed=passphrase("another passphrase"))
    content = bytearray(sealed.read_bytes())
    content[-20] ^= 1
    sealed.write_bytes(content)
    with pytest.raises(Broken):
        open_target(sealed, sealed=passphrase(WORDS))


def test_a_pickle_in_a_sealed_file_is_a_pickle_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "evil.pkl").write_bytes(b"cposix\nsystem\n(S'touch made'\ntR.")
    seal(tmp_path / "evil.pkl", tmp_path / "evil.safetensors.sealed", passphrase(WORDS))
    with pytest.raises(Problem, match="pickle"):
        open_target(tmp_path / "evil.safetensors.sealed", sealed=passphrase(WORDS))


@pytest.mark.parametrize("way", ["passphrase", "key file"])
def test_assess_takes_a_sealed_model(tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    model = next(MODELS.glob("census*.safetensors"))
    key_file = ""
    if way == "passphrase":
        seal(model, tmp_path / "m.sealed", passphrase(WORDS))
        monkeypatch.setenv("TILTYARD_PASSPHRASE", WORDS)
    else:
        seal(model, tmp_path / "m.sealed", new_sealing_key(tmp_path / "key.pem"))
        key_file = 'key_file = "key.pem"\n'
    (tmp_path / "a.toml").write_text(
        f'[target]\nfile = "m.sealed"\n{key_file}[data]\nsample = "census"\nrows = 200\n'
        '[[check]]\nid = "validation.performance"\nrows = 100\n'
    )
    assert main(["assess", str(tmp_path / "a.toml")]) == 0, capsys.readouterr().err
    monkeypatch.delenv("TILTYARD_PASSPHRASE", raising=False)
    (tmp_path / "a.toml").write_text((tmp_path / "a.toml").read_text().replace(key_file, ""))
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert main(["assess", str(tmp_path / "a.toml")]) == 2
    assert "TILTYARD_PASSPHRASE" in capsys.readouterr().err
