"""Holds the warm parent: started before the first kernel, anew where it died or what it imported has changed."""

import json
import logging
import os
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from .changes import stamp
from .forked import Forked
from .parent import FORK, RETIRE
from .request import Request, fixed
from .title import PADDING

PATIENCE = 120.0  # s that a kernel waits for a parent to have imported all; the parent goes on, for those who come later
ANSWER = 60.0  # s for a fork, which on a busy machine may wait for a step of what the parent still imports
REST = 60.0  # s without another try where one was no good
END = 1.0
log = logging.getLogger("tiltyard")


class Cold(Exception):
    """No warm parent can give this kernel; start it from nothing."""


def possible() -> str:
    """Why no kernel is forked on this system, as a clause; nothing where it may be."""
    if sys.platform != "linux":
        return "only on Linux is a fork safe"
    return "" if hasattr(os, "pidfd_open") else "this Python cannot name processes by a handle"


class Nursery:
    """One parent at a time.

    Parameters
    ----------
    environment
        The parent's, to which all its children are copied: nothing that one of them must not know may be in it.
    what
        ``workbench`` or ``bare``: what it imports; see `prepared`.
    """

    def __init__(self, environment: Mapping[str, str], what: str = "workbench") -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self._environment = dict(environment)
        self._what = what
        self._control: socket.socket | None = None
        self._ready = False
        self._stamp = ""
        self._rests = 0.0
        self._closed = False
        self._former: list[tuple[subprocess.Popen[bytes], socket.socket]] = []
        self._lock = threading.Lock()

    def tend(self) -> None:
        """See to it that there is a parent, of what stands on the disk now. Waits for nothing: who forks meanwhile has seen to it."""
        if self._lock.acquire(blocking=False):
            try:
                with suppress(Cold):
                    self._tended()
            finally:
                self._lock.release()

    @property
    def preparing(self) -> bool:
        """Is the parent importing still, so that a kernel waits for it?"""
        control = self._control
        with suppress(OSError, ValueError):  # it is closed in this moment
            return control is not None and not self._ready and not select.select([control], [], [], 0)[0]
        return False

    def fork(self, request: Request, handles: Sequence[int] | None = None) -> Forked:
        """A kernel's process; waits for the parent where it is still importing.

        Parameters
        ----------
        request
            What it runs.
        handles
            What it gets under the numbers that the request names; the handles of these very numbers where not given.

        Raises
        ------
        Cold
            Where this kernel must be started from nothing.
        """
        if fixed(request.environment) != fixed(self._environment):
            raise Cold("its environment has other settings of Python or its libraries")
        with self._lock:
            self._tended()
            self._waited()
            try:
                return self._asked(request, request.handles if handles is None else handles)
            except OSError as error:
                self._dropped()
                raise Cold(f"the parent does not answer ({error})") from None

    def close(self) -> None:
        """End the parent with all its children, at once: who waits for it hears that it has ended."""
        self._closed = True
        with suppress(OSError, AttributeError):
            self._control.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]
        with self._lock:
            self._dropped()
            for process, control in self._former:
                control.close()
                _waited_for(process)
            self._former = []

    def _tended(self) -> None:
        if self._closed:
            raise Cold("it is closed")
        self._former = [(process, control) for process, control in self._former if process.poll() is None]
        if self.process is not None and self.process.poll() is not None:
            log.warning("the warm parent of kernels ended (%s); another is started", self.process.returncode)
            self._dropped()
        if self.process is not None and self._stamp != stamp():
            self._retire()
        if self.process is None:
            if time.monotonic() < self._rests:
                raise Cold("the last parent was no good")
            self._begin()

    def _begin(self) -> None:
        self._stamp, self._ready = stamp(), False
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            words = [
                sys.executable,
                "-P",
                "-Xfrozen_modules=off",
                "-m",
                "tiltyard_widgets.warm.parent",
                str(theirs.fileno()),
                self._what,
                PADDING,
            ]
            self.process = subprocess.Popen(
                words,
                env={**self._environment, "JPY_PARENT_PID": "1"},
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                cwd="/",
            )
        self._control = ours

    def _waited(self) -> None:
        """Hear from the parent that it has imported all."""
        assert self._control is not None
        if self._ready:
            return
        self._control.settimeout(PATIENCE)
        try:
            answer = self._control.recv(4096)
        except TimeoutError:
            raise Cold("the parent is still importing") from None
        except OSError as error:
            answer = json.dumps({"unfit": f"it is not ready ({error})"}).encode()
        reason = json.loads(answer)["unfit"] if answer else "it ended"
        if reason:
            self._rests = time.monotonic() + REST
            self._dropped()
            log.warning("kernels are started from nothing for a while: the warm parent is no good, %s", reason)
            raise Cold(reason)
        self._ready = True

    def _asked(self, request: Request, handles: Sequence[int]) -> Forked:
        assert self._control is not None
        self._control.settimeout(ANSWER)
        with tempfile.TemporaryFile() if not hasattr(os, "memfd_create") else os.fdopen(os.memfd_create("request"), "w+b") as paper:
            paper.write(request.written())
            paper.seek(0)
            socket.send_fds(self._control, [FORK], [paper.fileno(), *handles])
            content, process, _, _ = socket.recv_fds(self._control, 4096, 1)
        if not content:
            raise BrokenPipeError("it ended")
        answer = json.loads(content)
        if "pid" not in answer:
            raise Cold(f"it does not fork: {answer.get('refused')}")
        return Forked(answer["pid"], process[0])

    def _retire(self) -> None:
        """What it imported has changed: it forks no more, and lives on as long as its children do."""
        assert self.process is not None and self._control is not None
        with suppress(OSError):
            self._control.send(RETIRE)
        self._former.append((self.process, self._control))
        self.process = self._control = None

    def _dropped(self) -> None:
        if self._control is not None:
            self._control.close()
        if self.process is not None:
            _waited_for(self.process)
        self.process = self._control = None


def _waited_for(process: "subprocess.Popen[bytes]") -> None:
    with suppress(subprocess.TimeoutExpired):
        process.wait(END)
    process.kill()
    process.wait()
