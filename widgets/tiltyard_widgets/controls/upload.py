"""A file from the viewer's own machine to the kernel's, over the comm: no second port, no size limit of the web socket."""

import atexit
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import BinaryIO

import traitlets

from tiltyard.access.person import me
from tiltyard.access.places import UPLOADS
from tiltyard.access.roles import reason
from tiltyard.files.locking import try_lock

from ..theme.block import Block, esm

MOST = 2_000_000_000
PREFIX, ALIVE = "tiltyard-upload-", ".alive"
YOUNG = 60.0


def _largest() -> int:
    """Bytes that a file of this process may have; `tiltyard app --upload` bounds it."""
    try:
        import resource
    except ImportError:  # Windows has none
        return MOST
    most = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    return MOST if most == resource.RLIM_INFINITY else most


@cache
def _folder() -> Path:
    """This kernel's own folder of uploads, closed to other users; it goes with the kernel, or once another takes its first upload."""
    clear(Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    try_lock(os.open(folder / ALIVE, os.O_RDWR | os.O_CREAT, 0o600))  # never closed: the lock ends with the process
    atexit.register(shutil.rmtree, folder, True)
    os.environ[UPLOADS] = str(folder)  # for the steps that run in a process of their own too
    return folder


def clear(place: Path) -> None:
    """Delete this user's folders of uploads in ``place`` whose kernel was killed; one that lives holds the lock in its own."""
    for folder in place.glob(f"{PREFIX}*"):
        try:
            facts = folder.lstat()
            if (
                not stat.S_ISDIR(facts.st_mode)
                or (hasattr(os, "getuid") and facts.st_uid != os.getuid())
                or time.time() - facts.st_mtime < YOUNG
            ):
                continue
            handle = os.open(folder / ALIVE, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                dead = try_lock(handle)
            finally:
                os.close(handle)
            if dead:
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue


def arrived_from(stream: BinaryIO, name: str) -> Path:
    """A copy of what ``stream`` gives, as if it had been uploaded here under this plain name."""
    path = Path(tempfile.mkdtemp(dir=_folder())) / name
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as copy:
        shutil.copyfileobj(stream, copy)
    return path


def plain_name(name: str) -> str:
    """A file name without folders and odd characters; never empty or hidden."""
    kept = re.sub(r"[^\w.\- ]", "_", re.split(r"[/\\]", name)[-1]).strip(". ")
    return kept[-120:] or "file"


class Upload(Block):
    """A button that brings one file; ``on_file(call)`` gets its path once it has arrived whole.

    Traits
    ------
    received : int
        Bytes that have arrived of the file under way; -1 when none is.
    status : str
        How it stands, for a person.
    """

    _esm = esm("upload.js")
    label = traitlets.Unicode("Upload a file").tag(sync=True)
    accept = traitlets.Unicode("").tag(sync=True)
    received = traitlets.Int(-1).tag(sync=True)
    status = traitlets.Unicode("").tag(sync=True)

    def __init__(self, label: str, accept: Sequence[str] = ()) -> None:
        super().__init__(label=label, accept=",".join(accept))
        self._calls: list[Callable[[str], None]] = []
        self._file: BinaryIO | None = None
        self._path = Path()
        self._size = 0
        self.on_msg(self._heard)

    def on_file(self, call: Callable[[str], None]) -> None:
        """Call ``call(path)`` on the kernel's own thread when a file has arrived."""
        self._calls.append(call)

    def _heard(self, _widget: object, content: object, buffers: Sequence[memoryview]) -> None:
        event = content.get("event") if isinstance(content, dict) else None
        if event == "begin" and isinstance(content, dict):
            self._begin(str(content.get("name", "")), content.get("size"))
        elif event == "piece" and isinstance(content, dict) and buffers:
            self._piece(content.get("offset"), buffers[0])
        elif event == "cancel" and isinstance(content, dict):
            self._drop(str(content.get("why") or "Cancelled"))

    def _begin(self, name: str, size: object) -> None:
        self._close()
        self.status = ""
        if why := reason(me().role, "write"):
            self._drop(why)
            return
        room = min(MOST, _largest(), shutil.disk_usage(_folder()).free // 2)
        if not isinstance(size, int) or not 0 < size <= room:
            self._drop(f"Expected a file of 1 byte to {room / 1e6:,.0f} MB; found {size} bytes")
            return
        self._path, self._size = Path(tempfile.mkdtemp(dir=_folder())) / plain_name(name), size
        self._file = os.fdopen(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        self.received = 0

    def _piece(self, offset: object, piece: memoryview) -> None:
        if self._file is None or offset != self.received or not piece.nbytes or self.received + piece.nbytes > self._size:
            self._drop("The file did not arrive whole. Choose it again")
            return
        try:
            self._file.write(piece)
        except OSError as error:
            self._drop(f"Could not be written: {error.strerror}")
            return
        if self.received + piece.nbytes < self._size:
            self.received += piece.nbytes
        else:
            self._whole()

    def _whole(self) -> None:
        self._close()
        with self.hold_sync():
            self.status, self.received = f"{self._path.name} has arrived ({self._size / 1e6:,.1f} MB)", -1
        for call in self._calls:
            call(str(self._path))

    def _drop(self, why: str) -> None:
        self._close()
        if self._path.is_file():
            self._path.unlink()
        with self.hold_sync():
            self.status, self.received = why, -1

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
