"""The checks and defenses by id, as a dict that shows itself."""

from collections.abc import Mapping

from ..catalogue import find
from ..check import Step
from ..showing import Shown


class Steps(Shown, dict[str, type[Step]]):
    """Steps by id: ``checks``, then ``defenses``, whose number it keeps."""

    def __init__(self, checks: Mapping[str, type[Step]], defenses: Mapping[str, type[Step]]) -> None:
        super().__init__({**checks, **defenses})
        self.defenses = len(defenses)

    def __missing__(self, id: str) -> type[Step]:
        return find(id)  # raises, and says what was probably meant

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)
