"""Pictures that nobody attacked, only bad light, weather, lenses and files: how much accuracy is left?"""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from ..datasets.dataset import Dataset
from ..datasets.schema import Rows, Schema
from ..formatting.raster import png, shades
from ..result import Gallery, Picture
from ..targets.target import Target
from ._corrupting import Answered, Corrupting
from ._corruption_kinds import FAMILIES, corrupted

SHOWN = (1, 3, 5)


class Corruptions(Corrupting):
    """Fifteen kinds of corruption in five severities, each on the same rows; the mean corruption accuracy is the mean over all 75.

    After Hendrycks and Dietterich 2019, arXiv:1903.12261. Departures: computed here, scaled by the size of the picture, with geometry
    besides, so that the figures are not those of ImageNet-C; plain accuracies, not errors relative to AlexNet's.
    """

    id: ClassVar[str] = "evasion.corruptions"
    title: ClassVar[str] = "Corrupted pictures"
    question: ClassVar[str] = "How much accuracy is left under noise, blur, weather, compression and geometry?"
    needs: ClassVar[frozenset[str]] = frozenset({"labels", "images"})
    sources: ClassVar[tuple[str, ...]] = ("Hendrycks and Dietterich 2019, arXiv:1903.12261",)
    cost: ClassVar[str] = "seconds to a minute"
    seconds: ClassVar[float] = 30.0
    tiny: ClassVar[Mapping[str, Any]] = {"rows": 20}
    things: ClassVar[str] = "pictures"
    advice: ClassVar[str] = (
        "Train with the kinds of pictures that lost most (augmentation by blur, noise, light and geometry), refuse pictures that are too dark, "
        "too blurred or turned, and measure again."
    )

    def families(self, schema: Schema) -> dict[str, tuple[str, ...]]:
        return {family: tuple(_words(kind.__name__) for kind in kinds) for family, kinds in FAMILIES.items()}

    def corrupted(self, sample: Dataset, kind: str, severity: int) -> Rows:
        x, low, high = sample.x, sample.schema.features[0].low, sample.schema.features[0].high
        function = next(one for kinds in FAMILIES.values() for one in kinds if _words(one.__name__) == kind)
        rng = np.random.default_rng([self.seed, *function.__name__.encode(), severity])
        share = corrupted((x.astype(np.float64) - low) / (high - low), function, severity, rng)
        found = low + share * (high - low)
        return (found.round() if np.issubdtype(x.dtype, np.integer) else found).astype(x.dtype)

    def notes(self, sample: Dataset) -> tuple[str, ...]:
        return ("Severities are this check's own, scaled by the size of the picture: compare models by them, not with published figures.",)

    def galleries(self, target: Target, sample: Dataset, every: list[Answered]) -> tuple[Gallery, ...]:
        """One picture under each family's worst kind, at severities 1, 3 and 5."""
        low, high = sample.schema.features[0].low, sample.schema.features[0].high
        rows = []
        for family, kinds in self.families(sample.schema).items():
            kind = min(kinds, key=lambda k: float(np.mean([one.right for one in every if one.kind == k])))
            some = [self.corrupted(sample, kind, severity)[:1] for severity in SHOWN]
            labels = [sample.schema.classes[int(target.labels(x)[0])] for x in some]
            rows.append(
                tuple(
                    Picture(caption=f"{kind} {severity}: {label}", png=png(shades((x[0] - low) / (high - low))), alt=f"{family}, severity {severity}, answered {label}")
                    for severity, x, label in zip(SHOWN, some, labels, strict=True)
                )
            )  # fmt: skip
        heads = tuple(f"severity {severity}" for severity in SHOWN)
        return (Gallery(name="corrupted", title="The worst kind of each family, on one row", people=True, heads=heads, rows=tuple(rows)),)


def _words(name: str) -> str:
    return name.replace("_", " ")
