"""Model and data: a sample, or files; the schema proposed and corrected; ten rows probed."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import ipywidgets as w
from traitlets import TraitError

from tiltyard.datasets.dataset import Dataset
from tiltyard.errors import Problem
from tiltyard.targets.target import Target

from . import look
from .cards import outcome
from .code import CodeView
from .endpoint_fields import EndpointFields
from .load_code import code_of
from .panel import Panel
from .picker import Choice
from .progressbar import ProgressView
from .schema_view import SchemaView
from .upload import Upload
from .wordfield import WordField

if TYPE_CHECKING:
    from tiltyard.datasets.proposing import Proposal
    from tiltyard.sealing.keys import Key
    from tiltyard.targets.probing import Probe

MODELS = (".safetensors", ".pt", ".pth", ".ts", ".onnx", ".skops", ".sealed")
TABLES = (".csv", ".gz", ".parquet", ".npz")
BESIDE = (".csv", ".csv.gz", ".parquet", ".npz")
FIELDS = ("source", "sample", "model_file", "data_file", "architecture", "factory", "classes", "member")
SAMPLES = {
    "census": "Census income, MLP (table, 32,561 people)",
    "digits": "Digits, CNN (images, 5,000)",
    "digits-robust": "Digits, adversarially trained CNN",
}


class LoadPanel(Panel):
    """Bring a model and its data. What is loaded stays until the new pair is whole."""

    title = "Model and data"

    def build(self) -> Sequence[w.Widget]:
        self.source = Choice(
            label="Bring",
            options=[("Sample", "sample"), ("Files of mine", "files"), ("Endpoint", "endpoint")],
            value="sample",
            kind="segments",
        )
        self.sample = Choice(label="Sample", options=[(v, k) for k, v in SAMPLES.items()], value="census")
        self.model_file = look.entry("Model file", ".safetensors .pt .onnx .skops", help="A path on the kernel's machine; TorchScript too")
        self.data_file = look.entry("Data file", ".csv .csv.gz .parquet .npz", help="A path on the kernel's machine")
        self.architecture = look.entry("Architecture", "where the file does not say", help='JSON or a path to it: {"layers": [...]}')
        self.factory = look.entry("Factory", "package.module:function", help="Makes the module; instead of an architecture")
        self.factory.disabled = bool(self.session.denied("code"))
        self.classes = look.entry("Classes", "in the order of the model's outputs", help="With commas; empty: in the order of the data's")
        self.member = look.entry("Trained-on column", "of 0 and 1, where known", help="Empty where nobody knows which rows were trained on")
        self.propose = look.button("Read the data", denied=self.session.denied("run"))
        self.opener = look.button("Load and probe", kind="primary")
        self.progress = ProgressView()
        self.said = outcome()
        self.schema = SchemaView(lambda: None)
        self.code = CodeView()
        self.model_upload = _upload("Upload a model …", MODELS, self.model_file)
        self.data_upload = _upload("Upload data …", TABLES, self.data_file)
        self.words = WordField("Passphrase", "Of a model that `tiltyard seal` encrypted. It is opened in memory alone.")
        self.key_file = look.entry("Key file", "or the passphrase above", help="Of a sealed model: a path on the kernel's machine")
        self.sealed = look.stack([self.words, self.key_file])
        look.show(self.sealed, False)
        self.model_file.observe(lambda _: look.show(self.sealed, self.model_file.value.strip().endswith(".sealed")), "value")
        files = [self.model_file, self.model_upload, self.sealed, self.data_file, self.data_upload]
        self.own = look.stack([*files, self.architecture, self.factory, self.classes, self.member, self.propose])
        self.endpoint = EndpointFields()
        self.budget = look.entry("Query budget", "rows; no limit", help="It is never sent more rows than this")
        mine = look.text("Checks send it many rows: open only what is yours to test.", kind="help")
        self.remote = look.stack([self.endpoint, self.budget, self.data_file, self.data_upload, self.member, self.propose, mine])
        self.choices = w.VBox([self.sample])
        self.source.observe(lambda _: self._switch(), "value")
        self.propose.on_click(lambda _: self.read())
        self.opener.on_click(lambda _: self.load())
        self.proposed_for = ""
        self.used: Proposal | None = None
        help = look.text("A file is looked at before it is opened and never unpickled unseen.", kind="help")
        controls = [self.source, self.choices, self.opener, self.progress, help]
        return [look.heading(self.title), self.message, look.split(controls, [self.said, self.schema, self.code])]

    def _switch(self) -> None:
        self.choices.children = ({"files": self.own, "endpoint": self.remote, "sample": self.sample}[self.source.value],)

    def read(self) -> None:
        """Read the data file and propose its schema."""
        self.message.clear()
        self._busy("Reading the data")
        self.proposed_for = ""
        self.session.aside(self._read_by_right, self._proposed, self._failed)

    def _read_by_right(self) -> "Proposal":
        self.session.person.must("run")
        return self._proposal()

    def _proposed(self, proposal: "Proposal") -> None:
        self._idle("Read. Correct what was assumed, then load.")
        self.proposed_for = self.data_file.value.strip()
        self.said.say("not_run", "Read, not loaded yet. What was loaded before stays until you load this.")
        self.schema.offer(proposal)

    def load(self) -> None:
        """Open target and data and probe ten rows."""
        self.message.clear()
        if self.session.busy:
            self.message.say(f"{self.session.busy} is running: wait for it or cancel it, then load.", level="warning")
            return
        self._busy("Loading torch and the model")
        self.session.aside(self._pair, self._loaded, self._failed)

    def weigh(self) -> None:
        """Say whether the model file may be opened; where data of its name lie beside it, load both."""
        self.message.clear()
        self._busy("Looking at the file")
        self.session.aside(self._weighed, self._chosen, self._failed)

    def _weighed(self) -> Path | None:
        from tiltyard.sealing.sealing import is_sealed
        from tiltyard.targets.model_file import looked_at

        self.session.person.must("run")
        path = Path(self.model_file.value.strip()).expanduser()
        if not is_sealed(path):
            looked_at(path)
        return beside(path)

    def _chosen(self, data: Path | None) -> None:
        self._idle("")
        if data is None:
            self.message.say("The model file was looked at and may be opened. Give its data file, then load.", level="info")
        elif not self.data_file.value:
            self.data_file.value = str(data)
            self.load()

    def _pair(self) -> "Loaded":
        from tiltyard.targets.probing import probe

        if self.source.value != "sample":
            self.session.person.must("run")
        self.used = None
        target, data = {"files": self._files, "endpoint": self._remote, "sample": self._sample}[self.source.value]()
        return Loaded(target, data, probe(target, data), self.used)

    def _sample(self) -> tuple[Target, Dataset]:
        from tiltyard.samples.catalog import load

        sample = load(self.sample.value)
        return sample.target, sample.data

    def _files(self) -> tuple[Target, Dataset]:
        from tiltyard.datasets.reading import read
        from tiltyard.targets.opening import Unmeant, open_target

        path = self.model_file.value.strip()
        if not path:
            raise Problem("a model file", "none", "Give its path")
        member = self.member.value.strip() or None
        architecture, factory = self.architecture.value.strip() or None, self.factory.value.strip() or None
        if factory:
            self.session.person.must("code")
        classes = self.named()
        sealed = self._sealed(path)
        try:
            target = open_target(path, classes=classes, architecture=architecture, factory=factory, sealed=sealed)
        except Unmeant:
            data = self._built(member)
            return open_target(
                path, data=data, schema=data.schema, classes=classes, architecture=architecture, factory=factory, sealed=sealed
            ), data
        return target, read(self._data_path(), schema=target.schema, sensitive=self._marked(), member=member)

    def _sealed(self, path: str) -> "Key | None":
        """The key for a sealed model file; None for any other."""
        from tiltyard.sealing.asking import asked
        from tiltyard.sealing.keys import passphrase, read_sealing_key
        from tiltyard.sealing.sealing import is_sealed

        if not is_sealed(Path(path).expanduser()):
            return None
        if file := self.key_file.value.strip():
            return read_sealing_key(Path(file).expanduser())
        return passphrase(self.words.text) if self.words.held else asked()

    def _remote(self) -> tuple[Target, Dataset]:
        from tiltyard.datasets.reading import read
        from tiltyard.targets.opening import Unmeant, open_target

        url, key, budget = self.endpoint.url.value.strip(), self.endpoint.key.key.secret, self._budget()
        member = self.member.value.strip() or None
        proposal = self._proposal()
        try:
            target = open_target(url, key=key, budget=budget)
        except Unmeant:
            data = proposal.build(member=member, name=self._data_name(), source=self._data_path())
            return open_target(url, data=data, key=key, budget=budget), data
        meant = proposal.schema
        return target, read(self._data_path(), schema=target.schema, label=meant.label, sensitive=meant.sensitive, member=member)

    def _budget(self) -> int | None:
        text = self.budget.value.strip().replace(",", "")
        if text and not text.isdecimal():
            raise Problem("a query budget as a whole number of rows", repr(text[:40]), "Correct it, or leave it empty")
        return int(text) if text else None

    def _proposal(self) -> "Proposal":
        """What was read and corrected, or the file's proposal as it is."""
        from tiltyard.datasets.proposing import propose
        from tiltyard.datasets.reading import read_table

        member = self.member.value.strip()
        if self.schema.proposal is not None and self.proposed_for == self._data_path():
            self.used = _without(self.schema.proposal, member)
        else:
            self.used = propose(read_table(self._data_path()), skip=(member,) if member else ())
        return self.used

    def _built(self, member: str | None) -> Dataset:
        proposal = self._proposal()
        data = proposal.build(member=member, name=self._data_name(), source=self._data_path())
        return replace(data, assumed=(*proposal.warnings, *proposal.assumptions))

    def _data_name(self) -> str:
        return Path(self._data_path()).name.split(".")[0]

    def _marked(self) -> tuple[str, ...] | None:
        """The sensitive columns, where a person chose them for this file."""
        return self.schema.marked if self.proposed_for == self._data_path() else None

    def named(self) -> tuple[str, ...] | None:
        """The classes in the model's order, where they are filled in."""
        return tuple(part.strip() for part in self.classes.value.split(",") if part.strip()) or None

    def _data_path(self) -> str:
        path = str(self.data_file.value).strip()
        if not path:
            raise Problem("a data file", "none", "Give its path")
        return path

    def _loaded(self, loaded: "Loaded") -> None:
        line = loaded.probe.line
        about = f"{loaded.target.name} on {loaded.data.name}: "
        self.said.say(loaded.probe.state, f"{about}{line} {' '.join(loaded.target.assumptions)}".strip())
        if loaded.probe.state == "failed":
            self.message.say(line)
            self._idle("Not loaded; what was there before stays")
            return
        self.session.source = self.given()
        self.session.adopt(loaded.target, loaded.data)
        self.code.code = code_of(self, loaded.proposal)
        if loaded.proposal is None:
            self.schema.show(loaded.data.schema)
        self._idle("Loaded")

    def given(self) -> dict[str, str]:
        """What is filled in, by field: with `fill`, another window loads the same."""
        return {name: getattr(self, name).value for name in FIELDS if getattr(self, name).value}

    def fill(self, given: dict[str, str]) -> None:
        """Fill in what `given` said; what a field does not take is left out."""
        for name in FIELDS:
            try:
                getattr(self, name).value = given.get(name, getattr(self, name).value)
            except TraitError:
                continue

    def _failed(self, problem: Exception) -> None:
        self._idle("")
        now = self.session
        stays = f"Not loaded. {now.target.name} on {now.data.name} stays." if now.target and now.data else "Nothing is loaded."
        self.said.say("failed", stays)
        self.message.say(problem, doing="Could not load")

    def _busy(self, words: str) -> None:
        self.opener.disabled = self.propose.disabled = True
        self.progress.start(words)

    def _idle(self, words: str) -> None:
        self.opener.disabled = self.propose.disabled = False
        self.progress.finish(words)


