"""What an image processor of transformers does, as a module from images of 0 to 1: size, crop, scale and normalization, with gradients."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...errors import Problem

BILINEAR, BICUBIC, NEAREST = 2, 3, 0
MODES = {BILINEAR: "bilinear", BICUBIC: "bicubic"}
KNOWN = frozenset(
    "do_resize size resample do_center_crop crop_size do_rescale rescale_factor do_normalize image_mean image_std crop_pct do_convert_rgb "
    "image_processor_type feature_extractor_type processor_class data_format default_to_square device disable_grouping input_data_format "
    "return_tensors do_pad pad_size size_divisor image_seq_length do_reduce_labels do_flip_channel_order do_thumbnail do_align_long_axis "
    "offset rescale_offset include_top".split()
)
FORBIDDEN = ("do_pad", "do_reduce_labels", "do_flip_channel_order", "do_thumbnail", "do_align_long_axis", "include_top", "rescale_offset")


class Pictures(nn.Module):
    """Images (n, 1 or channels, height, width) of 0 to 1 to the logits of ``model``.

    Parameters
    ----------
    settings
        What ``preprocessor_config.json`` says, with what its class has by itself.
    channels
        How many the model takes; a gray picture is given as so many alike.

    Raises
    ------
    Problem
        The processor does something that is not done here.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, model: nn.Module, settings: dict[str, Any], channels: int) -> None:
        super().__init__()
        self.model = model
        self.channels = channels
        _refuse(settings)
        self.size, self.edge = _size(settings) if settings.get("do_resize") else (None, 0)
        self.resample = int(settings.get("resample", BILINEAR) or 0)
        self.crop = _pair(settings["crop_size"]) if settings.get("do_center_crop") and settings.get("crop_size") else None
        if self.edge and settings.get("crop_pct") and self.edge < 384:
            self.crop, self.edge = (self.edge, self.edge), int(self.edge / float(settings["crop_pct"]))
        elif self.edge and settings.get("crop_pct"):
            self.size, self.edge = (self.edge, self.edge), 0
        self.scale = 255 * float(settings.get("rescale_factor") or 1 / 255) if settings.get("do_rescale", True) else 255.0
        on = bool(settings.get("do_normalize"))
        self.register_buffer("mean", _column(settings.get("image_mean") if on else 0.0, channels))
        self.register_buffer("std", _column(settings.get("image_std") if on else 1.0, channels))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, k)."""
        x = x.expand(-1, self.channels, -1, -1) if x.shape[1] == 1 else x
        x = self._cropped(self._resized(x))
        first = next(self.model.parameters())
        out: Tensor = self.model(pixel_values=((x * self.scale - self.mean) / self.std).to(first.dtype)).logits
        return out.float()

    def resizes(self, height: int, width: int) -> bool:
        """Is a picture of this size made another before the model sees it?"""
        return self._wanted(height, width) != (height, width)

    def _wanted(self, height: int, width: int) -> tuple[int, int]:
        if self.size is not None:
            return self.size
        if not self.edge:
            return height, width
        short, long = min(height, width), max(height, width)
        other = int(self.edge * long / short)
        return (self.edge, other) if height <= width else (other, self.edge)

    def _resized(self, x: Tensor) -> Tensor:
        wanted = self._wanted(int(x.shape[2]), int(x.shape[3]))
        if wanted == tuple(x.shape[2:]):
            return x
        if self.resample == NEAREST:
            return functional.interpolate(x, wanted, mode="nearest-exact")
        return functional.interpolate(x, wanted, mode=MODES[self.resample], antialias=True).clamp(0, 1)

    def _cropped(self, x: Tensor) -> Tensor:
        if self.crop is None:
            return x
        height, width = self.crop
        down, right = height - x.shape[2], width - x.shape[3]
        if down > 0 or right > 0:
            top, left = max(down, 0) // 2, max(right, 0) // 2
            x = functional.pad(x, (left, max(right, 0) - left, top, max(down, 0) - top))
        top, left = (x.shape[2] - height) // 2, (x.shape[3] - width) // 2
        return x[:, :, top : top + height, left : left + width]

    def extra_repr(self) -> str:
        """What decides the answers beside the weights."""
        return f"size={self.size or self.edge}, crop={self.crop}, resample={self.resample}, scale={self.scale:g}"


def _refuse(settings: dict[str, Any]) -> None:
    other = [key for key, value in settings.items() if value and (key in FORBIDDEN or (key not in KNOWN and key.startswith("do_")))]
    resample = int(settings.get("resample", BILINEAR) or 0)
    if settings.get("do_resize") and resample not in (NEAREST, BILINEAR, BICUBIC):
        other.append(f"resample = {resample}")
    if other:
        do = "Export it to ONNX, or give a function of images in a notebook: open_target(predict, data=data)"
        raise Problem("a processor that resizes, crops and normalizes", f"{', '.join(other)} in preprocessor_config.json", do)


def _size(settings: dict[str, Any]) -> tuple[tuple[int, int] | None, int]:
    """Height and width, or the length of the shorter edge."""
    size = settings.get("size")
    if isinstance(size, dict) and set(size) == {"shortest_edge"}:
        return None, int(size["shortest_edge"])
    return _pair(size), 0


def _pair(size: Any) -> tuple[int, int]:
    found = (size, size) if isinstance(size, int) else (size.get("height"), size.get("width")) if isinstance(size, dict) else (None, None)
    if not all(isinstance(n, int) and 0 < n <= 4096 for n in found):
        raise Problem("a size as height and width", f"{size!r} in preprocessor_config.json"[:120], "Export the model to ONNX")
    height, width = found
    assert isinstance(height, int) and isinstance(width, int)
    return height, width


def _column(values: Any, channels: int) -> Tensor:
    found = torch.tensor(values if isinstance(values, list) else [float(values or 0.0)] * channels, dtype=torch.float32)
    if len(found) != channels:
        raise Problem(f"a mean for each of {channels} channels", f"{len(found)} in preprocessor_config.json", "Correct it")
    return found.reshape(1, channels, 1, 1)
