"""A file to read: a path for the account's owner; behind a shared login an upload, also one of a page that has ended, or a file of one's data folder, and no path."""

from collections.abc import Sequence
from pathlib import Path

import traitlets

from tiltyard.access.person import Person
from tiltyard.access.places import data_folders, files, source
from tiltyard.check import Step, path_fields
from tiltyard.errors import Problem

from ..theme import look
from .kept_upload import KeptUpload, brought, keep_soon, kept
from .picker import Choice
from .upload import Upload

NONE = ("Choose one here, or upload it", "")


class FileField(look.Stack):
    """Observe ``value``, the path as it was given. What is opened is ``path``, looked at by what the person may read.

    Parameters
    ----------
    label
        What the field is called.
    what
        What is expected there, for messages: ``a data file``.
    suffixes
        Endings of the files that are offered.
    bring
        The words of the button that uploads one; the owner of the account gets none where it is empty.
    """

    value = traitlets.Unicode("")

    def __init__(
        self, person: Person, label: str, what: str, suffixes: Sequence[str], hint: str = "", help: str = "", bring: str = ""
    ) -> None:
        super().__init__()
        self.label, self._person, self._what = label, person, what
        self._offered: dict[str, Path] = {}
        self._kept: dict[str, KeptUpload] = {}
        self.upload = Upload(bring or f"Upload {what} …", suffixes)
        self.upload.on_file(self._arrived)
        self.entry = look.entry(label, hint, help=help)
        self.pick = Choice(label=label, options=[NONE])
        self.pick.observe(lambda _: self._picked(), "value")
        if not person.shared:
            traitlets.link((self, "value"), (self.entry, "value"))
            self.children = (self.entry, self.upload) if bring else (self.entry,)
            return
        self._offered = offered(files(suffixes, person), person)
        self._kept = {one.digest: one for one in kept(suffixes, person)}
        before = [(one.words, digest) for digest, one in self._kept.items()]
        self.pick.offer([NONE, *((name, name) for name in self._offered), *before])
        self.children = (self.pick, self.upload) if self._offered or before else (self.upload,)

    @property
    def path(self) -> str:
        """The path to open: real and inside what the person may read, where they came through a shared login; empty where there is none."""
        text = self.value.strip()
        return str(source(text, self._what, self._person)) if text else ""

    def needed(self) -> str:
        """As ``path``; a `Problem` where there is none."""
        if path := self.path:
            return path
        if self._person.shared:
            raise Problem(self._what, "none", "Upload one")
        raise Problem(f"a path under {self.label}", "none", "Write it there")

    @property
    def shown(self) -> str:
        """The path as code may show it: behind a shared login the file's name alone."""
        text = self.value.strip()
        return Path(text).name if self._person.shared else text

    def _arrived(self, path: str) -> None:
        self.pick.value = ""
        self.value = path
        if self._person.shared:
            keep_soon(Path(path), self._person)  # the page's kernel may end before anything is made of it

    def _picked(self) -> None:
        if self.pick.value in self._offered:
            self.value = str(self._offered[self.pick.value])
            self.upload.status = ""
        elif one := self._kept.get(self.pick.value):
            path = brought(one.digest, one.name, self._person)
            self.value = str(path) if path is not None else ""
            self.upload.status = "" if path is not None else f"{one.name} is not kept any more. Upload it again"


def offered(found: Sequence[Path], person: Person) -> dict[str, Path]:
    """The files by what a person reads: their own by name, everybody's as ``shared/name``; no path of the server."""
    named: dict[str, Path] = {}
    for path in found:
        if name := offered_name(path, person):
            named[name] = path
    return named


def offered_name(path: Path, person: Person) -> str:
    """The name by which a person reads a real path of their data folder; empty where it lies elsewhere."""
    folder = next((folder for folder in data_folders(person) if folder in path.parents), None)
    if folder is None:
        return ""
    name = path.relative_to(folder).as_posix()
    return name if folder.name == person.name else f"{folder.name}/{name}"


def offered_path(name: str, person: Person) -> Path | None:
    """The path of a name that `offered_name` gave, where such a file is there and the person may read it."""
    for folder in data_folders(person):
        own = folder.name == person.name
        path = folder / (name if own else name.removeprefix(f"{folder.name}/"))
        if (own or name.startswith(f"{folder.name}/")) and path.exists():
            return source(path, "a file", person)
    return None


def file_fields(step: type[Step], person: Person) -> dict[str, FileField]:
    """For each parameter that is a file to read, what brings one, where no path may be written; by the parameter's name."""
    read = {name: field for name, field in path_fields(step).items() if field.kind == "in"} if person.shared else {}
    return {name: FileField(person, name.replace("_", " ").capitalize(), field.what, field.suffixes) for name, field in read.items()}