class Loaded:
    """A target and data that were opened, and what ten rows said."""

    def __init__(self, target: Target, data: Dataset, probe: "Probe", proposal: "Proposal | None" = None) -> None:
        self.proposal = proposal
        self.target = target
        self.data = data
        self.probe = probe


def beside(model: Path) -> Path | None:
    """The data file with the model's name beside it, where there is just one."""
    stem = model.name.removesuffix(".sealed")
    stem = stem.removesuffix(Path(stem).suffix)
    found = [path for suffix in BESIDE if (path := model.with_name(stem + suffix)).is_file()]
    return found[0] if len(found) == 1 else None


def _without(proposal: "Proposal", member: str) -> "Proposal":
    """A column that says which rows were trained on is no feature, also where it was named after the data were read."""
    if not member:
        return proposal
    if member == proposal.schema.label:
        raise Problem("a trained-on column beside the label", f"{member!r} for both", "Choose another label, or empty the field")
    return proposal.drop(member) if member in {f.name for f in proposal.schema.features} else proposal


def _upload(label: str, accept: tuple[str, ...], path: w.Text) -> Upload:
    """A button that brings a file to the kernel's machine and writes its path into ``path``."""
    made = Upload(label, accept)

    def put(arrived: str) -> None:
        path.value = arrived

    made.on_file(put)
    return made
