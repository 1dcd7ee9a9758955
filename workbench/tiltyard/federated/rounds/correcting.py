"""What keeps clients with uneven rows from drifting apart while they train: FedProx's pull, SCAFFOLD's control variates."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...targets.training import Correction, class_logits

Variate = tuple[Tensor, ...]
BATCH = 1024


def proximal(module: nn.Module, mu: float) -> Correction | None:
    """FedProx (Li et al. 2018, arXiv 1812.06127): the gradient of mu / 2 times the squared distance from the weights ``module`` has now.

    None at mu 0, which is FedAvg bit for bit.
    """
    if mu == 0:
        return None
    start = {name: p.detach().clone() for name, p in module.named_parameters()}

    def pull(now: nn.Module) -> None:
        for name, p in now.named_parameters():
            if p.grad is not None:
                p.grad.add_(p.detach() - start[name], alpha=mu)

    return pull


def both(*corrections: Correction | None) -> Correction | None:
    """Several in turn; None where there is none."""
    given = [one for one in corrections if one is not None]

    def each(module: nn.Module) -> None:
        for one in given:
            one(module)

    return each if given else None


def gradient(module: nn.Module, x: NDArray[np.float32], y: NDArray[np.int64]) -> Variate:
    """The gradient of the mean cross-entropy over x (n, *shape), y (n,) at the module's weights, one tensor a parameter."""
    parameters = list(module.parameters())
    total = [torch.zeros_like(p) for p in parameters]
    module.eval()
    for i in range(0, len(x), BATCH):
        rows, labels = torch.from_numpy(np.ascontiguousarray(x[i : i + BATCH])), torch.from_numpy(np.ascontiguousarray(y[i : i + BATCH]))
        loss = nn.functional.cross_entropy(class_logits(module(rows)), labels, reduction="sum") / len(x)
        found = torch.autograd.grad(loss, parameters, allow_unused=True)
        total = [sum_ if g is None else sum_ + g for sum_, g in zip(total, found, strict=True)]
    return tuple(total)


@dataclass
class Scaffold:
    """SCAFFOLD's control variates (Karimireddy et al. 2019, arXiv 1910.06378): the server's ``common`` and one a client, zero at first.

    A client's is its gradient at the weights it was sent (option I of the paper), so that any local optimizer will do; each step then
    has the common direction in place of the client's own: g - own + common. The common one is the mean over all
    clients, of which those that never took part have zero: what the paper's steps by the mean of the changes come to.
    """

    clients: int
    common: Variate | None = None

    def __post_init__(self) -> None:
        self.own: dict[int, Variate] = {}
        self._new: dict[int, Variate] = {}

    def correction(self, module: nn.Module, client: int, x: NDArray[np.float32], y: NDArray[np.int64]) -> Correction:
        """What `fit` is given for this client's training from the module's weights; its new variate is kept until `end`."""
        self._new[client] = gradient(module, x, y)
        zero = tuple(torch.zeros_like(p) for p in module.parameters())
        move = tuple(c - o for c, o in zip(self.common or zero, self.own.get(client, zero), strict=True))

        def corrected(now: nn.Module) -> None:
            for p, by in zip(now.parameters(), move, strict=True):
                if p.grad is not None:
                    p.grad.add_(by)

        return corrected

    def written(self) -> dict[str, Tensor]:
        """The clients' variates by name, in the order in which they came: sums of them are then the same to the bit."""
        return {f"variate.{place}.{client}.{i}": t for place, (client, own) in enumerate(self.own.items()) for i, t in enumerate(own)}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """The reverse of `written`."""
        names = sorted(tuple(map(int, name.split(".")[1:])) for name in tensors if name.startswith("variate."))
        for place, client, i in names:
            self.own[client] = (*self.own.get(client, ()), tensors[f"variate.{place}.{client}.{i}"])
        self._shared()

    def _shared(self) -> None:
        if self.own:
            self.common = tuple(torch.stack(each).sum(0) / self.clients for each in zip(*self.own.values(), strict=True))

    def end(self, answered: list[int]) -> None:
        """After a round: the variates of the clients that answered, and the common one."""
        self.own |= {client: self._new[client] for client in answered if client in self._new}
        self._new = {}
        self._shared()
