"""Time-stamp tokens that OpenSSL makes hold; what was changed, is of another digest, or leads to nobody trusted does not."""

import hashlib
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tiltyard.errors import Problem
from tiltyard.sealing.timestamps import stamped

DIGEST = hashlib.sha256(b"a commitment").digest()
CONFIG = """
[tsa]
default_tsa = one
[one]
serial = {0}/serial
default_policy = 1.2.3.4
digests = sha256
signer_digest = sha256
ess_cert_id_chain = no
ess_cert_id_alg = sha256
accuracy = secs:1
ordering = no
[ca]
basicConstraints = critical,CA:TRUE
[stamp]
basicConstraints = CA:FALSE
extendedKeyUsage = critical,timeStamping
[other]
basicConstraints = CA:FALSE
extendedKeyUsage = critical,serverAuth
[req]
distinguished_name = name
[name]
"""
NEEDED = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


def ssl(folder: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


def certified(folder: Path, name: str, use: str) -> None:
    ssl(folder, "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}", "-config", "c.cnf")  # fmt: skip
    ssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "30", "-out", f"{name}.pem", "-extfile", "c.cnf", "-extensions", use)  # fmt: skip


def authority(folder: Path) -> Path:
    """A certificate authority and its time-stamping authority, in a folder."""
    (folder / "c.cnf").write_text(CONFIG.format(folder))
    (folder / "serial").write_text("01")
    ssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=root", "-days", "30", "-config", "c.cnf", "-extensions", "ca")  # fmt: skip
    certified(folder, "stamper", "stamp")
    return folder


def token(folder: Path, digest: bytes = DIGEST) -> bytes:
    """A reply of that authority."""
    ssl(folder, "ts", "-query", "-digest", digest.hex(), "-sha256", "-cert", "-out", "q.tsq")
    ssl(folder, "ts", "-reply", "-queryfile", "q.tsq", "-signer", "stamper.pem", "-inkey", "stamper.key", "-chain", "ca.pem", "-config", "c.cnf", "-section", "one", "-out", "r.tsr")  # fmt: skip
    return (folder / "r.tsr").read_bytes()


@pytest.fixture(scope="module")
def stamping(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return authority(tmp_path_factory.mktemp("authority"))


@NEEDED
def test_a_token_of_openssl_holds(stamping: Path) -> None:
    reply, trusted = token(stamping), (stamping / "ca.pem").read_bytes()
    found = stamped(reply, DIGEST, trusted)
    assert abs(found.time - datetime.now(UTC)) < timedelta(minutes=2)
    assert found.authority == "CN=stamper"
    ssl(stamping, "ts", "-reply", "-in", "r.tsr", "-token_out", "-out", "r.tst")
    assert stamped((stamping / "r.tst").read_bytes(), DIGEST, trusted) == found


@NEEDED
def test_no_byte_of_it_can_be_changed_unseen(stamping: Path) -> None:
    """Each byte in turn: refused in one line, or (in what is not signed, as the reply's words) the same stamp."""
    reply, trusted = token(stamping), (stamping / "ca.pem").read_bytes()
    right, refused = stamped(reply, DIGEST, trusted), 0
    for place in range(0, len(reply), 3):
        wrong = bytearray(reply)
        wrong[place] ^= 0x01
        try:
            found = stamped(bytes(wrong), DIGEST, trusted)
        except Problem:
            refused += 1
        else:
            assert found == right
    assert refused > 0.5 * len(reply) / 3  # the root's own certificate, which comes along, is not read


@NEEDED
def test_another_digest_another_root_and_another_purpose_are_refused(stamping: Path, tmp_path: Path) -> None:
    reply, trusted = token(stamping), (stamping / "ca.pem").read_bytes()
    with pytest.raises(Problem, match="another digest"):
        stamped(reply, hashlib.sha256(b"other").digest(), trusted)
    with pytest.raises(Problem, match="no certificate you trust"):
        stamped(reply, DIGEST, (authority(tmp_path) / "ca.pem").read_bytes())
    for cut in (b"", reply[:100], reply + b"\0", b"\x30\x80" + reply, b"0" * 2_000_000):
        with pytest.raises(Problem):
            stamped(cut, DIGEST, trusted)
