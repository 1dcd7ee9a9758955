"""Which layers DP-SGD cannot train, and what stands in for them. Nothing is replaced unasked."""

import copy
import math
from dataclasses import dataclass

from opacus.layers.dp_rnn import DPGRU, DPLSTM, DPRNN
from opacus.validators import ModuleValidator
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm

from ...targets.architecture import Architecture, Layer


@dataclass(frozen=True)
class Fault:
    """One layer that DP-SGD cannot train; ``substitute`` names what would stand in for it, or is empty."""

    name: str
    layer: str
    reason: str
    substitute: str

    def __str__(self) -> str:
        return f"{self.layer} at '{self.name or '(root)'}' {self.reason}" + (f" -> {self.substitute}" if self.substitute else "")


@dataclass(frozen=True)
class Replaced:
    """A copy whose faulty layers are replaced; ``changes`` has one line for each."""

    module: nn.Module
    changes: tuple[str, ...]
    layers: dict[str, nn.Module]


def _fault(name: str, layer: nn.Module) -> Fault | None:
    kind = type(layer).__name__
    own = [p for p in layer.parameters(recurse=False) if p.requires_grad]
    if isinstance(layer, _BatchNorm):
        return Fault(name, kind, "mixes the rows of a batch", "GroupNorm")
    if isinstance(layer, _InstanceNorm) and layer.track_running_stats:
        return Fault(name, kind, "keeps running statistics of the rows", f"{kind} without running statistics")
    if own and type(layer) in ModuleValidator.VALIDATORS and ModuleValidator.VALIDATORS[type(layer)](layer):
        substitute = type(ModuleValidator.FIXERS[type(layer)](layer)).__name__ if type(layer) in ModuleValidator.FIXERS else ""
        return Fault(name, kind, "has no gradient per row in Opacus", substitute)
    if own and any(True for _ in layer.buffers(recurse=False)):
        return Fault(name, kind, "keeps numbers beside its weights that training would change without noise", "")
    if own and not callable(getattr(layer, "reset_parameters", None)) and not isinstance(layer, DPRNN | DPLSTM | DPGRU):
        return Fault(name, kind, "has no reset_parameters, so it would keep weights that saw the rows", "")
    return None


def faults(module: nn.Module) -> tuple[Fault, ...]:
    """Every layer that DP-SGD cannot train, in order: `ModuleValidator` of Opacus with the layer's name.

    Beyond Opacus: batch normalization without weights (it mixes rows all the same) and layers that
    cannot be drawn anew (their weights would carry the rows past the noise).
    """
    found = (_fault(name, layer) for name, layer in module.named_modules())
    return (*(fault for fault in found if fault is not None), *_shared(module))


def _shared(module: nn.Module) -> list[Fault]:
    """Layers that train a parameter of another one: a row's gradient would be two, each clipped for itself."""
    owners: dict[int, str] = {}
    found = []
    for name, layer in module.named_modules():
        other = [owners.setdefault(id(p), name) for p in layer.parameters(recurse=False) if p.requires_grad]
        if any(one != name for one in other):
            found.append(Fault(name, type(layer).__name__, "shares a parameter with another layer", ""))
    return found


def _substitute(layer: nn.Module) -> nn.Module:
    if isinstance(layer, _BatchNorm):
        return nn.GroupNorm(math.gcd(32, layer.num_features), layer.num_features, affine=layer.affine)
    if isinstance(layer, _InstanceNorm):
        new = copy.deepcopy(layer)
        new.track_running_stats = False
        new.running_mean = new.running_var = new.num_batches_tracked = None
        return new
    made: nn.Module = ModuleValidator.FIXERS[type(layer)](layer)
    return made


def replaced(module: nn.Module) -> Replaced:
    """A copy of ``module`` with every fault that has a substitute replaced by new layers; the original is left as it is."""
    clone = copy.deepcopy(module)
    made: dict[str, nn.Module] = {}
    changes = []
    for fault in faults(clone):
        if not fault.substitute:
            continue
        new = _substitute(clone.get_submodule(fault.name)).train(module.training)
        made[fault.name] = new
        changes.append(f"{fault.layer} at '{fault.name or '(root)'}' was replaced by {new}")
        if not fault.name:
            return Replaced(new, tuple(changes), made)
        parent, _, child = fault.name.rpartition(".")
        setattr(clone.get_submodule(parent), child, new)
    return Replaced(clone, tuple(changes), made)


def described(architecture: Architecture | None, replaced_layers: Replaced) -> Architecture | None:
    """The architecture of what `replaced` made; None where it cannot be described."""
    if architecture is None or not replaced_layers.layers:
        return architecture
    layers = list(architecture.layers)
    for name, layer in replaced_layers.layers.items():
        if not name.isdigit() or not isinstance(layer, nn.GroupNorm):
            return None
        options: dict[str, int | float | bool | list[float] | list[int]] = {
            "num_groups": layer.num_groups,
            "num_channels": layer.num_channels,
        }
        layers[int(name)] = Layer(type="group_norm", options={**options, "affine": layer.affine})
    return Architecture(layers=tuple(layers))
