"""A question of a lab, and how an answer to it is graded: from records, never from a kept solution in clear."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ..result import Metric, Record
from .evidence import Evidence, Span, Wanted
from .texts import text
from .work import Work

BLANK = (None, Ellipsis, "", "...", "…")


@dataclass(frozen=True)
class Ruling:
    """Whether an answer is right, and why.

    Attributes
    ----------
    reason
        A key of the texts: ``right``, ``blank``, ``no_run`` …
    values
        What stands in that text.
    records
        Ids of the records it rests on.
    """

    right: bool
    reason: str
    values: Mapping[str, object] = field(default_factory=dict)
    records: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The reason in words."""
        return text(f"reason.{self.reason}", **self.values)


def wrong(reason: str, **values: object) -> Ruling:
    """An answer that is not right, for this reason."""
    return Ruling(right=False, reason=reason, values=values)


def right(records: list[Record], reason: str = "right", **values: object) -> Ruling:
    """A right answer that rests on these records."""
    return Ruling(right=True, reason=reason, values=values, records=tuple(record.id for record in records))


@dataclass(frozen=True)
class Question(ABC):
    """What stands behind ``ty.labs.check("2a")``.

    Attributes
    ----------
    id
        The lab's number and a letter.
    predicts
        Unit of the prediction that unlocks it; empty where nothing is to be predicted.
    """

    id: str
    predicts: str = ""
    typed: ClassVar[bool] = True  # is an answer typed, or does the run alone answer it?

    @property
    def lab(self) -> int:
        """The number of its lab."""
        return int(self.id[0])

    @property
    def runs(self) -> tuple[Wanted, ...]:
        """The runs it asks for."""
        return ()

    def grade(self, answer: Any, evidence: Evidence, work: Work) -> Ruling:
        """Judge an answer; what is missing first."""
        if self.typed and any(is_blank(part) for part in (answer if isinstance(answer, tuple) else (answer,))):
            return wrong("blank")
        if self.predicts and self.id not in work.predictions:
            return wrong("no_prediction", question=self.id)
        if missing := self._missing(evidence, work):
            return missing
        return self.judge(answer, evidence, work)

    @abstractmethod
    def judge(self, answer: Any, evidence: Evidence, work: Work) -> Ruling:
        """Judge an answer for which all runs are there."""

    def _missing(self, evidence: Evidence, work: Work) -> Ruling | None:
        """Why a run that it asks for does not count, or None where all are there."""
        for run in self.runs:
            if run.after is not None and (lacking := _lacking(run.after, evidence)):
                return lacking
            if lacking := _lacking(run, evidence):
                return lacking
            if self.predicts and not self.since(run, evidence, work):
                return wrong("before_prediction", step=run.step)
        return None

    def since(self, run: Wanted, evidence: Evidence, work: Work) -> list[Record]:
        """The runs that count: those begun after the prediction, where there has to be one."""
        found = evidence.of(run)
        predicted = work.predictions.get(self.id)
        return [r for r in found if predicted is None or r.started >= predicted.at] if self.predicts else found


def _lacking(run: Wanted, evidence: Evidence) -> Ruling | None:
    if evidence.of(run):
        return None
    near = evidence.near(run)
    if not near:
        return wrong("no_run", step=run.step, model=run.model)
    unlike = run.unlike(near[-1])
    if unlike is None:
        return wrong("no_run", step=run.step, model=run.model)
    name, value, allowed = unlike
    return wrong("other_parameters", step=run.step, name=name, value=value, allowed=allowed if isinstance(allowed, Span) else repr(allowed))


