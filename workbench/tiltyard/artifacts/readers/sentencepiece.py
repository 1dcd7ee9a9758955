"""SentencePiece's tokenizer: pieces of text with their scores, and how it was trained."""

from typing import IO

from ..malformed import Malformed
from ..reason import Findings
from .protobuf import BYTES, Message

_FIELDS = {1, 2, 3, 4, 5}


def looks_like(stream: IO[bytes], head: bytes) -> bool:
    """Pieces first, each a text and a score; nothing but fields of a SentencePiece model, to the end."""
    if head[:1] != b"\x0a" or head[2:3] != b"\x0a":
        return False
    seen = set()
    try:
        for field in Message(stream).fields():
            if field.number not in _FIELDS or field.wire != BYTES:
                return False
            seen.add(field.number)
    except Malformed:
        return False
    return {1, 2, 3} <= seen


def judge_sentencepiece(stream: IO[bytes], findings: Findings) -> None:
    """Text and numbers, and nothing else?"""
    message = Message(stream, findings.progress)
    count = 0
    try:
        for field in message.fields():
            parts = {part.number for part in message.inner(field)}
            if field.number == 1 and not parts <= {1, 2, 3}:
                raise Malformed("a piece with a field that is none of a piece")
            count += field.number == 1
    except Malformed as error:
        findings.unproven("model", str(error), "the protobuf cannot be followed to its end")
        return
    findings.note("model", f"{count:,} pieces", "text and numbers alone")
