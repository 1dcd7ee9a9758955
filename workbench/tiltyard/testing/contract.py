"""The contract of checks and defenses, held by one call in a test."""

from collections.abc import Mapping

from ..check import Step
from .behavior import behavior_broken
from .facts import facts_broken
from .grounds import Ground
from .grounds import grounds as tiny_grounds
from .grounds import texts as tiny_texts


def check_step(cls: type[Step], grounds: Mapping[str, Ground] | None = None) -> None:
    """Hold a check or defense to the contract of all of them; a test of yours calls it, whatever test runner it is for.

    Every parameter has help and unit and a default in bounds; equal seeds give equal results; a cancel ends it within a second of
    work; its record survives JSON; where a need is missing it is not applicable; odd data does not break it; its module imports
    neither torch nor shap; the metrics that its facts name are there; a defense leaves the target as it was.

    Parameters
    ----------
    cls
        The class; it need not be registered, and its module must be one that Python can import.
    grounds
        Targets and data to run it on, by name; by default a tiny table and tiny images with a small network each, or tiny texts for what needs text.

    Raises
    ------
    AssertionError
        It breaks the contract; the message says every breach in a sentence. Where its facts are wrong it is not run.
    """
    faults = list(facts_broken(cls)) or list(
        behavior_broken(cls, dict(grounds or (tiny_texts() if "text" in cls.needs else tiny_grounds())))
    )
    if faults:
        raise AssertionError("\n".join([f"{cls.__name__} breaks the contract:", *(f"- {fault}." for fault in faults)]))
