"""The JSON that commands print: a format number first, each with a published schema."""

from typing import Literal

from pydantic import AliasChoices, ConfigDict, Field

from ..catalogue import topic_of
from ..check import Step
from ..defense import Defense
from ..parameters import Parameter, parameters
from ..result import Frozen, Record
from ..store.artifacts import Artifact
from ..store.lines import RunLine

FORMAT = 1


class StepFacts(Frozen):
    """One check or defense with all that is known of it before it runs."""

    id: str
    kind: Literal["check", "defense"]
    topic: str
    title: str
    question: str
    needs: tuple[str, ...]
    standards: tuple[str, ...]
    sources: tuple[str, ...]
    cost: str
    parameters: tuple[Parameter, ...]


def facts(step: type[Step]) -> StepFacts:
    """All that is known of a check or defense before it runs."""
    return StepFacts(
        id=step.id,
        kind="defense" if issubclass(step, Defense) else "check",
        topic=topic_of(step),
        title=step.title,
        question=step.question,
        needs=tuple(sorted(step.needs)),
        standards=step.standards,
        sources=step.sources,
        cost=step.cost,
        parameters=parameters(step),
    )


class CheckList(Frozen):
    """What ``tiltyard checks --json`` prints."""

    format: int = FORMAT
    kind: Literal["tiltyard-checks"] = "tiltyard-checks"
    steps: tuple[StepFacts, ...]


class ArtifactList(Frozen):
    """The files of a run, as ``artifacts list --json`` tells them."""

    format: int = 1
    run: str
    artifacts: tuple[Artifact, ...]


class RunList(Frozen):
    """What ``tiltyard runs --json`` prints."""

    format: int = FORMAT
    kind: Literal["tiltyard-runs"] = "tiltyard-runs"
    store: str
    total: int
    runs: tuple[RunLine, ...]


class DefenseResult(Frozen):
    """What ``tiltyard defend --json`` prints: the defense, the checks before and after it, and every risk side by side.

    ``cross_risk`` is null where nothing could be compared: the defense made no model, or it was cancelled.
    """

    format: int = FORMAT
    kind: Literal["tiltyard-defense"] = "tiltyard-defense"
    defense: Record
    before: tuple[Record, ...]
    after: tuple[Record, ...]
    cross_risk: Record | None
    cancelled: bool = False


class Ailment(Frozen):
    """One thing looked at: well, a remark, or a thing that will not work, with how to fix it; the JSON key of ``fix`` stays ``mend``."""

    model_config = ConfigDict(serialize_by_alias=True)

    name: str
    state: Literal["well", "remark", "ill"]
    found: str
    fix: str = Field(default="", validation_alias=AliasChoices("mend", "fix"), serialization_alias="mend")


class Diagnosis(Frozen):
    """What ``tiltyard doctor --json`` prints."""

    format: int = FORMAT
    kind: Literal["tiltyard-doctor"] = "tiltyard-doctor"
    looked_at: tuple[Ailment, ...]
