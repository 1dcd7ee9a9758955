"""A process that another forked for us: what `subprocess.Popen` is for one of our own."""

import os
import select
import signal
import subprocess


class Forked:
    """Known by a handle that never means another process, however many came after it. Only its parent hears how it ended."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int, handle: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._handle = handle

    def poll(self) -> int | None:
        """None while it runs, then 0."""
        if self.returncode is None and self._over(0):
            self.returncode = 0
            os.close(self._handle)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended."""
        if self.returncode is None and not self._over(None if timeout is None else 1000 * timeout):
            raise subprocess.TimeoutExpired("kernel", timeout or 0)
        self.poll()
        return 0

    def send_signal(self, number: int) -> None:
        """Nothing where it has ended."""
        if self.poll() is None:
            signal.pidfd_send_signal(self._handle, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)

    def _over(self, milliseconds: float | None) -> bool:
        ends = select.poll()
        ends.register(self._handle, select.POLLIN)
        return bool(ends.poll(milliseconds))

    def __del__(self) -> None:
        if self.returncode is None:
            os.close(self._handle)
