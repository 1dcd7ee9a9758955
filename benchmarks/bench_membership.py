"""Membership inference against its authors' code and ART's, on overfitted census models: ``python benchmarks/bench_membership.py``.

Several targets share the very same shadow models (``--shadows`` networks trained on random halves of ``--rows`` rows), so that what
differs is the attack. Prints AUC and TPR at 1 % FPR, ours minus theirs, and the ratio, with 95 % intervals of a bootstrap over
rows. The peers are Carlini's ``plot.py`` (github.com/tensorflow/privacy, research/mi_lira_2021; give ``--carlini plot.py``), SACRO-ML's
LiRA and ART's learned attack; one that is not there is said in one line.
"""

import argparse
import importlib.util
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiltyard.privacy.membership import Mask, Scores, auc, likelihood_ratio, logit_scaled, relative, tpr_at, tuned
from tiltyard.privacy.shadow_attack import halving
from tiltyard.progress import Progress
from tiltyard.samples.catalog import load
from tiltyard.statistics.intervals import bootstrap
from tiltyard.targets.torch_target import TorchTarget


@dataclass(frozen=True)
class Case:
    """One target's answers p float32 (n, k), labels y and membership; of the shadow models p (m, n, k) and who was inside (m, n)."""

    p: NDArray[np.float32]
    y: NDArray[np.int64]
    member: Mask
    shadow: NDArray[np.float32]
    inside: Mask
    carlini: Path | None

    @property
    def observed(self) -> Scores:
        return logit_scaled(self.p, self.y)

    @property
    def shadows(self) -> Scores:
        return np.stack([logit_scaled(p, self.y) for p in self.shadow])


def ours(case: Case, offline: bool, fixed: bool) -> Scores:
    """Tiltyard's scores."""
    return likelihood_ratio(case.observed, case.shadows, case.inside, offline, math.inf if fixed else 0.0)


def carlinis(case: Case, offline: bool, fixed: bool) -> Scores:
    """Scores of the paper's own code; its sign says "not a member", and its offline attack fits the other way."""
    if case.carlini is None:
        raise ImportError("name its file with --carlini")
    spec = importlib.util.spec_from_file_location("lira_plot", case.carlini)
    assert spec is not None and spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    attack = module.generate_ours_offline if offline else module.generate_ours
    got, _ = attack(case.inside, case.shadows[:, :, None], [case.member], [case.observed[:, None]], fix_variance=fixed)
    return -np.asarray(got, np.float64)


def sacros(case: Case, offline: bool, fixed: bool) -> Scores:
    """Scores of SACRO-ML's class, given the same confidences."""
    from sacroml.attacks.likelihood_attack import LIRAAttack

    attack = LIRAAttack(write_report=False, mode="offline" if offline else "online-carlini", fix_variance=fixed)
    shadows, rows = case.shadows, range(len(case.y))
    apart = [{i: shadows[side[:, i], i].tolist() for i in rows} for side in (~case.inside, case.inside)]
    pairs, _ = attack._compute_scores(case.y, case.p.astype(np.float64), *apart)
    return np.asarray([pair[1] for pair in pairs], np.float64)


def arts(case: Case, kind: str) -> Scores:
    """Scores of ART's learned attack, trained on what the same shadow models said of their own rows and of others."""
    from art.attacks.inference.membership_inference import MembershipInferenceBlackBox
    from art.estimators.classification import BlackBoxClassifier

    model = BlackBoxClassifier(lambda x: case.p[: len(x)], (case.p.shape[1],), case.p.shape[1])
    attack = MembershipInferenceBlackBox(model, attack_model_type=kind)
    y = np.broadcast_to(case.y, case.inside.shape)
    some = np.random.default_rng(0).random(case.inside.shape) < 20_000 / case.inside.size
    seen, unseen = case.inside & some, ~case.inside & some
    attack.fit(pred=case.shadow[seen], y=y[seen], test_pred=case.shadow[unseen], test_y=y[unseen])
    found = attack.infer(None, case.y, pred=case.p, probabilities=True)
    return np.asarray(found, np.float64).reshape(len(case.y), -1)[:, -1]


