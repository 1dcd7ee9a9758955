"""Texts beside the groups and data of an HDF5 file: Keras's own JSON, and what PyTables would run."""

import json
from io import BytesIO

from ..documents import judge_words
from ..judges.pickles import judge_pickle
from ..reason import Findings
from ..sniffing import text_pickle
from .keras_config import judge_config

_CONFIGS = frozenset({"model_config", "training_config"})
_PYTABLES = frozenset({"PSEUDOATOM", "FLAVOR"})


def judge_attribute(where: str, name: str, value: bytes, findings: Findings) -> None:
    """A text beside a group or a data set: Keras's own JSON, or a pickle that PyTables would run, or plain text."""
    if name in _CONFIGS:
        judge_json(value, findings, f"{where} {name}")
    elif name in _PYTABLES and value in (b"object", b"python"):
        findings.unproven(where, "a data set of Python objects", "PyTables unpickles what is in it", rule="hdf5-pickle")
    elif value[:1] == b"\x80" or (len(value) > 2 and value.endswith(b".") and text_pickle(BytesIO(value))):
        inner = Findings(findings.progress)
        judge_pickle(BytesIO(value), inner)
        if inner.worst == "note":
            findings.note(where, f"the attribute {name!r} is a pickle", "of plain values alone")
            return
        findings.unproven(where, f"the attribute {name!r} is a pickle", "PyTables runs it when the attribute is read", rule="hdf5-pickle")
        for reason in inner.ordered():
            findings.add(reason.grade, reason.where, reason.what, reason.why, reason.rule)
    else:
        judge_words(value.decode("utf-8", "replace"), findings, f"{where} {name}")


def judge_json(raw: bytes, findings: Findings, where: str) -> None:
    """The JSON of a Keras model, or of how it was trained."""
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError) as error:
        findings.unproven(where, str(error)[:120], "the layers cannot be told")
        return
    judge_config(value, findings, where)
