"""What a run keeps of where its model and data come from, so that another window can open them again. Never a secret: no passphrase, no key."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tiltyard.access.person import Person
from tiltyard.errors import Problem
from tiltyard.result import Frozen

from ..controls.file_field import offered_path
from ..controls.kept_upload import brought

if TYPE_CHECKING:
    from tiltyard.datasets.proposing import Proposal

AGAIN = "Load it again under Model and data"


class KeptFile(Frozen):
    """A file as another window finds it: a ``path`` of the account's owner, a ``name`` in the person's data folder, or an ``upload`` by its SHA-256."""

    path: str = ""
    name: str = ""
    upload: str = ""

    def found(self, person: Person) -> str:
        """Its path; a `Problem` where it is not there, or not for this person."""
        if self.upload:
            here = brought(self.upload, self.name or "file", person)
        elif person.shared:
            here = offered_path(self.name, person)
        else:
            here = Path(self.path) if self.path and Path(self.path).exists() else None
        if here is None:
            raise Problem(f"the file {self.name or Path(self.path).name}", "that it is not there any more", AGAIN)
        return str(here)


class Corrected(Frozen):
    """How the columns of the data were corrected by hand, as ``ty.read`` takes it."""

    label: str = ""
    sensitive: tuple[str, ...] = ()
    leave_out: tuple[str, ...] = ()
    take: tuple[str, ...] = ()
    features: dict[str, dict[str, Any]] = {}

    def of(self, proposal: "Proposal") -> "Proposal":
        """``proposal`` corrected likewise; a `Problem` where a column is not there."""
        from tiltyard.datasets.correcting import corrected

        if self.label and proposal.schema.label != self.label:
            proposal = proposal.relabel(self.label)
        take = [column for column in self.take if column in proposal.left_out]
        names = {feature.name for feature in proposal.schema.features}
        leave_out = [column for column in self.leave_out if column in names]
        return corrected(proposal, leave_out, take, self.features).mark(self.sensitive)


class Source(Frozen):
    """What *Model and data* loaded. ``fields`` are its fields by name, ``shut`` says why no window may open it by itself, or nothing."""

    kind: Literal["sample", "files", "endpoint"]
    fields: dict[str, str] = {}
    model: KeptFile | None = None
    data: KeptFile | None = None
    behind: KeptFile | None = None
    corrected: Corrected | None = None
    marked: tuple[str, ...] | None = None
    shut: str = ""
