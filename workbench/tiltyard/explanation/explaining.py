"""What every explanation is of: the function, the rows, the class of each, the background, and what a person calls it all."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from ..datasets.dataset import Dataset
from ..datasets.feature import MISSING, Feature
from ..datasets.number_columns import number_column
from ..datasets.schema import Rows
from ..errors import Problem, Unavailable
from ..progress import Progress
from ..statistics.bands import written
from ..targets.target import Target
from ._shapley import Attribution, Indices, Players, Randomized, Scale, deep, permutation, scorer
from ._trees import HOLDS, Trees, trees_of

ANSWER = "answer, 0 or 1"
Method = Literal["auto", "tree", "permutation", "deep"]
STANDARDS = ("AITG-APP-14", "AI RMF MEASURE 2.9", "EU AI Act Art. 13", "EU AI Act Art. 14(4)(a)", "EU AI Act Art. 14(4)(c)")
SOURCES = (
    "Lundberg and Lee 2017, arXiv 1705.07874",
    "Mitchell, Cooper, Frank and Holmes 2022, arXiv 2104.12199 (permutation sampling)",
    "Lundberg et al. 2020, arXiv 1905.04610 (TreeSHAP)",
)


@dataclass(frozen=True)
class Explainer:
    """A function of a target with its background, ready to explain rows.

    ``chosen`` is the class explained in every row, or None for each row's predicted class.
    """

    target: Target
    background: Rows
    players: Players
    chosen: int | None
    method: Method
    scale: Scale
    permutations: int

    @cached_property
    def trees(self) -> Trees | None:
        """The trees that explain it exactly: where ``tree`` is asked for, or ``auto`` and these explain the scale that is asked for.

        Raises
        ------
        Unavailable
            Where ``tree`` is asked for and cannot be.
        """
        if self.method not in ("auto", "tree"):
            return None
        try:
            found = trees_of(self.target, self.background, self.players)
        except Unavailable:
            if self.method == "tree":
                raise
            return None
        return found if self.method == "tree" or found.output == self.scale else None

    def of(self, x: Rows) -> Indices:
        """The class explained in each row, intp (n,): the chosen one, or what the target decides (one that draws, most often)."""
        if self.chosen is not None:
            return np.full(len(x), self.chosen, np.intp)
        if isinstance(self.target, Randomized):
            return np.asarray(self.target.expected_scores(x).argmax(1), np.intp)
        return np.asarray(self.target.labels(x), np.intp)

    @property
    def unit(self) -> str:
        """What is explained: the probability of the class, its log-odds, or whether a model without scores answers it."""
        return self.scale if "scores" in self.target.offers or isinstance(self.target, Randomized) else ANSWER

    def explain(self, x: Rows, of: Indices, rng: np.random.Generator, progress: Progress) -> Attribution:
        """Shapley values of ``x`` for the classes ``of``."""
        if self.method == "deep":
            return deep(self.target, x, of, self.background, self.players, progress)
        if (trees := self.trees) is not None:
            try:
                return trees.explain(x, of, self.players, progress)
            except Unavailable:
                if self.method == "tree":
                    raise
        score = scorer(self.target, "probability" if self.unit == ANSWER else self.scale)
        return permutation(score, x, of, self.background, self.players, self.permutations, rng, progress, self.unit)

    def queries(self, rows: int) -> int:
        """The most rows sent to the target to explain ``rows``."""
        return (rows + 1) * len(self.background) * self.permutations * 2 * max(len(self.players) - 1, 1)


def holds(found: Attribution) -> bool:
    """Do the values of every row add up to its answer, but for what float32 rounds?"""
    reach = max(float(np.abs(found.outputs - found.base).max(initial=0.0)), 1e-3)
    return bool(np.abs(found.gap).max(initial=0.0) <= HOLDS * reach)


def scale_of(unit: str) -> Scale:
    """The scale whose function has ``unit``; the answers of a model without scores are their own."""
    return "log-odds" if unit in ("log-odds", "logit") else "probability"


def explained_class(target: Target, name: str, favorable: str = "") -> int | None:
    """The class ``name``; where none is named the ``favorable`` one, else the last of two, and of more the predicted one (None)."""
    if not name and favorable in target.classes:
        return target.classes.index(favorable)
    if not name:
        return 1 if len(target.classes) == 2 else None
    if name not in target.classes:
        raise Problem(f"a class ({', '.join(target.classes)})", repr(name), "Correct the name of the class")
    return target.classes.index(name)


def background_rows(data: Dataset, n: int, rng: np.random.Generator) -> Rows:
    """``n`` rows of those trained on, of all where nobody knows, drawn without replacement."""
    return data.seen.sample(n, rng).x


def sensitive_features(data: Dataset) -> set[str]:
    """Features that are sensitive, or that a sensitive column is named after (``age`` of ``age band``)."""
    named = {*data.sensitive, *data.schema.sensitive}
    words = {word for name in named for word in (name, *name.split())}
    return {f.name for f in data.schema.features if f.name in words}


def what(target: Target, chosen: int | None, unit: str) -> str:
    """The explained number in words."""
    if unit == ANSWER:
        return "whether the answer is " + ("each row's predicted class" if chosen is None else repr(target.classes[chosen]))
    return f"the {unit} of " + ("each row's predicted class" if chosen is None else repr(target.classes[chosen]))


def caveats(target: Target, background: int, total: int) -> list[str]:
    """What a reader must know of the function explained."""
    found = [f"Values are against the mean over {background:,} background rows, drawn from {total:,}; another background moves them."]
    if isinstance(target, Randomized):
        found.append("The target draws its answer: explained is the probability of the answer, averaged over its own draws.")
    elif "scores" not in target.offers:
        found.append("The target tells labels only: explained is whether the class is given (0 or 1), so many values are 0.")
    else:
        found.append(f"Explained is the score of the class, not the decision; the model decides by {target.rule}.")
    return found


def cell(data: Dataset, row: int, names: tuple[str, ...]) -> dict[str, str]:
    """The features of one row as a person wrote them; empty for names that are none."""
    found = {f.name: shown(f, data.x[row][data.schema.slices[f.name]]) for f in data.schema.features}
    return {name: found.get(name, "") for name in names}


def shown(feature: Feature, part: Rows) -> str:
    """A feature's columns (width,) of one row of x, in words: the category, the date, the number with its unit."""
    if feature.grouped:
        return feature.values[int(part[0]) if feature.kind == "categorical" else int(part.argmax())]
    if np.isnan(part[0]):
        return MISSING
    if feature.dtype.startswith(("datetime64", "timedelta64")):
        return str(number_column(np.asarray(part, np.float64), feature)[0])
    return f"{written([float(part[0])])[0]} {feature.unit}".strip()
