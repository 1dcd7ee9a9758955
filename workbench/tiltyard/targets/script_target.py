"""TorchScript: loaded from the bytes that were judged, with gradients, never trained."""

import io
import warnings

import torch
from torch import nn

from ..errors import Problem
from .model_file import ModelFile


def script_module(file: ModelFile) -> nn.Module:
    """The module in a TorchScript archive, on the CPU in eval mode.

    Raises
    ------
    Problem
        When the archive breaks off or was made by a torch that this one does not read.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            module: nn.Module = torch.jit.load(io.BytesIO(file.content), map_location="cpu")  # type: ignore[no-untyped-call]
    except (RuntimeError, ValueError, OSError, EOFError) as error:
        found = (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
        raise Problem("a whole TorchScript archive", f"{file.path.name}, which cannot be read ({found})", "Save it again") from None
    return module.eval()
