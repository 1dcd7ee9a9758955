"""The labs: ``ty.labs.check("2a", answer)`` grades an answer, here on this machine, from what was measured.

Each part of a lab is the same walk: `predict` (before that nothing runs), `run` or a panel, `observe`, `check`, and now and then
`reflect` to somebody who has to decide, and `decide`, which the ledger keeps.
"""

from typing import TYPE_CHECKING, Any

from ..keywords import spelled

if TYPE_CHECKING:
    from ..check import Check
    from ..comparison.remeasure import Remeasured
    from ..defense import Defense
    from ..result import Record
    from .shown import Shown
    from .subject import Model

__all__ = [
    "apply",
    "check",
    "decide",
    "ledger",
    "model",
    "name",
    "observe",
    "predict",
    "progress",
    "reflect",
    "rows",
    "run",
    "scan",
    "start",
    "submit",
]


def __dir__() -> list[str]:
    return __all__


@spelled
def start(lab: int) -> "Shown":
    """Open a lab: will it run here, and how far are you?"""
    from .session import start

    return start(lab)


@spelled
def name(student: str) -> "Shown":
    """Say who you are; the capstone is made from it, and a submission carries it."""
    from .session import name

    return name(student)


@spelled
def predict(question: str, value: Any) -> "Shown":
    """Type what you expect; what is to be measured is locked until then. The first prediction stands."""
    from .session import predict

    return predict(question, value)


@spelled
def model(name: str) -> "Model":
    """A model of the labs with its data: ``digits``, ``census``, ``memorizer``, ``broken:quantized``, ``capstone`` …"""
    from .session import model_here

    return model_here(name)


@spelled
def run(question: str, which: "str | type[Check]", target: Any, data: Any, **parameters: Any) -> "Record":
    """Run a check for ``question`` and keep its record in the store; locked until the question's prediction is there.

    Raises
    ------
    Problem
        The question asks for a prediction and has none, or a parameter is wrong.
    """
    from .session import run

    return run(question, which, target, data, parameters)


@spelled
def apply(
    question: str, which: "str | type[Defense]", target: Any, data: Any, *, checks: tuple[str, ...] = (), **parameters: Any
) -> "Remeasured":
    """Apply a defense for ``question`` and run ``checks`` before and after it; all is kept in the store."""
    from .session import apply

    return apply(question, which, target, data, checks, parameters)


@spelled
def rows(question: str, defense: str, x: Any) -> "Record":
    """Have adversarial rows of your own graded: within range and budget, and how many of them the defense withstands.

    Parameters
    ----------
    defense
        The rung's name, as ``quantized``.
    x : (50, 1, 28, 28)
        Your rows, one for each of the first held-out ones, in their order.
    """
    from .session import rows

    return rows(question, defense, x)


@spelled
def scan(question: str, folder: Any) -> "Shown":
    """Look at each file of a folder without loading any."""
    from .session import scan

    return scan(question, folder)


@spelled
def observe(question: str) -> "Shown":
    """Hold your prediction against what was measured."""
    from .session import observe

    return observe(question)


@spelled
def check(question: str, answer: Any = None) -> "Shown":
    """Grade an answer. After two wrong ones there is a hint; never the answer."""
    from .session import check

    return check(question, answer)


@spelled
def reflect(question: str, words: str) -> "Shown":
    """Write to the person that the question names; quote what you measured with its interval."""
    return check(question, words)


@spelled
def decide(question: str, choice: str, why: str) -> "Shown":
    """Write a decision and its reason into the ledger."""
    from .session import decide

    return decide(question, choice, why)


@spelled
def ledger() -> "Shown":
    """All decisions so far, lab by lab."""
    from .session import ledger

    return ledger()


@spelled
def progress(lab: int | None = None) -> "Shown":
    """What is done and what is open, of one lab or of all."""
    from .session import progress

    return progress(lab)


@spelled
def submit(lab: int, folder: str = ".") -> "Shown":
    """Write the file that you hand in: your answers, your ledger, and the records they rest on."""
    from .session import submit

    return submit(lab, folder)
