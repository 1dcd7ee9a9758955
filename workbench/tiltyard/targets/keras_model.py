"""Keras 3 models: a torch module with gradients where Keras runs on torch, else a function of float32 rows."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray


def is_keras(source: Any) -> bool:
    """Is it a Keras model? Keras is not imported to find out."""
    return any(cls.__module__.startswith("keras.") and cls.__name__ == "Model" for cls in type(source).__mro__)


def plain(source: Any) -> Any:
    """A Keras model as a torch module, where its backend is torch, or as a function of float32 rows; always as at prediction."""
    import torch

    return _module(source) if isinstance(source, torch.nn.Module) else _function(source)


def _channels_last(source: Any) -> bool:
    """Does it take images as Keras has them, (n, height, width, channels)?"""
    shape = getattr(source, "input_shape", None)
    return isinstance(shape, tuple) and len(shape) == 4 and shape[-1] in (1, 3, 4) and shape[1] not in (1, 3, 4)


def _module(source: Any) -> Any:
    from torch import Tensor, nn

    class KerasModule(nn.Module):
        """A Keras model called with ``training=False``, which no eval mode of torch does."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = source
            self.channels_last = _channels_last(source)

        def forward(self, x: Tensor) -> Tensor:
            """What the model gives for float32 rows, or images (n, channels, height, width)."""
            out: Tensor = self.inner(x.permute(0, 2, 3, 1) if self.channels_last else x, training=False)
            return out

    return KerasModule()


def _function(source: Any) -> Callable[[NDArray[Any]], NDArray[Any]]:
    def predict(rows: NDArray[Any]) -> NDArray[Any]:
        given = rows.astype(np.float32)
        out = source(given.transpose(0, 2, 3, 1) if _channels_last(source) else given, training=False)
        found: NDArray[Any] = np.asarray(out)
        return found

    return predict
