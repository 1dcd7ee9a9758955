"""The broker's process: the app hands it a line for each kernel, over a pipe that the app alone holds; it ends with the app."""

import json
import logging
import os
import shutil
import socket
import sys
import threading
import time
from contextlib import closing, nullcontext, suppress
from typing import Any

from ..access.frames import Gone, Message, heard, received, send
from ..access.line import described
from ..access.person import Person
from ..access.roles import Role
from ..errors import Problem
from ..store import process
from .client import Allowance, Client, Turns
from .desk import Desk
from .running import Lanes

PATIENCE = 60.0
LARGE = 1 << 20
TRIES, PAUSE = 20, 0.5
MOST_WORD = 1 << 16
log = logging.getLogger("tiltyard")


class Broker:
    """Lines by the id of their kernel. A thread waits at each."""

    def __init__(self, allowance: Allowance | None = None, running: int = 0) -> None:
        self.allowance = allowance or Allowance()
        self.lanes = Lanes(running)
        self.turns = Turns()
        self.folders: list[str] = []
        self._lines: dict[str, tuple[Client, socket.socket]] = {}

    def serve(self, control: socket.socket) -> None:
        """Do what the app says until it is gone; then clear away what its kernels left."""
        while True:
            word, handles, _, _ = socket.recv_fds(control, MOST_WORD, 1)
            if not word:
                break
            order = json.loads(word)
            if handles:
                self.folders = order["folders"]
                self.admit(order, socket.socket(fileno=handles[0]))
            elif "pid" in order:
                self.started(order["kernel"], order["pid"])
            else:
                self.withdraw(order["kernel"])
        for folder in self.folders:
            cleared(folder)

    def admit(self, order: dict[str, Any], line: socket.socket) -> None:
        """Answer at this line from now on, as the person that ``order`` names; a kernel that had a line to a broker before is known by its process."""
        client = Client(Person(order["name"], Role(order["role"]), shared=True), order["mark"])
        if pid := order.get("pid"):
            client.process, client.renewed = _process(pid), True
            self.lanes.settle()
        self._lines[order["kernel"]] = (client, line)
        threading.Thread(target=self._answer, args=(client, line), daemon=True, name="tiltyard line").start()

    def started(self, kernel: str, pid: int) -> None:
        """The kernel is this process."""
        if found := self._lines.get(kernel):
            found[0].process = _process(pid)

    def close(self) -> None:
        """Answer nobody any more."""
        for kernel in list(self._lines):
            self.withdraw(kernel)

    def withdraw(self, kernel: str) -> None:
        """Answer no more at this kernel's line, whoever still holds its other end."""
        if found := self._lines.pop(kernel, None):
            with suppress(OSError):
                found[1].shutdown(socket.SHUT_RDWR)

    def _answer(self, client: Client, line: socket.socket) -> None:
        desk = Desk(client, self.allowance, self.lanes)
        with line, closing(desk), suppress(Gone):
            while True:
                size = heard(line, PATIENCE)
                with self.turns.of(client.person.name) if size.whole > LARGE else nullcontext():
                    answer = desk.answer(received(line, size))
                    try:
                        send(line, answer, PATIENCE)
                    except Problem as problem:
                        send(line, Message({"problem": described(problem)}), PATIENCE)


def _process(pid: int) -> process.Process:
    return process.Process(host=process.host(), pid=pid, started=process.started(pid))


def cleared(folder: str) -> None:
    """Delete a folder that kernels had. An app that was killed could not, and kernels that end with it may write there for a moment yet."""
    for _ in range(TRIES):
        shutil.rmtree(folder, ignore_errors=True)
        if not os.path.lexists(folder):
            return
        time.sleep(PAUSE)


def main() -> None:
    """Serve the app at the other end of the handle that it names; so many long checks run at once."""
    with socket.socket(fileno=int(sys.argv[1])) as control:
        Broker(running=int(sys.argv[2])).serve(control)


if __name__ == "__main__":
    main()
