"""The forms in which people keep images: channels first or last, gray without channels, one row of pixels; in the file's numbers or scaled."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..datasets.schema import Schema
from .module_input import scores_of

Layout = Literal["channels first", "channels last", "without channels", "flat"]
BYTE = 255


@dataclass(frozen=True)
class ImageForm:
    """A layout of images, and what their pixels are multiplied by: the schema's ``divide`` gives the numbers of the file.

    ``whole``: as uint8, rounded, through which no gradient comes.
    """

    layout: Layout
    times: float = 1.0
    whole: bool = False

    @property
    def words(self) -> str:
        """It in words."""
        shape = {"channels first": "(n, channels, height, width)", "channels last": "(n, height, width, channels)"}
        pixels = f", from 0 to {self.times:g}" if self.times != 1 else ""
        return f"{'uint8' if self.whole else 'float32'} images {shape.get(self.layout, '(n, height, width)' if self.layout == 'without channels' else '(n, pixels)')}{pixels}"


AS_THEY_ARE = ImageForm("channels first")


def image_forms(schema: Schema) -> Iterator[ImageForm]:
    """The forms that ``schema``'s images may have been given to a model in: the person's own numbers first."""
    image = schema.features[0]
    gray = image.shape[0] == 1
    layouts: tuple[Layout, ...] = ("channels first", "without channels" if gray else "channels last", "flat")
    for times in (image.divide, 1.0) if image.divide != 1 else (1.0,):
        for layout in layouts:
            yield ImageForm(layout, times)


def whole_forms(schema: Schema) -> Iterator[ImageForm]:
    """The forms of bytes, for models that take no other numbers; none of images that were no bytes."""
    yield from (replace(form, whole=True) for form in image_forms(schema) if form.times == BYTE)


@dataclass(frozen=True)
class Arranged:
    """A function of images in ``form``, as one of float32 (n, channels, height, width) scaled as the schema says."""

    predict: Callable[[Any], Any]
    form: ImageForm

    def __call__(self, x: NDArray[Any]) -> Any:
        """What it answers."""
        return self.predict(arranged_as(x, self.form))


def arranged_as(x: NDArray[Any], form: ImageForm) -> NDArray[Any]:
    """Images (n, channels, height, width) in ``form``, float32 or uint8, in an array of its own; whole numbers where division made fractions of them."""
    rows: NDArray[Any] = np.array(x, np.float32)
    if form.times != 1:
        rows *= np.float32(form.times)
        whole = np.rint(rows)
        rows = np.where(np.abs(rows - whole) < 1e-5 * form.times, whole, rows)
    if form.whole:
        rows = np.rint(rows).clip(0, BYTE).astype(np.uint8)
    if form.layout == "channels last":
        return np.ascontiguousarray(rows.transpose(0, 2, 3, 1))
    if form.layout == "without channels":
        return rows[:, 0]
    return rows.reshape(len(rows), -1) if form.layout == "flat" else rows


def grain(module: nn.Module) -> float:
    """The step between the values that ``module`` takes as numbers of a schema, in ranges: 1/255 of images as bytes; 0 where it takes every number."""
    return max((1 / BYTE for part in module.modules() if isinstance(part, Laid) and part.form.whole), default=0.0)


class Laid(nn.Module):
    """``inner`` of images in ``form``, as one of images (n, channels, height, width) scaled as the schema says."""

    def __init__(self, inner: nn.Module, form: ImageForm) -> None:
        super().__init__()
        self.inner = inner
        self.form = form

    def forward(self, x: Tensor) -> Tensor:
        """What ``inner`` returns."""
        x = x * self.form.times if self.form.times != 1 else x
        x = x.round().clamp(0, BYTE).to(torch.uint8) if self.form.whole else x
        if self.form.layout == "channels last":
            x = x.permute(0, 2, 3, 1)
        elif self.form.layout == "without channels":
            x = x[:, 0]
        out: Tensor = scores_of(self.inner(x.flatten(1) if self.form.layout == "flat" else x))
        return out

    def extra_repr(self) -> str:
        """What decides the answers beside the weights."""
        return f"{self.form.layout}, times {self.form.times:g}{', uint8' if self.form.whole else ''}"
