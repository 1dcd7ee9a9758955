"""Which module a strong evaluation climbs: the target's own, or one that goes around what hides its gradients."""

from dataclasses import dataclass

from torch import Tensor, nn

from ..errors import Unavailable
from .gradient_probe import GradientFacts, probe
from .norms import Norm
from .perturbation_space import PerturbationSpace
from .raw_logits import RawLogits
from .straight_through import StraightThrough


@dataclass(frozen=True)
class Way:
    """The module to climb, what the probe said of the target's own, and what was done about it in words; empty where nothing was."""

    module: nn.Module
    facts: GradientFacts
    remedied: str = ""


def way(module: nn.Module, x: Tensor, y: Tensor, space: PerturbationSpace, norm: Norm, eps: float, seed: int, remedy: bool = True) -> Way:
    """Probe the gradients and, where they cannot lead, take logits before a head that hides them, and pass by what comes before the layers.

    Raises
    ------
    Unavailable
        Where there is no gradient and none can be made.
    """
    facts = probe(module, x, y, space, norm, eps, seed)
    now, did, seen = module, [], facts
    if remedy and (facts.hidden or facts.zero > 0):
        raw = RawLogits(module)
        again = probe(raw, x, y, space, norm, eps, seed)
        if again.saturated < facts.saturated or again.zero < facts.zero or (facts.probabilities and not again.probabilities):
            now, seen = raw, again
            did.append("logits were taken before the last steps, which only keep their order")
    if remedy and not seen.usable:
        passing = _passing(now, x, y, space, norm, eps, seed)
        if passing is not None:
            now = passing
            did.append("what comes before the first layer with weights was passed by, backward only (BPDA)")
    if seen.absent and now is module:
        raise Unavailable(
            "a model whose scores have a gradient by its input", seen.absent, "Attack it as a black box: Square or HopSkipJump"
        )
    return Way(now, facts, "; ".join(did))


def _passing(module: nn.Module, x: Tensor, y: Tensor, space: PerturbationSpace, norm: Norm, eps: float, seed: int) -> nn.Module | None:
    """The module with a gradient past its first steps, where that is there and not zero."""
    try:
        passing = StraightThrough(module)
    except (TypeError, RuntimeError):  # what cannot be copied
        return None
    facts = probe(passing, x, y, space, norm, eps, seed)
    return None if facts.absent or facts.zero > 0.5 or facts.infinite > 0.5 else passing
