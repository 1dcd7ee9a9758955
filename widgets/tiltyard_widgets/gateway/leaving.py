"""A page that is closed or loaded anew: its kernel ends, unless its work goes on."""

import logging

from jupyter_server.base.handlers import APIHandler
from tornado.ioloop import IOLoop
from tornado.web import authenticated

from tiltyard.errors import Problem
from tiltyard.store import process
from tiltyard.store.store import Store

from .kernels import OwnedKernels


class LeavingHandler(APIHandler):
    """In the place of Voila's own: POST says that the page of a kernel is left.

    One that works lives on as any whose browser vanished (`lives.Terms`): until its work is done, and no longer than ``longest``. Its work
    is followed and cancelled from another page.
    """

    @authenticated
    async def post(self, kernel_id: str) -> None:
        kernels: OwnedKernels = self.settings["kernel_manager"]
        pid = kernels.pid(kernel_id)
        works = pid is not None and await IOLoop.current().run_in_executor(None, working, pid)
        if not works:
            await kernels.shutdown_kernel(kernel_id)  # type: ignore[no-untyped-call]
        self.set_status(204)
        self.finish()


def working(pid: int) -> bool:
    """Has the process of this id on this machine a job under way in the store? False where the store cannot be asked."""
    try:
        jobs = Store(makes=False).jobs.processes()
    except Problem as problem:
        logging.getLogger("tiltyard").info("the store does not say whether a page works: %s", problem)
        return False
    return any(one.pid == pid and one.host == process.host() for one in jobs)
