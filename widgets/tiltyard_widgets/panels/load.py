"""Model and data: a sample, or files; the schema proposed and corrected; ten rows probed."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import ipywidgets as w
from traitlets import TraitError

from tiltyard.artifacts.formats import OPENED
from tiltyard.errors import Problem
from tiltyard.progress import Progress

from ..controls.file_field import FileField
from ..controls.fold import Fold
from ..controls.picker import Choice
from ..controls.progress_bar import ProgressView
from ..controls.upload import clear
from ..controls.word_field import WordField
from ..theme import look, plain
from ..views.cards import outcome
from ..views.code import CodeView
from ..views.schema import SchemaView
from .accepting import Accepting
from .endpoint_fields import EndpointFields
from .layers import LayersView, Origin
from .load_asked import FIELDS, architecture_in, beside, deployed, held_samples, threshold_in
from .load_code import Opening
from .onward import Onward
from .panel import Panel

if TYPE_CHECKING:
    from tiltyard.datasets.dataset import Dataset
    from tiltyard.datasets.proposing import Proposal

    from .layers import Found
    from .load_asked import Asked, Loaded
    from .reopening import Former

MODELS = (*OPENED, ".pkl", ".pickle", ".joblib", ".sealed")
KEYS = (".pem", ".key")
TABLES = (".csv", ".gz", ".parquet", ".npz")
LOADING = "Loading of model and data"
LOADED = {"passed": "loaded"}  # that a few rows were answered is no verdict


class LoadPanel(Panel):
    """Load a model and its data. What is loaded stays until the new pair is whole."""

    title = "Model and data"

    def build(self) -> Sequence[w.Widget]:
        clear(Path(tempfile.gettempdir()))
        self.source = Choice(
            label="Load from",
            options=[("Sample", "sample"), ("Files of mine", "files"), ("Endpoint", "endpoint")],
            value="sample",
            kind="segments",
        )
        self.sample = Choice(label="Sample", options=[(v, k) for k, v in held_samples().items()], value="census")
        person = self.session.person
        here, hint = "A path on the kernel's machine", ".safetensors .pt .onnx .skops .ubj .cbm .joblib"
        self.model_file = FileField(
            person, "Model file", "a model file", MODELS, hint, f"{here}; TorchScript, XGBoost and LightGBM too", "Upload a model …"
        )
        self.data_file = FileField(
            person, "Data file", "a data file", TABLES, ".csv .csv.gz .parquet .npz, or a folder of images by class", here, "Upload data …"
        )
        help = 'JSON: {"layers": [...]}' if person.shared else 'JSON or a path to it: {"layers": [...]}'
        self.architecture = look.entry("Architecture", "where the model does not say", help=help)
        self.factory = look.entry("Factory", "FILE.py:function", help="Makes the module; instead of an architecture")
        self.factory.disabled = bool(self.session.denied("code"))
        self.classes = look.entry("Classes", "in the model's order", help="With commas; empty: the model's own names for them")
        self.threshold = look.entry(
            "Threshold", "0.15", help="The score from which a class is decided, where that is not the model's own rule"
        )
        self.positive = look.entry("Class of the threshold", "the second of two")
        self.favorable = look.entry(
            "Favorable outcome", "proposed by its name", help="What people hope for: fairness counts who is given it"
        )
        decision = [self.threshold, self.positive, self.favorable]
        self.member = look.entry("Trained-on column", "of 0 and 1, where known", help="Empty where nobody knows which rows were trained on")
        self.layers = LayersView(self.find, self.use)
        self.finder = look.button("Find the layers", title="Of a file of weights alone", denied=self.session.denied("run"))
        self.propose = look.button("Read the data", denied=self.session.denied("run"))
        self.opener = look.button("Load and probe", kind="primary")
        self.progress = ProgressView()
        self.sentence = outcome()
        self.schema, self.code = SchemaView(lambda: None), CodeView()
        self.model_upload, self.data_upload = self.model_file.upload, self.data_file.upload
        self.words = WordField("Passphrase", "Of a model that “tiltyard seal” encrypted. It is opened in memory alone.")
        sealed = "Of a sealed model: a path on the kernel's machine"
        self.key_file = FileField(person, "Key file", "a key file", KEYS, "or the passphrase above", sealed)
        self.sealed = look.stack([self.words, self.key_file])
        look.show(self.sealed, False)
        self.model_file.observe(lambda _: look.show(self.sealed, self.model_file.value.strip().endswith(".sealed")), "value")
        self.behind = FileField(
            person,
            "Behind a defense",
            "a defense file",
            (".safetensors",),
            "where it stands behind one",
            "A file that a defense made, from below its result or defend --save",
        )
        files = [self.model_file, self.sealed, self.data_file]
        code = [] if person.shared else [self.factory]  # it takes a path, and a shared login gives none
        more = [self.classes, *decision, self.behind, self.architecture, *code, self.member]
        self.more = Fold(more, [*more, look.row([self.finder])])
        self.own = look.stack([*files, self.more])
        self.endpoint = EndpointFields()
        self.budget = look.entry("Query budget", "rows; no limit", help="It is never sent more rows than this")
        mine = look.text("Checks send it many rows: open only what is yours to test.", kind="help")
        asked = [*decision, self.budget, self.member]
        self.remote_more = Fold(asked, asked)
        self.remote = look.stack([self.endpoint, self.data_file, self.remote_more, mine])
        self.shipped = look.stack([self.sample, Fold(decision, decision)])
        self.choices = plain.VBox([self.shipped])
        self.source.observe(lambda _: self._switch(), "value")
        self.propose.on_click(lambda _: self.read())
        self.opener.on_click(lambda _: self.load())
        self.finder.on_click(lambda _: self.find())
        self.progress.on_cancel(lambda: self.finding.cancel())
        self.finding, self.found_for, self.proposed_for = Progress(), Origin(), ""
        help = look.text("A file is looked at before it is opened and never unpickled unseen.", kind="help")
        self.assumed = look.text("", kind="help")
        self._taking = False  # is what this panel loaded being adopted?
        self.reading = look.row([self.propose])
        look.show(self.reading, False)
        controls = [self.source, self.choices, self.opener, self.reading, self.progress, help]
        self.accepting = Accepting(self.session, self.load, lambda problem: self.message.say(problem, doing="Could not accept"))
        results = [self.sentence, self.accepting, self.assumed, self.layers, self.schema, self.code]
        self.onward = Onward(self.session)
        return [look.heading(self.title), self.message, self.onward, look.split(controls, results)]

    def _switch(self) -> None:
        look.show(self.reading, self.source.value != "sample")
        self.choices.children = ({"files": self.own, "endpoint": self.remote, "sample": self.shipped}[self.source.value],)

    def read(self) -> None:
        """Read the data file and propose its schema."""
        self.message.clear()
        self._busy("Reading the data")
        self.proposed_for = ""
        self._asking(lambda asked: self.session.aside(asked.proposed, lambda found: self._proposed(asked, found), self._failed))

    def _asking(self, begin: "Callable[[Asked], object]") -> None:
        """Call ``begin`` with the values of the fields; a wrong one is shown like what goes wrong later."""
        try:
            asked = self.asked()
        except Problem as problem:
            self._failed(problem)
            return
        begin(asked)

    def _proposed(self, asked: "Asked", proposal: "Proposal") -> None:
        self.proposed_for = asked.data
        self.sentence.say("not_run", "Read, not loaded yet. What was loaded before stays until you load this.")
        self.schema.offer(proposal)
        self._idle("Read. Correct what was assumed, then load.")

    def find(self) -> None:
        """Find the layers of a file of weights alone, and try the networks that it allows on the data."""
        self.message.clear()
        self._busy("Reading the weights and the data")
        self.finding = Progress(listener=self.progress.report)
        self._asking(self._find)

    def _find(self, asked: "Asked") -> None:
        from .layers import found

        if self.found_for != Origin.of(asked.model, asked.data, asked.classes):
            self.layers.forget()
        before, fixed = self.layers.found, self.layers.fixed
        self.session.aside(lambda: found(asked, fixed, self.finding, before), lambda it: self._found(asked, it), self._failed)

    def _found(self, asked: "Asked", found: "Found") -> None:
        self.found_for = Origin.of(asked.model, asked.data, asked.classes)
        self.layers.offer(found)
        self._idle("Tried. Take a network, or choose and try again.")

    def use(self, architecture: str) -> None:
        """Take a network of those tried, and load it."""
        self.architecture.value = architecture
        self.load()

    def load(self) -> None:
        """Open target and data and probe ten rows."""
        self.message.clear()
        self.accepting.withdraw()
        try:
            self.session.free()
        except Problem as problem:
            self.message.say(problem, level="warning")
            return
        self._busy("Loading torch and the model")
        self._asking(self._load)

    def _load(self, asked: "Asked") -> None:
        given = self.given()

        def opened() -> "Loaded":
            return self._open(asked, given)

        self.session.occupied(LOADING, opened, lambda loaded: self._loaded(asked, loaded), self._failed)

    def _open(self, asked: "Asked", given: dict[str, str]) -> "Loaded":
        from .reopening import source_of

        loaded = asked.opened()
        if self.session.store is not None and loaded.probe.state != "failed":
            loaded.source = source_of(asked, loaded, given).model_dump(mode="json", exclude_defaults=True)
        return loaded

    def again(self, former: "Callable[[], Former]", done: Callable[[], None], failed: Callable[[Exception], None]) -> None:
        """Open what was loaded before, where the person may and it is the same; ``failed`` hears why not, and nothing is changed."""
        self.message.clear()
        try:
            self.session.free()
            was = former()
            self.fill(was.fields(self.session.person))
            asked = was.corrected(self.asked())
        except Problem as problem:
            failed(problem)
            return
        given = self.given()

        def opened() -> "tuple[Loaded, Dataset]":
            loaded = self._open(asked, given)
            return loaded, was.rows(loaded)

        def taken(found: "tuple[Loaded, Dataset]") -> None:
            loaded, rows = found
            self._loaded(asked, loaded)
            if rows is not loaded.data and self.session.target is loaded.target:
                self.session.use(rows)
            done()

        def broken(problem: Exception) -> None:
            self._idle("")
            failed(problem)

        self._busy("Opening what was assessed")
        self.session.occupied(LOADING, opened, taken, broken)

    def weigh(self) -> None:
        """Say whether the model file may be opened; where data of its name lie beside it, load both."""
        self.message.clear()
        self._busy("Looking at the file")
        self._asking(lambda asked: self.session.aside(lambda: self._weighed(asked), self._chosen, self._failed))

    def _weighed(self, asked: "Asked") -> Path | None:
        from tiltyard.sealing.sealing import is_sealed
        from tiltyard.targets.model_file import scan_and_read

        self.session.person.must("run")
        path = Path(asked.model).expanduser()
        if not is_sealed(path):
            scan_and_read(path)
        return beside(path)

    def _chosen(self, data: Path | None) -> None:
        if data is None:
            self.message.say("The model file was looked at and may be opened. Give its data file, then load.", level="info")
        self._idle("")
        if data is not None and not self.data_file.value:
            self.data_file.value = str(data)
            self.load()

    def asked(self) -> "Asked":
        """What the fields say, as one value; a `Problem` where a file is none that the person may read."""
        from .load_asked import Asked

        def text(field: w.Text) -> str:
            return str(field.value).strip()

        chosen, person = self.source.value, self.session.person
        if chosen == "sample":
            rule, positive, favorable = text(self.threshold), text(self.positive), text(self.favorable)
            return Asked(person, chosen, self.sample.value, threshold=rule, positive=positive, favorable=favorable)
        person.must("run")
        own = chosen == "files"
        data = self.data_file.path
        proposed = bool(data) and self.proposed_for == data
        architecture = architecture_in(text(self.architecture), person) if own else ""
        origin = Origin.of(self.model_file.path, data, self.named() or ())
        return Asked(
            person,
            chosen,
            self.sample.value,
            model=self.model_file.path if own else "",
            data=data,
            architecture=architecture,
            settled=self.layers.about(architecture) if self.found_for == origin else None,
            factory=text(self.factory) if own else "",
            classes=self.named() or (),
            threshold=text(self.threshold),
            positive=text(self.positive),
            favorable=text(self.favorable),
            member=text(self.member),
            key_file=self.key_file.path if own else "",
            behind=self.behind.path if own else "",
            words=self.words.text if self.words.held else "",
            url=text(self.endpoint.url),
            key=self.endpoint.key.key.secret,
            budget=text(self.budget),
            proposal=self.schema.proposal if proposed else None,
            marked=self.schema.marked if proposed else None,
        )

    def named(self) -> tuple[str, ...] | None:
        """The classes in the model's order, where they are filled in."""
        return tuple(part.strip() for part in self.classes.value.split(",") if part.strip()) or None

    def _loaded(self, asked: "Asked", loaded: "Loaded") -> None:
        self.message.clear()  # another load that was refused meanwhile need not wait any more
        line = loaded.probe.line
        about = f"{loaded.target.name} on {loaded.data.name}: "
        self.sentence.say(
            LOADED.get(loaded.probe.state, loaded.probe.state), " ".join((about + line, *deployed(loaded.target, loaded.data)))
        )
        self.assumed.say(" ".join(loaded.target.assumptions))
        if loaded.probe.state == "failed":
            self.message.say(line)
            self._idle("Not loaded; what was there before stays")
            return
        self.code.code = self._opening().code(loaded.proposal)
        if loaded.proposal is None:
            self.schema.show(loaded.data.schema)
        elif asked.proposal is None:  # loaded without being read first: what was assumed is shown, to be corrected
            self.proposed_for = asked.data
            self.schema.offer(loaded.proposal)
        self.session.source = self.given()
        self.accepting.loaded(loaded.target.fingerprint)
        self._taking = True
        try:
            self.session.adopt(loaded.target, loaded.data, loaded.source)
        finally:
            self._taking = False
        if warnings := " ".join((*loaded.target.doubts, *filter(None, [self.session.warning]))):
            self.message.say(warnings, level="warning")
        self._idle("Loaded")

    def forget(self) -> None:
        """Say what is in the header now, where another panel put it there; a table that is being read stays as it is."""
        target, data = self.session.target, self.session.data
        if self._taking:
            return
        self.code.code = ""
        self.layers.forget()
        if target is None or data is None:
            self.sentence.say("not_run", "Nothing is loaded.")
        else:
            self.sentence.say("loaded", " ".join((f"{target.name} on {data.name}.", *deployed(target, data))))
        self.assumed.say(" ".join(target.assumptions) if target else "")
        if not self.proposed_for:
            self.schema.show(data.schema if data else None)

    def _opening(self) -> Opening:
        budget = self.budget.value.replace(",", "").strip()
        return Opening(
            self.source.value,
            self.sample.value,
            model=self.model_file.shown,
            data=self.data_file.shown,
            architecture=self.architecture.value.strip(),
            factory=self.factory.value.strip(),
            classes=self.named() or (),
            threshold=threshold_in(self.threshold.value, self.positive.value),
            positive=self.positive.value.strip(),
            favorable=self.favorable.value.strip(),
            member=self.member.value.strip(),
            sealed=self.model_file.value.strip().endswith(".sealed"),
            key_file=self.key_file.shown,
            behind=self.behind.shown if self.source.value == "files" else "",
            marked=self.schema.marked,
            url=str(self.endpoint.address) if self.source.value == "endpoint" else "",
            keyed=self.endpoint.key.held,
            budget=int(budget) if budget else None,
        )

    def given(self) -> dict[str, str]:
        """What is filled in, by field: with `fill`, another window loads the same."""
        return {name: getattr(self, name).value for name in FIELDS if getattr(self, name).value}

    def fill(self, given: dict[str, str]) -> None:
        """Fill in what `given` returned; a value that its field does not take is left out."""
        for name in FIELDS:
            try:
                getattr(self, name).value = given.get(name, getattr(self, name).value)
            except TraitError:
                continue

    def _failed(self, problem: Exception) -> None:
        now = self.session
        stays = f"Not loaded. {now.target.name} on {now.data.name} stays." if now.target and now.data else "Nothing is loaded."
        if self.accepting.offer(problem):  # a file that waits for a person's word has not failed
            self.sentence.say("waiting", f"{stays} The file waits to be accepted.")
        else:
            self.sentence.say("failed", stays)
            self.more.unfolded = self.more.unfolded or bool(self.model_file.value and self.data_file.value)  # what may mend it stands there
            self.message.say(problem, doing="Could not load")
        self._idle("")

    def _busy(self, words: str) -> None:
        self.assumed.say("")
        self.opener.disabled = self.propose.disabled = self.finder.disabled = True
        self.progress.start(words)

    def _idle(self, words: str) -> None:
        self.opener.disabled = self.propose.disabled = self.finder.disabled = False
        self.progress.finish(words)
