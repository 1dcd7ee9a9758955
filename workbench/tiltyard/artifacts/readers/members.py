"""The files in an archive that is no model itself: each judged as a file of its own."""

import re
from collections.abc import Collection
from pathlib import PurePosixPath
from typing import IO, cast

from ..documents import judge_text
from ..formats import FORMATS, Format, judge_of
from ..names import PROGRAMS
from ..reason import Findings
from ..sniffing import sniff_stream
from .cursor import Window
from .mar import is_manifest, judge_manifest

MOST_YAML = 8 << 20
_TEXTS = re.compile(r"\.(ya?ml|json|jsonl|txt|md|rst|vocab|merges|cfg|toml|jinja2?|j2)$|(^|/)(license|readme|version)[^/]*$", re.IGNORECASE)
_ARCHIVES = (Format.TAR, Format.SEVEN_ZIP, Format.GZIP)


def judge_member(stream: "IO[bytes] | Window", name: str, findings: Findings, names: Collection[str] = ()) -> None:
    """Judge the content of the member called ``name`` among those called ``names``."""
    inner = cast("IO[bytes]", stream)
    found = sniff_stream(inner)
    own = Findings(findings.progress)
    size = inner.seek(0, 2)
    inner.seek(0)
    if PurePosixPath(name).suffix.lower() in PROGRAMS:
        own.unproven(name, "a program in the archive", "whoever runs it runs what is in it")
    if is_manifest(name):  # whatever else it may look like
        judge_manifest(inner.read(MOST_YAML).decode("utf-8", "replace"), own, name, names)
        inner.seek(0)
    if found in (Format.CSV, Format.EMPTY, Format.UNKNOWN) and _TEXTS.search(name) and size <= MOST_YAML:
        judge_text(PurePosixPath(name), inner.read().decode("utf-8", "replace"), own)
        own.note(name, "text", "read by nobody as a model")
    elif found in _ARCHIVES:
        own.unproven(name, "an archive in the archive", "the innermost were not looked at")
    elif judge := judge_of(FORMATS[found]):
        judge(inner, own)
    else:
        own.unproven(name, f"its format is {found}", "there is no reader here that could show it safe")
    for reason in own.ordered():
        where = name if reason.where in ("file", name) else f"{name} {reason.where}"
        findings.add(reason.grade, where, reason.what, reason.why, rule=reason.rule)