Way = Callable[[Case], Scores]
GROUPS: dict[str, dict[str, Way]] = {
    "LiRA online, variances shrunk": {
        "tiltyard": lambda c: likelihood_ratio(c.observed, c.shadows, c.inside, False, 8.0),
        "one variance": lambda c: ours(c, False, True),
        "a variance a row": lambda c: ours(c, False, False),
    },
    "RMIA offline": {
        "tiltyard": lambda c: relative(c.observed, c.shadows, c.inside, tuned(c.shadows, c.inside)),
        "two models": lambda c: relative(c.observed, c.shadows[:2], c.inside[:2], tuned(c.shadows[:2], c.inside[:2])),
    },
    "LiRA online, a variance a row": {
        "tiltyard": lambda c: ours(c, False, False),
        "Carlini": lambda c: carlinis(c, False, False),
        "SACRO-ML": lambda c: sacros(c, False, False),
    },
    "LiRA online, one variance": {
        "tiltyard": lambda c: ours(c, False, True),
        "Carlini": lambda c: carlinis(c, False, True),
        "SACRO-ML": lambda c: sacros(c, False, True),
    },
    "LiRA offline, one variance": {
        "tiltyard": lambda c: ours(c, True, True),
        "Carlini": lambda c: carlinis(c, True, True),
        "SACRO-ML": lambda c: sacros(c, True, True),
    },
    "LiRA against an attack learned from the same shadow models": {
        "tiltyard": lambda c: ours(c, False, True),
        "threshold": lambda c: c.observed,
        "ART forest": lambda c: arts(c, "rf"),
        "ART network": lambda c: arts(c, "nn"),
    },
}


def cases(given: argparse.Namespace) -> list[Case]:
    """The targets, each with all shadow models: all trained on random halves of the same rows."""
    sample = load("census")
    rows = sample.data.sample(given.rows, np.random.default_rng(0))
    recipe = sample.target.recipe
    assert recipe is not None
    slow = recipe.model_copy(update={"epochs": given.epochs, "batch_size": 64})
    target = TorchTarget(sample.target.inner, rows.schema.classes, rows.schema, recipe=slow, architecture=sample.target.architecture)
    inside = halving(given.targets + given.shadows, len(rows), np.random.default_rng(1))
    print(f"training {len(inside)} models on {len(rows) // 2} rows each", flush=True)
    said = []
    for i, mine in enumerate(inside):
        said.append(target.retrain(rows.x[mine], rows.y[mine], i, Progress()).scores(rows.x))
    shadow, t = np.stack(said), given.targets
    return [Case(shadow[i], rows.y, inside[i], shadow[t:], inside[t:], given.carlini) for i in range(t)]


def measured(scores: Scores, member: Mask) -> NDArray[np.float64]:
    """AUC and TPR at 1 % FPR."""
    return np.array([auc(scores, member).value, tpr_at(scores, member, 0.01)[0].value], np.float64)


def compared(a: list[Scores], b: list[Scores], members: list[Mask]) -> tuple[NDArray[np.float64], NDArray[np.float64], str]:
    """Both averaged over targets, and in words the difference of AUC and the ratio of TPR with their intervals."""

    def over(i: NDArray[np.intp], scores: list[Scores]) -> NDArray[np.float64]:
        return np.mean([measured(s[i], m[i]) for s, m in zip(scores, members, strict=True)], 0)

    everything = np.arange(len(members[0]))
    mine, theirs = over(everything, a), over(everything, b)
    low, high = bootstrap(lambda i: float((over(i, a) - over(i, b))[0]), len(everything), np.random.default_rng(2), 300)
    said = f"{(mine - theirs)[0]:+.4f} [{low:+.4f}, {high:+.4f}]"
    least, most = bootstrap(lambda i: quotient(over(i, a), over(i, b)), len(everything), np.random.default_rng(3), 300)
    return mine, theirs, f"{said}   {quotient(mine, theirs):.2f} [{least:.2f}, {most:.2f}]" if theirs[1] else f"{said}   none found"


def quotient(mine: NDArray[np.float64], theirs: NDArray[np.float64]) -> float:
    """Of the TPR; NaN where the other is 0."""
    return float(mine[1] / theirs[1]) if theirs[1] else float("nan")


def shown(name: str, values: NDArray[np.float64], took: float, rest: str = "") -> None:
    print(f"  {name:12} {values[0]:.4f}  {100 * values[1]:5.1f} %  {took:7.2f} s   {rest}", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--shadows", type=int, default=32)
    parser.add_argument("--targets", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--carlini", type=Path)
    given = parser.parse_args()
    found = cases(given)
    members = [case.member for case in found]
    print(f"  {'library':12} AUC     TPR at 1 %  seconds    ours - theirs (AUC)          ours / theirs (TPR)")
    for title, ways in GROUPS.items():
        print(title)
        base: list[Scores] = []
        for name, way in ways.items():
            start = time.process_time()
            try:
                scores = [way(case) for case in found]
            except ImportError as error:
                print(f"  {name} is not compared: {error}")
                continue
            took = time.process_time() - start
            base = base or scores
            mine, theirs, said = compared(base, scores, members)
            shown(name, mine if scores is base else theirs, took, "" if scores is base else said)


if __name__ == "__main__":
    main()
