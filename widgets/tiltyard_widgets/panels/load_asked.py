"""What *Model and data* is to open. Its fields are read once, so that what was looked at is what is opened."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tiltyard.access.offers import offers
from tiltyard.access.person import Person
from tiltyard.access.places import discreet, named
from tiltyard.access.places import source as readable
from tiltyard.datasets.dataset import Dataset
from tiltyard.errors import Problem
from tiltyard.targets.target import Target

if TYPE_CHECKING:
    from tiltyard.datasets.gallery import Wanted
    from tiltyard.datasets.proposing import Proposal
    from tiltyard.sealing.keys import Key
    from tiltyard.targets.open_options import SchemaMissing
    from tiltyard.targets.probing import Probe
    from tiltyard.targets.state_dict_fit import Settled

    from .source import Corrected

BESIDE = (".csv", ".csv.gz", ".parquet", ".npz")
FIELDS = (
    "source",
    "sample",
    "model_file",
    "data_file",
    "behind",
    "architecture",
    "factory",
    "classes",
    "threshold",
    "positive",
    "favorable",
    "member",
)
SAMPLES = {
    "census": "Census income, MLP (table, 32,561 people)",
    "digits": "Digits, CNN (images, 5,000)",
    "digits-robust": "Digits, adversarially trained CNN",
}


def held_samples() -> dict[str, str]:
    """What may be loaded without a file, in words by name: what this app offers to everybody, then the samples."""
    return {name: f"{name} (offered here)" for name in offers()} | SAMPLES


class Loaded:
    """A target and data that were opened, and what a probe of ten rows found."""

    def __init__(self, target: Target, data: Dataset, probe: "Probe", proposal: "Proposal | None" = None) -> None:
        self.proposal = proposal
        self.source: dict[str, Any] = {}  # how another window opens it again, see `source`
        self.target = target
        self.data = data
        self.probe = probe


@dataclass(frozen=True)
class Asked:
    """The fields' values; paths are those that the person may read.

    ``proposal`` is how this very data file was read and corrected, ``marked`` which of its columns were chosen as sensitive,
    ``how`` says how a file that is read anew is to be corrected, ``settled`` how its network was chosen among those that its weights allow.
    """

    person: Person
    source: str
    sample: str
    model: str = ""
    data: str = ""
    architecture: str = ""
    factory: str = ""
    classes: tuple[str, ...] = ()
    threshold: str = ""
    positive: str = ""
    favorable: str = ""
    member: str = ""
    key_file: str = ""
    behind: str = ""
    words: str = field(default="", repr=False)
    url: str = ""
    key: str = field(default="", repr=False)
    budget: str = ""
    proposal: "Proposal | None" = None
    marked: tuple[str, ...] | None = None
    settled: "Settled | None" = None
    how: "Corrected | None" = None

    def opened(self) -> Loaded:
        """Target and data, and what a probe of ten rows finds; a `Problem` in one line."""
        from tiltyard.targets.probing import probe

        if self.source == "sample":
            target, data = self._sample()
            return Loaded(target, data.hoping(self.favorable), probe(target, data))
        self.person.must("run")
        target, data, proposal = self._remote() if self.source == "endpoint" else self._files()
        if self.settled is not None:
            target.assumptions = (self.settled.note, *target.assumptions)
            target.doubts = (*self.settled.doubts, *target.doubts)
        data = data.hoping(self.favorable)
        return Loaded(target, data, probe(target, data), proposal)

    def proposed(self, lacking: "SchemaMissing | None" = None) -> "Proposal":
        """What was read and corrected, or the file's proposal as it is, of the columns and classes that a model knows by name."""
        from tiltyard.datasets.proposing import propose
        from tiltyard.datasets.reading import read_table

        self.person.must("run")
        if self.proposal is not None:
            return _without(self.proposal, self.member)
        table = read_table(self._data(), self._pictures(lacking))
        columns, classes, texts = (lacking.columns, lacking.classes, lacking.texts) if lacking is not None else ((), (), False)
        with discreet(self.data, "a table that can be proposed a schema for", self.person):
            found = propose(table, skip=(self.member,) if self.member else (), classes=classes, wanted=columns, texts=texts)
            return self.how.of(found) if self.how is not None else found

    def _pictures(self, lacking: "SchemaMissing | None") -> "Wanted":
        """How the pictures of a folder are to be: as the model makes them, where it makes them of one size."""
        from tiltyard.datasets.gallery import AS_THEY_ARE, Wanted

        folder = lacking is not None and lacking.size is not None and Path(self._data()).expanduser().is_dir()
        return Wanted(lacking.size) if lacking is not None and folder else AS_THEY_ARE

    def labeled(self) -> Dataset:
        """The data as they were read and corrected, to try networks on."""
        self.person.must("run")
        return self._built(self.proposed())

    def _sample(self) -> tuple[Target, Dataset]:
        from tiltyard.samples.catalog import load
        from tiltyard.targets.opening import open_target

        if self.sample in offers():
            from tiltyard.assessment.offers import offered

            target, data = offered(self.sample)
        else:
            sample = load(self.sample)
            target, data = sample.target, sample.data
        return open_target(target, **self._decision()), data  # type: ignore[arg-type]

    def _files(self) -> "tuple[Target, Dataset, Proposal | None]":
        from tiltyard.datasets.reading import read
        from tiltyard.targets.open_options import SchemaMissing
        from tiltyard.targets.opening import open_target
        from tiltyard.targets.proof import prove

        if not self.model:
            raise Problem("a model file", "none", "Upload one" if self.person.shared else "Give its path")
        if self.factory:
            self.person.must("code")
        words = self._decision() | {
            "classes": self.classes or None,
            "architecture": self.architecture or None,
            "factory": self.factory or None,
            "behind": [self.behind] if self.behind else (),
        }
        sealed = self.sealing_key()
        try:
            target = open_target(self.model, sealed=sealed, **words)  # type: ignore[arg-type]
        except SchemaMissing as lacking:
            proposal = self.proposed(lacking)
            data = self._built(proposal)
            target = open_target(self.model, data=data, sealed=sealed, **words)  # type: ignore[arg-type]
            return target, data.classed(target.classes), proposal
        data = read(self._data(), schema=target.schema, sensitive=self.marked, member=self.member or None)
        prove(target, data)
        return target, data, None

    def sealing_key(self) -> "Key | None":
        """The key for a sealed model file; None for any other."""
        from tiltyard.sealing.asking import asked
        from tiltyard.sealing.keys import passphrase, read_sealing_key
        from tiltyard.sealing.sealing import is_sealed

        if not is_sealed(Path(self.model).expanduser()):
            return None
        if self.key_file:
            return read_sealing_key(Path(self.key_file).expanduser())
        return passphrase(self.words) if self.words else asked()

    def _remote(self) -> "tuple[Target, Dataset, Proposal]":
        from tiltyard.datasets.reading import read
        from tiltyard.targets.open_options import SchemaMissing
        from tiltyard.targets.opening import open_target

        budget, proposal = self._budget(), self.proposed()
        try:
            target = open_target(self.url, key=self.key, budget=budget, **self._decision())  # type: ignore[arg-type]
        except SchemaMissing:
            data = self._build(proposal)
            return open_target(self.url, data=data, key=self.key, budget=budget, **self._decision()), data, proposal  # type: ignore[arg-type]
        meant, member = proposal.schema, self.member or None
        data = read(self._data(), schema=target.schema, label=meant.label, sensitive=meant.sensitive, member=member)
        return target, data, proposal

    def _decision(self) -> dict[str, object]:
        """The rule that is deployed, where the fields name one."""
        value = threshold_in(self.threshold, self.positive)
        return {} if value is None else {"threshold": value, "positive": self.positive}

    def _budget(self) -> int | None:
        text = self.budget.replace(",", "")
        if text and not text.isdecimal():
            raise Problem("a query budget as a whole number of rows", repr(text[:40]), "Correct it, or leave it empty")
        return int(text) if text else None

    def _built(self, proposal: "Proposal") -> Dataset:
        return replace(self._build(proposal), assumed=(*proposal.warnings, *proposal.assumptions))

    def _build(self, proposal: "Proposal") -> Dataset:
        name = Path(self.data).name.split(".")[0]
        with discreet(self.data, "a table that is as was described", self.person):
            return proposal.build(member=self.member or None, name=name, source=named(self.data, self.person))

    def _data(self) -> str:
        if not self.data:
            raise Problem("a data file", "none", "Upload one" if self.person.shared else "Give its path")
        return self.data


