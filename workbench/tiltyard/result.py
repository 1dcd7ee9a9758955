"""What a check found, and the record that repeats it. Immutable, JSON both ways, format number first."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar, Literal, Self, get_args, get_origin

from pydantic import (
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationInfo,
    field_serializer,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from .charts import Axis as Axis
from .charts import Chart as Chart
from .charts import ChartKind as ChartKind
from .charts import Course as Course
from .charts import Gallery as Gallery
from .charts import Levels as Levels
from .charts import Picture as Picture
from .charts import Series as Series
from .charts import Tone as Tone
from .errors import Problem
from .frozen import Frozen as Frozen
from .showing import Tabled

FORMAT = 3


class Status(StrEnum):
    """How a check ended. Only ``passed`` is a pass."""

    PASSED = "passed"
    FINDING = "finding"
    NOT_APPLICABLE = "not_applicable"
    INCOMPLETE = "incomplete"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Severity(StrEnum):
    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Given(Frozen):
    """What a person, a file or a client gave. ``true`` is no number, though Python takes it for 1.

    A field that had another name before is still read under it: ``renamed`` maps each old name to the name it has now.
    """

    renamed: ClassVar[Mapping[str, str]] = {}
    _old_names: tuple[str, ...] = PrivateAttr(default=())

    @classmethod
    def present(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """``values`` under the names that the fields have now.

        Raises
        ------
        Problem
            Where a value is given under its old name and its present one.
        """
        for old, new in cls.renamed.items():
            if old in values and new in values:
                raise Problem(f"{new} alone", f"also {old}, its old name", f"Leave out {old}")
        return {cls.renamed.get(name, name): value for name, value in values.items()}

    @property
    def renaming_notes(self) -> tuple[str, ...]:
        """One sentence for each value that was given under an old name."""
        return tuple(f"`{old}` is now called `{self.renamed[old]}`." for old in self._old_names)

    @model_validator(mode="wrap")
    @classmethod
    def _read_old_names(cls, values: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        old = tuple(name for name in cls.renamed if name in values) if isinstance(values, dict) else ()
        made = handler(cls.present(values) if old else values)
        if old:
            made._old_names = old
        return made

    @field_validator("*", mode="before")
    @classmethod
    def _number(cls, value: Any, info: ValidationInfo) -> Any:
        field = cls.model_fields.get(info.field_name or "")
        if field is not None and _has_truth(value) and _counts(field.annotation):
            raise PydanticCustomError("truth_for_number", "Input should be a number, not true or false")
        return value


def _has_truth(value: Any) -> bool:
    """Is it, or is in it, true or false?"""
    if isinstance(value, dict):
        return any(map(_has_truth, value.values()))
    return any(map(_has_truth, value)) if isinstance(value, list | tuple) else isinstance(value, bool)


def _counts(annotation: Any) -> bool:
    """Does it take numbers, in lists too, and no truth value and no model, which looks at its own?"""
    leaves = set(_leaves(annotation))
    return (
        bool(leaves & {int, float})
        and bool not in leaves
        and Any not in leaves
        and not any(hasattr(leaf, "model_fields") for leaf in leaves)
    )


def _leaves(annotation: Any) -> Iterator[Any]:
    parts = get_args(annotation)
    if not parts or get_origin(annotation) is Literal:
        yield annotation
    for part in parts:
        yield from _leaves(part)


class Outcomes(Frozen):
    """Which rows a rate counted, so that a second measurement on the same rows can be paired with the first.

    ``rows`` is the fingerprint of the rows in their order; ``hits`` one bit a row, packed to bytes, as base64.
    """

    rows: str
    hits: str


# Metrics that had another name before: stored records and policies are read with the name they have now.
RENAMED_METRICS = {
    "blind_rows": "zero_gradient_rows",
    "blind_accuracy": "majority_accuracy",
    "blind_fidelity": "majority_fidelity",
    "fell": "successful_attacks",
}


class Metric(Frozen):
    """One measured number with its interval.

    ``low`` and ``high`` bound the value at confidence ``level`` (0 to 1); ``n`` is the number of
    independent items behind it. A rate has all four. ``value`` is None where it could not be
    measured, and then ``note`` says why.
    """

    name: str
    label: str
    value: float | None
    unit: str = ""
    low: float | None = None
    high: float | None = None
    level: float | None = None
    n: int | None = None
    safer: Literal["higher", "lower", "zero", "none"] = "none"
    interval: str = ""
    note: str = ""
    outcomes: Outcomes | None = None

    @field_validator("name")
    @classmethod
    def _present_name(cls, name: str) -> str:
        return RENAMED_METRICS.get(name, name)

    @model_validator(mode="after")
    def _explained(self) -> Self:
        if self.value is None and not self.note:
            raise ValueError(f"metric {self.name!r} has no value and no note that says why")
        if (self.low is None) != (self.high is None):
            raise ValueError(f"metric {self.name!r} has one end of an interval only")
        return self


class Evidence(Frozen):
    """What a finding rests on: names of metrics, tables and charts of the same result, and a sentence where these do not say all."""

    metrics: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    charts: tuple[str, ...] = ()
    sentence: str = ""


class Finding(Frozen):
    """Something a reader should act on.

    ``key`` is its name within its check, the same in every run: no measured number stands in it. Where it is not given it is the first
    metric of ``evidence``, else the words of the title. Before format 2 the evidence was text, which is kept as it was.
    """

    key: str = Field(default="", pattern=r"^[^\s/#]*$")
    title: str
    severity: Severity
    evidence: Evidence | str
    advice: str
    standards: tuple[str, ...] = ()
    defense: str = ""

    @model_validator(mode="before")
    @classmethod
    def _keyed(cls, value: Any) -> Any:
        if not isinstance(value, dict) or value.get("key"):
            return value
        evidence = value.get("evidence")
        named = evidence.metrics if isinstance(evidence, Evidence) else evidence.get("metrics") if isinstance(evidence, dict) else ()
        return {**value, "key": named[0] if named else key_of(str(value.get("title", "")))}


def key_of(*names: str) -> str:
    """A finding's key from names or a title: its words with hyphens between, and no number among them."""
    words = re.findall(r"\w+", " ".join(names).lower())
    return "-".join(word for word in words if not word[0].isdigit()) or "finding"


