"""The files a run's steps made: chosen, handed to the browser, deleted."""

import base64
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import ipywidgets as w

from tiltyard.errors import Problem
from tiltyard.result import Column, Table

from ..controls.download import Download
from ..controls.picker import Choice
from ..theme import look
from ..views.table import TableView

if TYPE_CHECKING:
    from tiltyard.store.artifacts import Artifact
    from tiltyard.store.store import Store

    from ..views.code import CodeView
    from ..views.message import Message
    from .session import Session

NONE = "—"


class KeptFiles:
    """Controls and a table over the files of one run of the store.

    Parameters
    ----------
    session
        Whose store and role.
    message
        Where errors are shown.
    code
        Where the code that does the same is shown.
    store
        Gives the store, or raises a `Problem` where there is none.
    """

    def __init__(self, session: "Session", message: "Message", code: "CodeView", store: "Callable[[], Store]") -> None:
        self._message, self._code, self._store = message, code, store
        self._run = NONE
        self.choice = Choice(label="A file that its steps made", options=[NONE], value=NONE)
        self.take = look.button("Prepare a download", title="Hand the file to this browser", denied=session.denied("run"))
        self.take.on_click(lambda _: self.download())
        self.drop = look.button("Delete the file", title="The record stays, with the file's hash", denied=session.denied("delete"))
        self.drop.on_click(lambda _: self.delete())
        self.link = Download()
        self.table = TableView()

    @property
    def controls(self) -> Sequence[w.Widget]:
        """In the order they stand."""
        return [self.choice, look.row([self.take, self.drop]), self.link]

    def show(self, run: str) -> None:
        """The files of the run with this id; of none, and of another's run, nothing."""
        self._run = run
        self.link.offer("", "", "")
        try:
            found = self._store().artifacts.of_run(run) if run != NONE else []
        except Problem as problem:
            found = []
            self._message.say(problem)
        kept = [entry for a in found if a.kept for entry in entries(a)]
        self.choice.offer(kept or [NONE])
        self.take.disabled = self.drop.disabled = not kept
        self.table.show(table_of(found) if found else None)

    def download(self) -> None:
        """Hand the chosen file to the browser, once it was found true to its record."""
        self._message.clear()
        try:
            from tiltyard.evasion.rows_file import exported
            from tiltyard.store.downloads import download

            found = download(self._store(), self._run, self._which)
            content = exported(found.artifact.name, found.content, self._form)
        except Problem as problem:
            self._message.say(problem)
            return
        name = found.artifact.name.removesuffix(".npz") + self._form if self._form else found.artifact.name
        self.link.offer(name, "application/octet-stream", base64.b64encode(content).decode())
        code = MADE if self._form else TAKE
        self._code.code = code.format(run=self._run[:8], which=found.artifact.sha256[:12], name=name, form=self._form)
        self._warn(found.unlogged)

    def delete(self) -> None:
        """Delete the chosen file; for admins."""
        self._message.clear()
        try:
            from tiltyard.store.downloads import delete_file

            unlogged = delete_file(self._store(), self._run, self._which)
        except Problem as problem:
            self._message.say(problem)
            return
        self.show(self._run)
        self._warn(unlogged)

    @property
    def _which(self) -> str:
        """The hash of the chosen file."""
        return self.choice.value.partition(".")[0]

    @property
    def _form(self) -> str:
        """As what it is to be handed out: ``.csv``, ``.zip``, or empty as it is."""
        return "".join(self.choice.value.partition(".")[1:])

    def _warn(self, unlogged: str) -> None:
        if unlogged:
            self._message.say(unlogged, level="warning")


def entries(one: "Artifact") -> list[tuple[str, str]]:
    """What a file can be handed out as, in words, each with its hash and ending; adversarial rows also as CSV and as pictures."""
    from tiltyard.evasion.rows_file import ROWS

    forms = ((" as CSV, each value before and after", ".csv"), (" as pictures, before and after", ".zip")) if one.name == ROWS else ()
    return [(f"{one.name}{words} · {one.step}", f"{one.sha256}{form}") for words, form in (("", ""), *forms)]


def table_of(found: "Sequence[Artifact]") -> Table:
    """The files that records name, with the first digits of their hashes."""
    columns = (Column(name="File"), Column(name="Step"), Column(name="Size", unit="bytes", kind="integer"), Column(name="SHA-256 begins"))
    rows = tuple((a.name, a.step, a.size, a.sha256[:16]) for a in found)
    note = "Without a size only the hash is known: too large to be kept, deleted, or kept elsewhere by its step."
    return Table(name="files", title="Files that steps of this run made", columns=columns, rows=rows, note=note)


TAKE = """from pathlib import Path

from tiltyard.store.downloads import download
from tiltyard.store.opening import open_store

Path("{name}").write_bytes(download(open_store(), "{run}", "{which}").content)
"""

MADE = """from pathlib import Path

from tiltyard.evasion.rows_file import ROWS, exported
from tiltyard.store.downloads import download
from tiltyard.store.opening import open_store

Path("{name}").write_bytes(exported(ROWS, download(open_store(), "{run}", "{which}").content, "{form}"))
"""
