"""A torch module asked as somebody without us would: the table as one tensor, one call, softmax of what comes out."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn

from ..datasets.schema import Rows, Schema
from .decision import LargestScore, Prediction
from .image_forms import AS_THEY_ARE, ImageForm, arranged_as
from .module_input import scores_of
from .plain_rows import plain_rows

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class PlainModule:
    """A person's own module, before anything of ours was put around it.

    Parameters
    ----------
    order
        Which of its outputs is each class of the schema; empty where they are in that order.
    onehot
        Whether categories are given as a column each, else by their code.
    dtype
        Of its input.
    image
        How it takes images.
    """

    module: nn.Module
    schema: Schema
    order: tuple[int, ...]
    outputs: Literal["logits", "probabilities"]
    onehot: bool
    dtype: torch.dtype
    image: ImageForm = AS_THEY_ARE

    def table(self, frame: "pd.DataFrame") -> Prediction | None:
        """Its answers to rows of a person's table; None where these cannot be given to it without us."""
        rows = plain_rows(frame, self.schema, self.onehot)
        return None if rows is None else self._asked(torch.from_numpy(rows).to(self.dtype))

    def images(self, x: Rows) -> Prediction | None:
        """Its answers to images as a data set has them."""
        rows = torch.from_numpy(arranged_as(x, self.image))
        return self._asked(rows if self.image.whole else rows.to(self.dtype))

    def _asked(self, rows: Tensor) -> Prediction:
        parameter = next(self.module.parameters(), None)
        with torch.no_grad():
            out = scores_of(self.module(rows.to(parameter.device if parameter is not None else "cpu")))
        out = out.double().cpu()
        if out.ndim == 1 or out.shape[1] == 1:
            yes = out.reshape(-1) if self.outputs == "probabilities" else torch.sigmoid(out.reshape(-1))
            out = torch.stack([1 - yes, yes], 1)
        elif self.outputs == "logits":
            out = torch.softmax(out, 1)
        scores = out.numpy()[:, list(self.order)] if self.order else out.numpy()
        return Prediction(LargestScore()(scores), scores)