class Column(Frozen):
    """The head of a table's column; ``percent`` cells are shares from 0 to 1."""

    name: str
    unit: str = ""
    kind: Literal["text", "number", "integer", "percent", "boolean"] = "text"


class Table(Frozen):
    """Rows for a person. ``marked`` lists (row, column) cells to emphasize; counted from 0.

    ``total`` is the number of rows there were when only a part is kept. ``people`` says that a row, or a part of one, of a single
    person stands in it: a report withholds such rows unless they are asked for.
    """

    name: str
    title: str
    people: bool = False
    columns: tuple[Column, ...]
    rows: tuple[tuple[str | float | int | bool | None, ...], ...]
    marked: tuple[tuple[int, int], ...] = ()
    total: int | None = None
    note: str = ""

    @model_validator(mode="after")
    def _rectangular(self) -> Self:
        for i, row in enumerate(self.rows):
            if len(row) != len(self.columns):
                raise ValueError(f"table {self.name!r} row {i} has {len(row)} cells, not {len(self.columns)}")
        return self


class CheckResult(Frozen):
    """What a check says. Built by ``Check.run``; see ``Record`` for what repeats it."""

    status: Status
    summary: str = Field(min_length=1)
    metrics: tuple[Metric, ...] = ()
    findings: tuple[Finding, ...] = ()
    tables: tuple[Table, ...] = ()
    charts: tuple[Chart, ...] = ()
    galleries: tuple[Gallery, ...] = ()
    notes: tuple[str, ...] = ()
    artifacts: dict[str, str] = Field(default_factory=dict, description="name to SHA-256")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.status is Status.FINDING and not self.findings:
            raise ValueError("status is finding but there is no finding")
        names = [m.name for m in self.metrics]
        if len(set(names)) != len(names):
            raise ValueError(f"metric names repeat: {sorted(names)}")
        return self

    def metric(self, name: str) -> Metric:
        """The metric called ``name``; KeyError names those there are."""
        for metric in self.metrics:
            if metric.name == RENAMED_METRICS.get(name, name):
                return metric
        raise KeyError(f"no metric {name!r}; there are {[m.name for m in self.metrics]}")


class Identity(Frozen):
    """Which model or data set: a name a person gave and the SHA-256 of its content.

    Of a model also what it was ``given`` (form and dtype), by which ``decision`` rule its labels come about, and the ``doubts`` that
    opening it left: where it does not answer what it answers without us. Of a model seen through a threat model (`RestrictedTarget`)
    ``view_of`` is the fingerprint of the whole model: what is found of the view is found of the model.
    """

    name: str
    fingerprint: str
    detail: str = ""
    given: str = ""
    decision: str = ""
    doubts: tuple[str, ...] = ()
    view_of: str = ""


class Record(Tabled, Frozen):
    """A result with all that repeats it."""

    format: int = FORMAT
    id: str
    check: str
    kind: Literal["check", "defense"] = "check"
    title: str
    result: CheckResult
    given: dict[str, Any] = Field(description="parameters as the caller gave them")
    effective: dict[str, Any] = Field(description="all parameters in force, defaults included")
    seed: int
    target: Identity
    data: Identity
    made: Identity | None = Field(default=None, description="the target a defense made")
    versions: dict[str, str]
    started: datetime
    seconds: float = Field(ge=0)
    queries: int = Field(ge=0, description="rows sent to the target")
    standards: tuple[str, ...] = ()
    error: str = ""

    @model_validator(mode="before")
    @classmethod
    def _known_format(cls, value: Any) -> Any:
        if isinstance(value, dict) and value.get("format", FORMAT) > FORMAT:
            raise ValueError(f"record format {value['format']} is newer than this Tiltyard reads ({FORMAT}); upgrade it")
        return value

    def keyed(self) -> tuple[tuple[str, Finding], ...]:
        """Each finding with its key among all checks, such as ``evasion.pgd/robust_accuracy``; of equal ones the second ends in ``#2``."""
        seen: Counter[str] = Counter()
        found = []
        for finding in self.result.findings:
            seen[finding.key] += 1
            again = f"#{seen[finding.key]}" if seen[finding.key] > 1 else ""
            found.append((f"{self.check}/{finding.key}{again}", finding))
        return tuple(found)

    @field_serializer("started")
    def _utc(self, value: datetime) -> str:
        return value.astimezone(UTC).isoformat()
