"""Broken defenses with known answers, and two honest models: what an evaluation of robustness is tested on, and what a lab shows.

Each of the eight is the digits model, or a student of it, with a step that hides its gradients and does not make it robust. What is known
of it is the robust accuracy of that model without the step. After Athalye, Carlini and Wagner 2018, arXiv:1802.00420; Carlini and Wagner 2016,
arXiv:1607.04311 (distillation); Croce and Hein 2020, arXiv:2003.01690 (scaled logits).

Measured on 60 held-out rows, linf 0.1, robust accuracy by 20 steps of PGD and by ``evasion.strong`` at a fifth of its effort; the undefended
model keeps 65 % at full effort, the student 30 %:

==================  =====  ======
defense             PGD    strong
==================  =====  ======
scaled-logits       68.3   65.0
scaled-softmax      96.7   65.0
quantized           96.7   65.0
not-differentiable  none   65.0
wrong-gradient      96.7   65.0
random              63.3   63.3
distilled           43.3   31.7
saturated           96.7   65.0
==================  =====  ======

PGD says itself of each that a check of it does not hold, and of one that it has no gradient. It averages over what a model draws, as
``evasion.strong`` does, so that noise does not mislead it. Rounding to few levels would be no broken defense: it does change robustness.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import Problem
from .catalog import load_model

if TYPE_CHECKING:
    from ..targets.torch_target import TorchTarget


@dataclass(frozen=True)
class BrokenDefense:
    """A target whose true robustness is that of ``undefended``.

    Attributes
    ----------
    title
        The defense in words.
    shown_by
        How the name of the check of an evaluation that gives it away begins; empty for an honest model.
    advice
        What to do to measure it; empty where nothing is needed.
    """

    name: str
    title: str
    target: "TorchTarget"
    undefended: "TorchTarget"
    shown_by: str = ""
    advice: str = ""

    @property
    def honest(self) -> bool:
        """Are its gradients what they seem?"""
        return not self.shown_by


@dataclass(frozen=True)
class _Kind:
    title: str
    wrapper: str
    shown_by: str
    advice: str
    model: str = "digits"


KINDS: dict[str, _Kind] = {
    "scaled-logits": _Kind("Logits times 10,000", "Scaled", "Logits are not saturated", "logits divided by their spread"),
    "scaled-softmax": _Kind("Softmax of logits times 10,000", "ScaledSoftmax", "Softmax is not applied twice", "logits before the softmax"),
    "quantized": _Kind("Pixels rounded to 65 levels", "Quantized", "Gradients are there", "BPDA by the identity"),
    "not-differentiable": _Kind("A threshold and rounding outside of torch", "Filtered", "Gradients are there", "BPDA by the identity"),
    "wrong-gradient": _Kind("Rounding with a wrong straight-through gradient", "Misled", "Gradients agree", "BPDA by the identity"),
    "random": _Kind("Pixels with random noise", "Noisy", "Answers are equal when asked twice", "expectation over the noise"),
    "distilled": _Kind(
        "A student of softened answers, its logits times 100", "Hot", "Logits are not saturated", "logits divided by their spread"
    ),
    "saturated": _Kind("A head of tanh that saturates", "Saturated", "Gradients are there", "logits before the tanh"),
    "undefended": _Kind("The digits model itself", "", "", ""),
    "adversarially-trained": _Kind("The digits model after adversarial training", "", "", "", "digits-robust"),
}


def names() -> tuple[str, ...]:
    """The eight broken defenses and, behind them, the two honest models."""
    return tuple(KINDS)


def load_broken(name: str) -> BrokenDefense:
    """The target ``name`` with what is known of it; its data are the shipped digits.

    Raises
    ------
    Problem
        Unknown name.
    """
    if name not in KINDS:
        raise Problem(f"a broken defense ({', '.join(KINDS)})", repr(name), "Choose one of these")
    kind = KINDS[name]
    model = load_model(kind.model)
    if not kind.wrapper:
        return BrokenDefense(name, kind.title, model, model)
    made = _wrapped(kind.wrapper)
    inner = _distilled(model) if name == "distilled" else model.inner
    undefended = _target(inner, model, "undefended") if name == "distilled" else model
    return BrokenDefense(name, kind.title, _target(made(inner), model, kind.title), undefended, kind.shown_by, kind.advice)


def _wrapped(name: str) -> "Callable[[object], object]":
    from . import _broken_modules

    found: Callable[[object], object] = getattr(_broken_modules, name)
    return found


def _distilled(teacher: "TorchTarget") -> object:
    from ._broken_modules import distilled

    return distilled(teacher)


def _target(module: object, like: "TorchTarget", name: str) -> "TorchTarget":
    from torch import nn

    from ..targets.torch_target import TorchTarget

    assert isinstance(module, nn.Module)
    return TorchTarget(module, like.classes, like.schema, name)
