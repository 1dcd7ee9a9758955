"""The charts, tables and pictures of an evasion result; `attack.Evasion` calls them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..datasets.dataset import Dataset
from ..datasets.feature import Feature
from ..datasets.number_columns import number_column
from ..datasets.schema import Rows
from ..formatting.numbers import percent
from ..formatting.raster import png, shades
from ..result import Axis, Chart, Column, Gallery, Picture, Series, Table
from ..statistics.intervals import LEVEL, clopper_pearson
from ..targets.decision import Prediction

PICTURES = 6
ROWS = 20
WIDE = 24
EMPTY = "(empty)"
UP, STILL, DOWN = np.array([213, 94, 0]), np.array([250, 250, 250]), np.array([0, 114, 178])


@dataclass(frozen=True)
class Shown:
    """Rows before and after, what the target answers on both, which were right and which were fooled.

    ``confident`` says whether the scores are the target's own, or only its labels as 0 and 1.
    """

    sample: Dataset
    x: Rows
    before: Prediction
    after: Prediction
    right: NDArray[np.bool_]
    fooled: NDArray[np.bool_]
    confident: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        return self.sample.schema.classes

    def prediction(self, answer: Prediction, row: int) -> str:
        """The class that the target decides for a row, and its score, where the target gives scores."""
        label = int(answer.labels[row])
        if not self.confident:
            return self.names[label]
        return f"{self.names[label]} ({100 * (answer.scores[row, label]):.0f} %)"


def curve(fooled_at: NDArray[np.float64], eps_values: tuple[float, ...], norm: str) -> Chart:
    """Accuracy against eps; a row fooled at one eps counts as fooled at every larger one.

    Where categories may be changed the curve starts with these changes alone, a point that is named so, and a line marks the clean accuracy.
    """
    points = eps_values if eps_values[0] == 0 else (0.0, *eps_values)
    n = len(fooled_at)
    clean = float((fooled_at >= 0).mean())
    kept = [int((fooled_at > eps).sum()) if eps or eps_values[0] == 0 else int((fooled_at >= 0).sum()) for eps in points]
    bands = [clopper_pearson(hits, n) for hits in kept]
    accuracies = [hits / n for hits in kept]
    alone = eps_values[0] == 0
    start = (Series(name="categories alone", x=(0.0,), y=(accuracies[0],), low=(bands[0][0],), high=(bands[0][1],)),) if alone else ()
    return Chart(
        name="security_curve",
        title="Accuracy as eps grows",
        kind="line",
        x=Axis(label=f"eps ({norm})", unit="ranges", low=0.0),
        y=Axis(label="accuracy", unit="share", low=0.0, high=1.0),
        series=(
            Series(
                name=f"under attack, n = {n}, {100 * LEVEL:.0f} % interval",
                x=points,
                y=tuple(accuracies),
                low=tuple(low for low, _ in bands),
                high=tuple(high for _, high in bands),
            ),
            *start,
        ),
        reference=(("clean accuracy", clean),) if alone else (),
        alt=f"Accuracy falls from {percent(clean)} without attack"
        + (f" and {percent(accuracies[0])} under changed categories alone" if alone else "")
        + f" to {percent(accuracies[-1])} at an eps of {points[-1]:g}.",
    )


def classes(shown: Shown) -> Table:
    """Accuracy before and after by true class, the 50 largest classes."""
    y = shown.sample.y
    rows: list[tuple[str | float | int | None, ...]] = []
    counts = np.bincount(y, minlength=len(shown.names))
    for k in np.argsort(-counts, kind="stable"):
        n = int(counts[k])
        if n == 0:
            continue
        robust = int((shown.right & ~shown.fooled & (y == k)).sum())
        low, high = clopper_pearson(robust, n)
        rows.append((shown.names[k], n, float((shown.right & (y == k)).sum() / n), robust / n, low, high))
    return Table(
        name="classes",
        title="By true class",
        columns=(
            Column(name="class"),
            Column(name="rows", kind="integer"),
            Column(name="clean accuracy", kind="percent"),
            Column(name="robust accuracy", kind="percent"),
            Column(name="from", kind="percent"),
            Column(name="to", kind="percent"),
        ),
        rows=tuple(rows[:50]),
        total=len(rows),
    )


def gallery(shown: Shown) -> Gallery:
    """Some fooled images: original, perturbed, and the difference magnified."""
    rows = np.flatnonzero(shown.fooled)[:PICTURES]
    return Gallery(
        name="examples",
        title="What fooled the model: orange pixels were made lighter, blue ones darker",
        people=True,
        heads=("original", "perturbed", "difference"),
        rows=tuple(_pictures(shown, int(row)) for row in rows),
    )


def _pictures(shown: Shown, row: int) -> tuple[Picture, ...]:
    was, now = shown.sample.x[row], shown.x[row]
    low, high = shown.sample.schema.features[0].low, shown.sample.schema.features[0].high
    first, second = shown.prediction(shown.before, row), shown.prediction(shown.after, row)
    change = (now - was).mean(0)
    largest = float(np.abs(change).max())
    times = 1 / max(largest / max(high - low, 1e-9), 1e-9)
    true = shown.names[shown.sample.y[row]]
    return (
        Picture(caption=first, png=png(shades((was - low) / (high - low))), alt=f"Image of {true}, seen by the model as {first}"),
        Picture(caption=second, png=png(shades((now - low) / (high - low))), alt=f"The same image changed, seen as {second}"),
        Picture(
            caption=f"× {times:.3g}", png=png(signed(change, largest)), alt=f"Their difference, at most {largest:.3g} a pixel, magnified"
        ),
    )


def signed(change: NDArray[np.float32], largest: float) -> NDArray[np.uint8]:
    """Signed (height, width) as RGB: orange up, blue down, near white where nothing changed."""
    share = (change / max(largest, 1e-12)).clip(-1, 1)[..., None]
    color = np.where(share > 0, STILL + share * (UP - STILL), STILL - share * (DOWN - STILL))
    return np.asarray(color.round(), np.uint8)


def changes(shown: Shown) -> Table:
    """Fooled rows with what was changed marked as ``before → after``, the features changed most often first; in wide tables only features changed in a row shown."""
    rows = np.flatnonzero(shown.fooled)[:ROWS]
    schema = shown.sample.schema
    features, was, now = schema.features, shown.sample.x[rows], shown.x[rows]
    changed = np.stack([differing(was, now, schema.slices[f.name]) for f in features], 1)
    counts = changed.sum(0)
    picked = sorted((i for i in range(len(features)) if len(features) <= WIDE or counts[i]), key=lambda i: -counts[i])[:WIDE]
    cells, marked = [], []
    for i, row in enumerate(rows):
        marked += [(i, 3 + j) for j, k in enumerate(picked) if changed[i, k]]
        parts = [(features[k], schema.slices[features[k].name]) for k in picked]
        line = [arrow(f, was[i, part], now[i, part]) for f, part in parts]
        true = shown.names[shown.sample.y[row]]
        cells.append((true, shown.prediction(shown.before, int(row)), shown.prediction(shown.after, int(row)), *line))
    heads = ("truth", "before", "after", *(features[k].name for k in picked))
    return Table(
        name="examples",
        title="Rows that fooled the model, with what was changed",
        people=True,
        columns=tuple(Column(name=name, unit=features[picked[i - 3]].unit if i > 2 else "") for i, name in enumerate(heads)),
        rows=tuple(cells),
        marked=tuple(marked),
        total=int(shown.fooled.sum()),
        note="" if len(rows) else "No row fooled the model.",
    )


def differing(was: Rows, now: Rows, part: slice) -> NDArray[np.bool_]:
    """In which rows (n,) the columns ``part`` differ; no number is the same as no number."""
    one, other = was[:, part], now[:, part]
    found: NDArray[np.bool_] = ((one != other) & ~(np.isnan(one) & np.isnan(other))).any(1)
    return found


def arrow(f: Feature, was: Rows, now: Rows) -> str:
    """One feature's value in a row, or ``before → after`` with as many digits as tell the two apart."""
    same = not differing(was[None], now[None], slice(None))[0]
    if same:
        return cell_text(f, was)
    for digits in (4, 8, 17):
        old, new = cell_text(f, was, digits), cell_text(f, now, digits)
        if old != new:
            break
    return f"{old} → {new}"


