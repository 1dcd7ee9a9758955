"""The checks and defenses the panels offer."""

from tiltyard.catalogue import checks, defenses
from tiltyard.check import Step


def available() -> list[type[Step]]:
    """All checks, then all defenses, in the catalogue's order."""
    return [*checks().values(), *defenses().values()]


def titles() -> dict[str, str]:
    """The titles of all steps by id."""
    return {step.id: step.title for step in available()}