@dataclass(frozen=True)
class Measured(Question):
    """A number that a run measured, typed in the unit in which it is shown.

    Attributes
    ----------
    metric
        Its name in the record.
    scale
        What it is multiplied with before it is typed: 100 for percent.
    within
        How far a typed number may be off by rounding, in that unit.
    """

    run: Wanted = field(default_factory=lambda: Wanted("", ""))
    metric: str = ""
    scale: float = 100.0
    within: float = 0.5

    @property
    def runs(self) -> tuple[Wanted, ...]:
        return (self.run,)

    def judge(self, answer: Any, evidence: Evidence, work: Work) -> Ruling:
        number = as_number(answer)
        if number is None:
            return wrong("not_a_number", answer=repr(answer)[:60])
        found = self.since(self.run, evidence, work)
        if hit := [r for r in found if self._is(number, metric_of(r, self.metric))]:
            return right(hit[-1:])
        return self._why(number, found[-1])

    def measured(self, evidence: Evidence, work: Work) -> tuple[Record, Metric] | None:
        """The last run that counts, with the metric in question."""
        for record in reversed(self.since(self.run, evidence, work)):
            if (metric := metric_of(record, self.metric)) is not None:
                return record, metric
        return None

    def _is(self, number: float, metric: Metric | None, scale: float | None = None) -> bool:
        return metric is not None and metric.value is not None and abs(number - metric.value * (scale or self.scale)) <= self.within

    def _why(self, number: float, last: Record) -> Ruling:
        own = metric_of(last, self.metric)
        if own is not None and own.value is not None and self.scale == 100 and abs(number * 100 - own.value * 100) <= self.within:
            return wrong("share_for_percent")
        other = next((m for m in last.result.metrics if m.name != self.metric and self._is(number, m)), None)
        if other is not None:
            return wrong("other_number", label=other.label)
        return wrong("not_measured", step=last.check)


@dataclass(frozen=True)
class Computed(Measured):
    """A number that follows from several runs: ``value`` works it out of the records, None where they do not suffice."""

    also: tuple[Wanted, ...] = ()
    value: Callable[[Evidence], float | None] = lambda evidence: None
    lacking: str = "not_enough"

    @property
    def runs(self) -> tuple[Wanted, ...]:
        return (self.run, *self.also)

    def judge(self, answer: Any, evidence: Evidence, work: Work) -> Ruling:
        number, true = as_number(answer), self.value(evidence)
        if number is None:
            return wrong("not_a_number", answer=repr(answer)[:60])
        if true is None:
            return wrong(self.lacking)
        if abs(number - true) <= self.within:
            return right([evidence.of(run)[-1] for run in self.runs])
        return wrong("wrong_sign") if abs(number + true) <= self.within else wrong("not_computed")


@dataclass(frozen=True)
class Chosen(Question):
    """One of several options. The truth is worked out of the records, or kept as a slow hash.

    Attributes
    ----------
    truth
        From the records, or from what the student's model was made with; None where these do not decide it, which is said.
    seal
        The hash of the right option (`sealed`), where no record decides.
    """

    options: tuple[str, ...] = ()
    truth: Callable[[Evidence, Work], str | None] | None = None
    seal: str = ""
    needs: tuple[Wanted, ...] = ()

    @property
    def runs(self) -> tuple[Wanted, ...]:
        return self.needs

    def judge(self, answer: Any, evidence: Evidence, work: Work) -> Ruling:
        from .sealed import opens

        option = str(answer).strip().lower()
        if option not in self.options:
            return wrong("no_option", options=", ".join(self.options), answer=repr(answer)[:60])
        rests_on = [evidence.of(run)[-1] for run in self.needs]
        if self.truth is None:
            return right(rests_on) if opens(self.seal, self.id, option) else wrong("wrong_option")
        true = self.truth(evidence, work)
        if true is None:
            return wrong("undecided")
        return right(rests_on) if option == true else wrong("wrong_option")


def is_blank(answer: Any) -> bool:
    """Are the three dots still there?"""
    return any(answer is blank or (isinstance(answer, str) and answer.strip() == blank) for blank in BLANK)


def as_number(answer: Any) -> float | None:
    """A typed number; ``"34.5 %"`` and ``34,5`` are numbers too. None for anything else."""
    if isinstance(answer, bool):
        return None
    try:
        found = float(str(answer).replace("%", "").replace(",", ".").strip())
    except ValueError:
        return None
    return found if abs(found) < 1e12 else None


def metric_of(record: Record, name: str) -> Metric | None:
    """The metric of this name, or None."""
    return next((metric for metric in record.result.metrics if metric.name == name), None)
