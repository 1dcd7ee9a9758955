"""Records of a store kept encrypted: AES-256-GCM under the key file that TILTYARD_STORE_KEY names.

Each record has its own nonce of 96 random bits and is bound to its place (run and step token), so that one cannot be put in
the place of another. Names, times, states and parameters of steps stay readable, for lists are made of them.
"""

import base64
import binascii
import os
import secrets
from pathlib import Path

from ..errors import Problem
from ..sealing.broken import Broken
from ..sealing.keys import SealingKey, read_sealing_key

KEY = "TILTYARD_STORE_KEY"
MARK = "sealed:1:"
NONCE = 12


def store_key() -> SealingKey | None:
    """The key of the store's records, from the file TILTYARD_STORE_KEY names; None where it names none."""
    file = os.environ.get(KEY, "").strip()
    return read_sealing_key(Path(file).expanduser()) if file else None


def shut(text: str, token: str) -> str:
    """A record as the store keeps it: encrypted where there is a key, as it is where there is none."""
    key = store_key()
    if key is None:
        return text
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = secrets.token_bytes(NONCE)
    return MARK + base64.b64encode(nonce + AESGCM(key.secret).encrypt(nonce, text.encode(), _place(token))).decode()


def opened(kept: str, token: str) -> str:
    """The record again; raises `Broken` where a byte was changed, it was moved, or the key is another."""
    if not kept.startswith(MARK):
        return kept
    key = store_key()
    if key is None:
        raise Problem("the key of this store's records", "none", f"Name its key file in {KEY}")
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        content = base64.b64decode(kept.removeprefix(MARK), validate=True)
        return AESGCM(key.secret).decrypt(content[:NONCE], content[NONCE:], _place(token)).decode()
    except (InvalidTag, ValueError, binascii.Error):
        raise Broken("a record as it was sealed, under the same key", "another key, or a changed record", f"Correct {KEY}") from None


def _place(token: str) -> bytes:
    return f"tiltyard record\n{token}".encode()
