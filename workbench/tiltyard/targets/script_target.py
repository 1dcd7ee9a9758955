"""TorchScript: loaded from the bytes that were judged, with gradients, never trained."""

import io
import warnings

import torch
from torch import Tensor, nn

from ..errors import Problem
from .model_file import ModelFile


class Scripted(nn.Module):
    """A ScriptModule in a plain one, which can be frozen and copied like any other."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        """What the script returns."""
        out: Tensor = self.inner(x)
        return out

    def extra_repr(self) -> str:
        """The script's own code, so that a fingerprint of the module depends on it."""
        return str(getattr(self.inner, "code", ""))


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
    return Scripted(module).eval()
