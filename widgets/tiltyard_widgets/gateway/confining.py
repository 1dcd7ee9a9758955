"""Kernels of people behind a shared login: each in confines of its own, started as such and cleared away when it ends."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import platformdirs
from jupyter_server.services.kernels.kernelmanager import ServerKernelManager

from tiltyard.access.confined import Confines, python_places, system_places
from tiltyard.access.offers import offers
from tiltyard.access.person import ROLE, USER, Person
from tiltyard.access.places import data_folders
from tiltyard.access.places import home as kept_for
from tiltyard.access.users import NAME

from ..warm.provisioner import WarmProvisioner
from .channels import Drained
from .keeper import Keeper
from .limits import Limits

# What a kernel gets of the server's environment, by name: nothing that could be a secret under whatever name.
KEPT = re.compile(
    r"LANG|LANGUAGE|LC_\w+|TZ|PATH|LD_LIBRARY_PATH|PYTHON[A-Z]+|MPLBACKEND|\w+_NUM_THREADS|(CUDA|OMP|MKL|KMP|NVIDIA|VOILA|SERVER)_\w+"
    r"|SCRIPT_NAME|SSL_CERT_(FILE|DIR)|(https?|no|all)_proxy|TILTYARD_(DATA_ROOT|OFFERS|PLACE)",
    re.IGNORECASE,
)
SHARED = {
    "OMP_NUM_THREADS": "1",  # of a check, where the owner sets no other: people who work at once are as many threads as a shared machine has use for
    "JUPYTER_WIDGETS_ECHO": "0",  # what a page's widget sends would be sent back to it, for other pages of the kernel; there are none
}
NO_LIMITS = Limits()


class Kernel(ServerKernelManager):
    """A kernel's manager. ``person`` is whom it works for where they came through a shared login; then it is confined."""

    person: Person | None = None
    home: Path | None = None
    keeper: Keeper
    mark = ""
    limits = Limits()

    def confine_to(self, folder: Path, person: Person, mark: str, keeper: Keeper, limits: Limits) -> None:
        """Keep all that belongs to this kernel in a new folder within ``folder``, and its runs by the broker, as this person's."""
        self.person, self.mark, self.keeper, self.limits = person, mark, keeper, limits
        own = Path(tempfile.mkdtemp(prefix="k", dir=folder))
        self.home = own / "home"
        self.home.mkdir(mode=0o700)
        self.transport, self.connection_file = "ipc", str(own / "connection.json")
        self.ip = str(own / "connection-ipc")

    def connect_iopub(self, identity: bytes | None = None) -> Drained:  # type: ignore[override]
        """Jupyter's, as a stream that takes all that has come at once."""
        plain = super().connect_iopub(identity)
        plain.io_loop.remove_handler(plain.socket)
        return Drained(plain.socket, self.loop)

    async def _async_pre_start_kernel(self, **given: Any) -> tuple[list[str], dict[str, Any]]:
        if self.provisioner is None:
            kernel = self.kernel_id or given.get("kernel_id", "")
            self.provisioner = WarmProvisioner(kernel_id=kernel, kernel_spec=self.kernel_spec, parent=self)
        command, how = await super()._async_pre_start_kernel(**given)
        if self.home is None or self.person is None:
            return command, how
        confines = json.dumps(asdict(confines_of(self.person, self.home, self.limits)))
        command = [sys.executable, "-P", "-m", "tiltyard_widgets.gateway.confined", confines, str(self.home), self.connection_file]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}  # not the owner's terminal or log
        return command, how | quiet | {"env": environment_of(how["env"], self.home)}

    async def _async_launch_kernel(self, kernel_cmd: list[str], **how: Any) -> None:
        if self.home is None or self.person is None:
            await super()._async_launch_kernel(kernel_cmd, **how)
            return
        kernel = str(self.kernel_id)
        line, door = self.keeper.admit(kernel, self.person, self.mark, self.home.parent)
        with line, door:
            handles = (line.fileno(), door.fileno())
            command = [*kernel_cmd[:-1], *map(str, handles), kernel_cmd[-1]]
            await super()._async_launch_kernel(command, **how, pass_fds=handles)
        self.keeper.started(kernel, self.provisioner.process.pid)  # type: ignore[union-attr]

    async def _async_cleanup_resources(self, restart: bool = False) -> None:
        await super()._async_cleanup_resources(restart)
        if self.home is not None and not restart:
            self.keeper.withdraw(str(self.kernel_id))
            shutil.rmtree(self.home.parent, ignore_errors=True)


def confines_of(person: Person, home: Path, limits: Limits = NO_LIMITS) -> Confines:
    """What a kernel of this person reaches: Python and its libraries, its own folder, the person's data and what is offered to read, and what is kept for them."""
    reads = [*system_places(), *python_places(), str(home.parent), *map(str, data_folders(person))]
    reads += [path for offer in offers().values() for path in offer.reads]
    writes = [str(home)]
    if NAME.fullmatch(person.name):
        kept = kept_for(person)
        kept.mkdir(mode=0o700, parents=True, exist_ok=True)
        writes.append(str(kept))
    return Confines(tuple(reads), tuple(writes), limits.memory, limits.file, limits.cores)


def known(name: str, value: str) -> bool:
    """May a confined kernel have this of the server's environment?"""
    return bool(KEPT.fullmatch(name)) and "@" not in value


def environment_of(given: Mapping[str, str], home: Path) -> dict[str, str]:
    """A confined kernel's environment, with every folder that a library may write to in ``home``."""
    kept = {name: value for name, value in given.items() if known(name, value)}
    temporary = home / "tmp"
    temporary.mkdir(mode=0o700, exist_ok=True)
    person = {name: given[name] for name in (USER, ROLE) if name in given}
    places = {
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "XDG_DATA_HOME": str(platformdirs.user_data_path("tiltyard", appauthor=False).parent),
    }
    return (
        SHARED | kept | person | places | {"JOBLIB_MULTIPROCESSING": "0"}
    )  # its processes want /dev/shm, where every process of the account could read
