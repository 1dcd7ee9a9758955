"""How many shadow models which attack needs, and how far LiRA's variances are shrunk: ``python benchmarks/bench_shadows.py --data german``.

All models (targets and shadow models) are small networks trained together as one batched product, full batches by Adam; each target is
attacked with the same shadow models. With ``--cost`` it prints instead what the product's own training of shadow models takes together
and one by one, in seconds of one core, on census' network; with ``--spread`` what estimators take one by one and over processes, by the clock. Else it prints AUC, TPR at 1 % and at 0.1 % FPR averaged over targets, for LiRA with each ``shrinkage`` and
for RMIA, with 2, 8, 16 and 64 shadow models.
"""

import argparse
import time

import numpy as np
import torch
from numpy.typing import NDArray

from tiltyard.child_processes.spread import cores, spread, timed, worthwhile
from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.encoding import EncodedRows, encoding_of
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.privacy.membership import Mask, Scores, likelihood_ratio, logit_scaled, relative, tuned
from tiltyard.privacy.shadow_attack import Shadows, halving
from tiltyard.progress import Progress
from tiltyard.samples.catalog import load, load_data
from tiltyard.statistics.roc import area, found_at
from tiltyard.targets.estimators import SklearnTarget
from tiltyard.targets.stacked_training import fit_stacked
from tiltyard.targets.training import fit, fresh

NAMES = {"german": "german-credit", "census": "census"}


