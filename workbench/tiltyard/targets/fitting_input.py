"""What a torch module takes, found out on a few rows: the encoded columns or the table's own values, numbers or whole numbers."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..datasets.encoding import encoding_of
from ..datasets.schema import Rows, Schema
from ..errors import Problem
from . import trying
from .estimators import Feeds
from .image_forms import Laid
from .module_input import WHOLE, Fed, Form, NamedLogits, Untouched, differentiable, quantized, scores_of

if TYPE_CHECKING:
    from ..datasets.dataset import Dataset

MOST_TRIED = 64  # columns whose missing gradient is looked into


def fitting(
    module: nn.Module, schema: Schema, name: str, feeds: Feeds | None = None, data: "Dataset | None" = None
) -> tuple[nn.Module, NDArray[np.float32], tuple[str, ...]]:
    """``module`` as one from encoded rows, what it returns for a few rows, and what was found out.

    Raises
    ------
    Problem
        It takes the rows in no form, or not at their bounds, or returns no row of scores for each.
    """
    rows = trying.rows(schema, data)
    first: Problem | None = None
    for form, dtype in _ways(module, schema, name, feeds):
        made = _made(module, schema, form, dtype)
        try:
            out = _answers(made, rows, schema, name)
        except Problem as problem:
            first = first or problem
            continue
        made = made if isinstance(made, Fed) or _returns_a_tensor(made, rows, schema) else NamedLogits(made)
        made = _untouched(made) if _writes(made, rows, schema) else made
        _at_bounds(made, schema, name)
        made, notes = _with_gradients(made, rows, schema, name)
        return made, out, (*_about(made), *notes)
    assert first is not None
    embedding, numbers = _first(module), [f.name for f in schema.features if f.kind == "continuous"]
    if isinstance(embedding, nn.Embedding) and numbers:
        found = f"{numbers[0]!r}, which holds other numbers"
        raise Problem(f"whole numbers below {embedding.num_embeddings} in each column for {name}", found, "Leave that column out")
    raise first


def _ways(module: nn.Module, schema: Schema, name: str, feeds: Feeds | None) -> Iterator[tuple[Form, torch.dtype]]:
    """Forms and types of its input, likelier first."""
    if feeds == "frame" or feeds == "texts":
        raise Problem('feeds "encoded" or "values" for a torch module', repr(feeds), "Wrap a predict function instead")
    own = _own_dtype(module, name)
    coded = any(f.kind == "categorical" for f in schema.features)
    forms: tuple[Form, ...] = (feeds,) if feeds else ("encoded", "values") if coded else ("encoded",)
    numbers = [(form, own) for form in forms]
    whole = [(forms[-1], WHOLE)] if schema.integer.all() and not schema.images else []
    yield from (*whole, *reversed(numbers)) if isinstance(_first(module), nn.Embedding) else (*numbers, *whole)


def _own_dtype(module: nn.Module, name: str) -> torch.dtype:
    """The type of its first number that is no whole number."""
    for tensor in (*module.parameters(), *module.buffers()):
        if tensor.device.type == "meta":
            raise Problem(f"the weights of {name}", "a module on the device 'meta', which has none", "Load its weights first")
        if tensor.is_floating_point():
            return tensor.dtype
    return torch.float32


def _first(module: nn.Module) -> nn.Module | None:
    """The first layer that has weights of its own."""
    return next((part for part in module.modules() if next(part.parameters(recurse=False), None) is not None), None)


def _made(module: nn.Module, schema: Schema, form: Form, dtype: torch.dtype) -> nn.Module:
    parameter = next(module.parameters(), None)
    device = parameter.device if parameter is not None else torch.device("cpu")
    if form == "encoded" and dtype == torch.float32 and device.type == "cpu":
        return module
    return Fed(module, encoding_of(schema), form, dtype, device)


def _answers(module: nn.Module, x: Rows, schema: Schema, name: str) -> NDArray[np.float32]:
    for part in module.modules():
        part.training = False
    encoding = encoding_of(schema)
    fed = module if isinstance(module, Fed) else None

    def call() -> Tensor:
        with torch.inference_mode():
            out: Tensor = scores_of(module(_encoded(x, schema)))
            return out

    shape = schema.shape if fed is not None and fed.form == "values" else encoding.shape
    out = trying.answer(call, name, f"{name} to take rows of shape {shape}" + _first_layer(module))
    if not isinstance(out, Tensor):
        do = "Wrap the module so that it returns class scores alone"
        raise Problem(f"a tensor, or something with a tensor called logits, from {name}", type(out).__name__, do)
    if len(out) != len(x) if out.ndim else True:
        raise Problem(
            f"one row of scores for each of {len(x)} rows from {name}", f"output of shape {tuple(out.shape)}", "Wrap the module's output"
        )
    return out.float().numpy()


def _returns_a_tensor(module: nn.Module, x: Rows, schema: Schema) -> bool:
    with torch.inference_mode():
        return isinstance(module(_encoded(x, schema)), Tensor)


def _writes(module: nn.Module, x: Rows, schema: Schema) -> bool:
    """Does it write into the rows that it is given?"""
    z = _encoded(x, schema)
    was = z.clone()
    with torch.inference_mode():
        module(z)
    return not torch.equal(z, was)


def _untouched(module: nn.Module) -> nn.Module:
    """``module`` on a copy of its rows."""
    if not isinstance(module, Fed):
        return Untouched(module)
    module.inner = Untouched(module.inner)
    return module


def _encoded(x: Rows, schema: Schema) -> Tensor:
    """Encoded rows in memory of their own."""
    return torch.from_numpy(np.array(encoding_of(schema).encode(x)))


def _first_layer(module: nn.Module) -> str:
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            return f" (its first linear layer takes {layer.in_features} numbers)"
        if isinstance(layer, nn.Conv2d):
            return f" (its first convolution takes {layer.in_channels} channels)"
        if isinstance(layer, nn.Embedding):
            return f" (its embedding takes whole numbers below {layer.num_embeddings})"
    return ""


def _at_bounds(module: nn.Module, schema: Schema, name: str) -> None:
    """Refuse bounds past what it knows: an attack would go there, and a token outside of a vocabulary ends in an error."""
    if schema.images or not schema.integer.any():
        return
    for which, bound in (("lowest", schema.low), ("highest", schema.high)):
        try:
            _answers(module, trying.snapped(bound.ravel(), schema), schema, name)
        except Problem as problem:
            expected = f"columns whose {which} values {name} takes{_first_layer(module)}"
            raise Problem(expected, problem.found, "Correct the columns' low and high to what the model knows") from None


def _with_gradients(module: nn.Module, rows: Rows, schema: Schema, name: str) -> tuple[nn.Module, tuple[str, ...]]:
    """``module``, marked where no gradient comes through it to some column that it uses, and the sentence about it."""
    if not differentiable(module):
        why = "computes in whole numbers" if any(map(quantized, module.modules())) else "looks its input up by whole number"
        return module, (f"{name} {why}, so it offers no gradients.",)
    z = _encoded(rows, schema).requires_grad_()
    slope = _slope(module, z)
    lost = "" if slope is None or schema.images else _without_gradient(module, z.detach(), slope, schema)
    if slope is not None and not lost:
        return module, ()
    made = module if isinstance(module, Fed) else Fed(module, encoding_of(schema))
    made.differentiable = False
    where = f"to {lost!r}, on which its answers depend" if lost else "to its input"
    return made, (f"No gradient comes through {name} {where}, so it offers none.",)


def _slope(module: nn.Module, z: Tensor) -> Tensor | None:
    """The gradient of its outputs, weighted at random, at encoded rows; None where there is none."""
    try:
        out = module(z)
        weights = torch.randn(out.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        slope = torch.autograd.grad((out.double() * weights).sum(), z, allow_unused=True)[0]
    except RuntimeError:
        return None
    return slope


def _without_gradient(module: nn.Module, z: Tensor, slope: Tensor, schema: Schema) -> str:
    """A column of whole numbers or categories to which no gradient comes, although another value changes the answers; empty if none."""
    encoding = encoding_of(schema)
    here = [f.name for f in schema.features if f.kind != "continuous" and not slope[:, encoding.slices[f.name]].any()]
    with torch.inference_mode():
        still = module(z)
        for name in here[:MOST_TRIED]:
            place = encoding.slices[name]
            moved = z.clone()
            moved[:, place] = z[:, place].flip(0) if schema.feature(name).numeric else z[:, place].roll(1, 1)
            if not torch.equal(module(moved), still):
                return name
    return ""


def _about(module: nn.Module) -> tuple[str, ...]:
    if not isinstance(module, Fed) or any(isinstance(part, Laid) and part.form.whole for part in module.modules()):
        return ()  # of bytes the form of the images says it
    kind = str(module.dtype).removeprefix("torch.")
    what = "the table's own columns, categories by code" if module.form == "values" else "the encoded columns"
    where = f" on {module.device}" if module.device.type != "cpu" else ""
    return (f"It takes {what}, as {kind}{where}.",)
