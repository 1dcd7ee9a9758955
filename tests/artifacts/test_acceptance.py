"""Acceptance holds for the very bytes, never for a malicious file, and is gone when it is revoked."""

from pathlib import Path

import pytest

from tiltyard.artifacts.acceptance import Accepted, accept, accepted, revoke
from tiltyard.artifacts.verdict import scan
from tiltyard.errors import Problem

MINE = b"\x80\x02cmine.models\nScorer\n)\x81."


def test_accepted_by_its_bytes_and_revoked(tmp_path: Path) -> None:
    place, file = tmp_path / "config" / "accepted.json", tmp_path / "m.pkl"
    file.write_bytes(MINE)
    one = accept(scan(file), "made by our own team", "ana", place)
    assert (one.who, one.verdict) == ("ana", "unproven")
    assert accepted(place).of(scan(file)) == one
    file.write_bytes(MINE.replace(b"Scorer", b"Sharer"))
    assert accepted(place).of(scan(file)) is None
    assert revoke(one.sha256[:8], place) == one
    assert accepted(place).files == ()
    with pytest.raises(Problem, match="names 0"):
        revoke(one.sha256[:8], place)


def test_what_cannot_be_accepted(tmp_path: Path) -> None:
    place, file = tmp_path / "accepted.json", tmp_path / "m.pkl"
    file.write_bytes(b"cos\nsystem\n(S'x'\ntR.")
    with pytest.raises(Problem, match="not malicious"):
        accept(scan(file), "because", place=place)
    file.write_bytes(MINE)
    with pytest.raises(Problem, match="a reason"):
        accept(scan(file), " ", place=place)
    assert not place.exists()


def test_an_acceptance_written_by_hand_frees_no_malicious_file(tmp_path: Path) -> None:
    place, file = tmp_path / "accepted.json", tmp_path / "m.pkl"
    file.write_bytes(MINE)
    accept(scan(file), "because", place=place)
    file.write_bytes(b"cos\nsystem\n(S'x'\ntR.")
    place.write_text(place.read_text().replace(accepted(place).files[0].sha256, scan(file).sha256))
    assert accepted(place).files[0].sha256 == scan(file).sha256
    assert accepted(place).of(scan(file)) is None


def test_own_types_are_known_types_but_none_that_run_code(tmp_path: Path) -> None:
    file = tmp_path / "m.pkl"
    file.write_bytes(MINE)
    assert scan(file).verdict == "unproven"
    assert scan(file, own=frozenset({"mine.models.Scorer"})).verdict == "known types"
    file.write_bytes(b"cos\nsystem\n(S'x'\ntR.")
    assert scan(file, own=frozenset({"os.system"})).verdict == "malicious"
    with pytest.raises(ValueError, match="can be on no list"):
        Accepted(types=("os.system",))


def test_a_damaged_list_is_said(tmp_path: Path) -> None:
    (tmp_path / "accepted.json").write_text("{")
    with pytest.raises(Problem, match="no JSON"):
        accepted(tmp_path / "accepted.json")
