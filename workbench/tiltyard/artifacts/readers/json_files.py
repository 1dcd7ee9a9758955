"""Notebooks and tokenizers: JSON that says by its own keys what it is."""

import re
from typing import IO, Any

from ..malformed import Malformed
from ..reason import Findings
from .templates import judge_template

_NOTEBOOK = re.compile(rb'"nbformat"\s*:\s*\d')
_TOKENIZER = re.compile(rb'"(added_tokens|pre_tokenizer|normalizer|post_processor)"\s*:')
_KINDS = frozenset("BPE WordPiece Unigram WordLevel".split())


def looks_notebook(stream: IO[bytes], head: bytes) -> bool:
    """An object with cells and a notebook's format number, which stands at the end."""
    if head.lstrip()[:1] != b"{":
        return False
    size = stream.seek(0, 2)
    stream.seek(max(0, size - 4096))
    return (b'"cells"' in head or b'"worksheets"' in head) and bool(_NOTEBOOK.search(stream.read()) or _NOTEBOOK.search(head))


def looks_tokenizer(head: bytes) -> bool:
    """An object with the parts of a tokenizer."""
    return head.lstrip()[:1] == b"{" and b'"version"' in head[:200] and len(set(_TOKENIZER.findall(head))) >= 1


def judge_notebook(stream: IO[bytes], findings: Findings) -> None:
    """Code for people to read and run; nothing of it runs here."""
    from ..judges.model_json import parsed, whole  # late: it takes NumPy along

    try:
        cells = _cells(parsed(whole(stream)))
    except Malformed as error:
        findings.unproven("notebook", str(error), "it is cut off or no notebook")
        return
    code = sum(cell.get("cell_type") == "code" for cell in cells if isinstance(cell, dict))
    findings.unproven("notebook", f"code: {code:,} cells of it", "it runs only where somebody runs it; read it first", rule="code")


def _cells(value: Any) -> list[Any]:
    cells = value.get("cells") if isinstance(value, dict) else None
    if not isinstance(cells, list):
        raise Malformed("no list of cells")
    return cells


def judge_tokenizer(stream: IO[bytes], findings: Findings) -> None:
    """Vocabulary, merges and rules, and templates that only put text together?"""
    from ..judges.model_json import parsed, whole  # late: it takes NumPy along

    try:
        value = parsed(whole(stream))
        if not isinstance(value, dict) or not isinstance(model := value.get("model"), dict):
            raise Malformed("no model of a tokenizer")
        if model.get("type", "BPE") not in _KINDS or not isinstance(model.get("vocab"), dict | list):
            raise Malformed(f"a model of the kind {str(model.get('type'))[:40]!r}, or one without a vocabulary")
    except Malformed as error:
        findings.unproven("tokenizer", str(error), "it is not what the tokenizers library writes")
        return
    if isinstance(template := value.get("chat_template"), str):
        judge_template(template, findings, "chat_template")
    if findings.worst == "note":
        findings.note("tokenizer", f"a vocabulary of {len(model['vocab']):,}", "text and numbers alone")
