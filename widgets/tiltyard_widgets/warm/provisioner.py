"""Jupyter's way to start a kernel (`jupyter_client.kernel_provisioners`), by a fork of a parent that has imported all it wants."""

import asyncio
import logging
import os
import subprocess
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from .nursery import Cold, Nursery, possible
from .request import Request, module_in

KNOWN = {"env", "cwd", "stdin", "stdout", "stderr", "pass_fds", "independent", "start_new_session", "kernel_id", "extra_arguments"}
_own: list[Nursery] = []


def own() -> Nursery | None:
    """The nursery of a server that has none of ours, as JupyterLab: made with its first kernel; None where a fork is not safe."""
    if not _own and not possible():
        _own.append(Nursery({name: value for name, value in os.environ.items() if "TOKEN" not in name}))
    return _own[0] if _own else None


class WarmProvisioner(LocalProvisioner):
    """Forks kernels of this very Python; any other, and every one where that cannot be, is started from nothing."""

    @property
    def nursery(self) -> Nursery | None:
        """Where kernels come from: the server's own, or one for all of this process."""
        managers: Any = getattr(self.parent, "parent", None)
        return managers.nursery if hasattr(managers, "nursery") else own()

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Fork, or start from nothing."""
        nursery, request = self.nursery, asked(cmd, kwargs)
        if nursery is None or request is None:
            return await super().launch_kernel(cmd, **kwargs)
        try:
            forked = await asyncio.to_thread(nursery.fork, request)
        except Cold as why:
            logging.getLogger("tiltyard").info("a kernel is started from nothing: %s", why)
            return await super().launch_kernel(cmd, **kwargs)
        self.process = forked  # type: ignore[assignment]  # it answers to all that is asked of one
        self.pid = self.pgid = forked.pid
        self.cwd = kwargs.get("cwd", Path.cwd())
        return self.connection_info


def asked(command: list[str], how: dict[str, Any]) -> Request | None:
    """What a command and its way of starting ask for; None where a fork cannot give it."""
    at = module_in(command)
    if at is None or not set(how) <= KNOWN:
        return None
    streams = [how.get(name) for name in ("stdout", "stderr")]
    if streams not in ([None, None], [subprocess.DEVNULL, subprocess.DEVNULL]):
        return None
    environment = dict(how.get("env", os.environ))
    handles = tuple(how.get("pass_fds", ()))
    return Request(command[at], tuple(command[at + 1 :]), environment, str(how.get("cwd") or Path.cwd()), handles, streams[0] is not None)
