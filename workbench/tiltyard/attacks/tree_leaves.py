"""The leaves of a tree, a forest or a boosting as boxes of encoded columns, with what each leaf adds to the scores.

Read from the libraries' dumps, also behind a pipeline (see `model_inputs`). Which values lead to a leaf: ``low < value <= high`` in every
column, as float32 where the library compares so.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.schema import Rows
from ..targets.estimators import SklearnTarget
from ..targets.target import Target
from .model_inputs import Inputs, Unreadable, dense, monotone
from .tree_dumps import Trees, trees_of

Floats = NDArray[np.float64]
LOOKED = 32


@dataclass(frozen=True)
class Leaves:
    """All leaves of ``trees`` trees.

    Attributes
    ----------
    low, high : float64 (leaves, columns)
        Of the encoded columns, infinite where a leaf says nothing of a column.
    tree : int64 (leaves,)
        Which tree a leaf belongs to, 0 to trees - 1.
    value : float64 (leaves, classes)
        What the leaf adds to the scores, in the order of the target's classes.
    narrow
        Are encoded columns compared as float32?
    certain
        Are the steps before the trees known to be monotone, and not only seen to be on some values? Else nothing is proved by them.
    """

    low: Floats
    high: Floats
    trees: int
    tree: NDArray[np.int64]
    value: Floats
    narrow: bool = False
    certain: bool = True


@dataclass(frozen=True)
class Read:
    """The leaves that were read, or why none were, in words."""

    leaves: Leaves | None
    why: str = ""

    @property
    def words(self) -> str:
        """What was read, as a sentence's part."""
        if self.leaves is None:
            return self.why
        return f"{len(self.leaves.low):,} leaves of {self.leaves.trees:,} trees"


def leaves_of(target: Target, x: Rows) -> Leaves | None:
    """The leaves behind a target, seen on rows x; None of another model, or where they cannot be brought back to the table's columns."""
    return read_leaves(target, x).leaves


def read_leaves(target: Target, x: Rows) -> Read:
    """The leaves behind a target, seen on rows x (n, columns), or why they cannot be read."""
    if type(target) is not SklearnTarget or target.schema.images or not len(x):
        return Read(None, "the model is no estimator of a table")
    if any(f.kind == "text" for f in target.schema.features):
        return Read(None, "the table holds free text")
    model, given = behind(target)
    found = trees_of(model, len(target.classes))
    if found is None:
        return Read(None, f"a {type(model).__name__} shows no trees that are known here")
    try:
        return Read(_joined(target, x[:LOOKED], given, found))
    except Unreadable as why:
        return Read(None, str(why))
    except (TypeError, ValueError) as error:  # a step of the pipeline that takes no such row
        return Read(None, f"its inputs could not be varied: {str(error).splitlines()[0][:120]}")


def behind(target: SklearnTarget) -> tuple[Any, Callable[[Rows], Floats]]:
    """The last step of a target's pipeline, and what it is given for rows of x."""
    estimator = target.estimator
    steps = estimator.steps if hasattr(estimator, "steps") and hasattr(estimator, "named_steps") else ()
    before = estimator[:-1] if len(steps) > 1 else None
    last = steps[-1][1] if steps else estimator
    last = getattr(last, "model", last)
    own = getattr(last, "_preprocessor", None)  # of HistGradientBoosting: it puts columns of categories first
    fitted = getattr(getattr(last, "booster_", last), "pandas_categorical", None)  # of LightGBM: what its codes mean

    def given(x: Rows) -> Floats:
        rows = target.rows(x)
        rows = rows if before is None else before.transform(rows)
        return dense(rows if own is None else own.transform(rows), fitted)

    return last, given


def _joined(target: SklearnTarget, x: Rows, given: Callable[[Rows], Floats], found: Trees) -> Leaves | None:
    boxes = [leaf for tree in found.trees for leaf in tree]
    if not boxes:
        return None
    value = np.stack([leaf.value for leaf in boxes])[:, list(target.order)]
    tree = np.repeat(np.arange(len(found.trees)), [len(tree) for tree in found.trees])
    matrix = given(x)
    low, high = (np.full((len(boxes), matrix.shape[1]), end) for end in (-np.inf, np.inf))
    for i, leaf in enumerate(boxes):
        for column, (below, above) in leaf.way.bounds.items():
            low[i, column], high[i, column] = below, above
    splits = [leaf.way.splits for leaf in boxes]
    encoded = target.encoding.encode(x, np.float64, holding=True)
    alike = np.array_equal(matrix, encoded, equal_nan=True) and not any(splits)
    if not alike:
        low, high, kept = Inputs(given, target.schema, x, found.narrow).boxes(low, high, splits)
        low, high, tree, value = low[kept], high[kept], tree[kept], value[kept]
    steps = getattr(target.estimator, "steps", [])
    certain = all(monotone(step) for _, step in steps[:-1])
    return Leaves(low, high, len(found.trees), tree, value, alike and found.narrow, certain)
