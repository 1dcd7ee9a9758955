"""Ed25519 signatures (RFC 8032) over a manifest of hashes, kept in a file beside what was signed."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import Problem
from ..files.atomic import new_file
from ..files.reading import opened
from ..progress import Progress
from .broken import Broken
from .keys import raw_public
from .manifest import Difference, Manifest, differences, manifest_of

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SUFFIX = ".sig.json"
CONTEXT = b"tiltyard signature 1\n"
MOST_BYTES = 64 << 20


class Signature(BaseModel):
    """What a signature file holds. Its bytes are one spelling only, so that any changed byte of it shows."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    format: Literal[1] = 1
    kind: Literal["tiltyard.signature"] = "tiltyard.signature"
    algorithm: Literal["Ed25519"] = "Ed25519"
    public_key: str = Field(pattern=r"^[0-9a-f]{64}$")
    signature: str = Field(pattern=r"^[0-9a-f]{128}$")
    manifest: Manifest

    def written(self) -> bytes:
        """The bytes of the file."""
        return (json.dumps(self.model_dump(mode="json"), indent=1) + "\n").encode("ascii")


@dataclass(frozen=True)
class Verification:
    """What verifying found.

    ``trusted`` says that the signature was checked with a key that came from elsewhere; without one a stranger
    could have changed the files and signed them anew, and the verdict is at best ``"unproven"``.
    """

    signer: str
    made: str
    files: int
    trusted: bool
    differences: tuple[Difference, ...]

    @property
    def verdict(self) -> Literal["intact", "broken", "unproven"]:
        if any(d.what != "unreadable" for d in self.differences):
            return "broken"
        return "intact" if self.trusted and not self.differences else "unproven"


def key_name(public: bytes) -> str:
    """A short name of a public key: the first 16 digits of its SHA-256."""
    return sha256(public).hexdigest()[:16]


def signature_path(paths: Sequence[Path]) -> Path:
    """Where the signature of one file or folder lies: beside it."""
    if len(paths) != 1:
        raise Problem("a place for the signature of several paths", "none", f"Give --out NAME{SUFFIX}")
    whole = Path(os.path.abspath(paths[0]))
    return whole.with_name(whole.name + SUFFIX)


def sign(paths: Sequence[Path], key: "Ed25519PrivateKey", out: Path | None = None, progress: Progress | None = None) -> Path:
    """Sign files and folders; returns the path of the signature.

    Parameters
    ----------
    paths
        Files and folders in or below the folder of ``out``.
    key
        From `keys.read_signing_key`.
    out
        The signature file, never overwritten; ``PATH.sig.json`` beside a single path where it is not given.

    Raises
    ------
    Problem
        Where something is missing, outside, a link, or ``out`` exists.
    """
    out = out or signature_path(paths)
    manifest = manifest_of(paths, out.parent, datetime.now(UTC).isoformat(timespec="seconds"), out, progress)
    public = raw_public(key.public_key())
    signature = Signature(public_key=public.hex(), signature=key.sign(_message(manifest)).hex(), manifest=manifest)
    with new_file(out) as stream:
        stream.write(signature.written())
    out.chmod(0o644)  # others are to verify it
    return out


def verify(path: Path, public: "Ed25519PublicKey | None" = None, progress: Progress | None = None) -> Verification:
    """Hold files against their signature.

    Parameters
    ----------
    path
        A signature file, or the file or folder it lies beside.
    public
        The signer's key, from elsewhere than the signature. Without it the answer is at best ``"unproven"``.

    Raises
    ------
    Broken
        Where the signature itself was changed or is by another key.
    Problem
        Where there is no signature, or one of a newer format.
    """
    file = _file_of(path)
    signature = checked(file, public)
    return Verification(
        signer=key_name(bytes.fromhex(signature.public_key)),
        made=signature.manifest.made,
        files=len(signature.manifest.entries),
        trusted=public is not None,
        differences=differences(signature.manifest, file.parent, file, progress),
    )


def checked(file: Path, public: "Ed25519PublicKey | None" = None) -> Signature:
    """The signature in ``file`` once its own bytes are verified; the files it signed are not looked at."""
    signature = read_signature(file)
    _check(signature, public)
    return signature


def read_signature(file: Path) -> Signature:
    """The signature in ``file``; nothing is checked yet but its form."""
    try:
        with opened(file, "a signature") as stream:
            content = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise Problem("a signature", f"{file}: {error.strerror or error}", "Sign first, or name the signature file") from None
    _refuse_newer(file, content)
    try:
        signature = Signature.model_validate_json(content)
    except ValidationError:
        signature = None
    if signature is None or signature.written() != content:
        raise Broken("a signature as `tiltyard sign` wrote it", f"changed bytes in {file}", "Do not trust what it signed")
    return signature


def _refuse_newer(file: Path, content: bytes) -> None:
    try:
        value: Any = json.loads(content)
    except (ValueError, RecursionError):
        return
    if not isinstance(value, dict) or "kind" not in value:
        raise Problem("a signature file", f"something else in {file}", f"Name the {SUFFIX} file")
    form = value.get("format")
    if isinstance(form, int) and form > 1:
        raise Problem("a signature of format 1", f"format {form}", "Use a newer tiltyard")


def _check(signature: Signature, public: "Ed25519PublicKey | None") -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    own = bytes.fromhex(signature.public_key)
    if public is not None and raw_public(public) != own:
        raise Broken(f"a signature by key {key_name(raw_public(public))}", f"one by {key_name(own)}", "Do not trust what it signed")
    try:
        (public or Ed25519PublicKey.from_public_bytes(own)).verify(bytes.fromhex(signature.signature), _message(signature.manifest))
    except (InvalidSignature, ValueError):
        raise Broken("a manifest as it was signed", "a changed manifest or signature", "Do not trust what it signed") from None


def _message(manifest: Manifest) -> bytes:
    plain = json.dumps(manifest.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return CONTEXT + plain.encode("ascii")


def _file_of(path: Path) -> Path:
    whole = Path(os.path.abspath(path))
    return whole if whole.name.endswith(SUFFIX) else whole.with_name(whole.name + SUFFIX)
