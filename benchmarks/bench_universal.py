"""Universal perturbations against ART's: ``python benchmarks/bench_universal.py --seeds 2``, with ART installed.

Each way fits one change on the same rows of the shipped digits, by linf, and is judged on the same other rows, of which only those count
that the model has right. Printed are the share that is fooled and processor seconds; ART's own rows are those of its change, cut to the range.
"""

import argparse
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from tiltyard.attacks.perturbation_space import PerturbationSpace
from tiltyard.attacks.shared_change import Noise, Plan, fit
from tiltyard.progress import Progress
from tiltyard.samples.catalog import load_data, load_model


@dataclass(frozen=True)
class Case:
    """Rows to fit on and rows to judge on, all of which the module has right: x (n, 1, 28, 28) from 0 to 1, y (n,)."""

    module: nn.Module
    x: Tensor
    y: Tensor
    held_x: Tensor
    held_y: Tensor
    space: PerturbationSpace
    eps: float


def ours(case: Case, seed: int) -> Tensor:
    """Tiltyard's change (1, 28, 28), as `evasion.universal` fits it by default."""
    shape = Noise(case.space, "linf", case.eps)
    return fit(case.module, case.x, case.y, shape, Plan(8, 2), torch.Generator().manual_seed(seed), Progress()).change


def arts(attacker: str, parameters: dict[str, float | int | bool]) -> Callable[[Case, int], Tensor]:
    """ART's change, made of the steps of ``attacker``."""

    def change(case: Case, seed: int) -> Tensor:
        from art.attacks.evasion import UniversalPerturbation
        from art.estimators.classification import PyTorchClassifier

        np.random.seed(seed)  # noqa: NPY002 (ART draws from it, and from random)
        random.seed(seed)
        model = PyTorchClassifier(case.module, nn.CrossEntropyLoss(), (1, 28, 28), 10, clip_values=(0, 1), device_type="cpu")
        attack = UniversalPerturbation(
            model, attacker=attacker, attacker_params=parameters, delta=0.0, max_iter=5, eps=case.eps, norm=np.inf, verbose=False
        )
        attack.generate(case.x.numpy(), y=np.eye(10, dtype=np.float32)[case.y.numpy()])
        return torch.from_numpy(np.asarray(attack.noise))[0]

    return change


WAYS: dict[str, Callable[[Case, int], Tensor]] = {
    "tiltyard": ours,
    "ART, BIM": arts("bim", {"eps": 0.1, "eps_step": 0.02, "max_iter": 10, "verbose": False}),
    "ART, DeepFool": arts("deepfool", {"max_iter": 20, "verbose": False}),
}


def case_of(name: str, eps: float, fitted_on: int, rows: int) -> Case:
    """The shipped model of that name and rows of the digits that nobody trained it on."""
    target, data = load_model(name), load_data("digits").unseen
    keep = np.flatnonzero(target.labels(data.x) == data.y)
    one, other = data.take(keep[:fitted_on]), data.take(keep[fitted_on : fitted_on + rows])
    x, y, held_x, held_y = (torch.from_numpy(part) for part in (one.x, one.y, other.x, other.y))
    return Case(target.module, x, y, held_x, held_y, PerturbationSpace.of(data.schema), eps)


def fooled(case: Case, change: Tensor) -> float:
    """The share of the rows to judge on that the change turns."""
    if float(change.abs().max()) > case.eps * (1 + 1e-4):
        raise ValueError(f"a change within {case.eps:g} was asked for; found {float(change.abs().max()):g}")
    with torch.no_grad():
        return float((case.module((case.held_x + change).clamp(0, 1)).argmax(1) != case.held_y).float().mean())


def main() -> None:
    """Fit, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=300)
    parser.add_argument("--fitted-on", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--skip", nargs="*", default=[], help="ways to leave out, by the name that is printed")
    given = parser.parse_args()
    torch.set_num_threads(1)
    for name, eps in (("digits", 0.2), ("digits", 0.3), ("digits-robust", 0.3)):
        case = case_of(name, eps, given.fitted_on, given.rows)
        for way, change in ((way, change) for way, change in WAYS.items() if way not in given.skip):
            for seed in range(given.seeds):
                start = time.process_time()
                try:
                    share = fooled(case, change(case, seed))
                except ImportError as error:
                    print(f"{name:14s} {eps:g} {way:14s} not installed: {error}", flush=True)
                    break
                took = time.process_time() - start
                print(f"{name:14s} {eps:g} {way:14s} seed {seed}: {100 * share:5.1f} % of {len(case.held_y)}, {took:6.1f} s", flush=True)


if __name__ == "__main__":
    main()
