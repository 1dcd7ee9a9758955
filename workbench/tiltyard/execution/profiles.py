"""Which checks an assessment runs when nobody lists them, and how deep."""

from typing import Any, Literal

from ..catalogue import checks
from ..check import Step, named
from ..datasets.dataset import Dataset
from ..errors import Problem
from ..targets.target import Target

Profile = Literal["quick", "full"]
PROFILES: tuple[Profile, ...] = ("quick", "full")


def overrides(step: type[Step], profile: str, data: Dataset | None = None) -> dict[str, Any]:
    """The parameters in which ``profile`` departs from the defaults.

    A class may carry ``quick``, and on top of it ``quick_table`` or ``quick_images``, each a dict of parameters.
    """
    if profile not in PROFILES:
        raise Problem(f"a profile ({', '.join(PROFILES)})", repr(profile), "Choose one of these")
    if profile == "full":
        return {}
    kind = "" if data is None else "quick_images" if data.schema.images else "quick_table"
    return {**getattr(step, "quick", {}), **(getattr(step, kind, {}) if kind else {})}


def steps(profile: str = "quick", seed: int = 0, target: Target | None = None, data: Dataset | None = None) -> list[Step]:
    """Every registered check with the profile's parameters and ``seed``.

    What the target or the data do not offer is left in: its record says *not applicable*, which is an answer.
    """
    return [named(step, {"seed": seed, **overrides(step, profile, data)}) for step in checks().values()]
