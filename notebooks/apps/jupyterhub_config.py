"""JupyterHub for Tiltyard: everybody of `tiltyard user` gets a workbench of their own, and sees their own runs alone.

    pip install "tiltyard[hub]" configurable-http-proxy
    tiltyard user add ada --role admin
    jupyterhub --config jupyterhub_config.py

It runs as it stands on one machine, without root, on 127.0.0.1:8000; put a TLS proxy in front for others to reach it.
Nobody can run code of their own here, for the workbench is served as an app; but all servers run as the one account
that runs the Hub. On Linux 6.2 or newer each person's kernel is confined to their own data, and asks a broker for
people, keys and runs (THREAT_MODEL.md); elsewhere, or where that is not enough, give each a system account
(`LocalProcessSpawner`, a Hub run by root) or a container (DockerSpawner, KubeSpawner): only ``spawner_class`` changes.
"""

import os
import sys
from asyncio import to_thread
from pathlib import Path
from typing import Any

from jupyterhub.auth import Authenticator
from jupyterhub.spawner import SimpleLocalProcessSpawner

from tiltyard.access.passwords import Lockout
from tiltyard.access.roles import Role
from tiltyard.access.users import User, Users

c: Any = get_config()  # type: ignore[name-defined]  # noqa: F821 (JupyterHub puts it here)
HOME = Path(os.environ.get("TILTYARD_HUB", "tiltyard-hub")).absolute()
HOME.mkdir(mode=0o700, parents=True, exist_ok=True)


class TiltyardUsers(Authenticator):  # type: ignore[misc]
    """The people of the users file, with argon2id hashes and a lock after failed tries; their role goes along as a group."""

    tries = Lockout()

    async def authenticate(self, handler: Any, data: dict[str, str]) -> dict[str, Any] | None:
        name = data["username"]
        if self.tries.wait(name):
            return None
        self.tries.failed(name)  # counted before the answer is known, so that tries sent at once count too
        user = await to_thread(Users().verify, name, data["password"])
        if user is None:
            return None
        self.tries.passed(name)
        return known(user)

    async def refresh_user(self, user: Any, handler: Any = None) -> dict[str, Any] | bool:
        """Asked every few minutes: another role counts, and who was removed is logged out."""
        found = Users().find(user.name)
        return known(found) if found else False

    def normalize_username(self, username: str) -> str:
        """As it is: `Ada` and `ada` are two people."""
        return username


def known(user: User) -> dict[str, Any]:
    """What the Hub keeps of somebody."""
    return {"name": user.name, "admin": user.role is Role.ADMIN, "groups": [f"tiltyard-{user.role}"]}


c.JupyterHub.bind_url = "http://127.0.0.1:8000"
c.JupyterHub.db_url = f"sqlite:///{HOME}/hub.sqlite"
c.JupyterHub.cookie_secret_file = str(HOME / "cookie_secret")
c.ConfigurableHTTPProxy.command = [sys.executable, "-c", "from configurable_http_proxy.cli import main; main()"]  # Python's, without Node
c.ConfigurableHTTPProxy.pid_file = str(HOME / "proxy.pid")

c.JupyterHub.authenticator_class = TiltyardUsers
c.Authenticator.allow_all = True  # all of the users file
c.Authenticator.manage_groups = True
c.Authenticator.auth_refresh_age = 60

c.JupyterHub.spawner_class = SimpleLocalProcessSpawner
c.SimpleLocalProcessSpawner.home_dir_template = str(HOME / "homes" / "{username}")
c.Spawner.cmd = [sys.executable, "-P", "-m", "tiltyard", "app", "--hub"]
c.Spawner.environment = {"TILTYARD_STORE": str(HOME / "runs.sqlite")}  # one store; each sees their own runs, an admin all
c.Spawner.start_timeout = c.Spawner.http_timeout = 120
c.JupyterHub.shutdown_on_logout = True
