"""What a page's kernel sends for a move, in which order, and when."""

import os
import sys
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

SCENE = """
import ipywidgets
moved, follows, other = (ipywidgets.FloatText() for _ in range(3))
def follow(change):
    follows.value = change.new
    print("it moved")
    other.value = 2 * change.new
moved.observe(follow, "value")
print(moved.model_id, follows.model_id, other.model_id)
"""
LAUNCH = "import sys; from tiltyard_widgets.gateway.page_kernel import launch; launch(sys.argv[1])"
PATIENCE = 120.0


class Loop:
    """The loop of a thread that sends, whose time passes by hand."""

    def __init__(self) -> None:
        self.later: list[Callable[[], None]] = []

    def call_later(self, seconds: float, what: Callable[[], None]) -> Callable[[], None]:
        self.later.append(what)
        return what

    def remove_timeout(self, what: Callable[[], None]) -> None:
        if what in self.later:
            self.later.remove(what)


def thread() -> Any:
    """A thread that sends: what it was asked to do, and what it has sent."""
    made = SimpleNamespace(io_loop=Loop(), asked=[], sent=[])
    made.schedule = made.asked.append
    made._really_send = lambda message: made.sent.append(message)
    return made


def woken(made: Any) -> None:
    """It does all that it was asked."""
    while made.asked:
        made.asked.pop(0)()


def test_what_answers_a_message_wakes_the_sending_thread_twice_and_keeps_its_order() -> None:
    from tiltyard_widgets.gateway.page_kernel import Outbox

    made = thread()
    box = Outbox(made)
    box.hold()
    box.send_multipart(["first"])
    woken(made)
    for word in ("second", "third", "last"):
        box.send_multipart([word])
    assert made.sent == [["first"]] and not made.asked
    box.release()
    assert len(made.asked) == 1
    woken(made)
    assert made.sent == [["first"], ["second"], ["third"], ["last"]] and not made.io_loop.later
    box.send_multipart(["after"])
    box.send_multipart(["it"])
    assert len(made.asked) == 1, "those that wait go with one call"
    woken(made)
    assert made.sent[-2:] == [["after"], ["it"]]


def test_what_is_held_back_goes_out_while_a_long_answer_is_still_at_work() -> None:
    from tiltyard_widgets.gateway.page_kernel import Outbox

    made = thread()
    box = Outbox(made)
    box.hold()
    box.send_multipart(["begun"])
    woken(made)
    box.send_multipart(["half"])
    for n, word in enumerate(("half", "more")):
        if n:
            box.send_multipart([word])
        made.io_loop.later.pop()()
        assert made.sent[-1] == [word]
    box.release()
    woken(made)
    assert made.sent == [["begun"], ["half"], ["more"]]


def test_a_move_is_answered_by_what_changed_and_that_it_is_done() -> None:
    from jupyter_client.manager import KernelManager

    kernels = KernelManager()
    kernels.kernel_spec.argv = [sys.executable, "-c", LAUNCH, "{connection_file}"]  # type: ignore[union-attr]
    kernels.start_kernel(env={**os.environ, "JUPYTER_WIDGETS_ECHO": "0"})
    client = kernels.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=PATIENCE)
        printed: list[str] = []
        client.execute_interactive(SCENE, timeout=PATIENCE, output_hook=lambda m: printed.append(m["content"].get("text", "")))
        moved, follows, other = "".join(printed).split()
        update = {"method": "update", "state": {"value": 1.5}, "buffer_paths": []}
        message = client.session.msg("comm_msg", {"comm_id": moved, "data": update})
        client.shell_channel.send(message)
        heard: list[tuple[str, Any]] = []
        while not heard or heard[-1] != ("status", "idle"):
            one = client.get_iopub_msg(timeout=PATIENCE)
            if one["parent_header"].get("msg_id") == message["header"]["msg_id"]:
                content = one["content"]
                said = content.get("comm_id") or content.get("text", "").strip() or content.get("execution_state")
                heard += [(one["msg_type"], said)] if said else []
        changes = [one for one in heard if one[0] == "comm_msg"]
        assert changes == [("comm_msg", follows), ("comm_msg", other)], "no echo of the move itself"
        assert ("stream", "it moved") in heard and ("status", "busy") not in heard
    finally:
        client.stop_channels()
        kernels.shutdown_kernel(now=True)


def test_a_kernel_that_worked_gives_back_what_it_freed_and_looks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from tiltyard_widgets.gateway import page_kernel

    given: list[str] = []
    monkeypatch.setattr(page_kernel, "given_back", lambda: given.append("back"))
    kernel: Any = SimpleNamespace(io_loop=Loop(), _used=time.process_time() - 1, _looked=lambda: None)
    for _ in range(2):  # it did nothing in between
        page_kernel.PageKernel._looked(kernel)
    assert given == ["back"] and len(kernel.io_loop.later) == 2
