"""What goes into the sigmoid or softmax that a module ends with: its logits, before float32 rounds a probability to 0 or 1."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

SIGMOIDS = ("sigmoid", "sigmoid_", "expit", "special_expit")
SOFTMAXES = ("softmax", "special_softmax")
SHAPED = ("squeeze", "unsqueeze", "view", "reshape", "flatten", "ravel", "contiguous", "clone", "cpu", "to", "float", "double")
TURNED = ("rsub", "__rsub__")
LEAST = 1e-30


class Heads(TorchFunctionMode):
    """Notes the logits of every sigmoid and softmax that is computed within, also under another shape.

    A probability that a sigmoid gave and that is taken from 1 is the sigmoid of the turned logit.
    """

    def __init__(self) -> None:
        super().__init__()
        self.noted: dict[int, tuple[Tensor, Tensor]] = {}  # the probabilities are held, so that their id stays theirs
        self.single: set[int] = set()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        name = getattr(func, "__name__", "")
        logits = (
            args[0] if name in SIGMOIDS or (name in SOFTMAXES and given.get("dim", args[1] if len(args) > 1 else None) in (1, -1)) else None
        )
        logits = logits.clone() if name == "sigmoid_" and logits is not None else logits
        out = func(*args, **given)
        if logits is not None:
            self._note(out, logits, single=name in SIGMOIDS)
        elif args and id(args[0]) in self.noted:
            self._follow(func, name, args, given, out)
        return out

    def _follow(self, func: Any, name: str, args: Any, given: Any, out: Any) -> None:
        _, logits = self.noted[id(args[0])]
        single = id(args[0]) in self.single
        if name in SHAPED:
            self._note(out, func(logits, *args[1:], **given), single=single)
        elif name in TURNED and single and args[1] == 1:
            self._note(out, -logits, single=True)
        elif name == "__getitem__" and isinstance(out, Tensor) and (single or out.shape == args[0].shape):
            self._note(out, logits[args[1]], single=single)

    def _note(self, out: Tensor, logits: Tensor, single: bool) -> None:
        self.noted[id(out)] = (out, logits)
        if single:
            self.single.add(id(out))

    def logits(self, out: Tensor) -> Tensor | None:
        """The logits (n, k) of the probabilities ``out`` (n,) or (n, k); None where they were not noted."""
        if id(out) not in self.noted:
            return None
        _, logits = self.noted[id(out)]
        if id(out) not in self.single:
            return logits
        if out.ndim == 1 or out.shape[1] == 1:
            column = logits.reshape(-1, 1)
            return torch.cat([torch.zeros_like(column), column], 1)
        return nn.functional.logsigmoid(logits)


def two_columns(out: Tensor) -> Tensor:
    """Probabilities (n, k); of one output (n,) or (n, 1) those of both classes, float64, so that 1 less a small number is none."""
    out = out[:, None] if out.ndim == 1 else out
    return torch.cat([1 - out.double(), out.double()], 1) if out.shape[1] == 1 else out


def logits_of(inner: nn.Module, x: Tensor) -> Tensor:
    """Logits (n, k) of a module that returns probabilities: what its last layer was given, else their logarithm."""
    with Heads() as heads:
        out: Tensor = inner(x)
    found = heads.logits(out)
    return found if found is not None else two_columns(out).clamp_min(LEAST).log().to(out.dtype)
