"""The checks and defenses the panels offer, in a list that says of each how it ended or why it cannot run."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tiltyard.catalogue import checks, defenses, topic_of
from tiltyard.check import Step
from tiltyard.datasets.dataset import Dataset
from tiltyard.defense import Defense
from tiltyard.targets.target import Target

from ..controls.picker import Option
from ..views.states import STATES

if TYPE_CHECKING:
    from .session import Session

MOST = 4
GROUPS = {False: "Checks", True: "Defenses"}


def available() -> list[type[Step]]:
    """All checks, then all defenses, in the catalogue's order."""
    return [*checks().values(), *defenses().values()]


def instead(step: type[Step], target: Target, data: Dataset) -> str:
    """Of a step that lacks what no setting gives: which of its topic and kind can run on this target and data, in a sentence."""
    if not Step.unmet(step(), target, data):
        return ""
    kind = issubclass(step, Defense)
    others = [s for s in available() if s is not step and topic_of(s) == topic_of(step) and issubclass(s, Defense) == kind]
    names = [s.title for s in others if not s().unmet(target, data)]
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    return f"Choose one that can run here: {', '.join(names[:MOST])}{more}." if names else ""


def lacking(step: type[Step], session: "Session") -> str:
    """Why a step cannot run as it stands on the session's target and data, in a few words; nothing where it can or none are loaded."""
    if session.target is None or session.data is None:
        return ""
    return step().unmet(session.target, session.data).partition(";")[0]


def runnable(step: type[Step], session: "Session") -> bool:
    """Can it run as it stands on the session's target and data?"""
    return not lacking(step, session)


def listed(steps: Mapping[str, type[Step]], session: "Session") -> list[Option]:
    """The steps for a `Choice`, checks before defenses: each with how it ended, or why it cannot run."""
    latest = session.latest
    return [_option(step, lacking(step, session), latest[id].result.status.value if id in latest else "") for id, step in steps.items()]


def _option(step: type[Step], lack: str, state: str) -> Option:
    after = f" · cannot run: {lack}" if lack else f" · {STATES[state][1]}" if state else ""
    return f"{step.title}{after}", step.id, GROUPS[issubclass(step, Defense)]
