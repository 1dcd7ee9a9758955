"""Lines of JSON that each hold the hash of the one before, as the audit log writes them, so that others can hold a stretch of them against an anchor."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import Problem

CONTEXT = b"tiltyard audit 1\n"
DO = "Have the order written again: tiltyard watermark order KEY --anchor COUNT:HASH --out FILE"


def digest(content: bytes, key: bytes | None = None) -> str:
    """The hash of a line of the audit log, 64 hexadecimal digits: SHA-256, or with a key HMAC-SHA-256."""
    return hmac.digest(key, CONTEXT + content, "sha256").hex() if key else hashlib.sha256(CONTEXT + content).hexdigest()


def bare(record: Mapping[str, Any]) -> bytes:
    """What of a record is hashed: all but its own hash."""
    return json.dumps({name: value for name, value in record.items() if name != "hash"}, separators=(",", ":")).encode("ascii")


@dataclass(frozen=True)
class Stretch:
    """Records of a log without a key that follow one another; ``number`` is the last one's and ``hash`` its hash, which is the anchor."""

    records: tuple[Mapping[str, Any], ...]
    number: int
    hash: str

    @property
    def anchor(self) -> str:
        """``COUNT:HASH``, as the log calls it."""
        return f"{self.number}:{self.hash}"


def stretch(content: bytes) -> Stretch:
    """The records in ``content``, one a line, once each was held against its own hash and the one before.

    What it proves is only that whoever knew the last hash knew all of them. When that was, is for others to say.

    Raises
    ------
    Problem
        Where a line was edited, left out, moved or put in, or the log has a key, which makes of its hashes what only its keeper can check.
    """
    found: list[Mapping[str, Any]] = []
    for line in content.splitlines():
        record = _parsed(line)
        if found and (record["previous"] != found[-1]["hash"] or record["number"] != found[-1]["number"] + 1):
            raise Problem("records of the audit log that follow one another", f"others before record {record['number']}", DO)
        found.append(record)
    if not found:
        raise Problem("records of the audit log", "none", DO)
    return Stretch(tuple(found), found[-1]["number"], found[-1]["hash"])


def _parsed(line: bytes) -> Mapping[str, Any]:
    try:
        record = json.loads(line)
        whole = isinstance(record["number"], int) and isinstance(record["previous"], str) and record["hash"] == digest(bare(record))
        if whole and isinstance(record["parameters"], dict):
            return dict(record)
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise Problem("records as an audit log without a key wrote them", "an edited line, or one of a log with a key", DO)
