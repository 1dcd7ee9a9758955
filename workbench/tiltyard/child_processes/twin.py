"""A process forked from this one at its start, which waits and forks from itself whoever is to work beside this one.

This process has threads soon, and one with threads must not fork. Its twin stays as it was then: with all that was imported, in the same confines, and with
one thread. So a worker starts in the time of a fork, has what its twin has and nothing that this process came to hold later, and is ended with
all it started once this process is gone, or asks for it.

Linux alone: signals wake the twin by a handle, and what a worker is to do comes to it as a file without a name.
"""

import gc
import os
import select
import signal
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import IO, NoReturn

from .chance import reseed
from .killing import end

END = 5.0
WORKER = b"w"
LOST = -signal.SIGKILL
STATUS = struct.Struct("!i")
Work = Callable[[int, IO[bytes], IO[bytes]], None]


class Gone(Exception):
    """The twin has ended."""


class Beside:
    """A process that the twin forked for one piece of work, as far as it is asked for what a `subprocess.Popen` is asked for.

    Attributes
    ----------
    stdin, stdout
        What it is told and what it says.
    """

    def __init__(self, talk: socket.socket, life: socket.socket) -> None:
        with talk:
            self.stdin, self.stdout = talk.makefile("wb"), talk.makefile("rb")
        self._life = life
        self._code: int | None = None
        self._alone = threading.Lock()

    def poll(self) -> int | None:
        """The code it ended with, negative for a signal; None while it runs."""
        return self._heard(0.0)

    def wait(self, timeout: float = END) -> int:
        """The same, once it has ended; `LOST` where nobody can tell, as the twin is gone too."""
        return LOST if (code := self._heard(timeout)) is None else code

    def _heard(self, timeout: float) -> int | None:
        with self._alone:
            if self._code is None:
                self._life.settimeout(timeout)
                try:
                    status = self._life.recv(STATUS.size)
                    self._code = STATUS.unpack(status)[0] if status else LOST
                except (TimeoutError, BlockingIOError):
                    return None
                except OSError:
                    self._code = LOST
            return self._code

    def end(self) -> None:
        """Have it killed with what it started, and be done with it."""
        with suppress(OSError):
            self._life.shutdown(socket.SHUT_WR)
        self.wait()
        for part in (self.stdin, self.stdout, self._life):
            with suppress(OSError):
                part.close()


class Twin:
    """The twin, from the side of the process that it is a twin of."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._alone = threading.Lock()
        self._process = os.getpid()

    def worker(self, paper: int) -> Beside:
        """A process that reads what it is to do from the file behind this handle.

        Raises
        ------
        Gone
            Where there is no twin any more.
        """
        if os.getpid() != self._process:
            raise Gone("it is another's")
        talk, theirs = socket.socketpair()
        life, other = socket.socketpair()
        with theirs, other, self._alone:
            try:
                socket.send_fds(self._control, [WORKER], [paper, theirs.fileno(), other.fileno()])
            except OSError as error:
                talk.close()
                life.close()
                raise Gone(str(error)) from None
        return Beside(talk, life)


_held: list[Twin] = []


def twin() -> Twin | None:
    """This process's twin; None where it has none, as everything that no shared login started."""
    return _held[0] if _held else None


def divide(work: Work, forget: Callable[[], None], title: str, entitle: Callable[[str], None]) -> None:
    """Fork this process's twin; it must have a single thread.

    Parameters
    ----------
    work
        What a worker does: with the handle of what it was given, what it is told and where it speaks.
    forget
        What the twin calls first: it must not answer in this process's name.
    title, entitle
        What a list of processes says of the twin, and how.
    """
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        with suppress(BaseException):
            forget()
            entitle(title)
            Waiting(theirs, work).serve()
        os._exit(0)
    theirs.close()
    _held[:] = [Twin(ours)]


class Waiting:
    """The twin itself."""

    def __init__(self, control: socket.socket, work: Work) -> None:
        gc.disable()  # what a collector writes to is shared no more
        self._control, self._work = control, work
        closed_but({0, 1, 2, control.fileno()})
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._woken, self._wakes = socket.socketpair()
        for one in (self._woken, self._wakes):
            one.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(self._wakes.fileno(), warn_on_full_buffer=False)
        self._lives: dict[int, socket.socket] = {}
        self._ending: set[int] = set()

    def serve(self) -> None:
        """Until the process that it is a twin of is gone; its workers go with it."""
        while True:
            held = {life: pid for pid, life in self._lives.items() if pid not in self._ending}
            ready, _, _ = select.select([self._control, self._woken, *held], [], [])
            if self._woken in ready:
                with suppress(BlockingIOError):
                    self._woken.recv(4096)
            for life in ready:
                if life in held:
                    self._end(held[life])
            self._buried()
            if self._control in ready and not self._heard():
                break
        for pid in list(self._lives):
            end(pid)

    def _heard(self) -> bool:
        word, handles, _, _ = socket.recv_fds(self._control, 1, 3)
        if len(handles) == 3:
            self._forked(*handles)
        return bool(word)

    def _forked(self, paper: int, talk: int, life: int) -> None:
        held = socket.socket(fileno=life)
        try:
            pid = os.fork()
        except OSError:
            held.close()
        else:
            if pid == 0:
                become(self._work, paper, talk)
            self._lives[pid] = held
        os.close(paper)
        os.close(talk)

    def _end(self, pid: int) -> None:
        self._ending.add(pid)
        end(pid)

    def _buried(self) -> None:
        """Say of each that has ended how it did."""
        with suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0] != 0:
                pid, status = found
                self._ending.discard(pid)
                with self._lives.pop(pid) as life, suppress(OSError):
                    life.send(STATUS.pack(os.waitstatus_to_exitcode(status)))


def become(work: Work, paper: int, talk: int) -> NoReturn:
    """Do one piece of work, with chance of its own and no handle of the twin's but those two; the process ends with it."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        closed_but({0, 1, 2, paper, talk})
        reseed()
        gc.enable()
        with socket.socket(fileno=talk) as ours:
            given, out = ours.makefile("rb"), ours.makefile("wb")
        work(paper, given, out)
        code = 0
    finally:
        os._exit(code)


def closed_but(kept: set[int]) -> None:
    """Close every handle of this process but these."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) not in kept:
            with suppress(OSError):
                os.close(int(name))
