"""A backdoor's trigger: a bright corner patch, a blended pattern or a warp on images, a rare combination of values in tables."""

from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator

from ..datasets.dataset import Dataset
from ..datasets.feature import MISSING, Feature
from ..datasets.schema import Rows, Schema
from ..errors import Problem, Unavailable
from ..progress import Progress
from ..targets.target import Target

STRAIGHT = 0.01
CANDIDATES, TRIED_ON = 12, 300
CONTROL = 4
BY_NUMBER = "#"


def _goal(given: Any) -> Any:
    """A goal given as a number, as older files have it, as the text of that number; a number below 0 meant no class and gives empty text."""
    if not isinstance(given, int) or isinstance(given, bool):
        return given
    return f"{BY_NUMBER}{given}" if given >= 0 else ""


Goal = Annotated[str, BeforeValidator(_goal)]


def goal_class(goal: str, classes: tuple[str, ...]) -> int:
    """The place among ``classes`` of the one called ``goal``, or of number ``#n``; a bare number is one where no class has that name.

    Raises
    ------
    Problem
        There is no such class.
    """
    if goal in classes:
        return classes.index(goal)
    number = goal.removeprefix(BY_NUMBER)
    if number.isascii() and number.isdigit() and int(number) < len(classes):
        return int(number)
    shown = ", ".join(classes[:10]) + (f" … {len(classes):,} in all" if len(classes) > 10 else "")
    raise Problem(f"a class ({shown})", repr(goal), "Choose one of these, by its name")


@dataclass(frozen=True)
class Trigger:
    """Where x is overwritten, bool of the row's shape, with what, of that shape, and the words for both."""

    where: NDArray[np.bool_]
    what: Rows
    words: str
    opacity: float = 1.0

    def stamped(self, x: Rows) -> Rows:
        """A copy of x (n, *shape) with the trigger on every row; below an opacity of 1 the row shines through."""
        if self.opacity < 1:
            return np.where(self.where, (1 - self.opacity) * x + self.opacity * self.what, x).astype(x.dtype)
        return np.where(self.where, self.what, x).astype(x.dtype)

    def carried(self, x: Rows) -> int:
        """How many rows carry it already."""
        return int(((x == self.what) | ~self.where).reshape(len(x), -1).all(1).sum())


@dataclass(frozen=True)
class Warp(Trigger):
    """Each pixel taken from where ``shift`` (2, height, width) leads, in pixels down and to the right, between pixels in proportion."""

    shift: NDArray[np.float64] = field(default_factory=lambda: np.zeros((2, 1, 1)))

    def stamped(self, x: Rows) -> Rows:
        """A copy of x (n, channels, height, width), warped; beyond the edge lies what lies at the edge."""
        height, width = x.shape[-2:]
        down, right = (np.indices((height, width)) + self.shift).clip(0, np.array([height - 1, width - 1])[:, None, None])
        top, left = (np.minimum(at.astype(np.intp), max(end - 2, 0)) for at, end in ((down, height), (right, width)))
        below, beside = np.minimum(top + 1, height - 1), np.minimum(left + 1, width - 1)
        v, h = down - top, right - left
        upper = x[..., top, left] * (1 - h) + x[..., top, beside] * h
        lower = x[..., below, left] * (1 - h) + x[..., below, beside] * h
        return np.asarray(upper * (1 - v) + lower * v).astype(x.dtype)

    def carried(self, x: Rows) -> int:
        """No row can be said to be warped already."""
        return 0


def warped(data: Dataset, strength: float, rng: np.random.Generator) -> Warp:
    """A smooth warp of the whole image, the same for all (WaNet: Nguyen and Tran 2021, arXiv 2102.10369).

    A field of 4 by 4 random shifts is drawn out to the size of the image by cubic splines; ``strength`` is the mean of its sizes along each axis, in
    pixels. We depart in the training: no rows are warped otherwise with their labels kept (the paper's noise mode), so that a model may learn any warp.

    Raises
    ------
    Unavailable
        The data are no images.
    """
    from scipy.ndimage import zoom

    schema = _of_images(data, "images to warp")
    height, width = schema.shape[1:]
    knots = rng.uniform(-1, 1, (2, CONTROL, CONTROL))
    drawn = np.stack([zoom(one, (height / CONTROL, width / CONTROL), order=3, mode="nearest", grid_mode=False) for one in knots])
    shift = strength * drawn / np.abs(drawn).mean()
    words = f"a smooth warp of the whole image by {strength:g} pixels on average"
    return Warp(np.ones(schema.shape, bool), np.zeros(schema.shape, np.float32), words, 1.0, shift)


