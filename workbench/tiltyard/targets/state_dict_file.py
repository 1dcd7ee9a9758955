"""A file of weights alone, opened for the wizard that finds its layers."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..artifacts.formats import Format
from ..datasets.schema import Schema
from ..errors import Problem
from .model_file import scan_and_read
from .state_dict import Proposal, facts, propose
from .weights_file import tensors

if TYPE_CHECKING:
    from torch import Tensor

    from ..datasets.dataset import Dataset
    from ..sealing.keys import Key


@dataclass(frozen=True)
class Weights:
    """The tensors of a file, and how its layers may be found."""

    tensors: "Mapping[str, Tensor]"
    proposal: Proposal


def weights_in(path: str, schema: Schema, data: "Dataset | None" = None, sealed: "Key | None" = None) -> Weights:
    """Scan a file of weights alone and propose its layers for rows of ``schema``.

    Raises
    ------
    Problem
        It is not shown safe, holds no weights alone, or those are of no layers known here.
    """
    file = scan_and_read(Path(path).expanduser(), sealed)
    if file.format not in (Format.SAFETENSORS, Format.TORCH_ZIP, Format.TORCH_LEGACY):
        raise Problem("a file of weights alone, safetensors or tensor-only .pt", f"{file.format} in {file.path.name}", "Load it as it is")
    found, _ = tensors(file)
    return Weights(found, propose(facts(found), schema, data))
