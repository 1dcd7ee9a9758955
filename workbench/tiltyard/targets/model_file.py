"""A model file looked at before it is opened: its bytes are read once, and only what was judged safe goes on."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ..access.places import discreet, opened
from ..artifacts.formats import FORMATS, Format, opened_labels
from ..errors import Plain, Problem
from ..progress import Progress

if TYPE_CHECKING:
    from ..artifacts.verdict import Verdict
    from ..sealing.keys import Key

LARGEST = 4 * 2**30
WANTED = f"a model as {opened_labels()}"


class NotAccepted(Problem):
    """A file of known types that nobody has accepted yet, and its verdict."""

    code = "TY-ACCEPT"

    def __init__(self, expected: str, found: str, do: str, verdict: "Verdict | None" = None) -> None:
        super().__init__(expected, found, do)
        self.verdict = verdict


@dataclass(frozen=True)
class ModelFile:
    """A file that was judged safe, or of known types and accepted, with the very bytes that were judged."""

    path: Path
    format: Format
    content: bytes
    sha256: str
    own: frozenset[str] | None = None
    """For an accepted file of known types: the team's own types, which it may hold too. None: it was judged safe."""


def scan_and_read(path: Path, sealed: "Key | None" = None) -> ModelFile:
    """Scan ``path`` and read it; a sealed file is opened by the key ``sealed`` in memory, and never written in the clear.

    Raises
    ------
    Problem
        When it is missing, empty, no model, too large, or not shown to be safe, with the reason.
    """
    from ..artifacts.acceptance import accepted
    from ..artifacts.verdict import scan_stream
    from ..sealing.sealing import begins_sealed

    known = accepted()

    try:
        with opened(path, "a model file") as stream:
            _check_size(path, os.fstat(stream.fileno()).st_size)
            if begins_sealed(stream):
                return _unsealed(path, stream, sealed)
            stream.seek(0)
            with discreet(path, WANTED):
                verdict = scan_stream(path, stream, Progress(), frozenset(known.types))
                opened_as_known = verdict.verdict == "known types" and known.of(verdict) is not None
                if not opened_as_known:
                    _must_be_safe(verdict)
            stream.seek(0)
            content = stream.read()
    except PermissionError:
        raise Problem("a file that may be read", f"no permission for {path.name}", "Change its permissions") from None
    except OSError as error:
        raise Problem("a file that can be read", f"{path.name}: {error.strerror or error}", "Check the path and the disk") from None
    except MemoryError:
        raise Problem("a model that fits into memory", f"{path.name}, which does not", "Take a smaller model") from None
    if hashlib.sha256(content).hexdigest() != verdict.sha256:
        raise Problem("a file that stays as it is while it is opened", f"{path.name}, which changed after it was scanned", "Open it again")
    return ModelFile(path, verdict.format, content, verdict.sha256, frozenset(known.types) if opened_as_known else None)


def _unsealed(path: Path, stream: BinaryIO, key: "Key | None") -> ModelFile:
    from ..artifacts.verdict import scan_content
    from ..sealing.sealing import SUFFIX, opened_sealed

    if key is None:
        raise Plain("the key of a sealed model", f"none for {path.name}", "Give its passphrase or key file")
    content = opened_sealed(stream, key).getvalue()
    plain = path.with_name(path.name.removesuffix(SUFFIX) or path.name)
    with discreet(path, WANTED):
        verdict = scan_content(plain.name, content)
        _must_be_safe(verdict)
    return ModelFile(plain, verdict.format, content, verdict.sha256)


def _must_be_safe(verdict: "Verdict") -> None:
    spec = FORMATS[verdict.format]
    if verdict.verdict == "known types":
        look = f"Look who made it; if you trust them, tiltyard accept FILE --why …, and open it again. {spec.advice}"
        raise NotAccepted("a file shown to be safe, or accepted by somebody", _why(verdict), look, verdict)
    if not spec.opener:
        raise Problem(WANTED, f"{spec.label} ({_why(verdict)})", spec.advice)
    if not verdict.safe:
        raise Problem(f"a {verdict.format} file shown to be safe to open", _why(verdict), spec.advice)


def _check_size(path: Path, size: int) -> None:
    if size == 0:
        raise Problem("a model file", f"{path.name}, which is empty", "Copy or download it again")
    if size > LARGEST:
        raise Problem(f"a model of at most {LARGEST / 2**30:g} GiB", f"{size / 2**30:.1f} GiB in {path.name}", "Take a smaller model")


def _why(verdict: "Verdict") -> str:
    """File, verdict and its first reason in one clause."""
    reasons = [r for r in verdict.reasons if r.grade == verdict.verdict] or list(verdict.reasons)
    if not reasons:
        return f"{verdict.name}, {verdict.verdict}"
    more = f"; and {len(reasons) - 1} more" if len(reasons) > 1 else ""
    return f"{verdict.name}, {verdict.verdict}: {reasons[0].what} at {reasons[0].where} ({reasons[0].why}){more}"
