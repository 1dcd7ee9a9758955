"""The input guard: does a row look like the rows the model was made for? Built from training data, kept as a file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..access import places
from ..artifacts.headers import BadHeader, read_safetensors
from ..datasets.dataset import Dataset
from ..datasets.encoding import encoding_of
from ..datasets.schema import Rows, Schema
from ..errors import Problem

SURE = 0.95
GUARD, SUFFIXES = "a guard file", (".safetensors",)
FORMAT = 1
BATCH = 512
SLACK = 1e-4


@dataclass(frozen=True)
class FittedGuard:
    """Schema and range validation, normalization, and an anomaly score with its threshold.

    The score of a row is the mean distance to its ``neighbors`` nearest reference rows, in encoded columns that were
    centered and scaled by the training rows (Ramaswamy et al. 2000; Kuan and Mueller 2022, arXiv 2207.03061, for
    its strength against learned detectors). A number that a row may lack, and lacks, stands at the middle. A row is refused when it
    breaks the schema or scores above ``threshold``.

    Attributes
    ----------
    mean, scale : (d,)
        Normalization of the flattened encoded columns.
    reference : float32 (m, d)
        Normalized training rows.
    threshold
        The score that a share ``allowed`` of fresh training rows exceeds.
    promised
        The share of natural rows that is refused at most, with 95 % certainty; more than ``allowed`` where few rows set the threshold.
    """

    schema: Schema
    mean: NDArray[np.floating[Any]]
    scale: NDArray[np.floating[Any]]
    reference: NDArray[np.float32]
    neighbors: int
    threshold: float
    allowed: float
    promised: float = 1.0

    def normalized(self, x: Rows) -> NDArray[np.float32]:
        """Rows of x as float32 (n, d), centered and scaled."""
        return scaled(flat(x, self.schema), self.mean, self.scale)

    def score(self, x: Rows) -> NDArray[np.float32]:
        """Anomaly of each row, float32 (n,): larger is stranger; inf for rows that break the schema."""
        out = np.full(len(x), np.inf, np.float32)
        for start in range(0, len(x), BATCH):
            part = x[start : start + BATCH]
            good = ~self.invalid(part)
            if good.any():
                out[start : start + BATCH][good] = nearest(self.normalized(part[good]), self.reference, self.neighbors)
        return out

    def invalid(self, x: Rows) -> NDArray[np.bool_]:
        """Rows that break the schema: out of range, not whole, no category, or a one-hot group without exactly one 1."""
        if x.shape[1:] != self.schema.shape:
            raise Problem(f"rows of shape {self.schema.shape}", f"{x.shape[1:]}", "Give the columns the guard was built on")
        schema = self.schema
        low, high, whole = schema.low, schema.high, schema.integer
        slack = np.where(whole, 0.0, SLACK * np.maximum(high - low, 1e-6))
        may_lack = schema.spread({f.name: float(f.missing) for f in schema.features}) > 0
        with np.errstate(invalid="ignore"):
            wrong = ~((x >= low - slack) & (x <= high + slack)) & ~(may_lack & np.isnan(x))
            wrong |= whole & np.isfinite(x) & (x != np.round(x))
        bad: NDArray[np.bool_] = np.asarray(wrong.reshape(len(x), -1).any(1))
        for feature in schema.features:
            if feature.kind == "onehot":
                part = x[:, schema.slices[feature.name]]
                bad[(part.sum(1) != 1) | ~np.isin(part, (0, 1)).all(1)] = True
        return bad

    def refused(self, x: Rows) -> NDArray[np.bool_]:
        """Rows the guard refuses, bool (n,)."""
        refused: NDArray[np.bool_] = self.invalid(x)
        refused[~refused] = self.score(x[~refused]) > self.threshold
        return refused

    def parts(self) -> tuple[str, dict[str, NDArray[Any]]]:
        """What `of_parts` makes it of again: facts as JSON, and arrays by name."""
        facts = {
            "format": FORMAT,
            "schema": self.schema.model_dump(mode="json"),
            "neighbors": self.neighbors,
            "threshold": self.threshold,
            "allowed": self.allowed,
            "promised": self.promised,
        }
        arrays = {"mean": self.mean, "scale": self.scale, "reference": self.reference}
        return json.dumps(facts), {name: np.ascontiguousarray(value) for name, value in arrays.items()}

    def content(self) -> bytes:
        """One safetensors file with the schema in its metadata; nothing in it can run. Equal guards give equal bytes."""
        from safetensors.numpy import save

        facts, arrays = self.parts()
        packed: bytes = save(arrays, {"tiltyard_guard": facts})
        return packed

    def save(self, path: Path | str, overwrite: bool = False) -> Path:
        """Write `content` to a new file ``path`` (.safetensors), whole or not at all; over one that is there only by ``overwrite``."""
        return places.written(path, self.content(), GUARD, SUFFIXES, replace=overwrite)


def flat(x: Rows, schema: Schema) -> NDArray[np.float64]:
    """The encoded columns of x, float64 (n, d)."""
    return encoding_of(schema).encode(x, np.float64).reshape(len(x), -1)


def scaled(columns: NDArray[np.float64], mean: NDArray[np.floating[Any]], scale: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Columns (n, d) centered and scaled, float32; 0 where there is no number."""
    out: NDArray[np.float32] = np.nan_to_num((columns - mean) / scale, nan=0.0).astype(np.float32)
    return out


def nearest(x: NDArray[np.float32], reference: NDArray[np.float32], neighbors: int) -> NDArray[np.float32]:
    """Mean Euclidean distance of each row to its ``neighbors`` nearest reference rows, float32 (n,)."""
    squared = (x**2).sum(1)[:, None] - 2 * x @ reference.T + (reference**2).sum(1)
    near = np.partition(np.maximum(squared, 0), neighbors - 1, axis=1)[:, :neighbors]
    out: NDArray[np.float32] = np.sqrt(near).mean(1)
    return out


