import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tiltyard.errors import Problem
from tiltyard.sealing.keys import (
    new_sealing_key,
    new_signing_key,
    passphrase,
    public_path,
    raw_public,
    read_public_key,
    read_sealing_key,
    read_signing_key,
)

WORD = passphrase("correct horse battery staple", fresh=True)


def test_key_files_are_private_and_come_back(tmp_path: Path) -> None:
    sealing, signing = tmp_path / "seal.pem", tmp_path / "sign.pem"
    secret = new_sealing_key(sealing).secret
    assert read_sealing_key(sealing).secret == secret
    made = new_signing_key(signing)
    assert read_signing_key(signing).private_bytes_raw() == made.private_bytes_raw()
    assert raw_public(read_public_key(public_path(signing))) == raw_public(made.public_key())
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {"seal.pem": 0o600, "sign.pem": 0o600, "sign.pub.pem": 0o644}
    assert all(path.read_text().startswith("-----BEGIN ") for path in tmp_path.iterdir())


def test_two_keys_differ(tmp_path: Path) -> None:
    assert new_sealing_key(tmp_path / "a").mark != new_sealing_key(tmp_path / "b").mark


def test_no_key_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    new_signing_key(path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    for make in (new_signing_key, new_sealing_key):
        with pytest.raises(Problem, match="key"):
            make(path)
    path.unlink()
    with pytest.raises(Problem, match="pub"):
        new_signing_key(path)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"key.pub.pem": before["key.pub.pem"]}


def test_a_signing_key_can_be_under_a_passphrase(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    made = new_signing_key(path, WORD)
    assert b"ENCRYPTED" in path.read_bytes()
    assert read_signing_key(path, WORD).private_bytes_raw() == made.private_bytes_raw()
    for given in (None, passphrase("another one, quite")):
        with pytest.raises(Problem, match="passphrase"):
            read_signing_key(path, given)


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_private_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    new_sealing_key(tmp_path / "a.pem")
    new_signing_key(tmp_path / "b.pem")
    for path, read in ((tmp_path / "a.pem", read_sealing_key), (tmp_path / "b.pem", read_signing_key)):
        path.chmod(mode)
        with pytest.raises(Problem, match="chmod 600"):
            read(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", b"\xff" * 100, b"-----BEGIN TILTYARD SEALING KEY-----\nAAAA\n-----END TILTYARD SEALING KEY-----\n", b"x" * 100_000],
)
def test_what_is_no_key_is_said_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(content)
    path.chmod(0o600)
    for read in (read_sealing_key, read_signing_key, read_public_key):
        with pytest.raises(Problem) as said:
            read(path)
        assert "\n" not in str(said.value)


def test_a_private_key_is_not_taken_for_a_public_one(tmp_path: Path) -> None:
    new_signing_key(tmp_path / "key.pem")
    with pytest.raises(Problem, match=r"key\.pub\.pem"):
        read_public_key(tmp_path / "key.pem")


def test_passphrases() -> None:
    assert passphrase("caf\u0065\u0301 au lait").secret == passphrase("caf\u00e9 au lait").secret
    for text, fresh in (("", False), ("short", True)):
        with pytest.raises(Problem):
            passphrase(text, fresh)


def test_ed25519_gives_the_answer_of_rfc_8032() -> None:
    """RFC 8032, 7.1, test 2."""
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"))
    assert raw_public(key.public_key()).hex() == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    assert key.sign(b"\x72").hex().startswith("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da")
