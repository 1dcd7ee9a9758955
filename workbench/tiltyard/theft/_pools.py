"""What a thief may ask: rows like the target's own, rows of something else, columns drawn each by itself, or what can be made from nothing."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..datasets.dataset import Dataset
from ..datasets.schema import Rows, Schema
from ..progress import Progress
from .equations import drawn

Knows = Literal["rows", "other", "marginals", "nothing"]
WORDS: dict[Knows, str] = {
    "rows": "rows of its own that are like the target's",
    "other": "rows of something else",
    "marginals": "the distribution of each column by itself",
    "nothing": "no data at all",
}
LOOKED_AT = 20_000
WIDER = 4  # rows made for each that will be asked, to choose among
DOTS = 24
CHUNK = 200


def made(knows: Knows, own: Dataset, other: str, budget: int, rng: np.random.Generator, progress: Progress) -> Dataset:
    """The rows a thief chooses from, labels unknown (0), who knows ``knows``; ``own`` are rows like the target's."""
    if knows == "rows":
        return own
    count = max(budget, min(WIDER * budget, LOOKED_AT))
    if knows == "other":
        return _unlabeled(_read(other, own.schema, count, rng), own)
    if knows == "marginals":
        return _unlabeled(marginals(own, count, rng), own)
    schema = own.schema
    return _unlabeled(strokes(schema, count, rng, progress) if schema.images else drawn(schema, count, rng), own)


def _unlabeled(x: Rows, own: Dataset) -> Dataset:
    return Dataset(x, np.zeros(len(x), np.int64), own.schema, own.name)


def _read(path: str, schema: Schema, count: int, rng: np.random.Generator) -> Rows:
    import pandas as pd

    from ..datasets.reading import read, read_table

    table = read_table(path)
    if not isinstance(table, pd.DataFrame) or schema.images:
        return read(path, schema=schema).at_most(count, rng).x
    x = schema.encode(table)
    return x[rng.permutation(len(x))[:count]]


def marginals(own: Dataset, count: int, rng: np.random.Generator) -> Rows:
    """``count`` rows (n, columns) of a table in which each feature has the values of ``own``, drawn by itself."""
    x = own.take(rng.integers(0, len(own), count)).x.copy()
    for place in own.schema.slices.values():
        x[:, place] = x[rng.permutation(count), place]
    return x


def strokes(schema: Schema, count: int, rng: np.random.Generator, progress: Progress) -> Rows:
    """``count`` pictures of one to four random curves, one in five of coarse noise; float32 (n, channels, height, width)."""
    found = []
    for start in range(0, count, CHUNK):
        progress.check()
        n = min(CHUNK, count - start)
        lines = _lines(schema.shape, n, rng)
        noisy = rng.random(n) < 0.2
        lines[noisy] = _coarse(schema.shape, int(noisy.sum()), rng)
        turned = rng.random(n) < 0.1
        lines[turned] = 1 - lines[turned]
        found.append(schema.low + lines * (schema.high - schema.low))
    return np.concatenate(found).astype(np.float32)


def _lines(shape: tuple[int, ...], n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Bent lines with soft edges, 0 to 1, (n, channels, height, width); a stroke keeps to the middle as what people draw does."""
    channels, height, width = shape
    out = np.zeros((n, channels, height, width))
    places = np.linspace(0, 1, DOTS)[:, None]
    curve = np.concatenate([(1 - places) ** 2, 2 * places * (1 - places), places**2], 1)
    rows, columns = np.arange(height)[:, None, None] / height, np.arange(width)[None, :, None] / width
    for i in range(n):
        for _ in range(int(rng.integers(1, 5))):
            dots = curve @ rng.uniform(0.15, 0.85, (3, 2))
            apart = np.sqrt(((rows - dots[:, 0]) ** 2 + (columns - dots[:, 1]) ** 2).min(-1))
            line = np.clip(1.5 - apart / rng.uniform(0.02, 0.07), 0, 1)
            out[i] = np.maximum(out[i], line * rng.uniform(0.6, 1, (channels, 1, 1)))
    return out


def _coarse(shape: tuple[int, ...], n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Noise of 4 to 7 cells a side, blown up, 0 to 1."""
    channels, height, width = shape
    cells = int(rng.integers(4, 8))
    small = rng.random((n, channels, cells, cells))
    return small[:, :, np.arange(height) * cells // height][:, :, :, np.arange(width) * cells // width]
