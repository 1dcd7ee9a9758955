"""Grades held against this machine: the runs that right answers rest on are run again here, each once for the whole class.

Nothing of a student's notebook is executed. What is run are checks and defenses that a lab asks for, on the lab's own models, with the
recorded numbers; a text among the parameters has to be a choice of that parameter or a word of the lab's data, so that no file is named.
"""

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ...catalogue import effective, find
from ...check import Check, Step, named
from ...defense import Defense
from ...errors import Problem
from ...parameters import parameters
from ...progress import Progress
from ...result import Metric, Record, Status
from ..models import model
from ..subject import Model
from ..submission import Submission, of_lab

SECONDS = 120.0  # a run that takes longer is cancelled
WITHIN = 0.005  # as a grade takes it: half a point of rounding
NEVER = {
    "labs.ladder": "the student's own rows, which the record does not hold",
    "theft.watermark": "a key drawn by chance",
    "theft.watermark_verify": "a key drawn by chance",
}


@dataclass(frozen=True)
class Rerun:
    """What running again said of a submission.

    Attributes
    ----------
    same
        How many runs gave the same numbers.
    doubts
        A line for each run that gave others.
    left
        A line for each that was not run again, with the reason.
    """

    same: int = 0
    doubts: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


@dataclass
class Rerunner:
    """Runs again, at most ``seconds`` each, and remembers, so that what thirty students ran alike runs once."""

    seconds: float = SECONDS
    _known: dict[str, Record | str] = field(default_factory=dict)

    def of(self, handed_in: Submission, rests_on: Sequence[str]) -> Rerun:
        """Hold the records of these ids against runs of this machine."""
        models = {one.target.fingerprint: one for one in _models(handed_in)}
        found = Rerun()
        for record in (r for r in handed_in.records if r.id in set(rests_on)):
            again = self._again(record, handed_in, models)
            if isinstance(again, str):
                found = replace(found, left=(*found.left, f"{record.check}: not run again, for {again}"))
            elif other := _unlike(record, again):
                found = replace(found, doubts=(*found.doubts, f"{record.check} run again gives another result: {other}"))
            else:
                found = replace(found, same=found.same + 1)
        return found

    def _again(self, record: Record, handed_in: Submission, models: Mapping[str, Model]) -> Record | str:
        """The run of this machine, or why there is none."""
        allowed = {run.step for question in of_lab(handed_in.lab) for one in question.runs for run in (one, one.after) if run is not None}
        maker = _maker(record, handed_in, models)
        about = models.get((maker or record).target.fingerprint)
        if about is None or (maker is not None and record.target.fingerprint == maker.target.fingerprint):
            return "it is of a model that is none of the lab's"
        steps = []
        for one in (maker, record) if maker is not None else (record,):
            if one.check in NEVER or one.check not in allowed | {"privacy.membership_threshold"}:
                return NEVER.get(one.check, "the lab does not ask for it")
            try:
                steps.append(_step(one, about))
            except Problem as problem:
                return str(problem)
        key = json.dumps([about.target.fingerprint, *([s.id, s.model_dump(mode="json")] for s in steps)], sort_keys=True)
        if key not in self._known:
            self._known[key] = self._run(steps, about)
        return self._known[key]

    def _run(self, steps: list[Step], about: Model) -> Record | str:
        progress = Progress()
        watch = threading.Timer(self.seconds, progress.cancel)
        watch.start()
        try:
            return _ran(steps, about, progress)
        finally:
            watch.cancel()


def _ran(steps: list[Step], about: Model, progress: Progress) -> Record | str:
    """The last step's record; a defense before it makes the model that it is asked of."""
    target, last = about.target, None
    for step in steps:
        if isinstance(step, Defense):
            made = step(target, about.data, progress)
            target, last = made.target or target, made.record
        elif isinstance(step, Check):
            last = step(target, about.data, progress)
        if last is None or last.result.status is Status.CANCELLED:
            return "it takes longer than is allowed"
    return last if last is not None else "there is nothing to run"


def _models(handed_in: Submission) -> Iterator[Model]:
    """The models of the lab, made here."""
    names = {run.model for question in of_lab(handed_in.lab) for one in question.runs for run in (one, one.after) if run is not None}
    return (model(name, handed_in.student) for name in sorted(names))


def _maker(record: Record, handed_in: Submission, models: Mapping[str, Model]) -> Record | None:
    """The record of the defense that made the record's model, where it is none of the lab's own."""
    if record.target.fingerprint in models:
        return None
    return next((r for r in handed_in.records if r.made is not None and r.made.fingerprint == record.target.fingerprint), None)


def _step(record: Record, about: Model) -> Step:
    """The record's step, as long as its parameters name nothing but what the lab's data and the step itself know."""
    kind, given = find(record.check), effective(record)
    schema = about.data.schema
    words = {*schema.classes, *(feature.name for feature in schema.features), *about.data.sensitive, ""}
    for parameter in parameters(kind):
        texts = list(_texts(given.get(parameter.name)))
        if texts != list(_texts(parameter.default)) and not set(texts) <= {*words, *(parameter.choices or ())}:
            raise Problem(f"no text of the student's in {parameter.name} of {record.check}", repr(texts)[:60], "Look at it yourself")
    return named(kind, given)


def _texts(value: Any) -> Iterator[str]:
    """Every text in a parameter's value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from (text for pair in value.items() for part in pair for text in _texts(part))
    elif isinstance(value, list | tuple):
        yield from (text for part in value for text in _texts(part))


def _unlike(record: Record, again: Record) -> str:
    """In which number the two differ beyond rounding and beyond the interval of the run of this machine, or an empty string."""
    if again.result.status is Status.FAILED:
        return again.result.summary
    here = {metric.name: metric for metric in again.result.metrics}
    for metric in record.result.metrics:
        other = here.get(metric.name)
        if other is None or (metric.value is None) != (other.value is None):
            return f"{metric.name} was not measured in both"
        if metric.value is not None and other.value is not None and not _near(metric.value, other):
            return f"{metric.name} {metric.value:.4g} was handed in, {other.value:.4g} is measured here"
    return ""


def _near(value: float, here: Metric) -> bool:
    low, high = (here.value if end is None else end for end in (here.low, here.high))
    return here.value is not None and (abs(value - here.value) <= WITHIN or float(low or 0) <= value <= float(high or 0))
