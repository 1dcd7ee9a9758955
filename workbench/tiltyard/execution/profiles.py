"""Which checks an assessment runs when nobody lists them, and how deep."""

from collections.abc import Sequence
from typing import Any, Literal

from ..catalogue import checks, find, topic_of
from ..check import Step, named
from ..datasets.dataset import Dataset
from ..errors import Problem
from ..targets.target import Target

Profile = Literal["quick", "full", "privacy"]
PROFILES: tuple[Profile, ...] = ("quick", "full", "privacy")
# Profiles that run the checks of one topic alone, as deep as *full* does.
OF_TOPIC = {"privacy": "privacy"}


def overrides(step: type[Step], profile: str, data: Dataset | None = None) -> dict[str, Any]:
    """The parameters in which ``profile`` departs from the defaults: for *quick* the class facts ``quick``, ``quick_table``, ``quick_images``."""
    if profile not in PROFILES:
        raise Problem(f"a profile ({', '.join(PROFILES)})", repr(profile), "Choose one of these")
    if profile != "quick":
        return {}
    if data is None:
        return dict(step.quick)
    return {**step.quick, **(step.quick_images if data.schema.images else step.quick_table)}


def steps(profile: str = "quick", seed: int = 0, target: Target | None = None, data: Dataset | None = None) -> list[Step]:
    """Every registered check that ``profile`` runs, with its parameters and ``seed``.

    What the target or the data do not offer is left in: its record says *not applicable*, which is an answer.
    """
    return [named(step, {"seed": seed, **overrides(step, profile, data)}) for id, step in checks().items() if _of(profile, id)]


def _of(profile: str, id: str) -> bool:
    return OF_TOPIC.get(profile, topic_of(id)) == topic_of(id)


def chosen(ids: Sequence[str], profile: str, seed: int, data: Dataset | None = None) -> list[Step]:
    """The checks called ``ids`` with the profile's parameters and ``seed``; `Problem` where one is a defense or there is none of that name."""
    if defenses := [id for id in ids if id not in checks() and find(id)]:
        raise Problem("ids of checks", f"{defenses[0]!r}, which is a defense", "See `tiltyard checks`")
    return [named(find(id), {"seed": seed, **overrides(find(id), profile, data)}) for id in ids]
