"""The broker's process, from the app's side: started before the first kernel, notified of each, and started again where it died."""

import json
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from tiltyard.access.person import Person

PATIENCE, END = 10.0, 1.0


class Keeper:
    """Holds the broker on a pair of sockets that nobody else has; the broker ends when this process does, however it ends."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._folders: dict[str, str] = {}

    def start(self) -> None:
        """Start the broker where none runs. Lines to one that died stay dead: their pages say so, and those opened from now on work."""
        if self.process is not None and self.process.poll() is None:
            return
        self.close()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            words = [sys.executable, "-P", "-m", "tiltyard.broker.server", str(theirs.fileno())]
            self.process = subprocess.Popen(words, pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL, start_new_session=True)
        ours.settimeout(PATIENCE)
        self._control = ours

    def admit(self, kernel: str, person: Person, mark: str, folder: Path) -> socket.socket:
        """The kernel's end of a new line to the broker, who knows it from now on as this person's; close it once the kernel has it.

        ``folder`` is the kernel's own, which the broker, or one that was started after it, deletes where this process is killed and so cannot.
        """
        self.start()
        ours, theirs = socket.socketpair()
        with theirs:
            self._folders[kernel] = str(folder)
            message = {"kernel": kernel, "name": person.name, "role": str(person.role), "mark": mark, "folders": [*self._folders.values()]}
            assert self._control is not None
            socket.send_fds(self._control, [json.dumps(message).encode()], [theirs.fileno()])
        return ours

    def started(self, kernel: str, pid: int) -> None:
        """Tell which process the kernel is."""
        self._say({"kernel": kernel, "pid": pid})

    def withdraw(self, kernel: str) -> None:
        """Have the broker answer that kernel no more."""
        self._folders.pop(kernel, None)
        self._say({"kernel": kernel})

    def close(self) -> None:
        """End the broker."""
        if self._control is not None:
            self._control.close()
            self._control = None
        if self.process is not None:
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(END)
            self.process.kill()
            self.process.wait()
            self.process = None

    def _say(self, message: dict[str, Any]) -> None:
        with suppress(OSError):  # one that died knows no lines any more
            if self._control is not None:
                self._control.send(json.dumps(message).encode())
