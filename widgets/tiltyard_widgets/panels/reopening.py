"""How another window opens again what this one loaded: what a run keeps of its source, and what of that a person may use.

Never a secret: no passphrase, no key of an endpoint or of a sealed file. What is opened is held against the run's fingerprints.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from tiltyard.access.person import Person
from tiltyard.access.places import uploaded
from tiltyard.errors import Problem

from ..controls.file_field import offered_name
from ..controls.kept_upload import keep
from .source import AGAIN, Corrected, KeptFile, Source

if TYPE_CHECKING:
    from tiltyard.datasets.proposing import Proposal
    from tiltyard.store.lines import Run

    from .load_asked import Asked, Loaded

FILES = ("model_file", "data_file")


def source_of(asked: "Asked", loaded: "Loaded", given: Mapping[str, str]) -> Source:
    """What is kept of what was asked and loaded; copies uploads, so call it in a thread."""
    if asked.source == "sample":
        return Source(kind="sample", fields={"source": "sample", "sample": asked.sample})
    model, data = (_kept(path, asked.person) for path in (asked.model, asked.data))
    fields = {name: value for name, value in given.items() if name not in (*FILES, "sample", "factory")}
    lost = next((Path(path).name for path, file in ((asked.model, model), (asked.data, data)) if path and file is None), "")
    return Source.model_validate(
        {
            "kind": asked.source,
            "fields": fields,
            "model": model,
            "data": data,
            "corrected": _corrected(loaded.proposal),
            "marked": asked.marked,
            "shut": _shut(asked, lost),
        }
    )


def _shut(asked: "Asked", lost: str) -> str:
    if asked.source == "endpoint":
        return "an endpoint is asked only when a person says so"
    if asked.factory:
        return "its factory is code, which no address runs"
    if asked.settled is not None:
        return "its layers were found by trying them on the data"
    if asked.model.endswith(".sealed"):
        return "its file is sealed, and the key is kept nowhere"
    return f"the upload {lost} was too large to be kept" if lost else ""


def _kept(path: str, person: Person) -> KeptFile | None:
    if not path:
        return None
    real = Path(path).expanduser().resolve()
    if uploaded(real, person) and real.is_file():
        digest = keep(real, person)
        return KeptFile(name=real.name, upload=digest) if digest else None
    if person.shared:
        name = offered_name(real, person)
        return KeptFile(name=name) if name else None
    return KeptFile(path=str(real), name=real.name)


def _corrected(proposal: "Proposal | None") -> Corrected | None:
    if proposal is None:
        return None
    features = {name: c.model_dump(mode="json", exclude_none=True) for name, c in proposal.corrections.items()}
    schema = proposal.schema
    return Corrected(label=schema.label, sensitive=schema.sensitive, leave_out=proposal.dropped, take=proposal.restored, features=features)


def source_in(run: "Run", person: Person) -> Source:
    """The source that a run keeps, where this person may open it; a `Problem` that says why not, in one line."""
    given = run.config.get("source")
    if not given:
        raise Problem("a model that can be opened again", "one that was made in memory or by an older Tiltyard", AGAIN)
    try:
        source = Source.model_validate(given)
    except ValidationError:
        raise Problem("a source that this Tiltyard reads", "another", AGAIN) from None
    if source.kind != "sample" and run.owner not in ("", person.name):
        raise Problem("a model of your own", f"files of {run.owner}, who shares what was measured of them", "Look at it here")
    if source.shut:
        raise Problem("a model that can be opened without asking", source.shut, AGAIN)
    return source
