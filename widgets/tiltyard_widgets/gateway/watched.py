"""Kernels that are watched over: they end when nobody uses them, and with their server, however it ends."""

import asyncio
import json
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado.ioloop import IOLoop, PeriodicCallback
from tornado.web import HTTPError
from traitlets import Integer

from tiltyard.child_processes.memory import EACH, FORKED, memory
from tiltyard.child_processes.supervised import Supervisor

from ..warm.nursery import Nursery
from .ending import ended
from .lives import Life, Terms, spent

DELIMITER, STATUS = b"<IDS|MSG>", b'"status"'
STARTED = 128 << 20  # bytes of one that has just started


class WatchedKernels(AsyncMappingKernelManager):
    """A kernel manager that ends kernels which nobody uses, holds no more than the machine can, and leaves none behind."""

    machine = Integer(
        0,
        config=True,
        help="Kernels of all people at a time; 0 for as many as this machine's memory holds, 112 MiB each where they are forked and 768 else.",
    )
    spare = Integer(512, config=True, help="MiB of memory that must be free for another kernel to start.")
    gone = Integer(60, config=True, help="Seconds without a browser, and without work, after which a kernel ends.")
    idle = Integer(7200, config=True, help="Seconds without a click, and without work, after which the kernel of an open page ends.")
    warning = Integer(600, config=True, help="Seconds before that in which its page shows when it ends.")
    longest = Integer(43_200, config=True, help="Seconds without a browser after which a kernel ends though it works.")
    look = Integer(10, config=True, help="Seconds between looks at who is still there.")

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)  # type: ignore[no-untyped-call]
        self.lives: dict[str, Life] = {}
        self.nursery: Nursery | None = None
        self._reported: set[str] = set()  # kernels whose output a page's connection tells us of
        self._supervisor: Supervisor | None = None
        self._watch: PeriodicCallback | None = None

    @property
    def each(self) -> int:
        """Bytes that a kernel is reckoned to take; one that was forked shares most of what it has."""
        return FORKED if self.nursery is not None else EACH

    @property
    def holds(self) -> int:
        """How many kernels this machine holds."""
        return self.machine or max(1, memory()[0] // self.each)

    @property
    def terms(self) -> Terms:
        """After how many seconds a kernel ends."""
        return Terms(self.gone, self.idle, self.warning, self.longest)

    def clock(self) -> float:
        """Seconds, by a clock that never goes back."""
        return time.monotonic()

    def born(self, kernel_id: str) -> None:
        """Watch over a kernel that was started."""
        self.lives[kernel_id] = Life(self.clock())
        if self._supervisor is None:
            self._supervisor = Supervisor().__enter__()
            self._watch = PeriodicCallback(self.sweep, 1000 * self.look)
            self._watch.start()
        if (pid := self.pid(kernel_id)) is not None:
            self._supervisor.hold(pid)

    def pid(self, kernel_id: str) -> int | None:
        """The process of a kernel, None where it has ended."""
        process = getattr(self.get_kernel(kernel_id).provisioner, "process", None)
        return process.pid if process is not None and process.poll() is None else None

    def full(self, coming: int) -> bool:
        """Does the machine hold no more kernels than there are, and those that are coming?"""
        _, free = memory()
        return len(self.lives) + coming >= self.holds or free < (self.spare << 20) + coming * STARTED

    def still(self, kernel_id: str) -> float:
        """Seconds since a kernel last worked or had a browser."""
        life = self.lives[kernel_id]
        return self.clock() - max(life.left, life.worked)

    def clicked(self, kernel_id: str) -> None:
        """Somebody used its page."""
        if life := self.lives.get(kernel_id):
            life.clicked = self.clock()

    def ends_in(self, kernel_id: str) -> float:
        """Seconds after which a kernel ends if nothing happens meanwhile."""
        return self.lives[kernel_id].ends(self.terms) - self.clock()

    async def sweep(self) -> None:
        """Look which kernels work, and end those that died or whose time is over."""
        pids = {kernel: self.pid(kernel) for kernel in self.lives}
        living = {kernel: pid for kernel, pid in pids.items() if pid is not None}
        used = await IOLoop.current().run_in_executor(None, lambda: {kernel: spent(pid) for kernel, pid in living.items()})
        for kernel, seconds in used.items():
            if life := self.lives.get(kernel):
                life.look(self.clock(), seconds, self._quiet(kernel))
        there = [kernel for kernel in pids if kernel in self.lives]  # not one that was born during the look
        over = [kernel for kernel in there if kernel not in living or self.ends_in(kernel) <= 0]
        await asyncio.gather(*map(self._end, over))
        for kernel in [kernel for kernel, life in self.lives.items() if life.away(self.terms, self.clock())]:
            self.stop_buffering(kernel)  # type: ignore[no-untyped-call]  # nobody will read its output

    async def _end(self, kernel_id: str) -> None:
        with suppress(KeyError, HTTPError):  # it may have been ended meanwhile
            await self.shutdown_kernel(kernel_id)  # type: ignore[no-untyped-call]

    def _quiet(self, kernel_id: str) -> float:
        """Seconds since it last sent anything that its page shows."""
        last: datetime = self.get_kernel(kernel_id).last_activity  # type: ignore[attr-defined]
        return (datetime.now(UTC) - last).total_seconds()

    def start_watching_activity(self, kernel_id: str) -> None:
        """Note when a kernel last put something out. Jupyter's own reads each message whole for it, which a page of 300 widgets makes the third time."""
        kernel: Any = self.get_kernel(kernel_id)
        kernel.reason, kernel.last_activity = "", datetime.now(UTC)
        self._reported.discard(kernel_id)
        kernel._activity_stream = kernel.connect_iopub()
        kernel._activity_stream.on_recv(lambda message: self.heard(kernel_id, message))

    def heard(self, kernel_id: str, message: list[bytes]) -> None:
        """A kernel put something out: its page's connection says so while there is one, a stream of our own else."""
        if kernel_id not in self or not self.track_message_type(asked_by(message)):  # type: ignore[no-untyped-call]
            return
        kernel: Any = self.get_kernel(kernel_id)
        kernel.last_activity = datetime.now(UTC)
        if kernel.execution_state == "starting":
            kernel.execution_state = "idle"
            self._listen(kernel_id)

    def _listen(self, kernel_id: str) -> None:
        """Have a kernel's output sent to us where no page's connection hears it; each would cost the server as much as the page's own does."""
        kernel: Any = self.get_kernel(kernel_id)
        reported = self._kernel_connections.get(kernel_id, 0) > 0 and kernel.execution_state != "starting"
        stream = getattr(kernel, "_activity_stream", None)
        if stream is None or stream.closed() or reported == (kernel_id in self._reported):
            return
        if reported:
            self._reported.add(kernel_id)
            stream.socket.unsubscribe(b"")
        else:
            self._reported.discard(kernel_id)
            stream.socket.subscribe(b"")

    def notify_connect(self, kernel_id: str) -> None:
        """A browser connected to its kernel."""
        super().notify_connect(kernel_id)  # type: ignore[no-untyped-call]
        if kernel_id in self:
            self._listen(kernel_id)
        if life := self.lives.get(kernel_id):
            life.joined(self.clock())

    def notify_disconnect(self, kernel_id: str) -> None:
        """A browser left."""
        super().notify_disconnect(kernel_id)  # type: ignore[no-untyped-call]
        if kernel_id in self:
            self._listen(kernel_id)
        if life := self.lives.get(kernel_id):
            life.parted(self.clock())

    def remove_kernel(self, kernel_id: str) -> Any:
        """Forget it."""
        self.lives.pop(kernel_id, None)
        self._reported.discard(kernel_id)
        return super().remove_kernel(kernel_id)

    def end_all(self) -> None:
        """End every kernel with all it started, within two seconds."""
        if self._watch is not None:
            self._watch.stop()
        ended(pid for kernel in self.list_kernel_ids() if (pid := self.pid(kernel)) is not None)
        if self._supervisor is not None:
            self._supervisor.__exit__(None, None, None)


def asked_by(message: list[bytes]) -> str:
    """What a kernel's word on its state (busy, idle) answers to; nothing for any other message, which is not read."""
    at = message.index(DELIMITER)
    header, parent = message[at + 2], message[at + 3]
    return str(json.loads(parent).get("msg_type", "")) if STATUS in header else ""
