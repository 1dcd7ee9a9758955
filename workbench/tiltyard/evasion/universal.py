"""A universal perturbation: one change, added to every row, that fools the model on rows it was not fitted on."""

from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from ..check import parameter
from ..datasets.dataset import Dataset
from ..datasets.encoding import encoding_of
from ..errors import Problem
from ..result import Column, Table
from . import showing
from ._one_for_all import OneForAll
from .attack import WORDS

if TYPE_CHECKING:
    import torch

    from ..attacks.perturbation_space import PerturbationSpace
    from ..attacks.shared_change import Shape


class Universal(OneForAll):
    """Fits one change by the gradients of batches of rows and adds it to rows that it has never seen.

    Moosavi-Dezfooli et al. 2017, arXiv:1610.08401, in the gradient form of Shafahi et al. 2018, arXiv:1811.11304; departures are told in
    `attacks.shared_change`. In tables the change is one number a column, in ranges; each row takes of it what its bounds, whole numbers,
    directions and relations allow, and categories stay as they are.
    """

    id: ClassVar[str] = "evasion.universal"
    title: ClassVar[str] = "Universal perturbation"
    question: ClassVar[str] = "Does one small change, the same for every row, fool the model?"
    sources: ClassVar[tuple[str, ...]] = ("Moosavi-Dezfooli et al. 2017, arXiv:1610.08401", "Shafahi et al. 2018, arXiv:1811.11304")
    main: ClassVar[tuple[str, ...]] = ("eps", "norm", "goal", "rows")

    norm: Literal["linf", "l2", "l1"] = parameter(
        "linf", "How the size of the change is measured: its largest coordinate, its Euclidean length, or the sum of its coordinates"
    )
    eps: float = parameter(
        0.1, "Size of the change, as a share of each feature's range (linf) or in whole ranges (l2, l1)", "ranges", gt=0, le=100
    )

    @model_validator(mode="after")
    def _within_range(self) -> Self:
        if self.norm == "linf" and self.eps > 1:
            raise ValueError(f"with linf, eps is a share of the range, at most 1; found {self.eps:g}")
        return self

    def space(self, data: Dataset) -> "PerturbationSpace":
        return super().space(data).counting(self.norm, 0)

    def shape(self, data: Dataset, space: "PerturbationSpace") -> "Shape":
        from ..attacks.shared_change import Noise

        if not space.dimensions:
            raise Problem("a number that an attacker may change", "none", "Mark numbers as mutable in the schema")
        return Noise(space, self.norm, self.eps)

    def sized(self, data: Dataset) -> str:
        size = f"one change of {WORDS[self.norm]} {self.eps:g}"
        return size if data.schema.images or self.norm != "linf" else f"{size} of each range"

    def random(self, shape: "Shape", generator: "torch.Generator") -> "torch.Tensor":
        """In linf a corner of the ball, else a random direction of the whole length."""
        from ..attacks.norms import length

        change = shape.start(generator)
        if self.norm == "linf":
            return change.sign() * self.eps
        return change * (self.eps / length(change[None], self.norm).clamp_min(1e-12))

    def seen(self, change: "torch.Tensor", data: Dataset) -> NDArray[np.uint8]:
        values = change.numpy().mean(0)
        return showing.signed(values, float(np.abs(values).max()))

    def change_tables(self, change: "torch.Tensor", data: Dataset, shown: showing.Shown) -> tuple[Table, ...]:
        return () if data.schema.images else (_columns(change.numpy(), data), showing.changes(shown), showing.moved(shown))


def _columns(change: NDArray[np.float32], data: Dataset) -> Table:
    """What is added to each number, the largest share of its range first; no row gets more than its bounds allow."""
    slices = encoding_of(data.schema).slices
    added = [(f, float(change[slices[f.name].start])) for f in data.schema.features if f.numeric and f.mutable]
    added.sort(key=lambda one: -abs(one[1]))
    return Table(
        name="change",
        title="The one change",
        columns=(
            Column(name="feature"),
            Column(name="added", kind="number"),
            Column(name="unit"),
            Column(name="of its range", kind="percent"),
        ),
        rows=tuple((f.name, share * (f.high - f.low), f.unit, share) for f, share in added[:50]),
        total=len(added),
    )
