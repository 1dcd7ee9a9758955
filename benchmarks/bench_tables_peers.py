"""Attacks on tables against their peers, in one run: ``python benchmarks/bench_tables_peers.py --rows 60 --queries 300``.

On the Wisconsin breast cancer table that scikit-learn ships (569 rows, 30 numbers), where each mean is at most its *worst*: ten relations. Models
are trained on two thirds of the rows; the rows attacked are of the rest, and rightly classified. A row counts as fallen where what was found is
within eps (linf, ranges), within bounds, keeps every relation, and fools; *struck out* are rows fooled only outside eps, or against a relation.

Needs beside this project ``tabularbench==0.1.0`` (MOEVA, CAPGD; what it asks of Python and NumPy is old, and it runs on these with the names of
`old_numpy` put back), ``pymoo==0.5.0``, ``torchattacks`` and ``adversarial-robustness-toolbox==1.20.1``, all without their dependencies. Peers are
helped where that is fair: MOEVA's bounds are each row's own ball, so that it spends no query outside, and a row counts as fallen where any of
its last population is valid and fools.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.evasion.attack import Evasion
from tiltyard.evasion.hop_skip_jump import HopSkipJump
from tiltyard.evasion.pgd import PGD
from tiltyard.evasion.tabular import Tabular
from tiltyard.targets.estimators import SklearnTarget
from tiltyard.targets.target import Target
from tiltyard.targets.torch_target import TorchTarget

Floats = NDArray[np.float64]
POPULATION, OFFSPRING = 50, 25


@dataclass
class Counted:
    """Probabilities of a model in raw numbers, with the rows that were asked."""

    ask: Callable[[Floats], Floats]
    rows: int = 0

    def __call__(self, x: Floats) -> Floats:
        self.rows += len(x)
        return self.ask(np.asarray(x, np.float64))


@dataclass(frozen=True)
class Task:
    """Rows to attack within ``eps`` ranges (linf): ``pairs`` are columns of which the first is at most the second in every valid row."""

    x: Floats
    y: NDArray[np.int64]
    low: Floats
    high: Floats
    pairs: tuple[tuple[int, int], ...]
    eps: float

    @property
    def scale(self) -> Floats:
        """The range of each column."""
        return self.high - self.low

    def valid(self, x: Floats, found: Floats) -> NDArray[np.bool_]:
        """Which rows found (n, d) are within eps and bounds, and keep the relations."""
        near = (np.abs(found - x) <= self.eps * self.scale * (1 + 1e-6) + 1e-12).all(1)
        inside = ((found >= self.low - 1e-9) & (found <= self.high + 1e-9)).all(1)
        kept = np.all([found[:, a] <= found[:, b] + 1e-6 * np.abs(found[:, b]) for a, b in self.pairs], 0)
        return np.asarray(near & inside & kept)


@dataclass(frozen=True)
class Found:
    """Which rows fell to a valid row, how many more only to one outside eps or against a relation, and the rows asked for each in the mean."""

    fell: NDArray[np.bool_]
    invalid: int
    asked: float


def old_numpy() -> None:
    """TabularBench and pymoo 0.5 name types that NumPy 2 has no more."""
    for name, value in {"float_": np.float64, "float": float, "int": int, "bool": np.bool_, "object": object}.items():
        if name not in np.__dict__:
            setattr(np, name, value)


def constraints(task: Task, low: Floats, high: Floats) -> Any:
    """The task as TabularBench states it."""
    from tabularbench.constraints.constraints import Constraints  # type: ignore[import-not-found]
    from tabularbench.constraints.relation_constraint import Feature as Column  # type: ignore[import-not-found]

    d = task.x.shape[1]
    relations = [Column(a) <= Column(b) for a, b in task.pairs]
    return Constraints(np.array(["real"] * d), np.ones(d, bool), low, high, relations, [str(i) for i in range(d)])


def moeva(task: Task, ask: Counted, queries: int, seed: int) -> Found:
    """MOEVA, row by row, with so many queries."""
    old_numpy()
    from pymoo.factory import get_reference_directions  # type: ignore[import-not-found]
    from tabularbench.attacks.moeva.moeva import Moeva2  # type: ignore[import-not-found]

    directions = get_reference_directions("energy", 3, POPULATION, seed=seed)
    fell, any_fooled = np.zeros(len(task.x), bool), np.zeros(len(task.x), bool)
    for i, row in enumerate(task.x):
        low, high = np.maximum(task.low, row - task.eps * task.scale), np.minimum(task.high, row + task.eps * task.scale)
        generations = max((queries - POPULATION) // OFFSPRING + 1, 1)
        attack = Moeva2(
            ask,
            constraints(task, low, high),
            "inf",
            lambda x: (x - task.low) / task.scale,
            generations,
            POPULATION,
            OFFSPRING,
            seed=seed,
            n_jobs=1,
        )
        attack.ref_points = directions
        found = attack._batch_generate(row[None], task.y[i : i + 1], 0)[0]
        fooled = ask.ask(found).argmax(1) != task.y[i]
        any_fooled[i], fell[i] = fooled.any(), (fooled & task.valid(row[None], found)).any()
    return Found(fell, int((any_fooled & ~fell).sum()), ask.rows / len(task.x))


def capgd(task: Task, module: Any, ask: Counted, gradients: int, seed: int) -> Found:
    """CAPGD with so many gradients; ``module`` takes raw rows."""
    old_numpy()
    import joblib
    from tabularbench.attacks.capgd.capgd import CAPGD  # type: ignore[import-not-found]

    low, scale = torch.from_numpy(task.low).float(), torch.from_numpy(task.scale).float()

    class Scaler:
        """To the range and back."""

        def transform(self, x: Any) -> Any:
            return (torch.as_tensor(x).float() - low) / scale

        def inverse_transform(self, z: Any) -> Any:
            return z * scale + low

        def transform_mask(self, mask: Any) -> Any:
            return mask

    attack = CAPGD(constraints(task, task.low, task.high), Scaler(), module, ask, "Linf", task.eps, gradients - 1, 1, seed, eps_margin=0.0)
    with joblib.parallel_config(backend="threading"):  # it asks for a pool of processes, to which no model need go
        made = attack.forward(torch.from_numpy(task.x).float(), torch.from_numpy(task.y))
    found = made.detach().double().numpy()
    found = np.clip(found, task.x - task.eps * task.scale, task.x + task.eps * task.scale).clip(task.low, task.high)  # float32 at the edge
    fooled = ask.ask(found).argmax(1) != task.y
    return Found(fooled & task.valid(task.x, found), int((fooled & ~task.valid(task.x, found)).sum()), float(gradients))


def hop_skip_jump(task: Task, ask: Counted, queries: int, seed: int) -> Found:
    """ART's HopSkipJump in linf, row by row, stopped where the queries end; its best row of those that it returns."""
    from art.attacks.evasion import HopSkipJump as Peer  # type: ignore[import-not-found]
    from art.estimators.classification import BlackBoxClassifier  # type: ignore[import-not-found]

    fell, invalid = np.zeros(len(task.x), bool), 0
    classifier = BlackBoxClassifier(
        lambda z: ask(z.astype(np.float64) * task.scale + task.low), (task.x.shape[1],), 2, clip_values=(0.0, 1.0)
    )
    for i, row in enumerate(task.x):
        np.random.seed(seed + i)  # noqa: NPY002  what ART draws from
        z, best, before = ((row - task.low) / task.scale)[None].astype(np.float32), None, ask.rows
        attack = Peer(classifier, norm=np.inf, max_iter=0, max_eval=60, init_eval=20, init_size=20, verbose=False)
        best = attack.generate(z)
        attack.max_iter = 1
        while ask.rows - before < queries:
            attack.curr_iter = 0
            best = attack.generate(z, x_adv_init=best, resume=False)
        found = best.astype(np.float64) * task.scale + task.low
        fooled = bool(ask.ask(found).argmax(1)[0] != task.y[i])
        fell[i] = fooled and bool(task.valid(row[None], found)[0])
        invalid += fooled and not fell[i]
    return Found(fell, invalid, ask.rows / len(task.x))


