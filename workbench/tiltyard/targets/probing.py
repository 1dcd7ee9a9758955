"""Ten rows through a model, and one line that says what is wrong, or that nothing is."""

import itertools
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..datasets.dataset import Dataset
from ..errors import Problem, Unavailable
from ..result import Metric
from ..statistics.intervals import rate
from .decision import Scores
from .target import Target, asked_anew

MORE = 200


@dataclass(frozen=True)
class Probe:
    """What a few rows showed.

    ``passed``: it answered as a classifier of this data should. ``finding``: it answered, but something
    looks wrong. ``failed``: it cannot be used on this data. ``line`` says it; ``seconds`` is the time of the rows.
    """

    state: Literal["passed", "finding", "failed"]
    line: str
    rows: int
    seconds: float = 0.0
    accuracy: Metric | None = None


def probe(target: Target, data: Dataset, rows: int = 10) -> Probe:
    """Send ``rows`` rows of ``data`` (of each class as many as there are, seed 0, rows not trained on) and judge the answers.

    Never raises for what the model does. Where the answers look wrong, up to 200 more rows are sent to tell
    what is wrong (classes in another order, or a model that is no better than chance).
    """
    if problem := _mismatch(target, data):
        return Probe("failed", problem, 0)
    data = data.classed(target.classes)
    part = data.unseen.take(_spread(data.unseen.y, rows))
    started = time.perf_counter()
    try:
        with asked_anew():
            found = target.predictions(part.x)
    except Exception as error:
        return Probe("failed", _line(error, target), len(part))
    seconds = time.perf_counter() - started
    hits = found.labels == part.y
    accuracy = rate("accuracy", "Accuracy", int(hits.sum()), len(part), "higher")
    summary = f"{len(part)} rows answered in {_time(seconds)}; accuracy {_share(accuracy)} on these {len(part)} rows"
    wrong = _scale(target, data, accuracy) or _constant(found.scores, target) or _order(target, data, accuracy) or _gradients(target, part)
    if wrong:
        return Probe("finding", f"{wrong} ({summary}).", len(part), seconds, accuracy)
    return Probe("passed", f"{summary}.", len(part), seconds, accuracy)


def _mismatch(target: Target, data: Dataset) -> str:
    do = "Read the data with schema=target.schema, or give the columns the model was trained on"
    if target.schema.shape != data.schema.shape:
        expected, found = _columns(target.schema.shape), _columns(data.schema.shape)
        return str(Problem(f"{expected} for {target.name}", f"{found} in {data.name}", do))
    if target.schema.columns != data.schema.columns and not target.schema.images:
        pairs = zip(target.schema.columns, data.schema.columns, strict=True)
        i, (ours, theirs) = next((i, pair) for i, pair in enumerate(pairs) if pair[0] != pair[1])
        return str(Problem(f"{ours!r} as column {i + 1} of {target.name}", f"{theirs!r} in {data.name}", do))
    try:
        data.classed(target.classes)
    except Problem as problem:
        return str(problem)
    return ""


def _columns(shape: tuple[int, ...]) -> str:
    return f"{shape[0]} columns" if len(shape) == 1 else f"images of {'×'.join(map(str, shape))}"


def _spread(y: NDArray[np.int64], n: int) -> NDArray[np.intp]:
    """``n`` row numbers that take turns among the classes, each in random order (seed 0)."""
    rng = np.random.default_rng(0)
    lanes = [rng.permutation(np.flatnonzero(y == c))[:n] for c in np.unique(y)]
    turns = itertools.chain.from_iterable(itertools.zip_longest(*lanes, fillvalue=-1))
    return np.array([i for i in turns if i >= 0][:n], np.intp)


def _line(error: Exception, target: Target) -> str:
    if isinstance(error, Problem):
        return str(error)
    found = " ".join(str(error).split())[:200]
    return str(Problem(f"{target.name} to answer", f"{type(error).__name__}: {found}", "Check columns, shapes and classes"))


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _share(metric: Metric) -> str:
    value, low, high = (f"{100 * (part or 0):.0f}" for part in (metric.value, metric.low, metric.high))
    return f"{value} % [{low}, {high}]"


