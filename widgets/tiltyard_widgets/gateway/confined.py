"""``python -P -m tiltyard_widgets.gateway.confined``: the process that becomes a confined kernel; `confining` starts it.

The five sockets it is reached by are made before it gives up its ways out; afterwards it can take connections there and make
none to another socket with a name.
"""

import json
import os
import socket
import sys
from pathlib import Path

from tiltyard.access import line
from tiltyard.access.confined import Confines, confine

from ..warm.title import entitle

PORTS = ("shell_port", "iopub_port", "stdin_port", "hb_port", "control_port")
WAITING = 100


def main() -> None:
    """The confines as JSON, the kernel's home, the handles of its line to the broker and of its door, its connection file; the kernel from then on."""
    confines, home, handle, door, file = sys.argv[1:6]
    listening = listen(json.loads(Path(file).read_text(encoding="utf-8")))
    line.take(int(handle), int(door))
    confine(Confines(**json.loads(confines)))
    os.chdir(home)
    accompany()
    hand_over(listening)
    sys.argv[:] = ["ipykernel_launcher", "-f", file]
    from .page_kernel import launch  # late: what it imports is not wanted before the confines

    launch(file)


def accompany() -> None:
    """Have a twin of this process wait beside it, from which workers are forked; one that was started from nothing has imported too little to be worth it."""
    if "torch" in sys.modules:
        from tiltyard.child_processes.twin import divide
        from tiltyard.execution.worker import attend

        divide(attend, line.forget, "tiltyard twin", entitle)


def listen(connection: dict[str, str]) -> dict[str, int]:
    """A listening socket for each address of a connection file, as the handle that goes with it."""
    made: dict[str, int] = {}
    for port in PORTS:
        path = f"{connection['ip']}-{connection[port]}"
        Path(path).unlink(missing_ok=True)  # of a kernel that this one takes the place of
        taking = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        taking.bind(path)
        taking.listen(WAITING)
        taking.setblocking(False)
        made[f"ipc://{path}"] = taking.detach()
    return made


def hand_over(listening: dict[str, int]) -> None:
    """Let ZeroMQ take these sockets when the kernel asks it to make them."""
    import zmq
    from zmq.sugar.socket import Socket

    made = Socket.bind

    def bind(self: "Socket[bytes]", address: str) -> object:
        if (handle := listening.pop(address, None)) is not None:
            self.setsockopt(zmq.USE_FD, handle)
        return made(self, address)

    Socket.bind = bind  # type: ignore[method-assign, assignment]


if __name__ == "__main__":
    main()
