"""What the API takes and gives. The OpenAPI document and the TypeScript types are generated from these models."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tiltyard.published.scan_list import FORMAT, ScannedFile
from tiltyard.result import Frozen, Given, Severity
from tiltyard.store.lines import ModelLine, RunLine, StepLine, Underway

API = 1
Format = Literal["html", "json", "pdf", "markdown", "word", "sarif", "junit"]


class Asked(Given):
    """What a client sends; a key that is not known is refused."""


class PathAsked(Asked):
    """A file or folder, named as Jupyter's file browser does: relative to its top folder, with ``/``."""

    path: str = Field(max_length=4096)


class ScanAsked(Asked):
    """A file or folder, or several at once, which are scanned by one process and answered together."""

    path: str = Field(default="", max_length=4096)
    paths: tuple[Annotated[str, Field(max_length=4096)], ...] = Field(default=(), max_length=200)

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("a path or paths are needed; the path of the root is an empty text")
        return self


class VerdictsAsked(Asked):
    """Of which folder of the file browser."""

    path: str = Field(default="", max_length=4096)


class RunsAsked(Asked):
    """Which page of the runs."""

    limit: int = Field(default=50, ge=1, le=500)
    offset: int = Field(default=0, ge=0, le=10**9)
    search: str = Field(default="", max_length=200)


class CompareAsked(Asked):
    """Two runs by their ids."""

    before: str = Field(min_length=1, max_length=32)
    after: str = Field(min_length=1, max_length=32)


class ReportAsked(Asked):
    """In which format."""

    format: Format = "html"


class CodeAsked(Asked):
    """What the cells should do: open the workbench (nothing named), a panel, a step, or a stored run; on which model and data.

    ``panel`` is one of the workbench's (``evasion``) or a class of its own (``AttackPanel``).
    ``model`` and ``data`` are paths as the kernel sees them; ``sample`` is a shipped model with its data, used where no model is named.
    """

    panel: str = Field(default="", max_length=100)
    step: str = Field(default="", max_length=100)
    run: str = Field(default="", max_length=32)
    model: str = Field(default="", max_length=4096)
    data: str = Field(default="", max_length=4096)
    sample: Literal["census", "digits", "digits-robust"] = "census"


class Wrong(Frozen):
    """Every error, in one line: what was expected, what was found, what to do."""

    expected: str
    found: str
    do: str
    message: str = Field(description="the three in one line")


class StoreState(Frozen):
    """Does the store of runs answer? ``missing``: there is none yet, and the first run makes it."""

    state: Literal["ok", "missing", "locked", "broken"]
    detail: str


class Version(Frozen):
    """Which Tiltyard answers, and whether its store does."""

    tiltyard: str
    api: int = API
    store: StoreState


class ScanAnswer(Frozen):
    """Verdicts as ``tiltyard scan --json`` gives them; paths are those of the file browser.

    ``left_out`` counts files of a large folder that were not looked at; ``remark`` says what else is missing from the answer.
    """

    format: int = FORMAT
    kind: Literal["tiltyard-scan"] = "tiltyard-scan"
    files: tuple[ScannedFile, ...]
    skipped: tuple[str, ...] = Field(default=(), description="folders that were not looked into")
    left_out: int = 0
    remark: str = ""


class KnownVerdict(Frozen):
    """What a scan found of a file that is still as it was then. ``modified``: milliseconds since 1970, as the file system has them."""

    path: str
    verdict: str
    sha256: str
    modified: float


class KnownVerdicts(Frozen):
    """The files of a folder that were scanned and did not change since; of all others nothing is known."""

    files: tuple[KnownVerdict, ...]


class RunItem(RunLine):
    """A run in a list. ``progress`` is None where nothing is under way.

    ``severities`` counts the checks by the severity of their worst finding.
    """

    progress: Underway | None = None
    severities: dict[str, int] = Field(default_factory=dict)


class RunPage(Frozen):
    """A page of runs, newest first; ``total`` counts all that match."""

    store: StoreState
    total: int
    offset: int
    runs: tuple[RunItem, ...]


class Finding(Frozen):
    """Something a reader should act on. ``evidence`` names the metric, table or chart it rests on."""

    title: str
    severity: Severity
    evidence: str
    advice: str
    standards: tuple[str, ...] = ()
    defense: str = ""


class StepItem(StepLine):
    """One step of a run with what its record says; ``problem`` where the record cannot be read."""

    summary: str = ""
    seconds: float | None = None
    findings: tuple[Finding, ...] = ()
    problem: str = ""


class RunDetail(Frozen):
    """A run with its steps."""

    run: RunItem
    versions: dict[str, str]
    profile: str
    command: str
    steps: tuple[StepItem, ...]


class CancelAnswer(Frozen):
    """How many jobs were asked to stop; each does within about a second."""

    run: str
    asked: int


class Deleted(Frozen):
    """The run is gone; ``unlogged`` says why the audit log does not say so, or nothing."""

    run: str
    unlogged: str


class ModelList(Frozen):
    """The models that were assessed, the last one first."""

    store: StoreState
    models: tuple[ModelLine, ...]


class SignatureState(Frozen):
    """What is known of a report's signature.

    ``intact``: by a key this server was told to trust. ``unproven``: whole, but nobody here vouches for the key.
    """

    state: Literal["none", "intact", "unproven", "broken", "unreadable"]
    detail: str


class ReportView(Frozen):
    """A report file, ready for a sandboxed frame."""

    html: str
    title: str
    signature: SignatureState


class Cell(Frozen):
    """One notebook cell."""

    type: Literal["code", "markdown"]
    source: str


class CodeCells(Frozen):
    """Cells that do what a click would."""

    cells: tuple[Cell, ...]


class PanelFacts(Frozen):
    """A panel that can stand alone in a cell."""

    name: str
    title: str
    module: str


class PanelList(Frozen):
    """The panels there are."""

    panels: tuple[PanelFacts, ...]


class PanelEntry(Frozen):
    """A panel of the workbench: ``id`` opens it, ``label`` is what its command says."""

    id: str
    label: str


class Menus(Frozen):
    """What JupyterLab's menus and palette offer: the workbench's panels, and a scan of files with these suffixes (``.onnx``)."""

    panels: tuple[PanelEntry, ...]
    scanned_suffixes: tuple[str, ...]


class Hello(Frozen):
    """Event ``hello``, the first on each connection: how things stand. Forget what was known before."""

    store: StoreState
    total: int
    runs: tuple[RunItem, ...] = Field(description="the newest, and those that go on")


class RunEvent(Frozen):
    """Event ``run``: a run began, changed, ended (also by being killed), or was deleted (``run`` is then None)."""

    change: Literal["started", "changed", "ended", "deleted"]
    id: str
    run: RunItem | None
    total: int


class ProgressEvent(Frozen):
    """Event ``progress``: how far a run's job is; None where none is under way any more."""

    id: str
    progress: Underway | None


class RecordEvent(Frozen):
    """Event ``record``: a step ended."""

    step: StepLine


class StoreEvent(Frozen):
    """Event ``store``: the store answers, or no longer does, or holds another number of runs."""

    store: StoreState
    total: int
