"""Another account of the machine at a federation's doors: told on standard input what to try, it prints as JSON what it got.

Libraries of Python alone, and all imported before it becomes the other account, which may not be able to read them.
"""

import base64
import http.client
import json
import os
import socket
import ssl
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

PATIENCE = 5.0


class Door(http.client.HTTPConnection):
    """HTTP over TLS to a port of loopback, or to a socket's path; any certificate will do."""

    def __init__(self, place: "int | str") -> None:
        super().__init__("127.0.0.1", timeout=PATIENCE)
        self.place = place

    def connect(self) -> None:
        if isinstance(self.place, int):
            plain = socket.create_connection(("127.0.0.1", self.place), PATIENCE)
        else:
            plain = socket.socket(socket.AF_UNIX)
            plain.settimeout(PATIENCE)
            try:
                plain.connect(self.place)
            except OSError:
                plain.close()
                raise
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.sock = context.wrap_socket(plain)


def tried(place: "int | str", path: str, body: bytes, headers: dict[str, str]) -> str:
    """``path status`` where somebody answers, else why not."""
    door = Door(place)
    try:
        door.request("POST", path, body, headers)
        return f"{path} {door.getresponse().status}"
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__
    finally:
        door.close()


def opened(path: Path) -> bool:
    """May its content be read?"""
    with suppress(OSError), path.open("rb") as file:
        file.read(1)
        return True
    return False


def main() -> None:
    told: dict[str, Any] = json.load(sys.stdin)
    calls = {path: base64.b64decode(body) for path, body in told["calls"].items()}
    socket.getaddrinfo("127.0.0.1", 1)
    if told["uid"] != os.getuid():
        os.setgroups([])
        os.setgid(told["uid"])
        os.setuid(told["uid"])
    answers = {str(door): [tried(door, path, body, told["headers"]) for path, body in calls.items()] for door in told["doors"]}
    processes = [Path("/proc", str(pid)) for pid in told["pids"]]
    read = [str(path) for path in (*map(Path, told["files"]), *(pid / "environ" for pid in processes)) if opened(path)]
    sys.stdout.write(json.dumps({"uid": os.getuid(), "answers": answers, "read": read}))


if __name__ == "__main__":
    main()
