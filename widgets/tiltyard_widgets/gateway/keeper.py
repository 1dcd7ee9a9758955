"""The broker's process, from the app's side: started before the first kernel, notified of each, and started again where it died."""

import json
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tiltyard.access.person import Person

PATIENCE, END = 10.0, 1.0
LINE = b"l"


@dataclass
class Admitted:
    """A kernel that the broker answers: whose it is, its own folder and process, and the door by which it is handed another line."""

    person: Person
    mark: str
    folder: str
    door: socket.socket
    pid: int = 0


class Keeper:
    """Holds the broker on a pair of sockets that nobody else has; the broker ends when this process does, however it ends.

    Parameters
    ----------
    running
        How many long checks of all people run at once; 0 for one for two cores.
    """

    def __init__(self, running: int = 0) -> None:
        self.running = running
        self.process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._kernels: dict[str, Admitted] = {}

    def start(self) -> None:
        """Start the broker where none runs, and hand every kernel there is a new line to it."""
        if self.process is not None and self.process.poll() is None:
            return
        self._ended()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            words = [sys.executable, "-P", "-m", "tiltyard.broker.server", str(theirs.fileno()), str(self.running)]
            self.process = subprocess.Popen(words, pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL, start_new_session=True)
        ours.settimeout(PATIENCE)
        self._control = ours
        for kernel, admitted in self._kernels.items():
            with self._line(kernel) as line, suppress(OSError):  # of one that has ended, or takes none
                socket.send_fds(admitted.door, [LINE], [line.fileno()])

    def tend(self) -> None:
        """Start it anew where it died."""
        if self.process is not None:
            self.start()

    def admit(self, kernel: str, person: Person, mark: str, folder: Path) -> tuple[socket.socket, socket.socket]:
        """The kernel's ends of a new line to the broker, who knows it from now on as this person's, and of its door; close both once the kernel has them.

        ``folder`` is the kernel's own, which the broker, or one that was started after it, deletes where this process is killed and so cannot.
        """
        self.start()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        self._kernels[kernel] = Admitted(person, mark, str(folder), ours)
        return self._line(kernel), theirs

    def started(self, kernel: str, pid: int) -> None:
        """Tell which process the kernel is."""
        if admitted := self._kernels.get(kernel):
            admitted.pid = pid
        self._say({"kernel": kernel, "pid": pid})

    @property
    def pids(self) -> set[int]:
        """The processes of all kernels that the broker answers."""
        return {one.pid for one in self._kernels.values()}

    def withdraw(self, kernel: str) -> None:
        """Have the broker answer that kernel no more."""
        if admitted := self._kernels.pop(kernel, None):
            admitted.door.close()
        self._say({"kernel": kernel})

    def hang_up(self) -> None:
        """Have the broker end, and wait for nothing."""
        if self._control is not None:
            self._control.close()
            self._control = None

    def close(self) -> None:
        """End the broker."""
        self._ended()
        for admitted in self._kernels.values():
            admitted.door.close()
        self._kernels.clear()

    def _line(self, kernel: str) -> socket.socket:
        """A kernel's end of a new line, whose other end the broker has."""
        admitted = self._kernels[kernel]
        ours, theirs = socket.socketpair()
        facts = {"name": admitted.person.name, "role": str(admitted.person.role), "mark": admitted.mark, "pid": admitted.pid}
        message = {"kernel": kernel, **facts, "folders": [one.folder for one in self._kernels.values()]}
        with theirs:
            assert self._control is not None
            socket.send_fds(self._control, [json.dumps(message).encode()], [theirs.fileno()])
        return ours

    def _ended(self) -> None:
        self.hang_up()
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