def build(data: Dataset, rows: int, neighbors: int, allowed: float, rng: np.random.Generator) -> FittedGuard:
    """A guard from the rows the model was trained on; the threshold from training rows that are no reference."""
    seen = data.seen
    if len(seen) < 4 * neighbors:
        raise Problem(f"at least {4 * neighbors} training rows", f"{len(seen)}", "Give more rows or fewer neighbors")
    order = rng.permutation(len(seen))
    cut = min(rows, len(seen) // 2)
    columns = flat(seen.take(order[:cut]).x, data.schema)
    encoding = encoding_of(data.schema)
    mean, scale = _moments(columns)
    scale = np.maximum(scale, np.maximum(0.1 * (encoding.high - encoding.low).ravel(), 1e-6))
    fresh = seen.take(order[cut : cut + max(rows, 1000)]).x
    made = FittedGuard(data.schema, mean, scale, scaled(columns, mean, scale), neighbors, np.inf, allowed)
    scores = np.sort(made.score(fresh))
    k = place(len(scores), allowed)
    return replace(made, threshold=float(scores[-k]), promised=most(len(scores), k))


def _moments(columns: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and deviation of each column over the numbers that are there; 0 where there are none."""
    there = ~np.isnan(columns)
    n = np.maximum(there.sum(0), 1)
    mean = np.where(there, columns, 0.0).sum(0) / n
    deviation = np.sqrt((np.where(there, columns - mean, 0.0) ** 2).sum(0) / n)
    return mean, deviation


def apart(data: Dataset, rng: np.random.Generator) -> tuple[Dataset, Dataset]:
    """Rows to build a guard from and others to judge it on: trained on or not, or random halves where nobody knows."""
    if data.member is not None and data.member.any() and not data.member.all():
        return data.seen, data.unseen
    order = rng.permutation(len(data))
    return data.take(order[: (len(data) + 1) // 2]), data.take(order[(len(data) + 1) // 2 :])


def most(n: int, k: int) -> float:
    """The share of natural rows above the k-th largest of ``n`` scores of such rows, at most, `SURE` of it: a quantile of Beta(k, n - k + 1)."""
    from scipy.stats import beta

    return float(beta.ppf(SURE, k, n - k + 1))


def place(n: int, allowed: float) -> int:
    """The largest k so that no more than ``allowed`` of all natural rows exceed the k-th largest of ``n`` scores, `SURE` of it.

    That share is Beta(k, n - k + 1), whatever the scores' distribution (Wilks 1941, tolerance limits), and so k / (n + 1) on average;
    1 where n is too small for any.
    """
    from scipy.stats import beta

    k = np.arange(1, max(int(allowed * n), 1) + 1)
    return max(int(np.count_nonzero(beta.ppf(SURE, k, n - k + 1) <= allowed)), 1)


def load(path: Path | str) -> FittedGuard:
    """The guard in a file made by `FittedGuard.save`; a `Problem` in one line where it is not one."""
    try:
        with places.opened(path, GUARD) as stream:
            content = stream.read()
    except OSError as error:
        raise Problem(GUARD, f"{path} ({error.strerror or error})", "Build and save the guard again") from None
    with places.discreet(path, GUARD):
        return unpacked(content, str(path))


def unpacked(content: bytes, name: str = "the bytes given") -> FittedGuard:
    """The guard in the bytes of `FittedGuard.content`; as `load`."""
    from safetensors import SafetensorError
    from safetensors.numpy import load as arrays_in

    try:
        facts = read_safetensors(BytesIO(content)).metadata.get("tiltyard_guard", "{}")
        return of_parts(facts, arrays_in(content), name)
    except (BadHeader, SafetensorError) as error:
        raise Problem(GUARD, f"{name} ({str(error).splitlines()[0]})", "Build and save the guard again") from None


def of_parts(facts: str, arrays: Mapping[str, NDArray[Any]], name: str = "the bytes given") -> FittedGuard:
    """The guard of `FittedGuard.parts`; a `Problem` in one line where they are none."""
    try:
        parts = json.loads(facts)
        found = parts.get("format")
        if found != FORMAT:
            raise Problem(f"a guard of format {FORMAT}", f"{found or 'none'} in {name}", "Build and save the guard again")
        schema, neighbors = Schema.model_validate(parts["schema"]), int(parts["neighbors"])
        mean, scale, reference = (np.asarray(arrays[part]) for part in ("mean", "scale", "reference"))
        d = int(np.prod(encoding_of(schema).shape))
        shapes = mean.shape == scale.shape == (d,) and reference.ndim == 2 and reference.shape[1] == d
        floats = all(part.dtype in (np.float32, np.float64) and np.isfinite(part).all() for part in (mean, scale, reference))
        if not shapes or not floats or not (scale > 0).all() or not 1 <= neighbors <= len(reference):
            raise ValueError(f"numbers for {d} columns, scales above 0, and neighbors among the reference rows")
        threshold, allowed, promised = float(parts["threshold"]), float(parts["allowed"]), float(parts.get("promised", 1.0))
        if not (threshold >= 0 and 0 <= allowed <= 1 and 0 <= promised <= 1):
            raise ValueError("a threshold from 0 on and shares from 0 to 1")
        return FittedGuard(schema, mean, scale, reference, neighbors, threshold, allowed, promised)
    except Problem:
        raise
    except (KeyError, ValueError, TypeError, AttributeError, OverflowError) as error:
        raise Problem(GUARD, f"{name} ({str(error).splitlines()[0]})", "Build and save the guard again") from None
