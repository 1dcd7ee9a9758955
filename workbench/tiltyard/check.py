"""A check is a question: a frozen model whose fields are its parameters. The base class owns the protocol."""

import platform
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib import metadata
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Self, final

from pydantic import BaseModel, Field

from .access import places
from .access.person import Person, me
from .attempt import Attempt, Clock, unhappy
from .datasets.dataset import Dataset
from .needs import attainable, lacking
from .parameters import model_facts
from .progress import Progress, attended
from .result import CheckResult, Given, Identity, Metric, Record, Status
from .signature import StepType
from .targets.doubts import with_doubts
from .targets.meeting import meet
from .targets.target import Target
from .version import __version__

CampaignGoal = Literal["evade", "infer", "steal", "poison"]


def parameter(
    default: Any,
    help: str,
    unit: str = "",
    ge: float | None = None,
    le: float | None = None,
    gt: float | None = None,
    lt: float | None = None,
    source: str = "",
    title: str = "",
) -> Any:
    """A field of a check: default, one-line help, unit and bounds; form, CLI and docs follow from it.

    ``source`` names where the choices come from at run time: ``"sensitive"`` or ``"features"`` (column names), ``"classes"``.
    ``title`` is its label in a form where that is another than its name.
    """
    extra: dict[str, Any] = {"unit": unit, "source": source}
    return Field(
        default=default, title=title or None, description=help, ge=ge, le=le, gt=gt, lt=lt, json_schema_extra=extra, validate_default=True
    )


@dataclass(frozen=True)
class PathField:
    """What a parameter that is a path says of itself.

    ``in`` is read. ``out`` is a new file, written with `places.written`. ``kept`` is what a step writes and goes on with, see
    `places.kept`. Behind a shared login ``in`` is an upload or lies in the person's data root, ``out`` is not taken, and
    ``kept`` is a bare name.
    """

    kind: Literal["in", "out", "kept"]
    what: str
    suffixes: tuple[str, ...] = ()
    folder: str = ""

    def settled(self, text: str, person: Person) -> str:
        """The path as the step may use it; `Problem` where this person may not."""
        if self.kind == "in":
            return str(places.source(text, self.what, person)) if person.shared else text
        if self.kind == "out":
            places.target(text, self.what, self.suffixes, person, replace=True)
        else:
            places.kept(text, places.Kept(self.what, self.folder, self.suffixes), person)
        return text


def source_parameter(help: str, what: str, suffixes: Sequence[str] = ()) -> Any:
    """A field of a check that is the path of a file to read; form, command line and runner treat it so, and a step need not think of it.

    Parameters
    ----------
    what
        What it is, for messages: ``a lock file``.
    suffixes
        The endings that are offered.
    """
    return _path_parameter(help, PathField("in", what, tuple(suffixes)))


def written_parameter(help: str, what: str, suffixes: Sequence[str]) -> Any:
    """A field that is the path of a file to write, of one of these endings; as `source_parameter`."""
    return _path_parameter(help, PathField("out", what, tuple(suffixes)))


def replacing_parameter(of: str) -> Any:
    """A field that lets the file under the parameter ``of``, a `written_parameter`, take the place of one that is there."""
    extra: dict[str, Any] = {"unit": "", "source": "", "of": of}
    help = "Let it take the place of a file that is there"
    return Field(default=False, description=help, json_schema_extra=extra, validate_default=True)


def kept_parameter(help: str, kind: places.Kept) -> Any:
    """A field that names what a step writes and goes on with; as `source_parameter`."""
    return _path_parameter(help, PathField("kept", kind.what, kind.suffixes, kind.folder))


def _path_parameter(help: str, path: PathField) -> Any:
    extra: dict[str, Any] = {"unit": "path", "source": "", "path": asdict(path)}
    return Field(default="", description=help, json_schema_extra=extra, validate_default=True)


def path_fields(model: type[BaseModel]) -> dict[str, PathField]:
    """The parameters of a step that are paths, by name."""
    return {field.name: PathField(**field.extra["path"]) for field in model_facts(model) if "path" in field.extra}


@dataclass(frozen=True)
class Estimate:
    """What a run will cost: rows sent to the target, seconds on this machine; None where it cannot be told.

    Of the ``queries``, ``judge`` only measure how well an attack did: they are none of the attacker's.
    """

    queries: int | None = None
    seconds: float | None = None
    note: str = ""
    judge: int = 0


def versions(names: Sequence[str] = ("numpy", "torch", "scikit-learn", "opacus", "fairlearn", "shap")) -> dict[str, str]:
    """Versions of Python, this machine's system, Tiltyard and the packages a result depends on."""
    found = {"python": platform.python_version(), "tiltyard": __version__, "system": f"{platform.system()} {platform.machine()}"}
    return found | {name: version for name in names if (version := _installed(name))}


