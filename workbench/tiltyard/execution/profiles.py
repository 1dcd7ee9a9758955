"""Which checks an assessment runs when nobody lists them, and how deep."""

from collections.abc import Sequence
from typing import Any, Literal

from ..catalogue import checks, find
from ..check import Step, named
from ..datasets.dataset import Dataset
from ..errors import Problem
from ..targets.target import Target

Profile = Literal["quick", "full"]
PROFILES: tuple[Profile, ...] = ("quick", "full")


def overrides(step: type[Step], profile: str, data: Dataset | None = None) -> dict[str, Any]:
    """The parameters in which ``profile`` departs from the defaults: for *quick* the class facts ``quick``, ``quick_table``, ``quick_images``."""
    if profile not in PROFILES:
        raise Problem(f"a profile ({', '.join(PROFILES)})", repr(profile), "Choose one of these")
    if profile == "full":
        return {}
    if data is None:
        return dict(step.quick)
    return {**step.quick, **(step.quick_images if data.schema.images else step.quick_table)}


def steps(profile: str = "quick", seed: int = 0, target: Target | None = None, data: Dataset | None = None) -> list[Step]:
    """Every registered check with the profile's parameters and ``seed``.

    What the target or the data do not offer is left in: its record says *not applicable*, which is an answer.
    """
    return [named(step, {"seed": seed, **overrides(step, profile, data)}) for step in checks().values()]


def chosen(ids: Sequence[str], profile: str, seed: int, data: Dataset | None = None) -> list[Step]:
    """The checks called ``ids`` with the profile's parameters and ``seed``; `Problem` where one is a defense or there is none of that name."""
    if defenses := [id for id in ids if id not in checks() and find(id)]:
        raise Problem("ids of checks", f"{defenses[0]!r}, which is a defense", "See `tiltyard checks`")
    return [named(find(id), {"seed": seed, **overrides(find(id), profile, data)}) for id in ids]
