"""Rows of tables that nobody attacked, only noise, lost fields, other units, typing errors and mixed up categories."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from ..check import parameter
from ..datasets.dataset import Dataset
from ..datasets.feature import MISSING
from ..datasets.schema import Rows, Schema
from ._corrupting import Corrupting
from ._table_corruption_kinds import corrupted, kinds


class TableCorruptions(Corrupting):
    """Up to thirteen kinds of corruption in five severities, each on the same rows; the mean corruption accuracy is the mean over all.

    The five families and their severities are this check's own: published sets of corruptions are of pictures. Numbers are cut to the schema's
    bounds, as what comes through a checked input is; without ``cut`` they reach the model as they were mistyped.
    """

    id: ClassVar[str] = "evasion.table_corruptions"
    title: ClassVar[str] = "Corrupted tables"
    question: ClassVar[str] = "How much accuracy is left under noise, missing fields, wrong units, typing errors and shifted categories?"
    needs: ClassVar[frozenset[str]] = frozenset({"labels", "table"})
    holds_text: ClassVar[bool] = True
    sources: ClassVar[tuple[str, ...]] = (
        "Hendrycks and Dietterich 2019, arXiv:1903.12261",
        "Breck et al. 2019, Data validation for machine learning",
    )
    cost: ClassVar[str] = "seconds"
    seconds: ClassVar[float] = 5.0
    tiny: ClassVar[Mapping[str, Any]] = {"rows": 20}
    things: ClassVar[str] = "rows"
    advice: ClassVar[str] = (
        "Refuse numbers out of their range and categories that are not known before they reach the model, train with the kinds of errors that "
        "lost most, and measure again."
    )

    cut: bool = parameter(True, "Cut numbers to the schema's bounds, as a checked input does; off: as they were mistyped")

    def families(self, schema: Schema) -> dict[str, tuple[str, ...]]:
        return {family: tuple(_words(kind.__name__) for kind in every) for family, every in kinds(schema).items()}

    def corrupted(self, sample: Dataset, kind: str, severity: int) -> Rows:
        function = next(one for every in kinds(sample.schema).values() for one in every if _words(one.__name__) == kind)
        rng = np.random.default_rng([self.seed, *function.__name__.encode(), severity])
        return corrupted(sample.x, sample.schema, function, severity, rng, self.cut)

    def notes(self, sample: Dataset) -> tuple[str, ...]:
        filled = [f.name for f in sample.schema.features if f.kind != "text" and not f.missing and MISSING not in f.values]
        lacking = (
            f"Filled with the median or the commonest category where missing, for the schema knows no empty one: {', '.join(filled)}."
            if filled
            else ""
        )
        left = "No kind of numbers applies: there are none but dates. " if "noise" not in kinds(sample.schema) else ""
        left += "No kind of categories applies: there are none." if "categories" not in kinds(sample.schema) else ""
        own = "Severities are this check's own: compare models on the same rows by them."
        cut = "Numbers are cut to the schema's bounds." if self.cut else "Numbers out of the schema's bounds reach the model as they are."
        return tuple(note.strip() for note in (lacking, left, cut, own) if note)


def _words(name: str) -> str:
    return name.replace("_", " ")
