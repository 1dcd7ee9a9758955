"""A target around another: what a defense puts before or behind a model, which can be kept as a file of its own."""

import json
from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from ..errors import Problem
from .made_rows import answers_to_made_rows
from .saving import LARGEST, ordered
from .target import Target

DEFENSE = "defense.safetensors"
FORMAT, KEY = 1, "tiltyard_defense"


@dataclass(frozen=True)
class Own:
    """What of a wrapper is its own: settings that JSON can hold, and arrays by name."""

    settings: dict[str, Any]
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    rows: int = 0
    """How many rows of people are among the arrays."""


class Wrapper(Target):
    """A target that asks another, its ``inner``, and answers otherwise.

    Attributes
    ----------
    wraps
        The name of its kind in a file, see `defense_file.WRAPPERS`.
    inner
        The target that it asks.
    """

    wraps: ClassVar[str]
    inner: Target

    @abstractmethod
    def own(self) -> Own:
        """What `around` makes it of again.

        Raises
        ------
        Problem
            A part of it cannot be written without code.
        """

    @classmethod
    @abstractmethod
    def around(cls, inner: Target, own: Own) -> Self:
        """The same wrapper around ``inner``. ``own`` comes from a file: whatever it lacks or has wrong is a `KeyError`, `ValueError` or `TypeError`."""

    @property
    def grain(self) -> float:
        return self.inner.grain

    def safetensors(self) -> bytes:
        """What it adds to the model as one safetensors file; the model itself is not in it. `open_target` takes it as ``behind=``."""
        return packed_wrapper(self)

    def files(self) -> dict[str, bytes]:
        try:
            content = self.safetensors()
        except Problem:
            return {}
        return {DEFENSE: content} if len(content) <= LARGEST else {}


def packed_wrapper(target: "Wrapper") -> bytes:
    """The bytes of a defense file; equal wrappers around equal models give equal bytes."""
    from safetensors.numpy import save

    own = target.own()
    arrays = {f"own.{name}": np.ascontiguousarray(value) for name, value in own.arrays.items()}
    made = answers_to_made_rows(target.inner)
    if made is not None:
        arrays |= {f"model.{name}": value for name, value in made.items()}
    facts = {
        "format": FORMAT,
        "kind": target.wraps,
        "settings": own.settings,
        "rows": own.rows,
        "schema": target.schema.model_dump(mode="json"),
        "model": {"name": target.inner.name, "fingerprint": target.inner.fingerprint, "classes": list(target.classes)},
    }
    return ordered(save(arrays or {"own.nothing": np.zeros(0, np.uint8)}, {KEY: json.dumps(facts, sort_keys=True, ensure_ascii=False)}))


def column(values: Any, dtype: Any, *shape: int | None) -> NDArray[Any]:
    """``values`` from a file as an array of ``dtype`` and ``shape`` (None: any length); a `ValueError` where it is none."""
    found = np.asarray(values)
    fits = found.ndim == len(shape) and all(want is None or want == have for want, have in zip(shape, found.shape, strict=True))
    if not fits or not np.can_cast(found.dtype, dtype, "same_kind") or not np.isfinite(found).all():
        raise ValueError(f"an array of finite {np.dtype(dtype)} and shape {shape}, found {found.dtype} {found.shape}")
    return found.astype(dtype)


def seed_in(value: Any) -> int:
    """A seed from a file; a `ValueError` where it is none."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        raise ValueError(f"a seed from 0 on, found {value!r:.20}")
    return value
