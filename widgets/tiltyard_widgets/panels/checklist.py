"""How the ethics checklist of a window stands: one answer for its page and for the rail."""

from typing import TYPE_CHECKING

from .session import Session

if TYPE_CHECKING:
    from tiltyard.standards.ethics import Checklist

ID = "guidelines.checklist"


def checklist(session: Session) -> "Checklist":
    """The checklist of what the window shows: what its records measured, and what persons answered here or in a run that was opened again."""
    from tiltyard.standards.ethics import Checklist, fill

    target, data = session.target, session.data
    before, kept = session.checklists.get(target.fingerprint if target else ""), session.latest.get(ID)
    if before is None and kept is not None:
        before = Checklist.model_validate(kept.effective["checklist"])
    records = [record for record in session.latest.values() if record.check != ID]
    return fill(records, before, target.identity if target and data else None, data.identity if target and data else None)


def standing(session: Session) -> tuple[str, str]:
    """How the checklist stands, as its page says it, for the rail: its state, and how many questions have an answer."""
    if not session.latest and not session.checklists:
        return "not_run", ""
    found = checklist(session)
    n, state = len(found.items), state_of(found)
    return state, "" if state == "not_run" else f"{n - found.count('open')} of {n} answered"


def state_of(found: "Checklist") -> str:
    """A key of `views.states.STATES`: *not run* while nothing has an answer."""
    from tiltyard.guidelines.checklist import status

    return "not_run" if found.count("open") == len(found.items) else status(found).value
