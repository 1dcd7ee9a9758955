"""Any torch module as a target: what its head returns is found out, and its classes are put in the schema's order."""

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..datasets.schema import Schema
from ..errors import Problem
from . import trying
from .architecture import Architecture
from .estimators import Feeds
from .fitting_input import fitting
from .image_forms import AS_THEY_ARE, ImageForm, Laid, image_forms, whole_forms
from .module_input import Fed
from .plain_module import PlainModule
from .torch_target import Outputs, TorchTarget
from .training import Recipe

if TYPE_CHECKING:
    from ..datasets.dataset import Dataset

MANY, FEW, LARGE = 500, 64, 3 * 64 * 64  # rows to try a form of images on, and from how many numbers a row on only few of them


class Reordered(nn.Module):
    """The inner module's k outputs as columns ``order``; a single output for two classes is turned around."""

    def __init__(self, inner: nn.Module, order: tuple[int, ...], outputs: Outputs) -> None:
        super().__init__()
        self.inner = inner
        self.order = order
        self.outputs = outputs

    def forward(self, x: Tensor) -> Tensor:
        """As the inner module, other columns first."""
        out: Tensor = self.inner(x)
        if out.ndim == 1 or out.shape[1] == 1:
            return -out if self.outputs == "logits" else 1 - out
        return out[:, list(self.order)]


def module_target(
    module: nn.Module,
    schema: Schema,
    *,
    name: str = "",
    outputs: Outputs | None = None,
    order: tuple[int, ...] = (),
    recipe: Recipe | None = None,
    architecture: Architecture | None = None,
    feeds: Feeds | None = None,
    data: "Dataset | None" = None,
) -> TorchTarget:
    """Wrap ``module``; where ``outputs`` is None a few rows decide between logits and probabilities.

    Parameters
    ----------
    feeds
        What it takes: the ``encoded`` columns or the table's own ``values``. None: found out on the same rows.
    order
        Which output is each class of the schema; empty where they are in its order.

    Raises
    ------
    Problem
        When the module does not take the schema's rows, returns another shape, or NaN.
    """
    name, own = name or type(module).__name__, module
    forms = list(image_forms(schema)) if schema.images and feeds is None else [AS_THEY_ARE]
    good: list[TorchTarget] = []
    first: Problem | None = None
    whole = list(whole_forms(schema)) if schema.images and feeds is None else []
    for form in (*sorted(forms, key=lambda f: f.times != 1), *whole):
        if form.whole and good:
            break
        inner, laid = (own, architecture) if form == AS_THEY_ARE else (Laid(own, form), None)
        try:
            made = _in_one_form(inner, schema, name, outputs, order, recipe, laid, feeds, data)
        except Problem as problem:
            first = first or problem
            continue
        made.plainly = _plainly(own, made.inner, schema, order, made.outputs, form)
        made.given = form.words if form.whole else made.given
        good.append(made)
    if not good:
        assert first is not None
        raise first
    return _best(good, data)


def _in_one_form(
    module: nn.Module,
    schema: Schema,
    name: str,
    outputs: Outputs | None,
    order: tuple[int, ...],
    recipe: Recipe | None,
    architecture: Architecture | None,
    feeds: Feeds | None,
    data: "Dataset | None",
) -> TorchTarget:
    module, out, about = fitting(module, schema, name, feeds, data)
    k = len(schema.classes)
    found = trying.head(out, k, name)
    notes = () if outputs else (trying.output_note(found, out.ndim == 1 or out.shape[1] == 1),)
    if outputs == "probabilities" and found == "logits":
        raise Problem(
            f"probabilities that sum to 1 a row from {name}", f"values from {out.min():.3g} to {out.max():.3g}", 'Say outputs="logits"'
        )
    outputs = outputs or found
    if order and order != tuple(range(k)):
        module, architecture = Reordered(module, order, outputs), None
    target = TorchTarget(module, schema.classes, schema, name, outputs, recipe, architecture)
    target.assumptions = (*about, *notes)
    return target


def _best(good: list[TorchTarget], data: "Dataset | None") -> TorchTarget:
    """The first form that it takes; another where it is clearly right more often on labeled rows, which is then told.

    Few modules say whether they want pixels from 0 to 1 or from 0 to 255, channels first or last.
    """
    target = good[0]
    if len(good) > 1 and data is not None:
        part = data.sample(FEW if np.prod(data.schema.shape) > LARGE else MANY, np.random.default_rng(0)).classed(target.classes)
        right = [_right(each, part) for each in good]
        most = max(range(len(good)), key=lambda i: (int(right[i].sum()), -i))
        if better(int((right[most] & ~right[0]).sum()), int((right[0] & ~right[most]).sum())):
            target = good[most]
        target.assumptions = (*target.assumptions, _compared(good, right, target, len(part)))
    elif (form := _form(target)) != AS_THEY_ARE:
        target.assumptions = (*target.assumptions, f"It takes {form.words}.")
    return target


def _right(target: TorchTarget, part: "Dataset") -> NDArray[np.bool_]:
    try:
        return np.asarray(target.labels(part.x) == part.y)
    except Exception:  # some models refuse such rows
        return np.zeros(len(part), bool)
    finally:
        target.queries = 0


def _compared(good: list[TorchTarget], right: list[NDArray[np.bool_]], taken: TorchTarget, n: int) -> str:
    """What it is given, and how often it is right on that and on the other forms that it takes."""
    counts = {_form(each).words: int(found.sum()) for each, found in zip(good, right, strict=True)}
    mine = _form(taken).words
    others = "; ".join(f"{count} with {words}" for words, count in counts.items() if words != mine)
    return f"It is given {mine}: {counts[mine]} of {n} rows right, {others}."


def _form(target: TorchTarget) -> ImageForm:
    return next((part.form for part in target.inner.modules() if isinstance(part, Laid)), AS_THEY_ARE)


def better(gained: int, lost: int) -> bool:
    """Is it more than chance that ``gained`` rows turned right and ``lost`` wrong (sign test, one-sided, p < 0.001)?"""
    from scipy.stats import binom

    return bool(binom.sf(gained - 1, gained + lost, 0.5) < 0.001) if gained + lost else False


def _plainly(own: nn.Module, module: nn.Module, schema: Schema, order: tuple[int, ...], outputs: Outputs, image: ImageForm) -> PlainModule:
    """What asks ``own`` without what was put around it."""
    fed = next((part for part in module.modules() if isinstance(part, Fed)), None)
    by_code = fed is not None and fed.form == "values"
    return PlainModule(own, schema, order, outputs, not by_code, fed.dtype if fed is not None else torch.float32, image)
