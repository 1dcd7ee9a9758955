"""What the functions of ``ty.labs`` do. They are reached by the names in ``__init__``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import api
from ..catalogue import find
from ..check import Check, named
from ..comparison.remeasure import Remeasured
from ..defense import Defense
from ..errors import Problem
from ..formatting.numbers import measured as in_words
from ..result import Record
from ..store.opening import open_store
from . import kit, submission
from .desk import Desk, desk, question, questions
from .environment import environment
from .ladder import Ladder
from .models import model
from .question import Measured, Question, Ruling, as_number, is_blank
from .shown import Shown, Tone
from .subject import Model
from .texts import has, text
from .words import Decided
from .work import Answer, Decision, Work, now

HINT_AFTER = 2
POSSIBLE = {"%": (0.0, 100.0), "points": (-100.0, 100.0), "AUC": (0.0, 1.0), "files": (0.0, 5.0)}  # what can be, by the unit
LABS = range(1, 9)


def start(lab: int) -> Shown:
    """What ``ty.labs.start`` does."""
    if lab not in LABS:
        raise Problem("the number of a lab, 1 to 8", repr(lab), "Take the number in the notebook's name")
    with desk().file.changed() as draft:
        draft.opened(lab)
        who = draft.work.student
    head: list[tuple[Tone, str]] = [("plain", text("start", lab=lab, who=who or text("nobody")))]
    looked: list[tuple[Tone, str]] = [("good" if line.ok else "bad", line.words) for line in environment()]
    return Shown((*head, *looked))


def name(student: str) -> Shown:
    """What ``ty.labs.name`` does."""
    words = " ".join(str(student).split()) if isinstance(student, str) else ""
    if not 2 <= len(words) <= 80:
        raise Problem("your name, 2 to 80 characters", repr(student)[:90], 'Type it between the quotes: ty.labs.name("Ada Lovelace")')
    with desk().file.changed() as draft:
        draft.named(words)
    return Shown((("good", text("named", who=words)),))


def model_here(name: str) -> Model:
    """What ``ty.labs.model`` does."""
    student = desk().file.read().student if name == "capstone" else ""
    if name == "capstone" and not student:
        raise Problem("to know whose capstone it is", "no name", 'Call ty.labs.name("Ada Lovelace") with yours first')
    return model(name, student)


def predict(id: str, value: Any) -> Shown:
    """What ``ty.labs.predict`` does."""
    asked = question(id)
    if not asked.predicts:
        raise Problem("a question that asks for a prediction", id, "Go on; this one needs none")
    kept = _expected(asked, value)
    with desk().file.changed() as draft:
        first = draft.predicted(id, kept)
    same = first.value == kept
    words = text("predicted" if same else "predicted_before", value=first.value, unit=asked.predicts)
    return Shown((("good" if same else "plain", words),))


def _expected(asked: Question, value: Any) -> float | str:
    """The prediction to be kept; a blank or a word where a number is asked for is refused."""
    if is_blank(value):
        raise Problem(f"your prediction for {asked.id}, in {asked.predicts}", "a blank", "Type a number; being wrong costs nothing")
    number = as_number(value)
    if number is None:
        raise Problem(f"a number, in {asked.predicts}", repr(value)[:60], "Type what you expect; being wrong costs nothing")
    if asked.predicts == "%" and 0 < abs(number) < 1:
        raise Problem(f"percent for {asked.id}", f"{number:g}, which reads like a share", f"Type {100 * number:g}, or 0 or 1 for so little")
    low, high = POSSIBLE[asked.predicts]
    if not low <= number <= high:
        raise Problem(f"a prediction for {asked.id} from {low:g} to {high:g} {asked.predicts}", f"{number:g}", "Type what you expect")
    return number


def unlocked(id: str) -> None:
    """Raise where the question's prediction is missing."""
    asked = question(id)
    if asked.predicts and id not in desk().file.read().predictions:
        do = f"Type it first: ty.labs.predict({id!r}, …), in {asked.predicts}"
        raise Problem(f"your prediction for {id} before anything is measured", "none", do)


def run(id: str, which: str | type[Check], target: Any, data: Any, parameters: dict[str, Any]) -> Record:
    """What ``ty.labs.run`` does."""
    unlocked(id)
    step = named(find(which) if isinstance(which, str) else which, parameters)
    if not isinstance(step, Check):
        raise Problem("a check", f"{step.id!r}, which is a defense", "Call ty.labs.apply")
    found = api.assess(target, data, [step], store=open_store())
    if found.problem:
        raise Problem("a store that keeps the record, for a grade rests on it", found.problem, "Free the store, then run the cell again")
    return found.records[-1]


def apply(id: str, which: str | type[Defense], target: Any, data: Any, checks: Sequence[str], parameters: dict[str, Any]) -> Remeasured:
    """What ``ty.labs.apply`` does."""
    unlocked(id)
    before = [r for r in desk().evidence((question(id),), desk().file.read()).records if r.check in checks]
    mine = {r.check: r for r in before if r.target.fingerprint == getattr(target, "fingerprint", "")}
    return api.defend(which, target, data, before=tuple(mine.values()), checks=checks, store=open_store(), **parameters)


def rows(id: str, defense: str, x: Any) -> Record:
    """What ``ty.labs.rows`` does."""
    unlocked(id)
    if x is None or x is Ellipsis:
        raise Problem("an array of adversarial rows", "a blank", "Return the rows that your attack made")
    at = model(f"broken:{defense}")
    store = open_store()
    step = Ladder.model_validate({"defense": defense}).on(x)
    begun = store.begin(text("ladder_run", name=defense), at.target.identity, at.data.identity)
    token = store.start(begun.id, step)
    record = step(at.target, at.data)
    store.finish(token, record)
    store.end(begun.id)
    if record.error:
        raise Problem(*_parts(record.error))
    return record


