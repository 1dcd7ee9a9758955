"""Square against torchattacks' (the port of the authors' code) and ART's at equal queries: ``python benchmarks/bench_square.py --seeds 5``.

On the shipped digits models, the same rows, of which only those count that the model has right. Prints how many of them stand, by seed, and
the mean over seeds as a share of ours. A library that is not installed is left out.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from tiltyard.attacks.norms import Norm, length
from tiltyard.attacks.perturbation_space import PerturbationSpace
from tiltyard.attacks.score_search import search
from tiltyard.samples.catalog import load_data, load_model


@dataclass(frozen=True)
class Case:
    """Rows (n, 1, 28, 28) that the module has right, and what may be changed and asked."""

    module: nn.Module
    x: Tensor
    y: Tensor
    space: PerturbationSpace
    norm: Norm
    eps: float
    queries: int


def ours(case: Case, seed: int) -> Tensor:
    """Tiltyard's rows."""
    generator = torch.Generator().manual_seed(seed)
    return search(case.module, case.x, case.y, case.space, case.norm, case.eps, case.queries, generator).x


def authors(case: Case, seed: int) -> Tensor:
    """Those of the authors' code as torchattacks has it; it asks one query more."""
    from torchattacks.attacks.square import Square  # type: ignore[import-not-found]

    norm = {"linf": "Linf", "l2": "L2"}[case.norm]
    found: Tensor = Square(case.module, norm=norm, eps=case.eps, n_queries=case.queries, n_restarts=1, seed=seed)(case.x, case.y)
    return found


def arts(case: Case, seed: int) -> Tensor:
    """ART's."""
    from art.attacks.evasion import SquareAttack
    from art.estimators.classification import PyTorchClassifier

    np.random.seed(seed)  # noqa: NPY002 (ART draws from it)
    model = PyTorchClassifier(case.module, nn.CrossEntropyLoss(), (1, 28, 28), 10, clip_values=(0, 1), device_type="cpu")
    norm = {"linf": np.inf, "l2": 2}[case.norm]
    attack = SquareAttack(model, norm=norm, eps=case.eps, max_iter=case.queries, nb_restarts=1, p_init=0.8, batch_size=512, verbose=False)
    return torch.from_numpy(attack.generate(case.x.numpy(), y=np.eye(10, dtype=np.float32)[case.y.numpy()]))


WAYS: dict[str, Callable[[Case, int], Tensor]] = {"tiltyard": ours, "authors' (torchattacks)": authors, "ART": arts}


def stand(case: Case, x: Tensor) -> int:
    """How many rows are still right; one that left the ball counts as right."""
    with torch.no_grad():
        lost = case.module(x).argmax(1) != case.y
    return len(x) - int((lost & (length(x - case.x, case.norm) <= case.eps * (1 + 1e-4))).sum())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--queries", type=int, nargs="+", default=[300])
    parser.add_argument("--skip", nargs="*", default=[])
    given = parser.parse_args()
    torch.set_num_threads(1)
    data = load_data("digits").unseen
    x, y = torch.from_numpy(data.x[: given.rows]), torch.from_numpy(data.y[: given.rows])
    cases: tuple[tuple[str, Norm, float], ...] = (
        ("digits", "linf", 0.1), ("digits", "linf", 0.15), ("digits-robust", "linf", 0.3), ("digits", "l2", 1.5), ("digits-robust", "l2", 2.5),
    )  # fmt: skip
    for name, norm, eps in cases:
        module = load_model(name).module
        with torch.no_grad():
            right = module(x).argmax(1) == y
        for queries in given.queries:
            case = Case(module, x[right], y[right], PerturbationSpace.of(data.schema), norm, eps, queries)
            base = 0.0
            for way, one in WAYS.items():
                if way in given.skip:
                    continue
                clock = time.process_time()
                try:
                    left = [stand(case, one(case, seed)) for seed in range(given.seeds)]
                except ImportError as error:
                    print(f"{way} is not installed: {error}")
                    continue
                mean = float(np.mean(left))
                base = base or mean
                took = (time.process_time() - clock) / given.seeds
                print(
                    f"{name:14s} {norm:4s} {eps:4.2f} {queries:5d} queries {way:24s} {left!s:26s} of {len(case.x)} stand, {mean / base:5.3f} of ours {took:6.1f} s",
                    flush=True,
                )


if __name__ == "__main__":
    main()
