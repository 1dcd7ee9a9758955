"""What a kernel says, on its way to the page: a message of a widget goes on as it came, unread.

Jupyter's own way reads each message's header three times and goes round the server's loop for each; of thirty sliders that move at once the server, which has one core, is the longest wait.
"""

import re
import time
from typing import Any

import zmq
from jupyter_server.services.kernels.connection.base import serialize_msg_to_ws_v1
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from tornado.websocket import WebSocketClosedError, WebSocketHandler
from zmq.eventloop.zmqstream import ZMQStream

DELIMITER, WIDGETS = b"<IDS|MSG>", re.compile(rb'"msg_type": ?"comm_msg"')
PROTOCOL = "v1.kernel.websocket.jupyter.org"
AT_ONCE = 64  # messages of one kernel before others have their turn


class Drained(ZMQStream):
    """A kernel's stream of which all that has come is taken at once."""

    def _handle_recv(self) -> None:
        for _ in range(AT_ONCE):
            if self._recv_callback is None or self.closed():
                return
            try:
                message = self.socket.recv_multipart(zmq.NOBLOCK, copy=self._recv_copy)
            except zmq.Again:
                return
            self._run_callback(self._recv_callback, message)


class PageChannels(ZMQChannelsWebsocketConnection):
    """A page's connection to its kernel. Up to Jupyter's own limit of messages a second it is not asked whether they are too many."""

    _second = 0.0
    _count = 0

    def handle_outgoing_message(self, stream: Any, outgoing_msg: list[bytes]) -> None:
        """Pass a message on."""
        at = outgoing_msg.index(DELIMITER) + 2
        if stream is self.channels.get("iopub"):
            self.multi_kernel_manager.heard(self.kernel_id, outgoing_msg)
        if stream is not self.channels.get("iopub") or not WIDGETS.search(outgoing_msg[at]) or self._many() or self.subprotocol != PROTOCOL:
            super().handle_outgoing_message(stream, outgoing_msg)
            return
        frame = serialize_msg_to_ws_v1(outgoing_msg[at:], "iopub")  # type: ignore[no-untyped-call]
        try:
            WebSocketHandler.write_message(self.websocket_handler, frame, binary=True)
        except WebSocketClosedError:
            self.log.debug("a message came for a page that has left")

    def _many(self) -> bool:
        """Were there more in this second than Jupyter lets through? Then it counts them."""
        now = time.monotonic()
        if now >= self._second + 1:
            self._second, self._count = now, 0
        self._count += 1
        return bool(self.limit_rate and 0 < self.iopub_msg_rate_limit < self._count)
