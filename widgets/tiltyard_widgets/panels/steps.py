"""The checks and defenses the panels offer."""

from tiltyard.catalogue import checks, defenses, topic_of
from tiltyard.check import Step
from tiltyard.datasets.dataset import Dataset
from tiltyard.defense import Defense
from tiltyard.targets.target import Target

MOST = 4


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