def rows_of(data: str, rows: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Encoded rows, each column scaled to mean 0 and deviation 1, and their classes."""
    found = load_data(NAMES[data])
    part = found.sample(min(rows, len(found)), np.random.default_rng(0))
    x = np.asarray(EncodedRows(encoding_of(part.schema), part.x)[0 : len(part)], np.float32)
    return (x - x.mean(0)) / np.maximum(x.std(0), 1e-6), part.y


def together(x: NDArray[np.float32], y: NDArray[np.int64], inside: Mask, steps: int, width: int) -> Scores:
    """Logit-scaled confidence (models, n) of one network a row of ``inside``, all trained at once."""
    models, k = len(inside), int(y.max()) + 1
    draw = torch.Generator().manual_seed(0)
    sizes = ((x.shape[1], width), (width, k))
    weights = [torch.randn(models, a, b, generator=draw).mul_(a**-0.5).requires_grad_() for a, b in sizes]
    biases = [torch.zeros(models, 1, b).requires_grad_() for _, b in sizes]
    rows, answers, mask = torch.from_numpy(x), torch.from_numpy(y), torch.from_numpy(inside.astype(np.float32))
    optimizer = torch.optim.Adam([*weights, *biases], lr=0.01)

    def logits() -> torch.Tensor:
        hidden = torch.relu(torch.matmul(rows, weights[0]) + biases[0])
        return torch.bmm(hidden, weights[1]) + biases[1]

    for _ in range(steps):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(logits().flatten(0, 1), answers.repeat(models), reduction="none").view(models, -1)
        torch.autograd.backward((loss * mask).sum() / mask.sum(1).mean())
        optimizer.step()
    with torch.no_grad():
        p = logits().double().softmax(2).numpy()
    return np.stack([logit_scaled(one, y) for one in p])


def shown(name: str, found: list[Scores], members: list[Mask]) -> None:
    values = [(area(m, s), *(found_at(s[m], s[~m], f) / m.sum() for f in (0.01, 0.001))) for s, m in zip(found, members, strict=True)]
    mean = np.mean(values, 0)
    print(f"  {name:34} {mean[0]:.3f}   {100 * mean[1]:5.1f} %   {100 * mean[2]:5.1f} %", flush=True)


def cost() -> None:
    """Print seconds of shadow models together and alone, their ratio, and how many are equal bit by bit."""
    target = load("census").target
    print("rows  batch  models   together   alone   ratio   equal")
    for rows, batch, models in ((1000, 64, 16), (1000, 64, 64), (4000, 128, 64), (4000, 512, 16), (20_000, 512, 16)):
        data = load_data("census").sample(rows, np.random.default_rng(0))
        assert target.recipe is not None
        recipe = target.recipe.model_copy(update={"batch_size": batch})
        encoded = EncodedRows(target.encoding, data.x)
        halves = [np.flatnonzero(half) for half in halving(models, rows, np.random.default_rng(1))]
        plain = target.trainable()
        assert isinstance(plain, torch.nn.Sequential)
        start = time.process_time()
        held = torch.from_numpy(encoded[np.arange(rows)])
        together = fit_stacked(plain, held, torch.from_numpy(data.y), halves, recipe, range(models), Progress())
        middle = time.process_time()
        alone = [
            fit(fresh(plain, i), EncodedRows(target.encoding, data.x[half]), data.y[half], recipe, i, Progress())
            for i, half in enumerate(halves)
        ]
        end = time.process_time()
        pairs = [zip(a.parameters(), b.parameters(), strict=True) for a, b in zip(together, alone, strict=True)]
        equal = sum(all(torch.equal(p, q) for p, q in pair) for pair in pairs)
        took = middle - start, end - middle
        print(
            f"{rows:6} {batch:4} {models:5}     {took[0]:6.2f}   {took[1]:6.2f}   {took[1] / took[0]:5.2f}   {equal} of {models}",
            flush=True,
        )


def over_processes(models: int) -> None:
    """Print seconds by the clock of estimators fitted one by one and over processes, in turns, and how many of them answer to the bit alike."""
    from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier

    rng = np.random.default_rng(0)
    schema = Schema(
        features=tuple(Feature(name=f"c{i}", kind="continuous", low=-9, high=9) for i in range(8)), label="y", classes=("no", "yes")
    )
    data = Dataset(rng.normal(size=(4000, 8)), rng.integers(0, 2, 4000), schema)
    made = (
        RandomForestClassifier(100, random_state=0),
        GradientBoostingClassifier(random_state=0),
        HistGradientBoostingClassifier(random_state=0),
        RandomForestClassifier(100, n_jobs=-1, random_state=0),
    )
    print(
        f"{cores()} cores, {models} models\nestimator                        one by one   chosen by timing   ratio   equal   processes beside"
    )
    for estimator in made:
        target = SklearnTarget(estimator.fit(data.x, data.y.astype(str)), schema, order=(0, 1))
        tasks = Shadows(target, data, np.arange(500), halving(models, 4000, rng), tuple(range(models)), None, "", None)
        with timed() as taken:
            tasks(0)
        took, answers = [0.0, 0.0], []
        for turn, beside in ((0, 0), (1, None), (1, None), (0, 0)):
            start = time.perf_counter()
            answers.append(spread(tasks, range(models), Progress(), beside=beside))
            took[turn] += (time.perf_counter() - start) / 2
        equal = sum(all(np.array_equal(one, found) for one in rest) for found, *rest in zip(*answers, strict=True))
        name = f"{type(estimator).__name__}{', n_jobs -1' if getattr(estimator, 'n_jobs', None) else ''}"
        beside = worthwhile(taken[0], models - 1)
        print(f"{name:32} {took[0]:9.1f}     {took[1]:9.1f}          {took[0] / took[1]:5.2f}   {equal} of {models}   {beside}", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", choices=sorted(NAMES), default="german")
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--targets", type=int, default=8)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--cost", action="store_true", help="print what shadow models cost")
    parser.add_argument("--spread", type=int, default=0, metavar="MODELS", help="print what so many estimators cost over processes")
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.spread:
        over_processes(given.spread)
        return
    if given.cost:
        cost()
        return
    x, y = rows_of(given.data, given.rows)
    inside = halving(given.targets + 64, len(x), np.random.default_rng(1))
    start = time.process_time()
    answers = together(x, y, inside, given.steps, given.width)
    print(f"{len(inside)} models on halves of {len(x)} rows of {given.data}, {time.process_time() - start:.1f} s of one core")
    print(f"  {'attack':34} AUC     at 1 %    at 0.1 %")
    t = given.targets
    members = list(inside[:t])
    shown("confidence alone", list(answers[:t]), members)
    for m in (2, 8, 16, 64):
        shadow, who = answers[t : t + m], inside[t : t + m]
        a = tuned(shadow, who)
        shown(f"RMIA, {m} models, a {a:.2f}", [relative(s, shadow, who, a) for s in answers[:t]], members)
        for nu in (0.0, 4.0, 8.0, 16.0, np.inf) if m > 2 else ():
            shown(f"LiRA, {m} models, shrinkage {nu:g}", [likelihood_ratio(s, shadow, who, False, nu) for s in answers[:t]], members)


if __name__ == "__main__":
    main()
