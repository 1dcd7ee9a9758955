"""What a torch module takes where that is not encoded float32 rows on the CPU: the table's own values, whole numbers, float64."""

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ..datasets.encoding import Encoding
from ..datasets.schema import Schema

Form = Literal["encoded", "values"]
WHOLE = torch.int64


def scores_of(out: Any) -> Any:
    """What a module returned, or its ``logits`` where it returned several things by name, as those of Hugging Face do."""
    found = out.get("logits") if isinstance(out, Mapping) else getattr(out, "logits", None)
    return found if isinstance(found, Tensor) and not isinstance(out, Tensor) else out


class NamedLogits(nn.Module):
    """``inner``, which returns several things by name, as a module that returns its logits alone."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        """Its logits (n, k)."""
        out: Tensor = scores_of(self.inner(x))
        return out


class Untouched(nn.Module):
    """``inner``, which writes into the rows that it is given, as a module that leaves them as they are."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        """What ``inner`` returns."""
        out: Tensor = self.inner(x.clone())
        return out


class Fed(nn.Module):
    """``inner`` as a module from encoded rows.

    Parameters
    ----------
    form
        What ``inner`` takes: the ``encoded`` columns, or the table's own ``values``, one column each, categories by their code.
    dtype, device
        Of its input. Whole numbers (int64) are rounded and give no gradient.
    differentiable
        Whether a gradient comes through ``inner`` to all of its input.
    """

    def __init__(
        self,
        inner: nn.Module,
        encoding: Encoding,
        form: Form = "encoded",
        dtype: torch.dtype = torch.float32,
        device: torch.device | None = None,
        differentiable: bool = True,
    ) -> None:
        super().__init__()
        self.inner = inner
        self.form: Form = form
        self.dtype = dtype
        self.device = device or torch.device("cpu")
        self.differentiable = differentiable and dtype != WHOLE
        self.places = encoding.places if form == "values" else ()

    def forward(self, z: Tensor) -> Tensor:
        """What ``inner`` returns for encoded rows (n, *shape), on the CPU."""
        rows = self._values(z) if self.places else z
        rows = rows.round() if self.dtype == WHOLE else rows
        out = self.inner(rows.to(self.device, self.dtype))
        out = scores_of(out)
        return out.cpu() if isinstance(out, Tensor) else out

    def _values(self, z: Tensor) -> Tensor:
        """The table's columns: of a group the code of its category, between two codes where it lies between them."""
        columns = [z[:, place] if coded is None else z[:, coded] @ codes(coded, z) for place, coded in self.places]
        return torch.stack(columns, 1)

    def extra_repr(self) -> str:
        """What decides the answers beside the weights."""
        return f"{self.form}, {self.dtype}"


def codes(group: slice, like: Tensor) -> Tensor:
    """0 to k - 1 for the k columns of a group."""
    return torch.arange(group.stop - group.start, dtype=like.dtype)


def differentiable(module: nn.Module) -> bool:
    """Does a gradient come through ``module`` to its input? Not where one of its layers looks its input up by whole number, or is quantized."""
    return all(getattr(part, "differentiable", True) is not False and not quantized(part) for part in module.modules())


def quantized(layer: nn.Module) -> bool:
    """Does ``layer`` compute in whole numbers, through which torch brings no gradient?"""
    return ".nn.quantized" in type(layer).__module__ or ".nn.intrinsic.quantized" in type(layer).__module__


def exact(module: nn.Module) -> bool:
    """Does it take more than float32 holds?"""
    return any(getattr(part, "dtype", None) in (WHOLE, torch.float64) for part in module.modules())


def words(module: nn.Module, schema: Schema) -> str:
    """What ``module`` is given, for a record."""
    fed = next((part for part in module.modules() if isinstance(part, Fed)), None)
    kind = str(fed.dtype).removeprefix("torch.") if fed is not None else "float32"
    if schema.images:
        return f"{kind} images"
    if not any(f.kind == "categorical" for f in schema.features):
        return f"{kind}, the table's own columns"
    by_code = fed is not None and fed.form == "values"
    return f"{kind}, the table's own columns, categories by code" if by_code else f"{kind}, categories one-hot"