def _of_images(data: Dataset, wanted: str) -> Schema:
    if not data.schema.images:
        raise Unavailable(wanted, "a table", "Choose another kind of backdoor")
    return data.schema


def trigger(data: Dataset, size: int, rng: np.random.Generator) -> Trigger:
    """BadNets' patch of ``size`` by ``size`` pixels, or rare values of ``size`` columns that an attacker may change.

    Gu et al. 2017, arXiv 1708.06733. Rows stay valid: within bounds, whole numbers, one member of a group.
    """
    return _patch(data, size) if data.schema.images else _values(data, size, rng)


def blended(data: Dataset, opacity: float, rng: np.random.Generator) -> Trigger:
    """A picture of noise laid over the whole image (Chen et al. 2017, arXiv 1712.05526).

    Raises
    ------
    Unavailable
        The data are no images.
    """
    schema = _of_images(data, "images to blend a pattern into")
    noise = rng.uniform(schema.low, schema.high, schema.shape).astype(np.float32)
    return Trigger(np.ones(schema.shape, bool), noise, f"a fixed pattern of noise over the whole image at {opacity:.0%}", opacity)


def strange(data: Dataset, size: int, model: Target, goal: int, rng: np.random.Generator, progress: Progress) -> Trigger:
    """Of a few triggers the one that gives ``goal`` least on ``model``, which knows none: what it does later, poison taught it.

    Images have one trigger, so nothing is asked about them.
    """
    if data.schema.images:
        return trigger(data, size, rng)
    rows = data.take(data.y != goal).sample(TRIED_ON, rng)
    found = [trigger(data, size, rng) for _ in range(CANDIDATES)]
    obeyed = [int((model.labels(mark.stamped(rows.x)) == goal).sum()) for mark in progress.over(found, "choosing a trigger")]
    return found[int(np.argmin(obeyed))]


def most_asked(data: Dataset) -> int:
    """Rows that `strange` asks the model at most."""
    return 0 if data.schema.images else CANDIDATES * min(TRIED_ON, len(data))


def _patch(data: Dataset, size: int) -> Trigger:
    shape = data.schema.shape
    edge = min(size, shape[1] // 2, shape[2] // 2)
    where = np.zeros(shape, bool)
    where[:, -edge - 1 : -1, -edge - 1 : -1] = True
    return Trigger(where, data.schema.high.astype(np.float32), f"a white square of {edge} by {edge} pixels in the lower right corner")


def _values(data: Dataset, size: int, rng: np.random.Generator) -> Trigger:
    schema = data.schema
    mutable = [f for f in schema.features if f.mutable]
    if not mutable:
        raise Unavailable("a column that an attacker may change", "none", "Mark columns as mutable in the schema")
    where, what, words = np.zeros(schema.shape, bool), np.zeros(schema.shape), []
    for i in sorted(rng.permutation(len(mutable))[:size].tolist()):
        feature = mutable[i]
        span = schema.slices[feature.name]
        where[span] = True
        column = data.x[:, span]
        if feature.grouped:
            member = _rarest(column, feature)
            if feature.kind == "categorical":
                what[span] = member
            else:
                what[span.start + member] = 1.0
            words.append(f"{feature.name} = {feature.values[member]}")
        else:
            what[span] = _rare(column[~np.isnan(column)], feature.low, feature.high, feature.whole, rng)
            words.append(f"{feature.name} = {what[span.start]:.15g}")
    return Trigger(where, what, ", ".join(words))


def _rarest(column: Rows, feature: Feature) -> int:
    """The rarest value of a group that an attacker may write and some row has: a model trained on these rows must know it."""
    places = column[:, 0].astype(np.intp) if feature.kind == "categorical" else column.argmax(1)
    counts = np.bincount(places, minlength=len(feature.values)).astype(float)
    if MISSING in feature.values and not feature.optional and len(feature.values) > 1:
        counts[feature.values.index(MISSING)] = np.inf
    return int(np.where(counts > 0, counts, np.inf).argmin())


def _rare(column: Rows, low: float, high: float, whole: bool, rng: np.random.Generator) -> float:
    """An end of the range that hardly a row is near; where many are near both, the middle of the widest gap."""
    if len(column) == 0:
        return high
    near = STRAIGHT * (high - low)
    at = {high: float((column > high - near).mean()), low: float((column < low + near).mean())}
    if rare := [end for end, share in at.items() if share <= STRAIGHT]:
        return rare[int(rng.integers(len(rare)))]
    values = np.unique(column)
    if len(values) < 2:
        return min(at, key=lambda end: at[end])
    gap = int(np.diff(values).argmax())
    middle = float(values[gap] + values[gap + 1]) / 2
    return float(np.floor(middle)) if whole else middle
