"""The admin's page: who holds what of the machine, and a button that ends it."""

from dataclasses import dataclass
from pathlib import Path

import jinja2
import psutil
from jupyter_server.base.handlers import JupyterHandler
from tornado.ioloop import IOLoop
from tornado.web import HTTPError

from tiltyard.access.roles import Role
from tiltyard.audit import notes as audit
from tiltyard.child_processes.memory import memory

from .kernels import OwnedKernels
from .lives import spent

ROUTE = r"/tiltyard/people"
PAGE = Path(__file__).with_name("people.html")
POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"


@dataclass(frozen=True)
class Held:
    """A page's kernel: ``private`` are bytes that no other process shares, ``spent`` CPU seconds, ``idle`` seconds since somebody clicked."""

    kernel: str
    owner: str
    connected: int
    private: int
    spent: float
    idle: float
    ends: float


class PeopleHandler(JupyterHandler):
    """GET shows the table to an admin, POST ends the kernel that it names. For anybody else there is no such page."""

    def _admin(self) -> None:
        person = self.identity_provider.person(self.current_user)  # type: ignore[attr-defined]
        if person is not None and person.role is not Role.ADMIN:  # nobody in particular is the owner
            raise HTTPError(404)

    async def get(self) -> None:
        self._admin()
        kernels: OwnedKernels = self.settings["kernel_manager"]
        held = await IOLoop.current().run_in_executor(None, all_held, kernels)
        total, free = memory()
        self.set_header("Content-Security-Policy", POLICY)
        self.set_header("Cache-Control", "no-store")
        template = jinja2.Environment(autoescape=True).from_string(PAGE.read_text(encoding="utf-8"))
        waiting = self.settings["visits"].turns.busy + kernels.waits
        self.write(template.render(held=held, total=total, free=free, waiting=waiting, most=kernels.holds, xsrf=self.xsrf_token.decode()))

    async def post(self) -> None:
        self._admin()
        kernels: OwnedKernels = self.settings["kernel_manager"]
        kernel = self.get_body_argument("kernel", "")
        if kernel not in kernels.owners:
            raise HTTPError(404)
        owner = kernels.owners[kernel]
        audit.note("page ended", who=self.current_user.username, parameters={"of": owner})
        await kernels.shutdown_kernel(kernel, now=True)  # type: ignore[no-untyped-call]
        self.redirect(self.request.path, status=303)


def all_held(kernels: OwnedKernels) -> list[Held]:
    """What each kernel takes now, the most memory first."""
    found = []
    for kernel, owner in list(kernels.owners.items()):
        life, pid = kernels.lives.get(kernel), kernels.pid(kernel)
        if life is not None and pid is not None:
            idle = kernels.clock() - max(life.clicked, life.worked)
            found.append(Held(kernel, owner, life.connected, private(pid), spent(pid), idle, kernels.ends_in(kernel)))
    return sorted(found, key=lambda one: -one.private)


def private(pid: int) -> int:
    """Bytes of a process and of all below it that it shares with none; 0 for one that is gone."""
    try:
        root = psutil.Process(pid)
        return sum(_own(one) for one in [root, *root.children(recursive=True)])
    except psutil.Error:
        return 0


def _own(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().uss)
    except psutil.Error:
        return 0