def _parts(line: str) -> tuple[str, str, str]:
    """A problem's line as its three parts."""
    expected, _, rest = line.removeprefix("Expected ").partition("; found ")
    found, _, do = rest.partition(". ")
    return expected, found or "another", do.rstrip(".") or "See the traceback"


def scan(id: str, folder: Any) -> Shown:
    """What ``ty.labs.scan`` does."""
    unlocked(id)
    looked = kit.verdicts(Path(folder))
    with desk().file.changed() as draft:
        draft.scanned({name: verdict.verdict for name, verdict in looked.items()})
    return Shown(tuple(("good" if v.safe else "bad", v.summary) for v in looked.values()))


def observe(id: str) -> Shown:
    """What ``ty.labs.observe`` does."""
    asked, here = question(id), desk()
    work = here.file.read()
    prediction = work.predictions.get(id)
    found = _measured(asked, here, work)
    if found is None:
        return Shown((("plain", text("nothing_to_observe", question=id)),))
    value, words = found
    lines: list[tuple[Tone, str]] = [("plain", words)]
    if prediction is not None and isinstance(prediction.value, float):
        lines.append(_held(prediction.value, value, asked.predicts))
    return Shown(tuple(lines))


def _measured(asked: Question, here: Desk, work: Work) -> tuple[tuple[float, float | None, float | None], str] | None:
    """The value with its interval, in the unit of the question, and the sentence that says it."""
    if not isinstance(asked, Measured):
        return None
    found = asked.measured(here.evidence((asked,), work), work)
    if found is None or found[1].value is None:
        return None
    record, metric = found
    scaled = [None if v is None else v * asked.scale for v in (metric.value, metric.low, metric.high)]
    words = text("observed", label=metric.label, number=in_words(metric), seed=record.seed)
    return (scaled[0] or 0.0, scaled[1], scaled[2]), words


def _held(expected: float, value: tuple[float, float | None, float | None], unit: str) -> tuple[Tone, str]:
    """The prediction held against the interval."""
    at, low, high = value
    off = abs(expected - at)
    amount = f"{off:.0f}" if unit == "%" else f"{off:.2g}"
    if low is not None and high is not None and low <= expected <= high:
        return "good", text("held_inside", expected=f"{expected:g}", unit=unit)
    which = "held_high" if expected > at else "held_low"
    return "plain", text(which, expected=f"{expected:g}", off=amount, unit=unit, of="points" if unit == "%" else unit)


def check(id: str, answer: Any) -> Shown:
    """What ``ty.labs.check`` does."""
    asked, here = question(id), desk()
    work = here.file.read()
    if isinstance(asked, Decided) and not isinstance(answer, tuple):
        raise Problem("a decision with its reason", repr(answer)[:60], f"Call ty.labs.decide({id!r}, choice, why)")
    ruling = asked.grade(answer, here.evidence((asked,), work), work)
    _kept(here, id, answer, ruling)
    tries = work.tries.get(id, 0) - work.missed.get(id, {}).get("blank", 0)  # a cell that was run before anything was typed is no try
    return _shown(id, ruling, tries + (not ruling.right and ruling.reason != "blank"))


def _kept(here: Desk, id: str, answer: Any, ruling: Ruling) -> None:
    value = tuple(map(str, answer)) if isinstance(answer, list | tuple) else answer if isinstance(answer, float) else str(answer)[:4000]
    with here.file.changed() as draft:
        draft.answered(id, Answer(value=value, right=ruling.right, reason=ruling.reason, at=now(), records=ruling.records))


def _shown(id: str, ruling: Ruling, tries: int) -> Shown:
    lines: list[tuple[Tone, str]] = [("good" if ruling.right else "bad", f"{id}: {ruling.sentence}")]
    if not ruling.right and tries >= HINT_AFTER and has(f"hint.{id}"):
        lines.append(("plain", text("hint", words=text(f"hint.{id}"))))
    return Shown(tuple(lines))


def decide(id: str, choice: str, why: str) -> Shown:
    """What ``ty.labs.decide`` does."""
    if not isinstance(question(id), Decided):
        raise Problem("a question that asks for a decision", id, f"Call ty.labs.check({id!r}, answer)")
    shown = check(id, (choice, why))
    if shown.right:
        with desk().file.changed() as draft:
            draft.decided(Decision(question=id, choice=choice, why=" ".join(why.split()), at=now()))
    return shown


def ledger() -> Shown:
    """What ``ty.labs.ledger`` does."""
    kept = sorted(desk().file.read().decisions.values(), key=lambda one: one.question)
    lines: list[tuple[Tone, str]] = [("plain", text("ledger_line", lab=d.question[0], choice=d.choice, why=d.why)) for d in kept]
    return Shown(tuple(lines) or (("plain", text("ledger_empty")),))


def progress(lab: int | None) -> Shown:
    """What ``ty.labs.progress`` does."""
    work = desk().file.read()
    chosen = [q for q in questions().values() if lab in (None, q.lab)]
    done = [q.id for q in chosen if work.is_right(q.id)]
    left = [q.id for q in chosen if not work.is_right(q.id)]
    lines: list[tuple[Tone, str]] = [("good", text("done", n=len(done), all=len(chosen), ids=", ".join(done) or "–"))]
    if left:
        lines.append(("plain", text("open", ids=", ".join(left))))
    return Shown(tuple(lines))


def submit(lab: int, folder: str) -> Shown:
    """What ``ty.labs.submit`` does."""
    path = submission.write(lab, Path(folder), desk())
    return Shown((("good", text("submitted", path=path)), *progress(lab).lines))
