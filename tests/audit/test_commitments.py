"""A key committed to before training: the order that the log proves, and each way in which it does not."""

from pathlib import Path

import pytest

from tiltyard.audit.commitments import Commitment, Order, commit, ordered
from tiltyard.audit.log import AuditLog, check
from tiltyard.audit.notes import note
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.errors import Problem
from tiltyard.theft.watermark import committed_before
from tiltyard.theft.watermark_key import read, write

LAYOUT = Schema(features=(Feature(name="a", kind="continuous"),), label="y", classes=("no", "yes"))
MODEL = "a" * 64


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "audit.jsonl"
    monkeypatch.setenv("TILTYARD_AUDIT", str(path))
    monkeypatch.setenv("TILTYARD_KEY", "a passphrase of the tests")
    monkeypatch.delenv("TILTYARD_AUDIT_KEY", raising=False)
    return path


def marked(path: Path) -> None:
    """As the defense does: the key file names the model, and the runner logs what was made."""
    key, sealed = read(path)
    write(path, key, (MODEL,), sealed.committed)
    assert note("defense applied", MODEL, {"defense": "theft.watermark"}) == ""


def committed(tmp_path: Path) -> tuple[Path, Commitment]:
    path = tmp_path / "mark.key"
    return path, commit(path, LAYOUT, "Ada", count=32)


def test_commitment_training_and_claim_in_order(log: Path, tmp_path: Path) -> None:
    path, done = committed(tmp_path)
    key, sealed = read(path)
    assert done.hash == sealed.commitment == key.commitment
    assert committed_before(key) and key.owner == "Ada" and key.layout == LAYOUT
    assert "no model with this mark" in ordered(path).words
    marked(path)
    found = ordered(path, done.anchor)
    assert found.holds and "in order" in found.words
    assert not ordered(path).holds and "could have written it anew" in ordered(path).words
    assert not ordered(path, done.anchor, "2000-01-01").holds
    assert ordered(path, done.anchor, "2999-01-01").holds


def test_a_key_committed_to_after_the_model_proves_nothing(log: Path, tmp_path: Path) -> None:
    note("model opened", MODEL)
    path, done = committed(tmp_path)
    marked(path)
    found = ordered(path, done.anchor)
    assert not found.holds and "not older than the model" in found.words


def test_a_log_written_anew_does_not_hold_against_the_anchor(log: Path, tmp_path: Path) -> None:
    path, done = committed(tmp_path)
    marked(path)
    for file in log.parent.glob("audit.jsonl*"):
        file.unlink()
    AuditLog(log, None)
    note("something else")
    note("watermark committed", "", {"commitment": done.hash, "owner": "Ada"})
    note("defense applied", MODEL)
    with pytest.raises(Problem):
        ordered(path, done.anchor)
    again = ordered(path)
    assert isinstance(again, Order) and not again.holds


def test_an_anchor_from_before_the_commitment_covers_nothing(log: Path, tmp_path: Path) -> None:
    note("something")
    early = check(log).anchor
    path, _ = committed(tmp_path)
    marked(path)
    assert not ordered(path, early).holds


def test_what_cannot_be_committed_is_one_line(log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Problem, match="owner's name"):
        commit(tmp_path / "a.key", LAYOUT, "")
    path, _ = committed(tmp_path)
    with pytest.raises(Problem, match="new file"):
        commit(path, LAYOUT, "Ada")
    other = tmp_path / "other.key"
    write(other, read(path)[0].model_copy(update={"seed": 7}), ())
    monkeypatch.setenv("TILTYARD_AUDIT", "off")
    with pytest.raises(Problem, match="it is off"):
        commit(tmp_path / "b.key", LAYOUT, "Ada")
    assert not (tmp_path / "b.key").exists()
    with pytest.raises(Problem, match="audit log in which"):
        ordered(path)
