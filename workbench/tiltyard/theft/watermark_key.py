"""The key of a watermark: derived from a secret, committed to by its hash, kept sealed in a file of mode 0600.

AES-256-GCM under a key that scrypt makes from a passphrase: TILTYARD_KEY, or else a random one in a file beside it. What a
dispute needs in the open (the commitment, when it was made, which models were marked) stands readable and authenticated.
"""

import base64
import binascii
import hashlib
import json
import os
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError

from ..access.places import WATERMARK_KEY, home
from ..datasets.encoding import encoding_of
from ..datasets.schema import Schema
from ..errors import Problem
from ..files.atomic import new_file
from ..files.reading import Unfit, opened
from ..result import Frozen
from ..targets.target import Target
from .watermark_trigger import Triggers, triggers

LARGEST = 64 * 2**20
VARIABLE = "TILTYARD_KEY"
BOUND = b"tiltyard watermark 2\n"  # so that the published commitment, another hash of the content, tells nothing of the triggers


class Key(Frozen):
    """All of the secret: from it the triggers follow. ``base`` and ``data`` are fingerprints of what was marked and with what.

    Of format 2 rows and labels follow from SHA-256 of the whole content: secret, owner, layout with its bounds and class order, count, model
    and data. Whoever changes any of these to fit a finished model gets fresh rows and labels, as from another secret: one more try, no better
    one. Of format 1 they follow from the secret alone, and class order and bounds were free to be fitted afterwards.
    """

    format: Literal[1, 2] = 2
    owner: str = Field(default="", max_length=200, description="who claims what carries the mark; bound into the triggers")
    secret: str = Field(pattern="^[0-9a-f]{64}$", description="256 random bits in hexadecimal")
    count: int = Field(ge=1, le=10_000)
    layout: Schema
    base: str
    data: str
    seed: int = Field(ge=0)
    _content: bytes = b""

    def model_post_init(self, context: Any, /) -> None:
        held = self.model_dump(mode="json", exclude={"owner"} if self.format == 1 else None)
        self._content = json.dumps(held, sort_keys=True, separators=(",", ":")).encode()

    @classmethod
    def unsealed(cls, content: bytes) -> Self:
        """The key in ``content``, which stays what it is committed to whatever a newer Tiltyard would write."""
        key = cls.model_validate_json(content)
        key._content = content
        return key

    @property
    def content(self) -> bytes:
        """What is sealed and committed to: canonical JSON, of a key that was read the bytes that were read."""
        return self._content

    @property
    def commitment(self) -> str:
        """SHA-256 of the content. It hides the key, which holds 256 random bits."""
        return hashlib.sha256(self.content).hexdigest()

    def triggers(self) -> Triggers:
        """The rows and their labels, as places in the layout's class order."""
        secret = bytes.fromhex(self.secret) if self.format == 1 else hashlib.sha256(BOUND + self.content).digest()
        return triggers(secret, self.count, self.layout)

    @property
    def bound(self) -> bool:
        """Do the triggers follow from all that the holder could choose?"""
        return self.format == 2

    def fits(self, target: Target) -> None:
        """`Problem` where the key is one of another kind of model."""
        do = "Give the key of a model of this kind, or name columns and classes as the key does"
        if self.layout.shape != target.input_shape or len(self.layout.classes) != len(target.classes):
            expected = f"a watermark key for rows of shape {target.input_shape} and {len(target.classes)} classes"
            raise Problem(expected, f"one for shape {self.layout.shape} and {len(self.layout.classes)} classes: a key of another model", do)
        if set(self.layout.classes) != set(target.classes):
            raise Problem(
                f"a watermark key for the classes {_some(target.classes)}",
                f"one for {_some(self.layout.classes)}: a key of another model",
                do,
            )
        own, theirs = encoding_of(self.layout).columns, target.encoding.columns
        if own != theirs:
            wrong = next((a for a, b in zip(own, theirs, strict=False) if a != b), own[-1])
            raise Problem("a watermark key for the columns of this model", f"one with a column {wrong!r}: a key of another model", do)


class Scrypt(Frozen):
    """Parameters of the passphrase's hash. Bounds: a file must not make its reader spend all memory."""

    n: int = Field(default=2**15, ge=2**14, le=2**20)
    r: int = Field(default=8, ge=8, le=8)
    p: int = Field(default=3, ge=1, le=8)
    salt: str = Field(min_length=16, max_length=64)


class Envelope(Frozen):
    """The file: what is open, and the sealed key."""

    format: Literal[1] = 1
    kind: Literal["tiltyard watermark key"] = "tiltyard watermark key"
    commitment: str
    committed: datetime = Field(description="UTC time the commitment was first written")
    marked: tuple[str, ...] = Field(default=(), description="fingerprints of the models that carry the mark")
    scrypt: Scrypt
    nonce: str
    sealed: str = ""

    @property
    def open_part(self) -> bytes:
        """What is authenticated but not encrypted."""
        return json.dumps(self.model_dump(mode="json", exclude={"sealed"}), sort_keys=True).encode()


