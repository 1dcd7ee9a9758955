"""Formats that show themselves by their structure, looked for after those with a beginning of their own."""

from typing import IO

from ..formats import Format
from . import coreml, json_files, msgpack, rds, saved_model, sentencepiece, tensor_bundle, tflite, xml_models

_XML = {"net": Format.OPENVINO, "PMML": Format.PMML}


def text_format(stream: IO[bytes], head: bytes) -> Format | None:
    """The format of a text that is no plain table, or None."""
    first = head[:64].removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if first == b"<":
        return _XML.get(xml_models.kind_of(head))
    if first != b"{":
        return None
    if json_files.looks_notebook(stream, head):
        return Format.NOTEBOOK
    return Format.TOKENIZER if json_files.looks_tokenizer(head) else None


def packed_format(head: bytes) -> Format | None:
    """R's data, which are packed as a rule."""
    return Format.RDS if rds.looks_like(head) else None


def binary_format(stream: IO[bytes], head: bytes) -> Format | None:
    """The format of bytes that are no text, or None."""
    if tflite.looks_like(head):
        return Format.TFLITE
    if head[:1] == b"\x08" and coreml.looks_like(stream, head):
        return Format.COREML
    if saved_model.looks_like(stream, head) or tensor_bundle.looks_like(stream) or saved_model.looks_fingerprint(stream, head):
        return Format.SAVED_MODEL
    if saved_model.looks_like_metadata(head):
        return Format.KERAS_METADATA
    if sentencepiece.looks_like(stream, head):
        return Format.SENTENCEPIECE
    return Format.MSGPACK if msgpack.looks_like(stream, head) else None
