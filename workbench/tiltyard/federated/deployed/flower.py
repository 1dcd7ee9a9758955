"""One of Flower's programs, reached by its own account alone: each of its ports is a socket in one folder, and none is on a network.

    python -P -m tiltyard.federated.deployed.flower FOLDER PROGRAM ARGUMENTS…

Flower 1.41 knows nodes by their keys and asks nobody else who he is: whoever reaches its server may hand it an app, which runs as the
server's account, and every account of a machine reaches loopback. So nothing listens there. ``127.0.0.1:N`` in Flower's arguments stands
for the socket ``FOLDER/N``, in a folder of this account's alone.
"""

import errno
import socket
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flwr.supercore.superexec.executor import ExecutionSpec, LaunchResult

APP = "flwr-"  # so begin the names of programs that run an app, each by a token of its own
NETWORK = ("socket.bind", "socket.connect", "socket.sendto")


def command(folder: Path, program: str, *arguments: str) -> list[str]:
    """What starts a program of Flower here; no file of the folder one works in is taken for a library."""
    return [sys.executable, "-P", "-m", "tiltyard.federated.deployed.flower", str(folder), program, *arguments]


def confine(folder: Path) -> None:
    """Serve and connect by sockets in ``folder`` from now on; where Python is asked for a network all the same, as another Flower might, it refuses."""
    import httpcore
    import uvicorn

    def connected(
        backend: httpcore.SyncBackend,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: object = None,
    ) -> httpcore.NetworkStream:
        return backend.connect_unix_socket(str(folder / str(port)), timeout)

    httpcore.SyncBackend.connect_tcp = connected  # type: ignore[method-assign, assignment]
    uvicorn.Config.uds = property(lambda config: str(folder / str(config.port)), lambda config, none: None)  # type: ignore[assignment]
    sys.addaudithook(_refuse_network)


def _refuse_network(event: str, arguments: tuple[Any, ...]) -> None:
    if event in NETWORK and arguments[0].family != socket.AF_UNIX:
        raise PermissionError(errno.EACCES, f"{event} to {arguments[1]}, which is no socket of this federation")


def launched(folder: Path, spec: "ExecutionSpec") -> "LaunchResult":
    """Start an app as Flower does, its token through a pipe: the arguments of a process can be read by every account of the machine."""
    from flwr.supercore.constant import TASK_TYPE_TO_COMMAND
    from flwr.supercore.superexec.executor import LaunchResult

    options = ["--runtime-api-address", spec.runtime_api_address, "--root-certificates", str(spec.root_certificates_path)]
    started = command(folder, TASK_TYPE_TO_COMMAND[spec.task_type], *options, "--parent-pid", str(spec.parent_pid))
    process = subprocess.Popen(started, stdin=subprocess.PIPE)
    assert process.stdin is not None
    with process.stdin as pipe:
        pipe.write(spec.token.encode())
    return LaunchResult.accepted()


def main() -> None:
    """Run the program that is named, in the confines of the folder."""
    from flwr.supercore.superexec.executor import SubprocessExecutor

    place, program, *arguments = sys.argv[1:]
    folder = Path(place)
    confine(folder)
    SubprocessExecutor.launch = lambda executor, spec: launched(folder, spec)  # type: ignore[method-assign, assignment]
    token = ["--token", sys.stdin.read()] if program.startswith(APP) else []
    sys.argv = [program, *arguments, *token]
    (found,) = distribution("flwr").entry_points.select(group="console_scripts", name=program)
    found.load()()


if __name__ == "__main__":
    main()
