"""The clipped sum through dense layers one after another, by hand: no graph is recorded, no hook called (Goodfellow 2015, 1510.01799)."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from ...targets.torch_target import Logits
from .clipped_sums import Clipped, NotCovered, odd, shares, trained

Back = Callable[[Tensor, Tensor], Tensor]
"""From the gradient at a layer's output, and that output, to the gradient at its input."""
BACK: dict[type[nn.Module], Back] = {
    nn.ReLU: lambda g, out: torch.ops.aten.threshold_backward(g, out, 0),
    nn.Tanh: lambda g, out: torch.ops.aten.tanh_backward(g, out),
    nn.Sigmoid: lambda g, out: torch.ops.aten.sigmoid_backward(g, out),
}
FORWARD: dict[type[nn.Module], Callable[[Tensor], Tensor]] = {nn.ReLU: torch.relu_, nn.Tanh: torch.tanh_, nn.Sigmoid: torch.sigmoid_}


class Chain:
    """Norms and sums of a module that is dense layers with what is done to each number between them, after whatever has no weights.

    Raises
    ------
    NotCovered
        A layer is of another kind, has a hook, shares a parameter, or a row is no vector when it comes to the first dense layer.
    """

    name = "by hand through dense layers"

    def __init__(self, module: nn.Module) -> None:
        self.params = trained(module)
        self.single = isinstance(module, Logits)
        self.less = torch.tensor([[-1.0]])
        layers = list(_flat(_inner(module)))
        first = next((i for i, layer in enumerate(layers) if isinstance(layer, nn.Linear)), len(layers))
        self.before, self.layers = layers[:first], layers[first:]
        self.places = {id(p): i for i, p in enumerate(self.params)}
        own = [p for layer in self.layers for p in layer.parameters()]
        if any(True for layer in self.before for _ in layer.parameters()) or {id(p) for p in own} != set(self.places):
            raise NotCovered("a parameter is not trained, or stands before the dense layers")
        if len(own) != len(self.places) or not own:
            raise NotCovered("a parameter is shared")
        for here, after in zip(self.layers, [*self.layers[1:], None], strict=True):
            follows = after is None or type(here) is nn.Linear or type(after) is nn.Linear
            if type(here) not in (nn.Linear, *BACK) or not follows or odd(here):
                raise NotCovered(type(here).__name__)
        self.floats = 1 + 3 * sum(layer.in_features + layer.out_features for layer in self.layers if isinstance(layer, nn.Linear))

    def close(self) -> None:
        """Nothing was changed."""

    def clipped(self, x: Tensor, y: Tensor, clip: float) -> Clipped:
        """Of rows x (n, …) with classes y (n,), n > 0."""
        with torch.no_grad():
            for layer in self.before:
                x = layer(x)
            if x.ndim != 2 or len(x) != len(y):
                raise NotCovered("a row is no vector")
            steps, out = self._forward(x)
            sides, squares = self._backward(steps, self._start(out, y))
            norms = squares.sqrt_()
            return Clipped(self._sums(sides, shares(norms, clip)), norms)

    def _forward(self, x: Tensor) -> tuple[list[tuple[nn.Module, Tensor]], Tensor]:
        """Each dense layer with its input and each other with its output; and the last output."""
        steps: list[tuple[nn.Module, Tensor]] = []
        for layer in self.layers:
            if isinstance(layer, nn.Linear):
                steps.append((layer, x))
                x = nn.functional.linear(x, layer.weight, layer.bias)
            else:
                x = FORWARD[type(layer)](x)
                steps.append((layer, x))
        return steps, x

    def _start(self, out: Tensor, y: Tensor) -> Tensor:
        """The gradient of the summed cross-entropy at the last output."""
        single = self.single and out.shape[1] == 1
        g = torch.softmax(torch.cat([torch.zeros_like(out), out], 1) if single else out, 1)
        g.scatter_add_(1, y[:, None], self.less.to(g.dtype).expand(len(y), 1))
        return g[:, 1:] if single else g

    def _backward(self, steps: list[tuple[nn.Module, Tensor]], g: Tensor) -> tuple[list[tuple[nn.Linear, Tensor, Tensor]], Tensor]:
        """Each dense layer with its input and the gradient at its output, and every row's squared norm (n,)."""
        sides: list[tuple[nn.Linear, Tensor, Tensor]] = []
        squares = g.new_zeros(len(g))
        for i in range(len(steps) - 1, -1, -1):
            layer, held = steps[i]
            if not isinstance(layer, nn.Linear):
                g = BACK[type(layer)](g, held)
                continue
            sides.append((layer, held, g))
            own = torch.linalg.vecdot(held, held)
            squares.addcmul_(own.add_(1.0) if layer.bias is not None else own, torch.linalg.vecdot(g, g))
            if i:
                g = g @ layer.weight
        return sides, squares

    def _sums(self, sides: list[tuple[nn.Linear, Tensor, Tensor]], weights: Tensor) -> list[Tensor]:
        found: list[Tensor] = [weights] * len(self.params)
        for layer, held, g in sides:
            found[self.places[id(layer.weight)]] = (g * weights[:, None]).T @ held
            if layer.bias is not None:
                found[self.places[id(layer.bias)]] = weights @ g
        return found


def _inner(module: nn.Module) -> nn.Module:
    """The module whose output are logits, or one logit of two classes."""
    if not isinstance(module, Logits):
        return module
    if module.outputs != "logits":
        raise NotCovered("an output of probabilities")
    return module.inner


def _flat(module: nn.Module) -> Iterator[nn.Module]:
    """The layers in the order in which they are called."""
    if any((module._forward_pre_hooks, module._forward_hooks)):
        raise NotCovered("a hook")
    if type(module) is nn.Sequential:
        for layer in module:
            yield from _flat(layer)
    else:
        yield module
