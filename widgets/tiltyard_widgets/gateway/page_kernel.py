"""The kernel of a page behind a shared login: ipykernel, less what each move of a slider pays for and no page reads.

Many people who drag at once share few cores, so that a message counts: how it is sent, not what it says, is changed here.
"""

import threading
import time
from collections import deque
from typing import Any

from ipykernel.iostream import IOPubThread, OutStream
from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp
from traitlets import DottedObjectName, Type

from tiltyard.child_processes.memory import given_back

COMM = ("comm_msg", "comm_close")
WAIT = 0.01  # s
LOOK, WORKED = 10.0, 0.1  # s between looks, and of processor time in between after which there may be something to give back


class Outbox:
    """A kernel's way out to its page, by the thread that sends.

    To wake that thread costs as much as to write a message. So while a page's message is answered, the first answer wakes it and what follows goes out with
    the last, but no later than `WAIT` after the first.
    """

    def __init__(self, thread: IOPubThread) -> None:
        self.io_thread = thread
        self._waiting: deque[tuple[list[Any], dict[str, Any]]] = deque()
        self._lock = threading.Lock()
        self._called = self._held = self._begun = False
        self._timer: object = None

    def send_multipart(self, message: list[Any], **how: Any) -> None:
        """Send a message of many parts after all that were given before, from any thread."""
        with self._lock:
            self._waiting.append((message, how))
            if self._called or (self._held and self._begun):
                return
            self._called = self._begun = True
        self.io_thread.schedule(self._sent)  # type: ignore[no-untyped-call]

    def hold(self) -> None:
        """From now on a page's message is answered."""
        with self._lock:
            self._held, self._begun = True, False

    def release(self) -> None:
        """It is answered."""
        with self._lock:
            self._held = False
            if self._called or not self._waiting:
                return
            self._called = True
        self.io_thread.schedule(self._sent)  # type: ignore[no-untyped-call]

    def _sent(self) -> None:
        """Send all that waits; on the thread that sends."""
        if self._timer is not None:
            self.io_thread.io_loop.remove_timeout(self._timer)
            self._timer = None
        while True:
            with self._lock:
                if not self._waiting:
                    self._called = False
                    if self._held:
                        self._timer = self.io_thread.io_loop.call_later(WAIT, self._sent)
                    return
                message, how = self._waiting.popleft()
            self.io_thread._really_send(message, **how)  # type: ignore[no-untyped-call]


class Output(OutStream):
    """Standard output or error. There is nothing to wait for where nothing was written."""

    def flush(self) -> None:
        """Have sent what was written before."""
        if self._buffers:
            super().flush()  # type: ignore[no-untyped-call]


class PageKernel(IPythonKernel):
    """A kernel that says of a widget's message that it is done, and not before that it was begun: no page waits for that.

    What it freed it gives back to the system, which has other pages to hold.
    """

    def start(self) -> None:
        """Jupyter's, and look now and then."""
        super().start()  # type: ignore[no-untyped-call]
        self._used = time.process_time()
        self.io_loop.call_later(LOOK, self._looked)

    def _looked(self) -> None:
        used = time.process_time()
        if used - self._used > WORKED:
            given_back()
        self._used = time.process_time()
        self.io_loop.call_later(LOOK, self._looked)

    def _publish_status(self, status: str, channel: str, parent: Any = None) -> None:
        if channel != "shell" or not self._is_a_widgets(parent or self.get_parent(channel)):  # type: ignore[no-untyped-call]
            super()._publish_status(status, channel, parent)  # type: ignore[no-untyped-call]
        elif status != "busy":
            super()._publish_status(status, channel, parent)  # type: ignore[no-untyped-call]
            self.iopub_socket.release()

    def pre_handler_hook(self) -> None:
        """Before a message is answered."""
        super().pre_handler_hook()  # type: ignore[no-untyped-call]
        if self._is_a_widgets(self.get_parent("shell")):  # type: ignore[no-untyped-call]
            self.iopub_socket.hold()

    @staticmethod
    def _is_a_widgets(message: dict[str, Any]) -> bool:
        return bool(message) and message.get("header", {}).get("msg_type") in COMM


class PageKernelApp(IPKernelApp):
    """What starts it. Its messages come on its own thread: a page has no subshells, for which ipykernel has each pass through another."""

    kernel_class = Type(PageKernel, klass="ipykernel.kernelbase.Kernel")  # type: ignore[assignment]
    outstream_class = DottedObjectName(f"{__name__}.Output", allow_none=True)

    def init_control(self, context: Any) -> None:
        """Jupyter's, without the thread of subshells."""
        super().init_control(context)  # type: ignore[no-untyped-call]
        if (thread := getattr(self, "shell_channel_thread", None)) is not None:
            thread.io_loop.close(all_fds=False)
            self.shell_channel_thread = None

    def init_iopub(self, context: Any) -> None:
        """Jupyter's, with an outbox before it."""
        super().init_iopub(context)  # type: ignore[no-untyped-call]
        self.iopub_socket = Outbox(self.iopub_thread)


def launch(file: str) -> None:
    """Be the kernel of this connection file."""
    app = PageKernelApp.instance()
    app.initialize(["-f", file])  # type: ignore[no-untyped-call]
    app.start()  # type: ignore[no-untyped-call]
