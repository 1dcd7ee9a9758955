"""Keras models: the zip of Keras 3."""

import re
from collections.abc import Callable
from io import BytesIO
from typing import IO

from .. import archives
from ..archives import BadArchive, Directory, Entry
from ..reason import Findings
from .cursor import Window
from .hdf5 import judge_hdf5
from .keras_attributes import judge_json

MOST_CONFIG = 64 << 20
MOST_WEIGHTS = 512 << 20
Other = Callable[[IO[bytes], Entry, Findings, int], None]
_ASSETS = re.compile(r"assets/[\w./-]*\.(txt|vocab|json|merges)")


def judge_keras(stream: IO[bytes], found: Directory, findings: Findings, other: Other) -> None:
    """A ``.keras`` file: layers of Keras's own, weights that are numbers, assets that are text; ``other`` looks into any further entry."""
    for entry in found.entries:
        findings.progress.check()
        if entry.name in ("config.json", "metadata.json"):
            _judge_config(stream, entry, findings)
        elif entry.name == "model.weights.h5":
            _judge_weights(stream, entry, findings)
        elif not entry.name.endswith("/") and not _ASSETS.fullmatch(entry.name):
            findings.unproven(entry.name, "an entry that Keras does not write", "what it is for is not known")
            other(stream, entry, findings, 1)
    if findings.worst == "note":
        findings.note("zip", f"{len(found.entries):,} entries", "layers of Keras itself, weights and text")


def _judge_config(stream: IO[bytes], entry: Entry, findings: Findings) -> None:
    try:
        raw = archives.read(stream, entry, MOST_CONFIG)
    except BadArchive as error:
        findings.unproven(entry.name, str(error), "the layers cannot be told")
        return
    judge_json(raw, findings, entry.name)


def _judge_weights(stream: IO[bytes], entry: Entry, findings: Findings) -> None:
    try:
        if entry.method == archives.STORED and entry.size > MOST_WEIGHTS:
            judge_hdf5(Window(stream, entry.data, entry.size), findings)  # type: ignore[arg-type]
            return
        raw = archives.read(stream, entry, MOST_WEIGHTS)
    except BadArchive as error:
        findings.unproven(entry.name, str(error), "the weights cannot be read")
        return
    if raw[:8] == b"\x89HDF\r\n\x1a\n":
        judge_hdf5(BytesIO(raw), findings)
    else:
        findings.unproven(entry.name, "no HDF5", "Keras would not read it")
