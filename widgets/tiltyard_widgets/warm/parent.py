"""``python -P -m tiltyard_widgets.warm.parent HANDLE WHAT``: forks kernels from itself; `nursery` starts it.

It reads no request and so knows of nobody: what it takes from the socket at HANDLE are handles, and the child reads what is written at the
first. So nothing of one person is in the memory that another's kernel is copied from. It ends, with all its children, when the other end of
that socket is gone.
"""

import json
import os
import select
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress

from .child import become
from .prepared import afterwards, prepare, unfit

MOST_HANDLES = 4
FORK, RETIRE = b"fork", b"retire"
REST, BREATH = (
    2.0,
    0.1,
)  # s without a word after which it goes on importing, and between two steps: whoever comes amid one waits for its end


class Parent:
    """Forks at each word, and hears of each child's end.

    Parameters
    ----------
    more
        What is left to import, a step at a time while nothing is asked for; each says why no kernel may be forked from then on, or nothing.
    """

    def __init__(self, control: socket.socket, restore: Callable[[], None], more: Iterator[str]) -> None:
        self._control = control
        self._restore = restore
        self._more: Iterator[str] | None = more
        self._unfit = ""
        self._children: set[int] = set()
        self._woken, self._wakes = socket.socketpair()
        self._retired = False
        for end in (self._woken, self._wakes):
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(self._wakes.fileno(), warn_on_full_buffer=False)

    def serve(self) -> None:
        """Until nobody listens any more; one that retired goes with its last child."""
        wait = REST
        while not self._retired or self._children:
            ready, _, _ = select.select([self._control, self._woken], [], [], None if self._more is None else wait)
            wait = REST if ready else BREATH
            if not ready and self._more is not None:
                self._imported(self._more)
            if self._woken in ready:
                with suppress(BlockingIOError):
                    self._woken.recv(4096)
                self._buried()
            if self._control in ready and not self._heard():
                break
        self._ended()

    def _imported(self, more: Iterator[str]) -> None:
        """Take one step of what is left; none after one that leaves it unfit."""
        reason = next(more, None)
        self._unfit = reason or ""
        if reason != "":
            self._more = None

    def _heard(self) -> bool:
        word, handles = heard(self._control)
        if word == FORK:
            self._forked(handles)
        elif word == RETIRE:
            self._retired = True
        return bool(word)

    def _forked(self, handles: list[int]) -> None:
        try:
            if self._unfit:
                raise OSError(0, self._unfit)
            pid = os.fork()
        except OSError as error:
            for handle in handles:
                os.close(handle)
            with suppress(OSError):  # who asked may be gone; the next word says so
                self._control.send(json.dumps({"refused": error.strerror}).encode())
            return
        if pid == 0:
            signal.set_wakeup_fd(-1)
            for end in (self._control, self._woken, self._wakes):
                end.close()
            become(handles, self._restore)
        for handle in handles:
            os.close(handle)
        self._children.add(pid)
        process = os.pidfd_open(pid)
        with suppress(OSError):
            socket.send_fds(self._control, [json.dumps({"pid": pid}).encode()], [process])
        os.close(process)

    def _buried(self) -> None:
        with suppress(ChildProcessError):
            while (pid := os.waitpid(-1, os.WNOHANG)[0]) != 0:
                self._children.discard(pid)

    def _ended(self) -> None:
        from tiltyard.child_processes.killing import end

        for pid in self._children:
            end(pid)  # and what it started in a session of its own, which nobody finds once it is dead


def heard(control: socket.socket) -> tuple[bytes, list[int]]:
    """The next word and the handles that came with it; none where the other end is gone, also amid an answer that it never read."""
    try:
        word, handles, _, _ = socket.recv_fds(control, 64, MOST_HANDLES)
    except ConnectionError:
        return b"", []
    return word, list(handles)


def main() -> None:
    """The handle of the socket and what to prepare, on the command line."""
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    restore = prepare(sys.argv[2])
    reason = unfit()
    control.send(json.dumps({"unfit": reason}).encode())
    if not reason:
        Parent(control, restore, afterwards(sys.argv[2])).serve()
        os._exit(0)  # there is nothing to take apart, and whoever ends it waits


if __name__ == "__main__":
    main()