def folder() -> Path:
    """Where a person's keys are kept when nobody says, made with mode 0700."""
    path = home() / WATERMARK_KEY.folder
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Problem(f"a folder {path} to keep watermark keys in", error.strerror or str(error), "Name a key_file") from None
    return path


def write(path: Path, key: Key, marked: tuple[str, ...], committed: datetime | None = None) -> Envelope:
    """Seal ``key`` into ``path``, whole or not at all, mode 0600."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    envelope = Envelope(
        commitment=key.commitment,
        committed=committed or datetime.now(UTC).replace(microsecond=0),
        marked=marked,
        scrypt=Scrypt(salt=_text(secrets.token_bytes(16))),
        nonce=_text(secrets.token_bytes(12)),
    )
    cipher = AESGCM(_stretched(passphrase(path, make=True), envelope.scrypt))
    sealed = cipher.encrypt(_bytes(envelope.nonce), key.content, envelope.open_part)
    envelope = envelope.model_copy(update={"sealed": _text(sealed)})
    _written(path, envelope.model_dump_json(indent=1).encode(), replace=committed is not None)
    return envelope


def envelope(path: Path) -> Envelope:
    """The open part of a key file; needs no passphrase."""
    do = "Give the key file that the watermark wrote"
    try:
        with opened(path, "a watermark key file") as stream:
            content = stream.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise Problem("a watermark key file", f"{path.name} of more than {LARGEST:,} bytes", do)
        return Envelope.model_validate_json(content)
    except OSError as error:
        raise Problem(f"a watermark key file {path.name}", (error.strerror or str(error)).lower(), do) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the document"
        raise Problem("a watermark key file", f"{path.name}, whose {where} is wrong: {first['msg'].lower()}", do) from None


def read(path: Path) -> tuple[Key, Envelope]:
    """Open the sealed key; `Problem` in one line where the passphrase or the file is wrong."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    found = envelope(path)
    do = f"Set {VARIABLE} to the passphrase it was sealed with, or put its passphrase file beside it"
    try:
        cipher = AESGCM(_stretched(passphrase(path, make=False), found.scrypt))
        content = cipher.decrypt(_bytes(found.nonce), _bytes(found.sealed), found.open_part)
        key = Key.unsealed(content)
    except (InvalidTag, binascii.Error):
        raise Problem(f"a passphrase that opens {path.name}", "one that does not, or a file that was changed", do) from None
    except ValueError as error:
        if isinstance(error, Problem):
            raise
        raise Problem(f"a key that this Tiltyard reads in {path.name}", str(error).splitlines()[0], "Upgrade Tiltyard") from None
    if key.commitment != found.commitment:
        raise Problem(f"a key whose hash is the commitment in {path.name}", "another", "Do not rely on this file")
    return key, found


def passphrase(path: Path, make: bool) -> bytes:
    """TILTYARD_KEY, or what stands in the passphrase file beside ``path``, which ``make`` creates with mode 0600."""
    if given := os.environ.get(VARIABLE, ""):
        return given.encode()
    beside = path.with_name(f"{path.name}.passphrase")
    if make and not beside.exists():
        _written(beside, secrets.token_hex(32).encode())
    try:
        with opened(beside, "a passphrase file") as stream:
            return stream.read(LARGEST).strip()
    except (Unfit, OSError) as error:
        why = error.found if isinstance(error, Unfit) else (error.strerror or str(error)).lower()
        found = f"no {VARIABLE} and no {beside.name} ({why})"
        raise Problem(f"a passphrase for {path.name}", found, f"Set {VARIABLE}, or put that file beside the key") from None


def of_model(target: Target) -> Path | None:
    """The kept key of this model, or of the model it was made from; None where there is none."""
    ancestors = lineage(target)
    for path in sorted((home() / WATERMARK_KEY.folder).glob("*.key")):
        try:
            if ancestors & set(envelope(path).marked):
                return path
        except Problem:
            continue
    return None


def lineage(target: Target) -> set[str]:
    """Fingerprints of the target and of all it was made from."""
    found: set[str] = set()
    now: Target | None = target
    while now is not None:
        found.add(now.fingerprint)
        now = now.parent
    return found


def _stretched(phrase: bytes, by: Scrypt) -> bytes:
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt as Kdf

    return Kdf(salt=_bytes(by.salt), length=32, n=by.n, r=by.r, p=by.p).derive(phrase)


def _written(path: Path, content: bytes, replace: bool = False) -> None:
    try:
        with new_file(path, replace=replace) as file:
            file.write(content)
    except OSError as error:
        raise Problem(
            f"to write {path.name}", (error.strerror or str(error)).lower(), "Name another key_file, or free some space"
        ) from None


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:6]) + (" …" if len(names) > 6 else "")