@cache
def _installed(name: str) -> str:
    """The version of a package, empty where it is not there; asked once in a process, for reading what it says of itself takes milliseconds."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


@dataclass(frozen=True)
class Spelling:
    """The import that a class needs, and the name it then has."""

    imports: str
    name: str


class Step(Given, ABC, metaclass=StepType):
    """What checks and defenses share: facts, parameters, needs and the making of a record.

    The facts stand on the class, and all who plan, list, compare or test steps read them there.

    Attributes
    ----------
    cost
        How long it takes, in words for a person; nothing computes with it.
    seconds
        How long a typical run takes, for plans and progress where ``estimate`` cannot tell.
    quick, quick_table, quick_images
        Parameters of the quick profile; the latter two apply on top of it, to tables and to images.
    tiny
        Parameters with which tests run it in about a second.
    shrinks
        Counts that a campaign halves where the step asks more than is left.
    campaign_goal
        What an attacker gains by it; None for what is no part of a red-team campaign.
    audit
        The owner runs it, no attacker can: a campaign lists it under its goal and leaves it out.
    headline
        The name of the metric that answers the question, or how the names begin where there is one a column or an attack;
        empty for a step without numbers.
    context
        Names of metrics that say what the headline is to be read against, as accuracy on the same rows. The cross-risk table
        leaves them out: another check weighs them, or they count other rows after a defense than before.
    leads
        Names of metrics, or how the names begin, that are shown beside the headline in the first view of a result; of what they
        leave room for the others follow in order.
    picture
        The name of the chart or gallery in the first view; else the first gallery, else the first chart.
    main
        One to four parameters that people set most; a form shows these and folds the others away.
    remeasured
        Is it measured again after each defense of a full assessment?
    averages_noise
        Does its answer hold of a model that answers the same row differently, because it counts answers as draws or asks often enough?
        Else a pass on such a model is *incomplete*.
    core
        Does its topic need it to pass? A topic whose other checks passed is *incomplete* until these, where they apply, have passed too.
    takes_text
        Does it run on free text too, because it neither moves rows nor measures distances between them?
    feeds_on
        Ids of checks whose answers it can use: a campaign runs it after them and hands it what they were answered.
    holds_text
        Does it run on a table of numbers and categories with free text beside them, which it leaves as it is?
    """

    id: ClassVar[str]
    title: ClassVar[str]
    question: ClassVar[str]
    needs: ClassVar[frozenset[str]] = frozenset()
    standards: ClassVar[tuple[str, ...]] = ()
    sources: ClassVar[tuple[str, ...]] = ()
    cost: ClassVar[str] = "seconds"
    seconds: ClassVar[float] = 5.0
    quick: ClassVar[Mapping[str, Any]] = {}
    quick_table: ClassVar[Mapping[str, Any]] = {}
    quick_images: ClassVar[Mapping[str, Any]] = {}
    tiny: ClassVar[Mapping[str, Any]] = {}
    shrinks: ClassVar[tuple[str, ...]] = ("rows",)
    campaign_goal: ClassVar[CampaignGoal | None] = None
    audit: ClassVar[bool] = False
    headline: ClassVar[str] = ""
    context: ClassVar[frozenset[str]] = frozenset()
    leads: ClassVar[tuple[str, ...]] = ()
    picture: ClassVar[str] = ""
    main: ClassVar[tuple[str, ...]] = ()
    remeasured: ClassVar[bool] = False
    averages_noise: ClassVar[bool] = False
    core: ClassVar[bool] = False
    takes_text: ClassVar[bool] = False
    feeds_on: ClassVar[tuple[str, ...]] = ()
    holds_text: ClassVar[bool] = False

    seed: int = parameter(0, "Seed of everything random in this run", ge=0, le=2**31 - 1)

    def unmet(self, target: Target, data: Dataset) -> str:
        """Why this cannot run on this target and data, or an empty string."""
        if data.texts and not self.takes_text and not (self.holds_text and data.beside_text):
            moved = "numbers or categories that may change beside the text" if self.holds_text else "numbers or categories"
            return f"needs {moved}, which have distances and bounds; {data.texts[0]!r} holds free text"
        return lacking(self.needs, target, data)

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        """The cost before the run; the class fact ``cost`` in words where nothing better is known."""
        return Estimate(note=self.cost)

    @classmethod
    def headline_of(cls, result: CheckResult) -> Metric | None:
        """The metric of ``result`` that answers the question: the headline, or of several that begin with its name the first.

        Where it was not measured it is the first number with a safer direction that is no mere context; None where there is none.
        """
        measured = [m for m in result.metrics if m.value is not None]
        family = [m for m in measured if cls.headline and m.name.startswith(f"{cls.headline}_")]
        exact = [m for m in measured if m.name == cls.headline]
        weighed = [m for m in measured if m.safer != "none" and m.name not in cls.context]
        return next(iter([*exact, *family, *weighed]), None)

    def settled(self, person: Person | None = None) -> Self:
        """This step with its paths looked at by what ``person`` may read and write, and those behind a shared login made real.

        Runner and step both ask, whatever door the step came through.

        Raises
        ------
        Problem
            Where a path is not for this person, or for nobody.
        """
        person = person or me()
        paths = {name: (field, str(getattr(self, name))) for name, field in path_fields(type(self)).items()}
        real = {name: field.settled(text, person) for name, (field, text) in paths.items() if text}
        return self.model_copy(update=real) if real else self

    def command(self) -> str:
        """Python that makes this very step."""
        given = ", ".join(f"{k}={v!r}" for k, v in self.model_dump().items() if v != type(self).model_fields[k].default)
        spelling = self.spelling()
        return f"{spelling.imports}\n{spelling.name}({given})"

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """What it was given beyond the defaults, so that its ``repr`` is what one would write."""
        fields = type(self).model_fields
        yield from ((name, value) for name, value in super().__repr_args__() if name and value != fields[name].default)

    def __dir__(self) -> list[str]:
        return [*dir(type(self)), *type(self).model_fields]

    @classmethod
    def spelling(cls) -> "Spelling":
        """How Python names this class: a class of ours by the public door, whose names stay where files move."""
        if cls.__module__.startswith("tiltyard."):
            return Spelling("import tiltyard as ty", f"ty.{cls.id.split('.')[0]}.{cls.__name__}")
        return Spelling(f"from {cls.__module__} import {cls.__name__}", cls.__name__)


def record(
    step: Step, kind: Literal["check", "defense"], attempt: Attempt, target: Target, data: Dataset, made: Identity | None = None
) -> Record:
    """The record of one attempt; its notes say which parameters were given under an old name."""
    notes = step.renaming_notes
    result = attempt.result.model_copy(update={"notes": (*attempt.result.notes, *notes)}) if notes else attempt.result
    return Record(
        id=uuid.uuid4().hex,
        check=step.id,
        kind=kind,
        title=step.title,
        result=result,
        given=step.model_dump(mode="json", include=set(step.model_fields_set)),
        effective=step.model_dump(mode="json"),
        seed=step.seed,
        target=target.identity,
        data=data.identity,
        made=made,
        versions=versions(),
        started=attempt.started,
        seconds=attempt.seconds,
        queries=attempt.queries,
        standards=step.standards,
        error=attempt.error,
    )


def met(target: Any, data: Any) -> tuple[Target, Dataset]:
    """The two as they are where they are a target and a data set; else what `meet` makes of them."""
    return (target, data) if isinstance(target, Target) and isinstance(data, Dataset) else meet(target, data)


class Check(Step):
    """A question put to a target and its data.

    Call it: ``record = PGD(eps=0.1)(target, data)``, with a target and its data set or with what `meet` makes of a model and a table;
    with a table whose label column is to be named, call ``ty.check``. It never raises for what the target or the
    data lack: the record says *not applicable* or *failed* and why. Write ``run``; see CONTRIBUTING.
    """

    @abstractmethod
    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        """Answer the question. ``progress.step`` often; raise `Problem` in one line."""

    @final
    def __call__(self, target: Target, data: Dataset, progress: Progress | None = None) -> Record:
        """Run and record: needs, clock, query count, result check."""
        target, data = met(target, data)
        clock = Clock(target)
        progress = progress or Progress()
        if reason := self.unmet(target, data):
            return record(self, "check", clock.stop(unhappy(Status.NOT_APPLICABLE, f"Not applicable: {reason}.")), target, data)
        try:
            progress.step(0.0, "starting")
            with attended(progress):
                result = self.settled().run(target, data.classed(target.classes), progress)
            if not isinstance(result, CheckResult):
                raise TypeError(f"{type(self).__name__}.run returned {type(result).__name__}, not CheckResult")
            attempt = clock.stop(attainable(with_doubts(result, target, self.needs, self.averages_noise), target, data))
        except Exception as problem:
            attempt = clock.caught(problem)
        return record(self, "check", attempt, target, data)


def named(cls: type[Step], values: dict[str, Any], defaults: Mapping[str, Any] = MappingProxyType({})) -> Step:
    """A step from parameters that a person or a file gave; a wrong one becomes a `Problem` of one line.

    Parameters
    ----------
    values
        Parameters by name; old names are read too.
    defaults
        What holds for parameters that ``values`` does not give, under present names.
    """
    given = cls.present(values)
    return cls(**{name: value for name, value in defaults.items() if name not in given}, **values)
