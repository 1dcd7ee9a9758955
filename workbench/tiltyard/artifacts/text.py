"""Is it text, and is the text a table? UTF-8, UTF-16 with a mark, or Latin-1 without control characters."""

import csv
from collections import Counter

_CONTROL = frozenset(range(32)) - {9, 10, 12, 13}


def encoding(head: bytes) -> str | None:
    """The encoding in which ``head`` (the start of a file, perhaps cut) is text, or None."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16" if _decodes(head[: len(head) // 2 * 2], "utf-16") else None
    if not _CONTROL.isdisjoint(head) or 127 in head:
        return None
    for cut in range(4):
        if _decodes(head[: len(head) - cut], "utf-8"):
            return "utf-8"
    high = sum(b > 127 for b in head)
    return "latin-1" if high <= 0.3 * len(head) and not any(128 <= b < 160 for b in head) else None


def plausible(head: bytes) -> bool:
    """True where `encoding` finds one."""
    return encoding(head) is not None


def is_table(head: bytes) -> bool:
    """True where the lines of ``head`` (the start of a file, perhaps cut) are rows of one width, or one column of numbers."""
    name = encoding(head)
    if name is None:
        return False
    lines = [line for line in head.decode(name, "ignore").splitlines() if line.strip()]
    lines = lines[: max(1, len(lines) - 1)] if len(lines) > 2 else lines
    return any(_rows(lines, delimiter) for delimiter in ",;\t|") or _columns(lines)


def _rows(lines: list[str], delimiter: str) -> bool:
    try:
        widths = Counter(len(row) for row in csv.reader(lines, delimiter=delimiter) if row)
    except csv.Error:
        return False
    width, n = widths.most_common(1)[0] if widths else (0, 0)
    return width > 1 and n >= 0.9 * widths.total()


def _columns(lines: list[str]) -> bool:
    """One column, or several parted by blanks, of numbers; the first line may be names."""
    widths = Counter(len(line.split()) for line in lines)
    return len(widths) == 1 and len(lines) > 1 and all(_number(cell) for line in lines[1:] for cell in line.split())


def _number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _decodes(data: bytes, name: str) -> bool:
    try:
        data.decode(name)
    except UnicodeDecodeError:
        return False
    return True
