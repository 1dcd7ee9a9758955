"""The weights of a module as one vector, and back."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...errors import Problem


def _floats(module: nn.Module) -> list[Tensor]:
    """Parameters and running statistics, in the state's order; whole numbers (counters) stay where they are."""
    return [tensor for tensor in module.state_dict().values() if tensor.is_floating_point()]


def flat(module: nn.Module) -> NDArray[np.float32]:
    """A copy of all weights and float buffers, float32 (d,)."""
    return torch.cat([tensor.detach().reshape(-1) for tensor in _floats(module)]).numpy().astype(np.float32, copy=True)


def put(module: nn.Module, weights: NDArray[np.float32]) -> None:
    """Write ``weights`` (d,) into ``module`` in place; a `Problem` where their number is another."""
    tensors = _floats(module)
    if weights.shape != (size := sum(t.numel() for t in tensors),):
        raise Problem(f"{size:,} weights for this module", f"{weights.size:,}", "Give all clients the same architecture")
    parts = torch.split(torch.from_numpy(np.ascontiguousarray(weights)), [t.numel() for t in tensors])
    with torch.no_grad():
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.reshape(tensor.shape))
