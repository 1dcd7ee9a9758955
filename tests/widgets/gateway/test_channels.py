"""What passes from a kernel to its page, unread, and who notes that it did."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

PROTOCOL = "v1.kernel.websocket.jupyter.org"


def sent(kind: str, content: dict[str, Any]) -> list[bytes]:
    """A message as it comes from a kernel."""
    from jupyter_client.session import Session

    session = Session(key=b"x")
    return [b"topic", *session.serialize(session.msg(kind, content, parent=session.msg("comm_msg")))]


def connection(frames: list[bytes], noted: list[str], **given: Any) -> tuple[Any, Any]:
    """A page's connection that writes into ``frames`` and notes its kernel's activity in ``noted``, and its stream of output."""
    from jupyter_server.services.kernels.websocket import KernelWebsocketHandler
    from traitlets.config import Configurable

    from tiltyard_widgets.gateway.channels import PageChannels

    handler = object.__new__(KernelWebsocketHandler)
    write = lambda message, binary=False: frames.append(message)  # noqa: E731
    handler.ws_connection = SimpleNamespace(is_closing=lambda: False, write_message=write, selected_subprotocol=PROTOCOL)  # type: ignore[assignment]

    class Kernels(Configurable):
        allow_tracebacks = True

        def heard(self, kernel_id: str, message: list[bytes]) -> None:
            noted.append(kernel_id)

    class Kernel(Configurable):
        kernel_id = "k"

    made = PageChannels(parent=Kernel(parent=Kernels()), websocket_handler=handler, **given)
    stream = SimpleNamespace(channel="iopub", closed=lambda: False)
    made.channels = {"iopub": stream}
    return made, stream


@pytest.mark.parametrize("kind", ["comm_msg", "comm_open", "stream"])
def test_a_message_passes_as_jupyter_would_pass_it(kind: str) -> None:
    from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection

    frames: list[bytes] = []
    noted: list[str] = []
    made, stream = connection(frames, noted)
    message = sent(kind, {"comm_id": "a", "data": {"method": "update", "state": {"value": 1.5}}, "text": "\u00e9"})
    made.handle_outgoing_message(stream, list(message))
    ZMQChannelsWebsocketConnection.handle_outgoing_message(made, stream, list(message))
    assert len(frames) == 2 and frames[0] == frames[1] and noted == ["k"]


def test_a_flood_is_still_cut_off() -> None:
    frames: list[bytes] = []
    made, stream = connection(frames, [], iopub_msg_rate_limit=5, rate_limit_window=1.0)
    for _ in range(100):
        made.handle_outgoing_message(stream, sent("comm_msg", {"comm_id": "a", "data": {}}))
    assert sum(b"message rate exceeded" in frame for frame in frames) == 1
    assert len(frames) < 20


def test_a_stream_takes_all_that_has_come() -> None:
    import zmq

    from tiltyard_widgets.gateway.channels import Drained

    turns: list[int] = []

    class Counted(Drained):
        def _handle_recv(self) -> None:
            turns.append(1)
            super()._handle_recv()

    async def take() -> list[bytes]:
        found: list[bytes] = []
        with zmq.Context() as context, context.socket(zmq.PUSH) as out, context.socket(zmq.PULL) as into:
            into.bind("inproc://x")
            out.connect("inproc://x")
            for n in range(10):
                out.send(str(n).encode())
            stream = Counted(into)
            stream.on_recv(lambda message: found.append(message[0]))
            while len(found) < 10:
                await asyncio.sleep(0)
            stream.close()
        return found

    assert asyncio.run(take()) == [str(n).encode() for n in range(10)] and len(turns) == 1


def test_output_is_sent_to_the_server_a_second_time_only_where_no_page_takes_it() -> None:
    from tiltyard_widgets.gateway.kernels import OwnedKernels

    told: list[str] = []
    stream = SimpleNamespace(
        closed=lambda: False, socket=SimpleNamespace(subscribe=lambda _: told.append("on"), unsubscribe=lambda _: told.append("off"))
    )
    kernel = SimpleNamespace(execution_state="starting", last_activity=None, _activity_stream=stream)

    class One(OwnedKernels):
        def __contains__(self, kernel_id: object) -> bool:
            return kernel_id == "k"

        def get_kernel(self, kernel_id: str) -> Any:
            return kernel

    kernels = One()
    kernels._kernel_connections["k"] = 0
    kernels.notify_connect("k")
    assert told == [], "its first word is waited for"
    kernels.heard("k", sent("comm_msg", {"comm_id": "a", "data": {}}))
    assert kernel.execution_state == "idle" and kernel.last_activity is not None and told == ["off"]
    kernels.notify_connect("k")
    kernels.notify_disconnect("k")
    assert told == ["off"], "another page of it is there"
    kernels.notify_disconnect("k")
    kernels.notify_connect("k")
    assert told == ["off", "on", "off"]
