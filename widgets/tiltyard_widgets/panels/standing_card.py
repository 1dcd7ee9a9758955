"""How every risk of the present target and data stands, as a card for a page without a kernel, looking as what `ty.assess` shows in a cell."""

from tiltyard.assessment.standing import reported
from tiltyard.catalogue import unmet
from tiltyard.display.cards import html
from tiltyard.display.risk_picture import lines
from tiltyard.display.view import Fold, View, checks_table
from tiltyard.reports.bundle import make
from tiltyard.reports.overview import risks, worst

from .session import Session

SCOPE = "ty-kept"  # a class of its own: the live window's hides the picture, and must not stand in it


def card(session: Session) -> str:
    """HTML without script, of the numbers that header and rail have; empty where nothing was measured. Nothing of single people's rows."""
    stands, target, data = session.standing, session.target, session.data
    records = reported(session.records, stands)
    if not records or stands.target is None or stands.data is None:
        return ""
    lacking = unmet(target, data) if target is not None and data is not None else None
    bundle = make(records, target=stands.target, data=stands.data, unmet=lacking)
    view = View(
        kind="workbench",
        title=f"{stands.target.name} on {stands.data.name}",
        state=stands.state,
        sentence=f"{stands.sentence[:1].upper()}{stands.sentence[1:]}.",
        facts=(("model", stands.target.detail), ("data", stands.data.detail)),
        risks=lines(risks(bundle)),
        findings=tuple(grave.finding for grave in worst(bundle)),
        folds=(Fold("Every step", (checks_table(stands.records),)),),
    )
    return html(view, SCOPE)
