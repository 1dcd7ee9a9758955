"""Keys: PEM files that only their owner can read and that are never overwritten, and passphrases."""

import base64
import binascii
import hashlib
import os
import secrets
import stat
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import Problem
from ..files.atomic import new_file, refuse_existing
from ..files.reading import opened

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SEALING_HEAD, SEALING_TAIL = "-----BEGIN TILTYARD SEALING KEY-----", "-----END TILTYARD SEALING KEY-----"
MOST_BYTES = 1 << 16
SHORTEST_PASSPHRASE = 12


@dataclass(frozen=True)
class Cost:
    """What one guess at a passphrase costs: argon2id passes, memory in KiB, lanes. RFC 9106, second recommended setting."""

    passes: int = 3
    memory: int = 64 * 1024
    lanes: int = 4


@dataclass(frozen=True)
class Passphrase:
    """A passphrase and, for what is sealed with it, the cost of a guess."""

    secret: bytes = field(repr=False)
    cost: Cost = Cost()


@dataclass(frozen=True)
class SealingKey:
    """32 random bytes from a key file."""

    secret: bytes = field(repr=False)

    @property
    def mark(self) -> bytes:
        """8 bytes that tell keys apart and give nothing of them away."""
        return hashlib.sha256(b"tiltyard sealing key\n" + self.secret).digest()[:8]


Key = Passphrase | SealingKey


def passphrase(text: str, fresh: bool = False) -> Passphrase:
    """A passphrase as typed, in Unicode's NFC so that every keyboard gives the same bytes; a ``fresh`` one must have 12 characters."""
    if fresh and len(text) < SHORTEST_PASSPHRASE:
        raise Problem(f"a passphrase of at least {SHORTEST_PASSPHRASE} characters", f"{len(text)}", "Take several words")
    if not text:
        raise Problem("a passphrase", "an empty one", "Set TILTYARD_PASSPHRASE, or use a key file")
    return Passphrase(unicodedata.normalize("NFC", text).encode("utf-8", "surrogateescape"))


def new_sealing_key(path: Path) -> SealingKey:
    """Make a key file, mode 0600; refuses where ``path`` exists."""
    key = SealingKey(secrets.token_bytes(32))
    with new_file(path) as stream:
        stream.write(f"{SEALING_HEAD}\n{base64.b64encode(key.secret).decode()}\n{SEALING_TAIL}\n".encode())
    return key


def read_sealing_key(path: Path) -> SealingKey:
    """The key in a file made by `new_sealing_key`; refuses one that others can read."""
    lines = _private_bytes(path).decode("ascii", "replace").split("\n")
    if lines[:1] != [SEALING_HEAD] or lines[2:] != [SEALING_TAIL, ""]:
        raise Problem("a sealing key file (PEM)", f"something else in {path}", "Name the file that --new-key made")
    try:
        secret = base64.b64decode(lines[1], validate=True)
    except binascii.Error:
        secret = b""
    if len(secret) != 32:
        raise Problem("a sealing key of 32 bytes", f"a damaged one in {path}", "Take the copy you kept")
    return SealingKey(secret)


def public_path(path: Path) -> Path:
    """Where the public half of the key file ``path`` lies."""
    return path.with_name(f"{path.stem}.pub.pem")


def new_signing_key(path: Path, protect: Passphrase | None = None) -> "Ed25519PrivateKey":
    """Make an Ed25519 key: PKCS #8 PEM at ``path``, mode 0600, under a passphrase if given, and its public half in ``NAME.pub.pem``."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        KeySerializationEncryption,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )

    refuse_existing(public_path(path))
    key = Ed25519PrivateKey.generate()
    guard: KeySerializationEncryption = BestAvailableEncryption(protect.secret) if protect else NoEncryption()
    with new_file(path) as stream:
        stream.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, guard))
    with new_file(public_path(path)) as stream:
        stream.write(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    public_path(path).chmod(0o644)
    return key


def read_signing_key(path: Path, protect: Passphrase | None = None) -> "Ed25519PrivateKey":
    """The private key in a PEM file that only its owner can read."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    content = _private_bytes(path)
    try:
        key = load_pem_private_key(content, protect.secret if protect and b"ENCRYPTED" in content else None)
    except TypeError:
        raise Problem(f"the passphrase of {path}", "none", "Set TILTYARD_PASSPHRASE") from None
    except (ValueError, UnsupportedAlgorithm):
        found = "another passphrase, or damage" if b"ENCRYPTED" in content else "something else"
        raise Problem(f"a private key (PEM) in {path}", found, "Name the file that --new-key made") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise Problem("an Ed25519 key", f"another kind in {path}", "Make one with --new-key")
    return key


def read_public_key(path: Path) -> "Ed25519PublicKey":
    """The public key in a PEM file."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    content = _some_bytes(path)
    if b"PRIVATE KEY" in content:
        raise Problem("a public key", f"a private one in {path}", f"Give {public_path(path).name}, and keep the private one to yourself")
    try:
        key = load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm):
        raise Problem("a public key (PEM)", f"something else in {path}", "Give the .pub.pem file of the signer") from None
    if not isinstance(key, Ed25519PublicKey):
        raise Problem("an Ed25519 key", f"another kind in {path}", "Give the .pub.pem file of the signer")
    return key


def raw_public(key: "Ed25519PublicKey") -> bytes:
    """The 32 bytes of a public key (RFC 8032)."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def _private_bytes(path: Path) -> bytes:
    return _some_bytes(path, private=True)


def _some_bytes(path: Path, private: bool = False) -> bytes:
    try:
        with opened(path, "a key file") as stream:
            shared = private and os.name == "posix" and stat.S_IMODE(os.fstat(stream.fileno()).st_mode) & 0o077
            content = b"" if shared else stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise Problem("a key file", f"{path}: {error.strerror or error}", "Name one that is there and can be read") from None
    if shared:
        raise Problem("a private key that only its owner can read", f"{path}, open to others", f"Say chmod 600 {path}")
    if len(content) > MOST_BYTES:
        raise Problem("a key file", f"{path}, which is too large to be one", "Name the key")
    return content
