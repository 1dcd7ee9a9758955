"""What every explanation is of: the function, the rows, the class of each, the background, and what a person calls it all."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..datasets.dataset import Dataset
from ..errors import Problem
from ..progress import Progress
from ..targets.target import Target
from ._shapley import Attribution, Indices, Players, Randomized, Scale, deep, permutation, scorer

Method = Literal["permutation", "deep"]
STANDARDS = ("AITG-APP-14", "AI RMF MEASURE 2.9", "EU AI Act Art. 13", "EU AI Act Art. 14(4)(a)", "EU AI Act Art. 14(4)(c)")
SOURCES = (
    "Lundberg and Lee 2017, arXiv 1705.07874",
    "Mitchell, Cooper, Frank and Holmes 2022, arXiv 2104.12199 (permutation sampling)",
)


@dataclass(frozen=True)
class Explainer:
    """A function of a target with its background, ready to explain rows.

    ``chosen`` is the class explained in every row, or None for each row's predicted class.
    """

    target: Target
    background: NDArray[np.float32]
    players: Players
    chosen: int | None
    method: Method
    scale: Scale
    permutations: int

    def of(self, x: NDArray[np.float32]) -> Indices:
        """The class explained in each row, intp (n,)."""
        if self.chosen is not None:
            return np.full(len(x), self.chosen, np.intp)
        likely: Indices = scorer(self.target, "probability")(x).argmax(1).astype(np.intp)
        return likely

    def explain(self, x: NDArray[np.float32], of: Indices, rng: np.random.Generator, progress: Progress) -> Attribution:
        """Shapley values of ``x`` for the classes ``of``."""
        if self.method == "deep":
            return deep(self.target, x, of, self.background, self.players, progress)
        score = scorer(self.target, self.scale)
        return permutation(score, x, of, self.background, self.players, self.permutations, rng, progress, self.scale)

    def queries(self, rows: int) -> int:
        """The most rows sent to the target to explain ``rows``."""
        return (rows + 1) * len(self.background) * self.permutations * 2 * max(len(self.players) - 1, 1)


def explained_class(target: Target, name: str) -> int | None:
    """The class ``name``; where none is named the last of two classes, and of more the predicted one (None)."""
    if not name:
        return 1 if len(target.classes) == 2 else None
    if name not in target.classes:
        raise Problem(f"a class ({', '.join(target.classes)})", repr(name), "Correct the name of the class")
    return target.classes.index(name)


def background_rows(data: Dataset, n: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """``n`` rows of those trained on, drawn without replacement."""
    return data.seen.sample(n, rng).x


def sensitive_features(data: Dataset) -> set[str]:
    """Features that are sensitive, or that a sensitive column is named after (``age`` of ``age band``)."""
    named = {*data.sensitive, *data.schema.sensitive}
    words = {word for name in named for word in (name, *name.split())}
    return {f.name for f in data.schema.features if f.name in words}


def what(target: Target, chosen: int | None, unit: str) -> str:
    """The explained number in words."""
    return f"the {unit} of " + ("each row's predicted class" if chosen is None else repr(target.classes[chosen]))


def caveats(target: Target, background: int, total: int) -> list[str]:
    """What a reader must know of the function explained."""
    found = [f"Values are against the mean over {background:,} background rows, drawn from {total:,}; another background moves them."]
    if isinstance(target, Randomized):
        found.append("The target draws its answer: explained is the probability of the answer, averaged over its own draws.")
    elif "scores" not in target.offers:
        found.append("The target tells labels only: explained is whether the class is given (0 or 1), so many values are 0.")
    return found


def cell(data: Dataset, row: int, names: tuple[str, ...]) -> dict[str, str]:
    """The features of one row as a person wrote them."""
    line = data.take(np.array([row])).frame.iloc[0]
    found = {}
    for feature in data.schema.features:
        if feature.kind == "onehot":
            found[feature.name] = next((c for c in feature.columns if line[c] > 0.5), "")
        else:
            value = line[feature.name]
            found[feature.name] = f"{value} {feature.unit}".strip() if isinstance(value, str) else f"{value:.4g} {feature.unit}".strip()
    return {name: found.get(name, "") for name in names}
