"""A run's weights and rounds in one safetensors file, so that what was cut off goes on with the same numbers."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...datasets.dataset import Dataset
from ...errors import Problem
from ...targets.target import Target
from .server import Round, Weights

if TYPE_CHECKING:
    from ..training import FederatedTraining

KEY = "tiltyard-federation"


@dataclass(frozen=True)
class Checkpoint:
    """The file and the run it belongs to."""

    path: Path
    key: str

    @classmethod
    def of(cls, name: str, step: "FederatedTraining", target: Target, data: Dataset) -> "Checkpoint":
        """The checkpoint ``name`` of this very run; a bare name stands in the user's data folder."""
        from platformdirs import user_data_path

        path = Path(name).expanduser()
        if path.parent == Path() and not path.is_absolute():
            path = user_data_path("tiltyard") / path.with_suffix(".safetensors").name
        given = step.model_dump(mode="json", exclude={"resume", "rounds"})
        text = json.dumps([given, target.fingerprint, data.fingerprint], sort_keys=True)
        return cls(path, hashlib.sha256(text.encode()).hexdigest())

    def read(self) -> tuple[Weights | None, tuple[Round, ...]]:
        """Weights and rounds so far; None and no rounds where there is no file. More rounds than before may be asked for."""
        from safetensors import SafetensorError, safe_open

        if not self.path.exists():
            return None, ()
        try:
            with safe_open(str(self.path), "np") as file:
                facts = json.loads((file.metadata() or {}).get(KEY, "{}"))
                weights: Weights = file.get_tensor("weights")
            rounds = tuple(Round.model_validate(r) for r in facts.get("rounds", []))
        except (OSError, SafetensorError, ValueError) as error:
            raise Problem(f"a checkpoint in {self.path}", str(error).splitlines()[0], "Name another file, or delete it") from None
        if facts.get("key") != self.key:
            raise Problem(
                "a checkpoint of this very run (target, data, parameters, seed)", f"another's in {self.path}", "Name another file"
            )
        return weights, rounds

    def write(self, weights: Weights, rounds: list[Round]) -> None:
        """Whole or not at all."""
        from safetensors.numpy import save

        facts = {"key": self.key, "rounds": [r.model_dump() for r in rounds]}
        part = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(save({"weights": weights}, {KEY: json.dumps(facts)}))
            os.replace(part, self.path)
        except OSError as error:
            part.unlink(missing_ok=True)
            found = error.strerror or str(error)
            raise Problem(f"to write the checkpoint {self.path}", found, "Choose another file, or free some space") from None
