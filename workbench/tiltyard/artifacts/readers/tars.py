"""Tar archives, NeMo's among them: plain members with names that stay inside, each judged as a file of its own."""

import os
import re
from dataclasses import dataclass
from typing import IO

from ..archives import safe_name
from ..malformed import Malformed
from ..reason import Findings
from .cursor import Window

BLOCK = 512
MOST_MEMBERS = 100_000
_PLAIN, _FOLDER, _LONG_NAME, _PAX = (b"0", b"\0"), b"5", b"L", (b"x", b"g")


@dataclass(frozen=True)
class Member:
    """A file of the archive."""

    name: str
    start: int
    size: int


def judge_tar(stream: IO[bytes], findings: Findings) -> None:
    """Are all members plain files that are themselves shown safe?"""
    try:
        members = _members(stream, findings)
    except Malformed as error:
        findings.unproven("tar", str(error), "tar readers differ on it, or it is cut off")
        return
    from .members import judge_member  # late: it needs the sniffing, which needs this

    names = {member.name.removeprefix("./") for member in members}
    for member in members:
        findings.progress.check()
        judge_member(Window(stream, member.start, member.size), member.name, findings, names)
    if findings.worst == "note":
        findings.note("tar", f"{len(members):,} files", "each of them was judged")


def _members(stream: IO[bytes], findings: Findings) -> list[Member]:
    size = stream.seek(0, os.SEEK_END)
    names: set[str] = set()
    at, found, longer = 0, [], ""
    while at + BLOCK <= size:
        stream.seek(at)
        head = stream.read(BLOCK)
        if not any(head):
            break
        length, kind = _octal(head[124:136]), head[156:157]
        if _octal(head[148:156]) != sum(head[:148]) + 8 * 32 + sum(head[156:]) or at + BLOCK + length > size:
            raise Malformed(f"no header of a member at byte {at:,}, or its content is cut off")
        if kind in _PAX or kind == _LONG_NAME:
            longer = _longer(stream.read(min(length, 1 << 16)), kind) or longer
        else:
            name, longer = longer or _name(head), ""
            _check(name, kind, names, findings)
            if kind in _PLAIN:
                found.append(Member(name, at + BLOCK, length))
        at += BLOCK + -(-length // BLOCK) * BLOCK
        if len(found) > MOST_MEMBERS:
            raise Malformed(f"over {MOST_MEMBERS:,} members")
    stream.seek(at)
    while block := stream.read(1 << 20):
        if any(block):
            raise Malformed("bytes after the end of the archive")
    if not found:
        raise Malformed("no files")
    return found


def _octal(raw: bytes) -> int:
    if raw[:1] == b"\x80":
        return int.from_bytes(raw[1:])
    digits = raw.strip(b" \0")
    if any(c not in b"01234567" for c in digits):
        raise Malformed("a number that is not octal")
    return int(digits or b"0", 8)


def _name(head: bytes) -> str:
    prefix = head[345:500].split(b"\0")[0] if head[257:262] == b"ustar" and head[262:263] == b"\0" else b""
    return (prefix + b"/" * bool(prefix) + head[:100].split(b"\0")[0]).decode("utf-8", "backslashreplace")


def _longer(content: bytes, kind: bytes) -> str:
    """The long name that stands before a member; what else a PAX header says may not change where things lie."""
    if kind == _LONG_NAME:
        return content.split(b"\0")[0].decode("utf-8", "backslashreplace")
    keys: dict[bytes, bytes] = dict(re.findall(rb"\d+ ([\w.]+)=([^\n]*)\n", content))
    if b"size" in keys or any(key.startswith(b"GNU.sparse") for key in keys):
        raise Malformed("a member whose size is said twice")
    return keys.get(b"path", b"").decode("utf-8", "backslashreplace")


def _check(name: str, kind: bytes, names: set[str], findings: Findings) -> None:
    plain = name.removeprefix("./").rstrip("/") or "."
    if plain != "." and (why := safe_name(plain)):
        findings.malicious(name, why, "made to write or read where it should not", rule="path-outside")
    if kind not in _PLAIN and kind != _FOLDER:
        findings.malicious(name, "a link or a device in the archive", "whoever unpacks it reaches outside the folder", rule="path-outside")
    if plain in names and kind != _FOLDER:
        findings.unproven(name, "the name occurs twice", "which one is read depends on the reader")
    names.add(plain)