def cell_text(f: Feature, part: Rows, digits: int = 4) -> str:
    """One feature's value as text: a category by its name, a date as a date, a number with so many digits."""
    if f.kind == "categorical":
        return f.categories[int(part[0])]
    if f.grouped:
        return f.values[int(part.argmax())]
    if np.isnan(part[0]):
        return EMPTY
    if f.dtype.startswith(("datetime64", "timedelta64")):
        return str(number_column(np.asarray(part, np.float64), f)[0])
    large = 10 ** (digits - 1) <= abs(part[0]) < 1e15  # written out: an income of 42,232, not of 4.223e+04
    return f"{part[0]:,.0f}" if f.whole or large else f"{part[0]:,.{digits}g}"


def moved(shown: Shown) -> Table:
    """How often each feature was changed in the fooled rows, and by how much in its own unit; the 50 most changed."""
    schema = shown.sample.schema
    was, now = shown.sample.x[shown.fooled], shown.x[shown.fooled]
    n = len(was)
    rows: list[tuple[str | float | int | None, ...]] = []
    for f in schema.features:
        part = schema.slices[f.name]
        different = differing(was, now, part)
        hits = int(different.sum())
        if hits == 0:
            continue
        low, high = clopper_pearson(hits, n)
        sizes = np.abs(now[different, part] - was[different, part])
        size = None if f.grouped or np.isnan(sizes).all() else float(np.nanmedian(sizes))
        rows.append((f.name, hits, hits / n, low, high, size, f.unit))
    rows.sort(key=lambda row: -float(row[1] or 0))
    return Table(
        name="features",
        title="Features that were changed to fool the model",
        columns=(
            Column(name="feature"),
            Column(name="rows", kind="integer"),
            Column(name="share", kind="percent"),
            Column(name="from", kind="percent"),
            Column(name="to", kind="percent"),
            Column(name="median change", kind="number"),
            Column(name="unit"),
        ),
        rows=tuple(rows[:50]),
        total=len(rows),
        note=f"Share of the {n} rows that were fooled." if n else "No row fooled the model.",
    )