def threshold_in(text: str, positive: str) -> float | None:
    """The threshold that a field names; None where it is empty.

    Raises
    ------
    Problem
        It is no score above 0 and below 1, or the class alone is named.
    """
    text = text.strip()
    if not text and positive.strip():
        raise Problem("a threshold for that class", "none", "Fill in Threshold, or empty Class of the threshold")
    if not text:
        return None
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        value = -1.0
    if not 0 < value < 1:
        raise Problem("a threshold above 0 and below 1", repr(text[:40]), "Correct it, or leave it empty for the model's own rule")
    return value


def _without(proposal: "Proposal", member: str) -> "Proposal":
    """A column that says which rows were trained on is no feature, also where it was named after the data were read."""
    if not member:
        return proposal
    if member == proposal.schema.label:
        raise Problem("a trained-on column beside the label", f"{member!r} for both", "Choose another label, or empty the field")
    return proposal.drop(member) if member in {f.name for f in proposal.schema.features} else proposal


def deployed(target: Target, data: Dataset) -> tuple[str, ...]:
    """What the model is given, how it decides, and what fairness counts as favorable, in sentences."""
    from tiltyard.fairness.favorable import favorable

    given = f"It is given {target.given} and decides by {target.rule}." if target.given else f"It decides by {target.rule}."
    hope = favorable(data.schema)
    return (given, f"{hope.headline}".strip() or hope.note) if data.sensitive else (given,)


def architecture_in(text: str, person: Person) -> str:
    """An architecture: its JSON, or the path of a file with it that the person may read."""
    return text if not text or text.startswith("{") else str(readable(text, "an architecture as JSON", person))


def beside(model: Path) -> Path | None:
    """The data file with the model's name beside it, where there is just one."""
    stem = model.name.removesuffix(".sealed")
    stem = stem.removesuffix(Path(stem).suffix)
    found = [path for suffix in BESIDE if (path := model.with_name(stem + suffix)).is_file()]
    return found[0] if len(found) == 1 else None
