"""The drawer of the window: what runs, what waits, what ended, here and in the person's other windows."""

from collections.abc import Callable
from typing import Any

import traitlets

from tiltyard.result import Frozen

from ..theme.block import Block, esm

MOVING = ("done", "left", "elapsed", "words")


class Line(Frozen):
    """One line of the drawer.

    ``id`` names it to `Drawer.on_event`; ``place`` is here or elsewhere; ``state`` waiting, running, ended, cancelled or failed. ``done``
    is a share from 0 to 1, below 0 while it is not known; ``left`` and ``elapsed`` are seconds. ``about`` says of what model and data,
    ``words`` what is going on or how it ended, ``step`` is the step that *Show* opens, or empty.
    """

    id: str
    title: str
    about: str = ""
    state: str = "running"
    place: str = "here"
    done: float = -1.0
    left: float | None = None
    elapsed: float | None = None
    words: str = ""
    results: str = ""
    error: str = ""
    step: str = ""
    stoppable: bool = True
    cancelling: bool = False


class Drawer(Block):
    """A slim bar of one height that unfolds to a list; ``lines`` are shown in their order.

    Its buttons call back by `on_event`: ``cancel``, ``first`` (let it be the next) and ``show``, each with the id of a line.
    """

    _esm = esm("drawer.js")
    lines: traitlets.List[dict[str, Any]] = traitlets.List().tag(sync=True)
    moves = traitlets.Dict(help="by id, what changes of a line while it runs").tag(sync=True)
    unfolded = traitlets.Bool(False).tag(sync=True)
    note = traitlets.Unicode("", help="what is said where nothing runs").tag(sync=True)

    def __init__(self) -> None:
        super().__init__()
        self._still: list[dict[str, Any]] = []
        self._calls: dict[str, Callable[[str], None]] = {}
        self.on_msg(self._heard)

    def show(self, lines: list[Line]) -> None:
        """Show these. Where only their progress is another, that alone is sent; nothing where all is as before."""
        made = [line.model_dump(mode="json") for line in lines]
        still = [{**line, **dict.fromkeys(MOVING)} for line in made]
        with self.hold_sync():
            if still != self._still:
                self._still, self.lines, self.moves = still, made, {}
            else:
                self.moves = {line["id"]: {name: line[name] for name in MOVING} for line in made if line["state"] == "running"}

    def on_event(self, name: str, call: Callable[[str], None]) -> None:
        """Call ``call(id)`` when the button ``name`` of a line is pressed."""
        self._calls[name] = call

    def _heard(self, _widget: object, content: object, _buffers: object) -> None:
        if isinstance(content, dict) and (call := self._calls.get(str(content.get("event")))) is not None:
            call(str(content.get("id", "")))
