"""The JSON of a scan: a format number first, with a published schema."""

from dataclasses import dataclass, field
from typing import Literal

from ..artifacts.acceptance import Acceptance
from ..artifacts.verdict import Verdict
from ..lean import Lean

FORMAT = 1
Kind = Literal["model", "document", "code", "weights", "link"]


@dataclass(frozen=True, kw_only=True)
class ScannedFile(Lean):
    """One file: its verdict, or why none could be had.

    ``document``: plain text by its content and by its name, found beside models in a folder; its verdict does not count.
    ``kind``: what it is in its folder. ``code`` is a notebook, which runs only where somebody runs it; ``weights`` are raw numbers that a judged
    model beside it (``belongs_to``) says how to read; a ``link`` leads outside the folder and was not judged.  ``suppressed``: the rules whose findings the caller left out.
    """

    path: str
    verdict: Verdict | None
    problem: str = ""
    document: bool = False
    kind: Kind = "model"
    belongs_to: str = ""
    suppressed: tuple[str, ...] = ()
    accepted: Acceptance | None = field(
        default=None, metadata={"description": "who said, when and why, that these bytes may be used though not proven safe"}
    )
    cached: bool = field(
        default=False, metadata={"description": "the verdict was kept from an earlier scan of the same bytes under the same name"}
    )


@dataclass(frozen=True, kw_only=True)
class ScanList(Lean):
    """What ``tiltyard scan --json`` prints."""

    format: int = FORMAT
    kind: Literal["tiltyard-scan"] = "tiltyard-scan"
    files: tuple[ScannedFile, ...]
    skipped: tuple[str, ...] = field(default=(), metadata={"description": "folders that were not looked into"})
