"""Python that opens what *Model and data* opened, with what was corrected by hand."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tiltyard.access.offers import offers

if TYPE_CHECKING:
    from tiltyard.datasets.proposing import Proposal

DOOR = "import tiltyard as ty\n"
OPEN_OFFERED = "target, data = offered({name!r})\n"
OPEN_SAMPLE = "sample = ty.load({name!r})\ntarget, data = sample.target, sample.data\n"


@dataclass(frozen=True)
class Opening:
    """What the panel's fields say, as code may show it: paths as the person sees them, and of a key only that there is one.

    ``marked`` are the columns chosen as sensitive where the model brings its schema; None where nothing was chosen.
    """

    source: str
    sample: str = ""
    model: str = ""
    data: str = ""
    architecture: str = ""
    factory: str = ""
    classes: tuple[str, ...] = ()
    threshold: float | None = None
    positive: str = ""
    favorable: str = ""
    member: str = ""
    sealed: bool = False
    key_file: str = ""
    behind: str = ""
    marked: tuple[str, ...] | None = None
    url: str = ""
    keyed: bool = False
    budget: int | None = None

    def code(self, proposal: "Proposal | None") -> str:
        """The code; ``proposal`` is how the data were read, None where the model brings its schema."""
        if self.source == "sample":
            rule = f"target = ty.open(target, {', '.join(self._decision)})\n" if self._decision else ""
            hoping = f"data = data.hoping({self.favorable!r})\n" if self.favorable else ""
            if self.sample in offers():
                door = "from tiltyard.assessment.offers import offered\n"
                return f"{DOOR}{door}\n{OPEN_OFFERED.format(name=self.sample)}{rule}{hoping}"
            return f"{DOOR}\n{OPEN_SAMPLE.format(name=self.sample)}{rule}{hoping}"
        return self._endpoint(proposal) if self.source == "endpoint" else self._files(proposal)

    def _files(self, proposal: "Proposal | None") -> str:
        words = {"architecture": self.architecture, "factory": self.factory, "classes": self.classes, "behind": self.behind}
        given = [f"{name}={value!r}" for name, value in words.items() if value] + self._decision
        given += [f"sealed=key_for({self.key_file!r})"] if self.sealed else []
        imports = DOOR + ("from tiltyard.sealing.asking import key_for\n" if self.sealed else "")
        if proposal is not None:
            return f"{imports}\n{self._read(_corrections(proposal))}{self._open(self.model, ['data=data', *given])}"
        marked = [f"sensitive={self.marked!r}"] if self.marked is not None else []
        return f"{imports}\n{self._open(self.model, given)}{self._read(['schema=target.schema', *marked])}"

    def _endpoint(self, proposal: "Proposal | None") -> str:
        given = ["data=data", *(['key=os.environ["ENDPOINT_KEY"]'] if self.keyed else [])]
        given += [f"budget={self.budget}"] if self.budget is not None else []
        given += self._decision
        imports = f"import os\n\n{DOOR}" if self.keyed else DOOR
        return f"{imports}\n{self._read(_corrections(proposal) if proposal else [])}{self._open(self.url, given)}"

    @property
    def _decision(self) -> list[str]:
        if self.threshold is None:
            return []
        return [f"threshold={self.threshold!r}", *([f"positive={self.positive!r}"] if self.positive else [])]

    def _open(self, place: str, words: list[str]) -> str:
        return f"target = ty.open({', '.join([repr(place), *words])})\n"

    def _read(self, words: list[str]) -> str:
        member = [f"member={self.member!r}"] if self.member else []
        hoping = f"data = data.hoping({self.favorable!r})\n" if self.favorable else ""
        return f"data = ty.read({', '.join([repr(self.data), *words, *member])})\n{hoping}"


def _corrections(proposal: "Proposal") -> list[str]:
    """The keywords of `ty.read` that give this schema again."""
    from tiltyard.datasets.arrays import Arrays

    schema = proposal.schema
    words = [] if isinstance(proposal.table, Arrays) else [f"label={schema.label!r}"]
    words.append(f"sensitive={schema.sensitive!r}")
    words += [f"leave_out={proposal.dropped!r}"] if proposal.dropped else []
    words += [f"take={proposal.restored!r}"] if proposal.restored else []
    words += [f"relations={schema.relations!r}"] if schema.relations else []
    features = {name: c.model_dump(exclude_none=True) for name, c in proposal.corrections.items()}
    return words + ([f"features={features!r}"] if features else [])
