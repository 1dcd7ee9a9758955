"""Keras models: the zip of Keras 3, and the attributes of Keras's HDF5."""

import json
import re
from io import BytesIO
from typing import IO

from .. import archives
from ..archives import BadArchive, Directory, Entry
from ..judges.pickles import judge_pickle
from ..reason import Findings
from ..sniffing import text_pickle
from .cursor import Window
from .hdf5 import judge_hdf5
from .keras_config import judge_config

MOST_CONFIG = 64 << 20
MOST_WEIGHTS = 512 << 20
_CONFIGS = frozenset({"model_config", "training_config"})
_ASSETS = re.compile(r"assets/[\w./-]*\.(txt|vocab|json|merges)")
_PYTABLES = frozenset({"PSEUDOATOM", "FLAVOR"})


def judge_attribute(where: str, name: str, value: bytes, findings: Findings) -> None:
    """A text beside a group or a data set: Keras's own JSON, or a pickle that PyTables would run, or plain text."""
    if name in _CONFIGS:
        _judge_json(value, findings, f"{where} {name}")
    elif name in _PYTABLES and value in (b"object", b"python"):
        findings.unproven(where, "a data set of Python objects", "PyTables unpickles what is in it", rule="hdf5-pickle")
    elif value[:1] == b"\x80" or (len(value) > 2 and value.endswith(b".") and text_pickle(BytesIO(value))):
        findings.unproven(where, f"the attribute {name!r} is a pickle", "PyTables runs it when the attribute is read", rule="hdf5-pickle")
        judge_pickle(BytesIO(value), findings)


def _judge_json(raw: bytes, findings: Findings, where: str) -> None:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError) as error:
        findings.unproven(where, str(error)[:120], "the layers cannot be told")
        return
    judge_config(value, findings, where)


def judge_keras(stream: IO[bytes], found: Directory, findings: Findings) -> None:
    """A ``.keras`` file: layers of Keras's own, weights that are numbers, assets that are text."""
    for entry in found.entries:
        findings.progress.check()
        if entry.name in ("config.json", "metadata.json"):
            _judge_config(stream, entry, findings)
        elif entry.name == "model.weights.h5":
            _judge_weights(stream, entry, findings)
        elif not entry.name.endswith("/") and not _ASSETS.fullmatch(entry.name):
            findings.unproven(entry.name, "an entry that Keras does not write", "what it is for is not known")
    if findings.worst == "note":
        findings.note("zip", f"{len(found.entries):,} entries", "layers of Keras itself, weights and text")


def _judge_config(stream: IO[bytes], entry: Entry, findings: Findings) -> None:
    try:
        raw = archives.read(stream, entry, MOST_CONFIG)
    except BadArchive as error:
        findings.unproven(entry.name, str(error), "the layers cannot be told")
        return
    _judge_json(raw, findings, entry.name)


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
