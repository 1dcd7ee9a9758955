"""Which broken private trainers the audit of epsilon catches, and how often it accuses a right one: ``python benchmarks/bench_audit.py``.

Trainers: right; no noise; noise divided by the batch twice; no clipping; rows drawn eight times as often as accounted. Models: an MLP and a
logistic regression on census, a CNN on digits. Prints for each the mean, least and largest bound beside the claimed epsilon, how many of
the seeds refuted the claim, the bound that assumes nothing of the noise, and seconds of one core.
"""

import argparse
import time
from typing import Any

import numpy as np
import torch

from tiltyard.datasets.dataset import Dataset
from tiltyard.privacy._dp_training.loop import Plan
from tiltyard.privacy._dp_training.target import PrivateTarget
from tiltyard.privacy.audit_epsilon import AuditEpsilon
from tiltyard.privacy_accounting.budget import Budget
from tiltyard.progress import Progress
from tiltyard.result import Status
from tiltyard.samples.catalog import load
from tiltyard.targets.architecture import build, cnn

KINDS = ("right", "noise off", "noise divided twice", "clipping off", "rate times 8")
BATCH, EPOCHS = 256, 5


class Trainer(PrivateTarget):
    """A private target whose routine breaks its promise as ``kind`` says."""

    kind = "right"

    def retrain(self, x: Any, y: Any, seed: int, progress: Progress) -> Any:
        right = self.plan
        self.plan = right.model_copy(update=changed(right, self.kind))
        try:
            return super().retrain(x, y, seed, progress)
        finally:
            self.plan = right


def changed(plan: Plan, kind: str) -> dict[str, Any]:
    """What is otherwise in the plan; without clipping the noise stays what it was, at eight times the rate noise and steps do."""
    changes: dict[str, dict[str, Any]] = {
        "right": {},
        "noise off": {"noise": 0.0},
        "noise divided twice": {"noise": plan.noise / plan.batch_size},
        "clipping off": {"clip": 1e6, "noise": plan.noise / 1e6},
        "rate times 8": {"batch_size": 8 * plan.batch_size, "epochs": 8 * plan.epochs},
    }
    return changes[kind]


def made(model: str, epsilon: float, rows: int) -> tuple[Trainer, Dataset]:
    sample = load("digits" if model == "cnn" else "census")
    data, rng = sample.data, np.random.default_rng(0)
    member = np.asarray(data.member, bool)
    seen = rng.permutation(np.flatnonzero(member))[:rows]
    part = data.take(np.concatenate([seen, rng.permutation(np.flatnonzero(~member))[:2000]]))
    budget = Budget.of(len(part.seen), BATCH, EPOCHS, epsilon=epsilon)
    plan = Plan(noise=budget.noise_multiplier, clip=1.0, batch_size=BATCH, epochs=EPOCHS, rate=0.05, optimizer="sgd")
    module = sample.target.trainable()
    if model == "logistic":
        scale = next(module.children())
        module = torch.nn.Sequential(scale, torch.nn.Linear(sample.target.encoding.shape[0], 2))
    if model == "cnn":
        module = build(cnn((8, 16), 32, 10))
    return Trainer(module, sample.target.classes, sample.target.schema, model, "logits", None, None, plan, budget), part


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="*", default=["mlp", "logistic", "cnn"])
    parser.add_argument("--epsilons", nargs="*", type=float, default=[1.0, 4.0, 8.0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--sees", choices=["weights", "answers"], default="weights")
    given = parser.parse_args()
    torch.set_num_threads(1)
    for model in given.models:
        for epsilon in given.epsilons:
            target, data = made(model, epsilon, given.rows)
            for kind in KINDS:
                target.kind = kind
                start = time.process_time()
                found = [AuditEpsilon(seed=s, sees=given.sees, control=False)(target, data).result for s in range(given.seeds)]
                bounds = np.array([r.metric("epsilon_lower").value for r in found], np.float64)
                plain = np.mean([r.metric("epsilon_lower_any").value for r in found])
                caught = sum(r.status is Status.FINDING for r in found)
                took = (time.process_time() - start) / len(found)
                print(
                    f"{model:9} claimed {epsilon:g}  {kind:20} bound {bounds.mean():5.2f} ({bounds.min():.2f} to {bounds.max():.2f}), "
                    f"any noise {plain:.2f}; refuted in {caught} of {len(found)}; {took:.1f} s",
                    flush=True,
                )


if __name__ == "__main__":
    main()
