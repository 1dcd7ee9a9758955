"""The endpoint's log: a JSON line for each request, with nothing of what was asked or answered."""

import json
import os
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from ..errors import Problem


@dataclass
class Trace:
    """What is known of a request as it goes: filled in by those it passes."""

    id: str = ""
    route: str = ""
    key: str = ""
    rows: int = 0
    reason: str = ""
    error: str = ""


class Journal:
    """Writes lines to a file (appended, mode 0600), a stream, or nowhere, one at a time."""

    def __init__(self, place: Path | TextIO | None = None) -> None:
        self._lock = threading.Lock()
        self._own = isinstance(place, Path)
        self._stream: TextIO | None = _opened(place) if isinstance(place, Path) else place

    def request(self, trace: Trace, method: str, client: str, status: int, seconds: float) -> None:
        """One answered request. ``route`` is one of ours, never the path that was asked for."""
        line = {
            "event": "request",
            "id": trace.id,
            "method": method,
            "route": trace.route,
            "client": client,
            "key": trace.key,
            "status": status,
            "rows": trace.rows,
            "seconds": round(seconds, 6),
        }
        more = {"reason": trace.reason, "error": trace.error}
        self.event(line | {k: v for k, v in more.items() if v})

    def event(self, facts: dict[str, Any]) -> None:
        """Any other line, as a flagged key; ``event`` says what. Control characters are escaped, so a line stays one line."""
        if self._stream is None:
            return
        text = json.dumps({"time": datetime.now(UTC).isoformat(timespec="milliseconds"), **facts}, separators=(",", ":"))
        with self._lock:
            try:
                self._stream.write(text + "\n")
                self._stream.flush()
            except (OSError, ValueError):  # a full disk or a closed stream stops no answer
                return

    def close(self) -> None:
        """Close the file, if it is ours."""
        if self._own and self._stream is not None:
            self._stream.close()


def _opened(path: Path) -> TextIO:
    try:
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w", encoding="utf-8")
    except OSError as error:
        raise Problem("a log file that can be written", f"{path}: {error.strerror}", "Correct log in the settings") from None
