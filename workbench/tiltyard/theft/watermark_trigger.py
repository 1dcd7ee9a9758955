"""The mathematics of a trigger-set watermark: rows and labels drawn from a secret, and what matching them proves."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..datasets.encoding import encoding_of
from ..datasets.schema import Rows, Schema
from ..errors import Unavailable
from ..result import Metric
from ..statistics.intervals import clopper_pearson

CLAIM = 1e-6
CELLS = 7


@dataclass(frozen=True)
class Triggers:
    """The secret rows and their secret labels: x (n, *shape) as a target takes it, y int64 (n,) in 0 to k - 1."""

    x: Rows
    y: NDArray[np.int64]


def triggers(secret: bytes, count: int, schema: Schema) -> Triggers:
    """``count`` distinct trigger rows and their labels, the same for the same secret.

    Images are abstract: a coarse grid of random black and white, unlike anything photographed (Adi et al. 2018, arXiv
    1802.04633). Table rows are valid rows with every value random. The labels come from SHAKE-256 of the secret by
    rejection, so they are uniform over the k classes and independent of the rows and of any model. Rows are drawn by encoded columns in
    float32, as keys of all ages have them: an old key gives the rows that its model was marked with.

    Raises
    ------
    Unavailable
        The schema has fewer than ``count`` distinct rows.
    """
    rng = np.random.default_rng(list(hashlib.sha256(b"tiltyard watermark rows" + secret).digest()))
    parts: list[NDArray[np.float32]] = []
    seen: set[bytes] = set()
    for _ in range(50):
        for row in patterns(schema, count, rng) if schema.images else encoded(schema, count, rng):
            if row.tobytes() not in seen and len(seen) < count:
                seen.add(row.tobytes())
                parts.append(row)
        if len(parts) == count:
            return Triggers(_rows(np.stack(parts).astype(np.float32), schema), labels(secret, count, len(schema.classes)))
    raise Unavailable(f"a schema with {count} distinct rows to hide a mark in", f"{len(parts)}", "Ask for fewer triggers")


def encoded(schema: Schema, n: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """``n`` random rows by encoded columns: numbers uniform in their bounds as float32 has them, a random member of each group. float32 (n, width)."""
    encoding = encoding_of(schema)
    x = rng.uniform(encoding.low.astype(np.float32), encoding.high.astype(np.float32), (n, *encoding.shape)).astype(np.float32)
    x[:, encoding.integer] = np.round(x[:, encoding.integer])
    for group in encoding.groups:
        x[:, group] = np.eye(group.stop - group.start, dtype=np.float32)[rng.integers(0, group.stop - group.start, n)]
    return x


def _rows(z: NDArray[np.float32], schema: Schema) -> Rows:
    """Encoded rows as a target takes them; what float32 rounded past a bound is put back on it, which encodes to the same number."""
    x = encoding_of(schema).decode(z)
    return x if schema.images else np.clip(x, schema.low, schema.high)


def patterns(schema: Schema, n: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Random black and white grids of at most 7 by 7 cells, blown up to the image. float32 (n, channels, height, width)."""
    channels, height, width = schema.shape
    cells = rng.integers(0, 2, (n, channels, min(CELLS, height), min(CELLS, width)))
    rows = np.arange(height) * cells.shape[2] // height
    columns = np.arange(width) * cells.shape[3] // width
    coarse = cells[:, :, rows][:, :, :, columns].astype(np.float32)
    out: NDArray[np.float32] = (schema.low + coarse * (schema.high - schema.low)).astype(np.float32)
    return out


def labels(secret: bytes, count: int, k: int) -> NDArray[np.int64]:
    """``count`` labels uniform in 0 to k - 1 from SHAKE-256 of the secret; int64."""
    words = np.frombuffer(hashlib.shake_256(b"tiltyard watermark labels" + secret).digest(8 * (2 * count + 64)), "<u4")
    fair = words[words < (2**32 // k) * k]
    return (fair[:count] % k).astype(np.int64)


def chance(matches: int, n: int, k: int) -> float:
    """The probability that a model independent of the key gives at least ``matches`` of ``n`` secret labels.

    Given any model that was made without the key, whatever it answers on the n rows, each secret label equals that
    answer with probability exactly 1 / k, independently, because the labels were drawn uniformly and independently of
    rows and model. So the matches are exactly binomial(n, 1 / k): no assumption on the model, its accuracy or its bias.
    The upper tail is therefore a p-value: at most 0.05 in at most 5 % of claims on unmarked models. It presumes that the
    key was drawn once and committed to before the suspect model was known; who may draw keys until one fits proves nothing.
    """
    from scipy.stats import binom

    return float(binom.sf(matches - 1, n, 1 / k))


def matched(answers: NDArray[np.int64], key: Triggers) -> int:
    """How many of the answers (n,) are the secret labels."""
    return int((answers == key.y).sum())


def p_metric(matches: int, n: int, k: int) -> Metric:
    """The p-value as a metric; exact, so it has no interval."""
    note = f"upper tail of binomial({n}, 1/{k}) at {matches}: exact whatever the model"
    return Metric(name="p_value", label="Chance of so many matches by an independent model", value=chance(matches, n, k), n=n, note=note)


def share_metric(name: str, label: str, matches: int, n: int) -> Metric:
    """The share of triggers answered with the secret label, with its exact interval; no direction is safer."""
    low, high = clopper_pearson(matches, n)
    return Metric(name=name, label=label, value=matches / n, low=low, high=high, level=0.95, n=n, interval="Clopper-Pearson")


def fewest(n: int, k: int, level: float = CLAIM) -> int:
    """The fewest matches whose chance is below ``level``; n + 1 where even all n are not enough."""
    return next((m for m in range(n + 1) if chance(m, n, k) < level), n + 1)