def _constant(scores: Scores, target: Target) -> str:
    if len(scores) < 2:
        return ""
    if float(np.ptp(scores, axis=0).max()) < 1e-6:
        return f"{target.name} gives the same scores to every row: check that its weights are loaded and its inputs scaled as in training"
    return ""


def _order(target: Target, data: Dataset, accuracy: Metric) -> str:
    """Classes in another order, or no better than chance: judged on more rows where ten look bad."""
    k = len(target.classes)
    if not _poor(accuracy, k):
        return ""
    part = data.unseen.take(_spread(data.unseen.y, MORE))
    try:
        guesses = target.labels(part.x)
    except Exception as error:
        return _line(error, target)
    table = np.zeros((k, k), np.int64)
    np.add.at(table, (guesses, part.y), 1)
    hits, best, order = int(np.trace(table)), *_assigned(table)
    now, then = rate("now", "now", hits, len(part)), rate("then", "then", best, len(part))
    chance = float(np.bincount(part.y, minlength=k).max()) / len(part)
    if then.low is not None and now.high is not None and then.low > max(now.high, chance):
        named = ", ".join(f"{target.classes[i]} is {target.classes[j]}" for i, j in enumerate(order) if i != j)
        gain = f"{_share(then)} instead of {_share(now)} on {len(part)} rows"
        return f"the classes are probably in another order ({named}): that gives {gain}; name the classes in the model's order (classes, --classes)"
    if now.low is not None and now.low <= 1 / k:
        one = guesses[0] if (guesses == guesses[0]).all() else None
        what = f"it answers {target.classes[one]!r} to all" if one is not None else "no better than chance"
        return f"accuracy {_share(now)} on {len(part)} rows, {what}: check columns, scaling and classes"
    return ""


def _scale(target: Target, data: Dataset, accuracy: Metric) -> str:
    """Images in another scale than the model was trained on: reported where that scale is clearly right more often."""
    if not data.schema.images or not _poor(accuracy, len(target.classes)):
        return ""
    part, image = data.unseen.take(_spread(data.unseen.y, MORE)), data.schema.features[0]
    known = (255.0, 1 / 255, 16.0, 1 / 16, image.divide)
    for factor in dict.fromkeys(f for f in known if f != 1):
        with suppress(Exception):  # some models refuse such rows
            now, then = (rate("hits", "hits", int((target.labels(part.x * np.float32(f)) == part.y).sum()), len(part)) for f in (1, factor))
            if then.low is not None and now.high is not None and then.low > now.high:
                gain = f"{_share(then)} instead of {_share(now)} on {len(part)} rows"
                do = f"correct {image.name!r} to divide = {image.divide / factor:g}"
                return f"its pixels are probably scaled wrongly: from 0 to {image.high * factor:g} accuracy is {gain}; {do}"
    return ""


def _poor(accuracy: Metric, k: int) -> bool:
    return accuracy.value is not None and accuracy.value < max(0.7, 1.2 / k)


def _assigned(table: NDArray[np.int64]) -> tuple[int, list[int]]:
    """The most rows that some renaming of the model's classes gets right, and that renaming."""
    from scipy.optimize import linear_sum_assignment

    found, named = linear_sum_assignment(table, maximize=True)
    return int(table[found, named].sum()), [int(j) for j in named]


def _gradients(target: Target, part: Dataset) -> str:
    """Where gradients are offered: are they there, finite, and not all zero?"""
    if "gradients" not in target.offers:
        return ""
    import torch

    x = torch.from_numpy(np.ascontiguousarray(target.encoding.encode(part.x))).requires_grad_()
    try:
        loss = torch.nn.functional.cross_entropy(target.module(x), torch.from_numpy(part.y))
        (slope,) = torch.autograd.grad(loss, x)
    except Unavailable:
        return ""
    except Exception as error:
        return f"its gradients fail ({_line(error, target)})"
    if not torch.isfinite(slope).all():
        return "its gradients are not finite: attacks that follow them will fail"
    if not slope.any():
        return "its gradients are zero on these rows: attacks that follow them cannot work (saturated or masked)"
    return ""
