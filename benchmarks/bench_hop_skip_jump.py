"""HopSkipJump against foolbox's and ART's, on digits, at equal queries: ``python benchmarks/bench_hop_skip_jump.py --rows 20``.

All three start from the same point of another class. Prints the median distance found and its ratio to ours with the 95 %
interval of a bootstrap over rows (the same rows for both); a library that is not installed is left out.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from tiltyard.attacks.label_search import search
from tiltyard.attacks.norms import Norm, length
from tiltyard.attacks.perturbation_space import PerturbationSpace
from tiltyard.samples.catalog import load
from tiltyard.statistics.intervals import bootstrap


class Counted(nn.Module):
    """A module that counts the rows it answers."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner, self.rows = inner, 0

    def forward(self, x: Tensor) -> Tensor:
        """As the inner module."""
        self.rows += len(x)
        out: Tensor = self.inner(x.float())  # ART asks in float64
        return out


@dataclass(frozen=True)
class Case:
    """Rows (n, 1, 28, 28), their labels, and a point of another class for each."""

    model: Counted
    x: Tensor
    y: Tensor
    start: Tensor
    space: PerturbationSpace
    norm: Norm


def ours(case: Case, queries: int) -> Tensor:
    """Tiltyard's rows."""
    found = [
        search(case.model, case.x[i : i + 1], case.y[i : i + 1], case.start[i : i + 1], case.space, case.norm, queries, torch.Generator())[
            0
        ]
        for i in range(len(case.x))
    ]
    return torch.cat(found)


def foolboxes(case: Case, queries: int) -> Tensor:
    """Foolbox's rows, with as many steps as the queries allow; one at a time, since it divides by the gradients' norm over a batch."""
    import foolbox

    model = foolbox.PyTorchModel(case.model.eval(), bounds=(0, 1), device="cpu")  # type: ignore[attr-defined]
    attack = foolbox.attacks.HopSkipJumpAttack(steps=steps(queries, 30), constraint=case.norm)  # type: ignore[arg-type]
    found: list[Tensor] = []
    for x, y, start in zip(case.x.split(1), case.y.split(1), case.start.split(1), strict=True):  # type: ignore[no-untyped-call]
        found.append(attack.run(model, x, foolbox.criteria.Misclassification(y), starting_points=start))  # type: ignore[attr-defined]
    return torch.cat(found)


def arts(case: Case, queries: int) -> Tensor:
    """ART's rows, with as many steps as the queries allow."""
    from art.attacks.evasion import HopSkipJump
    from art.estimators.classification import PyTorchClassifier

    loss = nn.CrossEntropyLoss()
    model = PyTorchClassifier(case.model, loss, (1, 28, 28), 10, clip_values=(0, 1), device_type="cpu")
    norm = {"l2": 2, "linf": np.inf}[case.norm]
    attack = HopSkipJump(model, norm=norm, max_iter=steps(queries, 30), max_eval=10_000, init_eval=100, init_size=1, verbose=False)
    return torch.from_numpy(attack.generate(case.x.numpy(), y=case.y.numpy(), x_adv_init=case.start.numpy()))


def steps(queries: int, search_cost: int) -> int:
    """How many steps of 100 √t answers and a search each fit into ``queries``, and one more: rounded in the peer's favor."""
    spent, step = search_cost, 0
    while spent + 100 * (step + 1) ** 0.5 + search_cost <= queries:
        step += 1
        spent += round(100 * step**0.5) + search_cost
    return step + 1


def ratio(theirs: Tensor, ours: Tensor) -> str:
    """Median of the one over the median of the other, and the geometric mean of the ratios, each with its interval over rows."""
    low, high = bootstrap(lambda i: float(theirs[i].median() / ours[i].median()), len(ours), np.random.default_rng(0), 2000)
    apart = (theirs.log() - ours.log()).numpy()
    least, most = bootstrap(lambda i: float(np.exp(apart[i].mean())), len(ours), np.random.default_rng(1), 2000)
    means = f"{float(np.exp(apart.mean())):.2f} [{least:.2f}, {most:.2f}]"
    return f"{float(theirs.median() / ours.median()):5.2f} [{low:.2f}, {high:.2f}]  {means}"


WAYS: dict[str, Callable[[Case, int], Tensor]] = {"tiltyard": ours, "foolbox": foolboxes, "ART": arts}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20)
    parser.add_argument("--queries", type=int, nargs="+", default=[1000, 3000])
    given = parser.parse_args()
    torch.set_num_threads(1)
    sample = load("digits")
    data = sample.data.unseen
    with torch.no_grad():
        x, near = torch.from_numpy(data.x[: given.rows]), torch.from_numpy(data.x[-300:])
        y, others = sample.target.module(x).argmax(1), sample.target.module(near).argmax(1)
    start = torch.stack([near[others != y[i]][(near[others != y[i]] - x[i]).flatten(1).norm(dim=1).argmin()] for i in range(len(x))])
    print(f"{'norm':5} {'queries':>8} {'library':9} {'asked a row':>12} {'median':>8} {'ratio of medians, mean ratio':>40} {'seconds':>8}")
    norms: tuple[Norm, ...] = ("l2", "linf")
    for norm in norms:
        for queries in given.queries:
            base: Tensor | None = None
            for name, way in WAYS.items():
                case = Case(Counted(sample.target.module).eval(), x, y, start, PerturbationSpace.of(data.schema), norm)
                torch.manual_seed(0)
                np.random.seed(0)  # noqa: NPY002 (ART draws from it)
                clock = time.process_time()
                try:
                    found = way(case, queries)
                except ImportError as error:
                    print(f"{name} is not installed: {error}")
                    continue
                far = length(found - x, norm)
                base = far if base is None else base
                took, asked = time.process_time() - clock, case.model.rows / len(x)
                print(f"{norm:5} {queries:8} {name:9} {asked:12.0f} {float(far.median()):8.4f} {ratio(far, base):>40} {took:8.1f}")


if __name__ == "__main__":
    main()
