"""How another window opens again what this one loaded: what a run keeps of its source, and what of that a person may use.

Never a secret: no passphrase, no key of an endpoint or of a sealed file. What is opened is held against the run's fingerprints.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from tiltyard.access.person import Person
from tiltyard.access.places import uploaded
from tiltyard.datasets.cohorts import Cohort
from tiltyard.datasets.dataset import Dataset
from tiltyard.errors import Problem
from tiltyard.result import Identity

from ..controls.file_field import offered_name
from ..controls.kept_upload import keep
from .source import AGAIN, Corrected, KeptFile, Source

if TYPE_CHECKING:
    from tiltyard.datasets.proposing import Proposal
    from tiltyard.store.lines import Run

    from .kept_loads import KeptLoad
    from .load_asked import Asked, Loaded

FILES = ("model_file", "data_file", "behind")


def source_of(asked: "Asked", loaded: "Loaded", given: Mapping[str, str]) -> Source:
    """What is kept of what was asked and loaded; copies uploads, so call it in a thread."""
    if asked.source == "sample":
        return Source(kind="sample", fields={"source": "sample", "sample": asked.sample})
    paths = (asked.model, asked.data, asked.behind)
    model, data, behind = kept = [_kept(path, asked.person) for path in paths]
    fields = {name: value for name, value in given.items() if name not in (*FILES, "sample", "factory")}
    lost = next((Path(path).name for path, file in zip(paths, kept, strict=True) if path and file is None), "")
    return Source.model_validate(
        {
            "kind": asked.source,
            "fields": fields,
            "model": model,
            "data": data,
            "behind": behind,
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
    return _open_unasked(source)


def _open_unasked(source: Source) -> Source:
    if source.shut:
        raise Problem("a model that can be opened without asking", source.shut, AGAIN)
    return source


@dataclass(frozen=True)
class Former:
    """What was loaded before: how it was opened, what it was, and the cohorts in use, each of the rows of the one before it."""

    source: Source
    target: Identity
    data: Identity
    cohorts: tuple[Cohort, ...] = ()
    how: str = "assessed"

    def fields(self, person: Person) -> dict[str, str]:
        """The fields of *Model and data* that load it; a `Problem` where a file is not there."""
        files = {"model_file": self.source.model, "data_file": self.source.data, "behind": self.source.behind}
        found = {name: file.found(person) for name, file in files.items() if file is not None}
        return {**self.source.fields, "source": self.source.kind, **found}

    def corrected(self, asked: "Asked") -> "Asked":
        """``asked``, with the data corrected as they were."""
        return replace(asked, proposal=None, marked=self.source.marked, how=self.source.corrected)

    def rows(self, loaded: "Loaded") -> Dataset:
        """The rows that were in use, of what was ``loaded``; a `Problem` where it is not the same any more. Asks the target where a cohort does."""
        self._same(self.target, loaded.target.identity)
        data = loaded.data
        for cohort in self.cohorts:
            data = data.cohort(cohort, loaded.target)
        self._same(self.data, data.identity)
        return data

    def _same(self, was: Identity, now: Identity) -> None:
        if was.fingerprint != now.fingerprint:
            raise Problem(f"{was.name} as it was {self.how} ({was.fingerprint[:8]})", f"another ({now.fingerprint[:8]})", AGAIN)


def of_run(run: "Run", person: Person) -> Former:
    """What a run was made of, where this person may open it; a `Problem` that says why not."""
    try:
        cohorts = tuple(Cohort.model_validate(one) for one in run.config.get("cohorts", ()))
    except ValidationError:
        raise Problem("a cohort that this Tiltyard reads", "another", AGAIN) from None
    return Former(source_in(run, person), run.target, run.data, cohorts)


def of_load(load: "KeptLoad") -> Former:
    """What the person loaded; a `Problem` where no window may open it by itself."""
    return Former(_open_unasked(load.source), load.target, load.data, load.cohorts, "loaded")
