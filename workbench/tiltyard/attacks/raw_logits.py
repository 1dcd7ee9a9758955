"""What went into a model's last steps that keep the order of the classes: its logits, before a softmax, a tanh or a scale hides them."""

from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

KEEP = {
    "softmax",
    "log_softmax",
    "sigmoid",
    "expit",
    "tanh",
    "clamp",
    "clip",
    "hardtanh",
    "softplus",
    "exp",
    "log",
    "logsigmoid",
    "float",
    "double",
    "round",
    "floor",
    "ceil",
    "trunc",
}
SCALED = {"mul", "__mul__", "__rmul__", "multiply", "div", "__truediv__", "true_divide"}
SHIFTED = {"add", "__add__", "__radd__", "sub", "__sub__"}


class _Noted(TorchFunctionMode):
    """For each tensor that keeps the order of another's columns, that other."""

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[int, tuple[Tensor, Tensor]] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        out = func(*args, **given)
        source = _source(getattr(func, "__name__", ""), args, out)
        if source is not None:
            self.held[id(out)] = (out, source)
        return out


def _source(name: str, args: Any, out: Any) -> Tensor | None:
    """The argument whose order of columns ``out`` keeps, None where that cannot be said."""
    if not args or not isinstance(out, Tensor) or out.ndim != 2 or not isinstance(args[0], Tensor) or args[0].shape != out.shape:
        return None
    other = args[1] if len(args) > 1 else None
    alike = isinstance(other, (int, float)) or (isinstance(other, Tensor) and (other.ndim == 0 or other.shape == (len(out), 1)))
    if name in SCALED:
        return args[0] if isinstance(other, (int, float)) and other > 0 else None
    return args[0] if name in KEEP or (name in SHIFTED and alike) else None


class RawLogits(nn.Module):
    """A module's logits before the last steps that only keep their order; its own output where there is no such step."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, k)."""
        with _Noted() as noted:
            out: Tensor = self.inner(x)
        while id(out) in noted.held:
            out = noted.held[id(out)][1]
        return out
