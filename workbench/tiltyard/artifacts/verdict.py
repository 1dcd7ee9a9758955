"""May this file be loaded? The verdict, from its bytes alone: nothing of it is imported, called or extracted."""

import hashlib
import os
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import IO, Literal

from ..errors import Cancelled, Problem
from ..files.reading import opened
from ..lean import Lean
from ..progress import Progress
from .doubles import judge_doubles
from .formats import FORMATS, Format, judge_of
from .hashing import sha256_of
from .judges.pickles import judge_traces
from .judges.trust import Grade
from .names import judge_name
from .reason import Findings, Reason
from .sniffing import sniff_stream

EXIT = {"safe": 0, "malicious": 1, "unproven": 2, "known types": 2}
Word = Literal["safe", "known types", "unproven", "malicious"]


@dataclass(frozen=True, kw_only=True)
class Verdict(Lean):
    """What a scan says of one file.

    ``safe``: opening it as its format is opened here (weights_only, allow_pickle=False, skops with
    nothing trusted) runs no code of the file. ``known types``: a pickle that makes only classes and functions
    of the usual libraries that are on our list, with arguments that were looked at; opened in a bounded child,
    after somebody looked or by policy. ``unproven``: neither could be shown, and a reason says what is not known;
    nobody opens it here. ``malicious``: it would run code, reach files or deceive a reader. The verdict is about
    the bytes with this ``sha256``; whoever opens the file compares.
    """

    name: str
    format: Format
    verdict: Word
    reasons: tuple[Reason, ...] = field(metadata={"description": "worst first"})
    sha256: str
    size: int = field(metadata={"ge": 0, "description": "bytes"})

    @property
    def safe(self) -> bool:
        return self.verdict == "safe"

    @property
    def exit_code(self) -> int:
        """0 safe, 1 malicious, 2 not proven: known types or unproven."""
        return EXIT[self.verdict]

    @property
    def summary(self) -> str:
        """One sentence."""
        first = next((r for r in self.reasons if r.grade == self.verdict), self.reasons[0] if self.reasons else None)
        reason = f": {first.what}, at {first.where} ({first.why})" if first is not None else ""
        return f"{self.name} is {self.verdict} ({self.format}){reason}"


def scan(path: str | Path, progress: Progress | None = None, own: frozenset[str] = frozenset()) -> Verdict:
    """Look at the bytes of ``path`` and say whether it may be loaded.

    Never raises for what the file holds, never imports torch, and reads through one open handle,
    so that what is judged is what is hashed. ``own`` are a team's own types as ``package.module.Class``.

    Raises
    ------
    Problem
        There is no readable regular file at ``path``.
    Cancelled
        ``progress`` was cancelled.
    """
    progress = progress or Progress()
    path = Path(path)
    try:
        stream = opened(path, "a file to scan")
    except OSError as error:
        raise Problem("a file to scan", f"{path}: {error.strerror or error}", "Check the path and its permissions") from error
    with stream:
        return scan_stream(path, stream, progress, own)


def scan_stream(path: Path, stream: IO[bytes], progress: Progress, own: frozenset[str] = frozenset()) -> Verdict:
    """The verdict on an open regular file; ``path`` gives its name, and where files beside it would lie."""
    before = os.fstat(stream.fileno())
    digest = sha256_of(stream, progress.part(0.7))  # type: ignore[arg-type]
    progress.step(0.7, "Looking inside")
    findings = Findings(progress, path, own)
    found = _judged(path, stream, findings)
    after = os.fstat(stream.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        findings.unproven("file", "it changed while it was read", "what was judged may not be what is there")
    worst = findings.worst
    progress.step(1.0, "Scanned")
    return Verdict(
        name=path.name, format=found, verdict=word(worst),
        reasons=findings.ordered(), sha256=digest, size=before.st_size,
    )  # fmt: skip


def scan_content(name: str, content: bytes, progress: Progress | None = None) -> Verdict:
    """As `scan`, of bytes that lie in memory alone, such as those of a sealed file. ``name`` is what they are called."""
    findings = Findings(progress or Progress())
    found = _judged(name, BytesIO(content), findings)
    worst = findings.worst
    return Verdict(
        name=name, format=found, verdict=word(worst),
        reasons=findings.ordered(), sha256=hashlib.sha256(content).hexdigest(), size=len(content),
    )  # fmt: skip


def word(worst: Grade) -> Word:
    """The verdict that the gravest reason decides."""
    return "safe" if worst == "note" else worst


def _judged(path: Path | str, stream: IO[bytes], findings: Findings) -> Format:
    found = Format.UNKNOWN
    try:
        found = sniff_stream(stream)
        stream.seek(0)
        _judge(found, stream, findings)
        judge_doubles(found, stream, findings)
    except Cancelled:
        raise
    except Exception as error:  # a file that breaks our own reader is not shown safe, whatever the reason
        findings.unproven("file", f"it could not be read to the end ({type(error).__name__})", "what was not seen cannot be shown safe")
    judge_name(str(path), found, findings)
    return found


def _judge(found: Format, stream: IO[bytes], findings: Findings) -> None:
    if judge := judge_of(FORMATS[found]):
        judge(stream, findings)
    else:
        findings.unproven("file", f"its format is {found}", "there is no reader here that could show it safe")
        judge_traces(stream, findings, "")
