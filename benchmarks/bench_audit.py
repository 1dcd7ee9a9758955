"""Which broken private trainers the audit of epsilon catches, and how often it accuses a right one: ``python benchmarks/bench_audit.py``.

Trainers: right; no noise; noise divided by the batch twice; no clipping; rows drawn eight times as often as accounted. Models: an MLP and a
logistic regression on census, a CNN on digits. Seed by seed over all models, claims and trainers, so that a run cut off has as many seeds of
each. With ``--kept FILE`` each finished audit is one line of JSON there, and a run that is started again goes on; ``--table`` only prints.

The table has for each the least, mean and largest bound beside the claimed epsilon, how many of the seeds refuted the claim, the bound by a
Gaussian curve that assumes nothing of the canaries (Mahloujifar et al., 2410.22235), the published one-run bound (Steinke et al., 2305.08846)
of the same canaries as one group, and seconds of one core.
"""

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from tiltyard.datasets.dataset import Dataset
from tiltyard.privacy._dp_training.loop import Plan
from tiltyard.privacy._dp_training.target import PrivateTarget
from tiltyard.privacy._epsilon_bounds import one_run_bound
from tiltyard.privacy.audit_epsilon import AuditEpsilon, Claim, Groups
from tiltyard.privacy.audit_report import Audited, guessed, pooled
from tiltyard.privacy_accounting.budget import Budget
from tiltyard.progress import Progress
from tiltyard.result import Status
from tiltyard.samples.catalog import load
from tiltyard.targets.architecture import build, cnn

KINDS = ("right", "noise off", "noise divided twice", "clipping off", "rate times 8")
BATCH, EPOCHS = 256, 5
Case = tuple[str, float, str, int]


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
    """A private trainer that claims ``epsilon`` and the rows that it trains on, with 2,000 others to make canaries of."""
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


class Recorded(AuditEpsilon):
    """The audit, which leaves the canaries that it guessed at."""

    last: ClassVar[Audited]

    def _audited(self, claim: Claim, groups: Groups, note: str, proof: bool = False, apart: bool = False, control: Groups = ()) -> Audited:
        Recorded.last = super()._audited(claim, groups, note, proof, apart, control)
        return Recorded.last


def published(it: Audited) -> float:
    """What the published audit bounds of the same canaries: one group, whatever the noise (Steinke et al. 2023)."""
    every = guessed(pooled(it.groups)[-1], it.share)
    return one_run_bound(every.m, every.guesses, every.right, it.delta, it.confidence)


def measured(target: Trainer, data: Dataset, seed: int, sees: Any) -> dict[str, Any]:
    """One audit: its bounds, whether it refuted the claim, and seconds of one core."""
    start = time.process_time()
    result = Recorded(seed=seed, sees=sees, control=False)(target, data).result
    took = time.process_time() - start
    bounds = {name: result.metric(f"epsilon_lower{end}").value for name, end in (("bound", ""), ("curve", "_curve"), ("any", "_any"))}
    return {**bounds, "published": published(Recorded.last), "refuted": result.status is Status.FINDING, "seconds": took}


def audits(cases: Sequence[Case], rows: int, sees: str) -> Iterator[tuple[Case, dict[str, Any]]]:
    """Each case measured, one after the other; a trainer is made once for a model and a claim."""
    known: dict[tuple[str, float], tuple[Trainer, Dataset]] = {}
    for case in cases:
        model, epsilon, kind, seed = case
        if (model, epsilon) not in known:
            known[model, epsilon] = made(model, epsilon, rows)
        target, data = known[model, epsilon]
        target.kind = kind
        yield case, measured(target, data, seed, sees)


def read(kept: Path | None) -> dict[Case, dict[str, Any]]:
    """What a run before this one finished; a last line that was cut off is done again."""
    found: dict[Case, dict[str, Any]] = {}
    for line in kept.read_text().splitlines() if kept is not None and kept.is_file() else []:
        try:
            one = json.loads(line)
        except ValueError:
            continue
        found[one["model"], one["claimed"], one["kind"], one["seed"]] = one
    return found


def write(kept: Path | None, case: Case, one: dict[str, Any]) -> None:
    """Append one audit."""
    if kept is not None:
        with kept.open("a") as stream:
            stream.write(json.dumps(dict(zip(("model", "claimed", "kind", "seed"), case, strict=True)) | one) + "\n")


def table(found: dict[Case, dict[str, Any]]) -> None:
    """Print what was finished."""
    rows: dict[tuple[str, float, str], list[dict[str, Any]]] = defaultdict(list)
    for (model, epsilon, kind, _), one in found.items():
        rows[model, epsilon, kind].append(one)
    print("model      claimed  trainer               refuted    bound (least to largest)   Gaussian curve  published   s")
    for (model, epsilon, kind), some in sorted(rows.items(), key=lambda row: (row[0][0], row[0][1], KINDS.index(row[0][2]))):
        value: dict[str, NDArray[np.float64]] = {
            name: np.array([one[name] for one in some]) for name in ("bound", "curve", "published", "seconds")
        }
        bound, caught = value["bound"], sum(one["refuted"] for one in some)
        print(
            f"{model:10} {epsilon:5g}    {kind:20} {caught:3} of {len(some):2}  {bound.mean():6.2f} ({bound.min():5.2f} to {bound.max():5.2f})"
            f"     {value['curve'].mean():6.2f}          {value['published'].mean():6.2f}   {value['seconds'].mean():5.1f}"
        )
    right = [one for (_, _, kind, _), one in found.items() if kind == "right"]
    if right:
        lower = sum(one["bound"] < one["published"] - 1e-9 for one in right)
        print(f"right trainers: accused {sum(one['refuted'] for one in right)} of {len(right)}; below the published bound {lower}")


def main() -> None:
    """Measure what is not kept yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="*", default=["mlp", "logistic", "cnn"])
    parser.add_argument("--epsilons", nargs="*", type=float, default=[1.0, 4.0, 8.0])
    parser.add_argument("--kinds", nargs="*", choices=KINDS, default=KINDS)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--sees", choices=["weights", "answers"], default="weights")
    parser.add_argument("--kept", type=Path, help="file of JSON lines to go on from")
    parser.add_argument("--table", action="store_true", help="only print what is kept")
    given = parser.parse_args()
    torch.set_num_threads(1)
    found = read(given.kept)
    wanted = [(m, e, k, s) for s, m, e, k in product(range(given.seeds), given.models, given.epsilons, given.kinds)]
    for case, one in audits([] if given.table else [case for case in wanted if case not in found], given.rows, given.sees):
        found[case] = one
        write(given.kept, case, one)
    table(found)


if __name__ == "__main__":
    main()
