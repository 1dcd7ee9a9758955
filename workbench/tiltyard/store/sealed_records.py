"""Records of a store, and the files that steps made, kept encrypted: AES-256-GCM under the key file that TILTYARD_STORE_KEY names.

Each has its own nonce of 96 random bits and is bound to its place (the step's token, a file's name too), so that one cannot be
put in the place of another. Names, times, states and parameters of steps stay readable, for lists are made of them.
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
PLAIN, SEALED = b"\0", b"\1"


def store_key() -> SealingKey | None:
    """The key of the store's records, from the file TILTYARD_STORE_KEY names; None where it names none."""
    file = os.environ.get(KEY, "").strip()
    return read_sealing_key(Path(file).expanduser()) if file else None


def shut(text: str, token: str, key: SealingKey | None = None) -> str:
    """A record as the store keeps it: encrypted where there is a key (``key``, else the store's), as it is where there is none."""
    key = key or store_key()
    return text if key is None else MARK + base64.b64encode(_sealed(key, text.encode(), _place(token))).decode()


def opened(kept: str, token: str) -> str:
    """The record again; raises `Broken` where a byte was changed, it was moved, or the key is another."""
    if not isinstance(kept, str):
        raise Broken("a record as the store keeps it", "changed bytes", "Do not use it")
    if not kept.startswith(MARK):
        return kept
    try:
        content = base64.b64decode(kept.removeprefix(MARK), validate=True)
    except (ValueError, binascii.Error):
        content = b""
    return _unsealed(content, _place(token), "record").decode()


def shut_bytes(content: bytes, token: str, name: str, key: SealingKey | None = None) -> bytes:
    """A file of the step ``token`` as the store keeps it: encrypted where there is a key, as in `shut`; one byte before it says which."""
    key = key or store_key()
    return PLAIN + content if key is None else SEALED + _sealed(key, content, _place_of_file(token, name))


def opened_bytes(kept: bytes, token: str, name: str) -> bytes:
    """The file again; raises as `opened` does."""
    if kept[:1] == PLAIN:
        return kept[1:]
    if kept[:1] != SEALED:
        raise Broken("a file as the store keeps it", "changed bytes", "Do not use it")
    return _unsealed(kept[1:], _place_of_file(token, name), "file")


def _sealed(key: SealingKey, content: bytes, place: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = secrets.token_bytes(NONCE)
    return nonce + AESGCM(key.secret).encrypt(nonce, content, place)


def _unsealed(content: bytes, place: bytes, what: str) -> bytes:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    key = store_key()
    if key is None:
        raise Problem("the key of this store's records", "none", f"Name its key file in {KEY}")
    try:
        return AESGCM(key.secret).decrypt(content[:NONCE], content[NONCE:], place)
    except (InvalidTag, ValueError):
        raise Broken(f"a {what} as it was sealed, under the same key", f"another key, or a changed {what}", f"Correct {KEY}") from None


def _place(token: str) -> bytes:
    return f"tiltyard record\n{token}".encode()


def _place_of_file(token: str, name: str) -> bytes:
    return f"tiltyard artifact\n{token}\n{name}".encode()
