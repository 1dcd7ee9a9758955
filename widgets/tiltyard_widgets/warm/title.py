"""What `ps` shows of a process: a forked one bears its parent's command line until it has one of its own."""

import ctypes
from contextlib import suppress
from pathlib import Path

ROOM = 400
PADDING = "-" * ROOM  # the last word of a parent's command line: as long as any title


def entitle(title: str) -> None:
    """Show ``title`` as this process's command line, as far as there is room; nothing where the system does not let us."""
    with suppress(OSError, ValueError, IndexError):
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        start, end = int(fields[45]), int(fields[46])  # arg_start and arg_end, fields 48 and 49 of proc(5)
        room = end - start
        if start and room > 1:
            words = title.encode("utf-8", "replace").replace(b"\0", b" ")[: room - 2]
            # A last byte that is no zero has the system read up to the first zero.
            ctypes.memmove(start, words + b"\0" * (room - 1 - len(words)) + b"\1", room)
