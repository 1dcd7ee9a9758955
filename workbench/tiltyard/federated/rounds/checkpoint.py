"""A run's weights and rounds as a checkpoint, so that what was cut off goes on with the same numbers."""

from dataclasses import dataclass
from pathlib import Path

import torch

from ...errors import Problem
from ...targets.checkpoints import restored, store
from .server import Round, Weights


@dataclass(frozen=True)
class Checkpoint:
    """The file and the key of the run it belongs to."""

    path: Path
    key: str

    def read(self) -> tuple[Weights | None, tuple[Round, ...]]:
        """Weights, float32 (d,), and rounds so far; None and no rounds where there is no file.

        Raises
        ------
        Problem
            It cannot be read, is of another run, or holds no weights or rounds.
        """
        if not self.path.exists():
            return None, ()
        tensors, facts = restored(self.path, self.key)
        try:
            weights: Weights = tensors["weights"].numpy()
            return weights, tuple(Round.model_validate(r) for r in facts["rounds"])
        except (KeyError, TypeError, ValueError):
            raise Problem(f"weights and rounds in {self.path}", "something else", "Name another file, or delete it") from None

    def write(self, weights: Weights, rounds: list[Round]) -> None:
        """Whole or not at all; `Problem` where it cannot be written."""
        store(self.path, self.key, {"weights": torch.from_numpy(weights)}, {"rounds": [r.model_dump() for r in rounds]})
