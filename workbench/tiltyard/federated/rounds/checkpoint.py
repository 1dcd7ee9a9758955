"""A run's weights and rounds as a checkpoint, so that what was cut off goes on with the same numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ...errors import Problem
from ...targets.checkpoints import restored, store
from .server import Round, Weights


@dataclass(frozen=True)
class Checkpoint:
    """The file and the key of the run it belongs to."""

    path: Path
    key: str

    def read(self) -> tuple[Weights | None, tuple[Round, ...], dict[str, Tensor]]:
        """Weights, float32 (d,), rounds so far, and what was carried between them; None, no rounds and nothing where there is no file.

        Raises
        ------
        Problem
            It cannot be read, is of another run, or holds no weights or rounds.
        """
        if not self.path.exists():
            return None, (), {}
        tensors, facts = restored(self.path, self.key)
        try:
            weights: Weights = tensors.pop("weights").numpy()
            return weights, tuple(Round.model_validate(r) for r in facts["rounds"]), tensors
        except (KeyError, TypeError, ValueError):
            raise Problem(f"weights and rounds in {self.path}", "something else", "Name another file, or delete it") from None

    def write(self, weights: Weights, rounds: list[Round], memory: Mapping[str, Tensor]) -> None:
        """Whole or not at all; `Problem` where it cannot be written."""
        store(self.path, self.key, {**memory, "weights": torch.from_numpy(weights)}, {"rounds": [r.model_dump() for r in rounds]})
