"""The report as data: everything that was run, what it found, and what was not run. Its JSON schema is published."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from ..assessment.about import About
from ..assessment.policy import Judgment, Policy, Verdict
from ..assessment.standing import standing_of
from ..catalogue import TOPICS, checks, defenses, find, topic_of
from ..check import versions
from ..errors import Problem
from ..result import Frozen, Identity, Record, Severity, Status
from .difference import Difference
from .redaction import withheld

FORMAT = 3
NEWER = "newer_format"


class NotRun(Frozen):
    """A check or defense that exists and of which there is no record."""

    id: str
    title: str
    question: str
    topic: str = ""


class Bundle(Frozen):
    """One security report. Renderers read this and nothing else. ``about`` and ``since`` are of format 3."""

    format: int = FORMAT
    kind: Literal["tiltyard-report"] = "tiltyard-report"
    title: str
    about: About = About()
    run_id: str = ""
    created: datetime
    profile: str = ""
    target: Identity
    data: Identity
    verdict: str = Field(description="of the policy: pass, fail, incomplete; empty where there was none")
    verdicts: tuple[dict[str, Any], ...] = Field(default=(), description="one per rule of the policy")
    records: tuple[Record, ...]
    not_run: tuple[NotRun, ...] = ()
    not_applied: tuple[NotRun, ...] = Field(default=(), description="defenses without a record that this model and data could take")
    cut_off: tuple[str, ...] = Field(default=(), description="steps that were killed before they ended")
    since: Difference | None = Field(default=None, description="what is new, settled and moved since an earlier report of the same model")
    unmet: dict[str, str] = Field(
        default={}, description="why a check or defense cannot be run on this model and data, by its id; format 3"
    )
    doubt: str = Field(default="", description="why it is not proven that the stored run is as it was written; empty where it is")
    assumed: tuple[str, ...] = Field(default=(), description="what was guessed of model and data, and what a few rows said; in sentences")
    command: str = Field(default="", description="shell line that repeats the assessment")
    versions: dict[str, str] = {}

    @model_validator(mode="before")
    @classmethod
    def _known(cls, value: Any) -> Any:
        """Before all else, for what a later format adds is not known here."""
        if isinstance(value, dict) and isinstance(value.get("format"), int) and value["format"] > FORMAT:
            raise PydanticCustomError(NEWER, f"report format {value['format']}, which is newer than this Tiltyard reads ({FORMAT})")
        return value

    def count(self, status: Status) -> int:
        """How many records ended so."""
        return sum(record.result.status is status for record in self.records)

    @property
    def worst(self) -> Severity | None:
        """The highest severity among the findings."""
        order = list(Severity)
        found = [f.severity for r in self.records for f in r.result.findings]
        return max(found, key=order.index, default=None)

    def by_topic(self) -> dict[str, list[Record]]:
        """Records under the title of their topic, in the catalogue's order."""
        grouped: dict[str, list[Record]] = {}
        order = list(TOPICS)
        ranked = sorted(self.records, key=lambda r: order.index(topic_of(r.check)) if topic_of(r.check) in order else len(order))
        for record in ranked:
            grouped.setdefault(TOPICS.get(topic_of(record.check), topic_of(record.check)), []).append(record)
        return grouped


def make(
    records: Sequence[Record],
    *,
    title: str = "",
    run_id: str = "",
    whole: bool = True,
    cut_off: Sequence[str] = (),
    verdict: str = "",
    verdicts: Sequence[dict[str, Any]] = (),
    command: str = "",
    profile: str = "",
    assumed: Sequence[str] = (),
    doubt: str = "",
    created: datetime | None = None,
    about: About | None = None,
    since: Difference | None = None,
    unmet: Mapping[str, str] | None = None,
    target: Identity | None = None,
    data: Identity | None = None,
) -> Bundle:
    """A report of ``records`` (at least one); where it is ``whole``, with the checks and defenses of which there is no record, of defenses those that can be applied as ``unmet`` says.

    It is about ``target`` and ``data``; where these are not given, about those of the first record that was made of a whole model.
    Rows of people are withheld here, before any renderer, unless ``about`` asks for them; its limits are judged with the policy's.
    """
    if not records:
        raise Problem("at least one record to report", "none", "Run a check first")
    about = about or About()
    done = {record.check for record in records}
    first = next((record for record in records if not record.target.view_of), records[0])
    target, data = target or first.target, data or first.data
    if about.limits:
        own = standing_of(records, target, data, unmet).records  # of another model in the same report a limit says nothing
        verdict, verdicts = _limited(about, own, verdicts)
    return Bundle(
        title=about.title or title or f"Security report: {target.name} on {data.name}",
        about=about,
        run_id=run_id,
        created=created or datetime.now(UTC),
        profile=profile,
        target=target,
        data=data,
        verdict=verdict,
        verdicts=tuple(verdicts),
        records=tuple(records) if about.people else tuple(map(withheld, records)),
        not_run=_named([id for id in checks() if id not in done]) if whole else (),
        not_applied=_named([id for id in defenses() if id not in done and id not in (unmet or {})]) if whole else (),
        cut_off=tuple(cut_off),
        command=command,
        assumed=tuple(assumed),
        doubt=doubt,
        since=since,
        unmet=dict(unmet or {}),
        versions=versions(("numpy", "pandas", "torch", "scikit-learn", "opacus", "fairlearn", "shap", "pydantic", "safetensors")),
    )


def _limited(about: About, records: Sequence[Record], verdicts: Sequence[dict[str, Any]]) -> tuple[str, list[dict[str, Any]]]:
    """The verdict and verdicts of a policy's rules and those of ``about`` together."""
    mine = Policy(rule=about.limits).judge(records).verdicts
    judgment = Judgment.of("limits", [*map(Verdict.model_validate, verdicts), *mine])
    return judgment.verdict, [one.model_dump(mode="json") for one in judgment.verdicts]


def _named(ids: Sequence[str]) -> tuple[NotRun, ...]:
    return tuple(NotRun(id=id, title=find(id).title, question=find(id).question, topic=TOPICS.get(topic_of(id), "")) for id in ids)


def read(text: str) -> Bundle:
    """A report from its JSON; one line where it is not one."""
    try:
        return Bundle.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        reason = first["msg"].removeprefix("Value error, ")
        do = "Upgrade Tiltyard" if first["type"] == NEWER else "Export it again"
        raise Problem("a Tiltyard report in JSON", f"{reason} {f'at {where}' if where else ''}".strip(), do) from None