def table() -> Dataset:
    """The table with its relations."""
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    names = [str(name) for name in data.feature_names]
    features = tuple(
        Feature(name=name, kind="continuous", low=float(data.data[:, i].min()), high=float(data.data[:, i].max()))
        for i, name in enumerate(names)
    )
    relations = tuple(f"'{name}' <= '{name.replace('mean', 'worst')}'" for name in names if name.startswith("mean "))
    schema = Schema(features=features, label="diagnosis", classes=("malignant", "benign"), relations=relations)
    member = np.random.default_rng(0).permutation(len(data.data)) < 380
    return Dataset(data.data.astype(np.float64), data.target.astype(np.int64), schema, member=member)


class Scaled(nn.Module):
    """A network on rows scaled to their ranges."""

    low: Tensor
    scale: Tensor

    def __init__(self, low: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(30, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2))
        self.register_buffer("low", low)
        self.register_buffer("scale", scale)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, 2)."""
        out: Tensor = self.inner((x - self.low) / self.scale)
        return out


def network(data: Dataset) -> TorchTarget:
    """A network of two layers."""
    torch.manual_seed(0)
    some = data.take(np.flatnonzero(np.asarray(data.member)))
    low, scale = (torch.from_numpy(np.asarray(part)).float() for part in (data.schema.low, data.schema.high - data.schema.low))
    model = Scaled(low, scale)
    x, y = torch.from_numpy(some.x).float(), torch.from_numpy(some.y)
    optimizer = torch.optim.Adam(model.parameters(), 0.01, weight_decay=1e-3)
    for _ in range(200):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return TorchTarget(model.eval(), data.schema.classes, data.schema, "network")


def models(data: Dataset) -> dict[str, Target]:
    """A network, a forest, a boosting, and a forest behind a pipeline."""
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    some = data.take(np.flatnonzero(np.asarray(data.member)))
    y = np.array(data.schema.classes)[some.y]
    forest = RandomForestClassifier(50, min_samples_leaf=2, random_state=0, n_jobs=1)
    fitted: tuple[Any, ...] = (
        forest.fit(some.x, y),
        make_pipeline(StandardScaler(), RandomForestClassifier(50, min_samples_leaf=2, random_state=1, n_jobs=1)).fit(some.x, y),
        GradientBoostingClassifier(n_estimators=60, random_state=0).fit(some.x, y),
    )
    names = ("forest", "forest behind a scaler", "boosting")
    return {"network": network(data), **{n: SklearnTarget(m, data.schema) for n, m in zip(names, fitted, strict=True)}}


def ours(check: Evasion, target: Target, rows: Dataset) -> Found:
    """One of our checks on the same rows, judged by its own lines, which count relations and ball."""
    asked = target.queries
    result = check(target, rows).result
    robust = result.metric("robust_accuracy").value
    lines = {str(row[0]): row for t in result.tables if t.name == "evaluation" for row in t.rows}
    for name in ("Fooling rows keep their range and eps", "Fooling rows keep the relations between columns"):
        assert lines[name][1] != "does not hold", lines[name]
    fell = np.arange(len(rows)) >= round(float(robust or 0) * len(rows))
    proved = [m.value for m in result.metrics if m.name == "proved_accuracy"]
    if proved:
        print(f"    proved to stand: {100 * float(proved[0] or 0):.1f} %", flush=True)
    return Found(fell, 0, (target.queries - asked) / len(rows))


def runs(target: Target, rows: Dataset, task: Task, given: Any) -> dict[str, Callable[[], Found]]:
    """Each attack by its name, peers beside ours."""
    common: dict[str, Any] = {"rows": len(rows), "eps": given.eps, "seed": given.seed, "curve": False}
    scores = Tabular(**common, query_budget=given.queries, trees=False, gradients=False)
    found: dict[str, Callable[[], Found]] = {
        "MOEVA": lambda: moeva(task, Counted(target.scores), given.queries, given.seed),
        "ours, scores alone": lambda: ours(scores, target, rows),
        "ours": lambda: ours(Tabular(**common, query_budget=given.queries), target, rows),
        "HopSkipJump, ART": lambda: hop_skip_jump(task, Counted(target.scores), given.queries, given.seed),
        "HopSkipJump, ours": lambda: ours(HopSkipJump(**common, query_budget=given.queries), target, rows),
    }
    if isinstance(target, TorchTarget):
        module: Any = target.module
        found["CAPGD"] = lambda: capgd(task, module, Counted(target.scores), 41, given.seed)
        found["PGD, ours"] = lambda: ours(PGD(**common, steps=40), target, rows)
    return found


def main() -> None:
    """Print a line for each model and attack."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=60)
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--eps", type=float, default=0.08)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="one model: network, forest, forest behind a scaler, boosting")
    given = parser.parse_args()
    torch.set_num_threads(1)
    data = table()
    index = {f.name: i for i, f in enumerate(data.schema.features)}
    pairs = tuple((index[name], index[name.replace("mean", "worst")]) for name in index if name.startswith("mean "))
    for name, target in models(data).items():
        if given.only not in ("", name):
            continue
        held = np.flatnonzero(~np.asarray(data.member))
        held = held[(target.labels(data.x[held]) == data.y[held]) & ~data.schema.related.broken(data.x[held])][: given.rows]
        rows = Dataset(data.x[held], data.y[held], data.schema)
        task = Task(rows.x.astype(np.float64), rows.y, np.asarray(data.schema.low), np.asarray(data.schema.high), pairs, given.eps)
        for label, run in runs(target, rows, task, given).items():
            start = time.process_time()
            found = run()
            took, share = time.process_time() - start, 100 * (1 - found.fell.mean())
            counts = f"struck out {found.invalid:3d}  {found.asked:7.1f} rows asked a row {took:6.1f} s"
            print(f"{name:24s} {label:20s} robust {share:5.1f} % of {len(held)}  {counts}", flush=True)


if __name__ == "__main__":
    main()
