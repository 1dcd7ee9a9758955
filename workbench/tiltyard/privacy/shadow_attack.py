"""What attacks with shadow models share: random halves, their training, what is kept of them, and the cost before."""

import hashlib
import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..access.places import SHADOWS, kept
from ..check import CampaignGoal, Check, Estimate, kept_parameter, parameter
from ..child_processes.spread import Taken, spread, timed, worthwhile
from ..datasets.dataset import Dataset
from ..errors import Problem
from ..files.atomic import new_file
from ..formatting.numbers import about
from ..progress import Progress
from ..result import CheckResult, Column, Status
from ..statistics.majority import Skill
from ..targets.target import Target
from .membership import Mask, Scores, chance, logit_scaled, separation, unsaturated
from .membership_report import ABOVE, ACCEPTED_TPR, HELP_ABOVE, HELP_TPR, STANDARDS, Accepted, Attacked, report
from .membership_threshold import pick, predicted, scored

SMALL = 512


class Alike(Problem):
    """Shadow models that answer alike whatever rows they are trained on: what they say of membership is nothing."""


def refuse_alike(shadow: Scores, name: str) -> None:
    """An `Alike` where all shadow models, (models, n), answer the same on all rows."""
    if len(shadow) > 1 and float(np.ptp(shadow, axis=0).max()) == 0:
        raise Alike(
            "shadow models that differ by the rows they were trained on",
            f"{len(shadow)} that answer alike: the training routine of {name} leaves the model as it was, or learns nothing",
            "Give an estimator whose fit trains it anew, or ask privacy.membership_quantile, which needs no training",
        )


def halving(models: int, n: int, rng: np.random.Generator, y: NDArray[np.int64] | None = None) -> Mask:
    """Which rows each shadow model is trained on, bool (models, n): random halves in pairs that complement one another.

    So every row is in exactly half of the models (one more or less where ``models`` is odd).

    Parameters
    ----------
    y : int64 (n,) or None
        Classes: one with two rows or more has a row in both halves, for an estimator is not fitted on fewer classes.
    """
    inside = np.zeros((models, n), bool)
    for first in range(0, models, 2):
        inside[first, rng.permutation(n)[: n // 2]] = True
        if y is not None:
            _completed(inside[first], y, rng)
        if first + 1 < models:
            inside[first + 1] = ~inside[first]
    return inside


def _completed(half: Mask, y: NDArray[np.int64], rng: np.random.Generator) -> None:
    """Swap a row of a class that one half lacks against one of the commonest class, in place."""
    commonest = int(np.bincount(y).argmax())
    for k in np.unique(y):
        here = y == k
        if here.sum() < 2 or k == commonest:
            continue
        for side in (half, ~half):
            if not side[here].any():
                comes, goes = rng.choice(np.flatnonzero(here)), rng.choice(np.flatnonzero(side & (y == commonest)))
                half[comes], half[goes] = ~half[comes], ~half[goes]


@dataclass(frozen=True)
class TrainingCost:
    """What shadow models take here, judged from one that was trained on ``part``: ``one`` in seconds by the clock, and what it ``took`` of the processor."""

    target: Target
    part: Dataset
    one: float
    took: Taken

    def of(self, models: int) -> float:
        """Seconds of ``models`` at once: side by side where the target trains them so, else over processes where they are worth it."""
        if models < 1:
            return 0.0
        if (times := self.target.training_speedup(self.part.x, self.part.y, models)) > 1:
            return self.one * models / times
        return self.one * (1 + (models - 1) / (1 + worthwhile(self.took, models - 1)))


def training_cost(target: Target, pool: Dataset, seed: int, progress: Progress | None = None) -> TrainingCost:
    """The cost of shadow models on halves of ``pool``, from one on a small part; stops where ``progress`` is cancelled."""
    heard = Progress(_cancel=progress._cancel) if progress is not None else Progress()
    part = pool.sample(min(SMALL, len(pool)), np.random.default_rng(seed))
    target.retrain(part.x[:32], part.y[:32], seed, heard)  # what loads on first use is not the training's
    clock = time.perf_counter()
    with timed() as took:
        target.retrain(part.x, part.y, seed, heard)
    larger = max(1.0, len(pool) / 2 / len(part))
    return TrainingCost(target, part, (time.perf_counter() - clock) * larger, Taken(took[0].seconds * larger, took[0].cores))


@dataclass(frozen=True)
class Shadows:
    """What training one shadow model takes; sent to the processes that `spread` starts."""

    target: Target
    pool: Dataset
    attacked: NDArray[np.intp]
    inside: Mask
    seeds: tuple[int, ...]
    folder: Path | None
    key: str
    progress: Progress | None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "progress": None}

    def __call__(self, i: int) -> Scores:
        """Logit-scaled confidence of shadow model ``i`` on the attacked rows; kept in ``folder`` if there is one."""
        if (found := self._found(i)) is not None:
            return found
        progress = self.progress.part(1 / len(self.inside)) if self.progress else Progress()
        rows = self.inside[i]
        model = self.target.retrain(self.pool.x[rows], self.pool.y[rows], self.seeds[i], progress)
        return self._confidence(i, model, progress)

    def answers(self, which: Sequence[int], progress: Progress) -> list[Scores]:
        """The same of shadow models ``which``: trained together where the target can and that is quicker, else spread over processes."""
        open_ones = [i for i in which if self._found(i) is None]
        halves, seeds = [np.flatnonzero(self.inside[i]) for i in open_ones], [self.seeds[i] for i in open_ones]
        models = self.target.retrain_together(self.pool.x, self.pool.y, halves, seeds, progress.part(0.9)) if len(open_ones) > 1 else None
        if models is None:
            made = dict(zip(open_ones, spread(self, open_ones, progress, "shadow model {i} of {n}"), strict=True))
        else:
            made = {i: self._confidence(i, model, progress) for i, model in zip(open_ones, models, strict=True)}
        return [made[i] if i in made else self(i) for i in which]

    def _kept(self, i: int) -> Path | None:
        return self.folder / f"lira-{self.key}-{i}.npy" if self.folder else None

    def _found(self, i: int) -> Scores | None:
        """What was kept of model ``i`` by a run before this one."""
        path = self._kept(i)
        if path is None or not path.is_file():
            return None
        found = np.load(path, allow_pickle=False)
        return np.asarray(found, np.float64) if found.shape == (len(self.attacked),) else None

    def _confidence(self, i: int, model: Target, progress: Progress) -> Scores:
        p = scored(model, self.pool.x[self.attacked], Progress(_cancel=progress._cancel))
        scores = logit_scaled(p, self.pool.y[self.attacked])
        if (path := self._kept(i)) is not None:
            _keep(path, scores)
        return scores


def _keep(path: Path, scores: Scores) -> None:
    """Whole or not at all: a run cut off while it writes leaves no half file."""
    try:
        with new_file(path, replace=True) as stream:
            np.save(stream, scores)
    except OSError as error:
        raise Problem("a folder to keep shadow models in", f"{path.parent} ({error.strerror})", "Choose another folder or none") from None


@dataclass(frozen=True)
class Answered:
    """Logit-scaled confidence in the attacked rows' labels: of the target (n,), of shadow models (models, n), and who was trained on them."""

    observed: Scores
    shadow: Scores
    inside: Mask


@dataclass(frozen=True)
class Judged:
    """An attack's scores (n,), its name for a sentence, and notes of its own."""

    scores: Scores
    name: str
    notes: tuple[str, ...] = ()


class ShadowAttack(Check):
    """Membership inference by models that an attacker trains as the target was trained."""

    needs: ClassVar[frozenset[str]] = frozenset({"scores", "training", "member"})
    takes_text: ClassVar[bool] = True
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    cost: ClassVar[str] = "minutes: one training a shadow model"
    seconds: ClassVar[float] = 60.0
    quick: ClassVar[Mapping[str, Any]] = {"pool": 60_000}
    campaign_goal: ClassVar[CampaignGoal | None] = "infer"
    headline: ClassVar[str] = "auc"
    context: ClassVar[frozenset[str]] = frozenset({"attack_accuracy"})

    shadow_models: int = parameter(16, "Models trained on random halves; more find more", "models", ge=2, le=1024)
    rows: int = parameter(2000, "Rows to attack of each kind (seen, unseen)", "rows", ge=10, le=100_000)
    pool: int = parameter(0, "Rows that the shadow models are drawn from; 0 takes all, fewer is quicker", "rows", ge=0, le=10_000_000)
    accepted: float = parameter(ABOVE, HELP_ABOVE, "share", ge=0.001, le=0.5)
    accepted_tpr: float = parameter(ACCEPTED_TPR, HELP_TPR, "share", ge=0.01, le=1)
    folder: str = kept_parameter(
        "Folder that keeps finished shadow models, so that a run cut off goes on; a bare name stands in the user's data folder; "
        "empty keeps none",
        SHADOWS,
    )

    @abstractmethod
    def judged(self, it: Answered) -> Judged:
        """Each row's score, higher for a member."""

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        """Shadow models times the time of one on a small part, scaled by rows."""
        if reason := self.unmet(target, data):
            return Estimate(note=reason)
        pool, rows = self._pool(data, chance(self.seed, self.id))
        cost = training_cost(target, pool, self.seed)
        seconds = cost.of(self.shadow_models)
        each = f"{about(seconds / self.shadow_models)} each, judged from {len(cost.part)} rows"
        return Estimate(queries=len(rows), seconds=seconds, note=f"{self.shadow_models} shadow models of {len(pool) // 2:,} rows, {each}")

    def _pool(self, data: Dataset, rng: np.random.Generator) -> tuple[Dataset, NDArray[np.intp]]:
        """The rows shadow models are drawn from, and the places in it of those attacked."""
        attacked = pick(data, self.rows, rng)
        size = self.pool or len(data)
        if size < len(attacked):
            attacked = np.sort(rng.permutation(attacked)[:size])
        others = rng.permutation(np.setdiff1d(np.arange(len(data)), attacked))[: max(0, size - len(attacked))]
        chosen = np.concatenate([attacked, others])
        return data.take(chosen), attacked

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        rng = chance(self.seed, self.id)
        pool, rows = self._pool(data, rng)
        attacked = np.arange(len(rows))
        part = pool.take(attacked)
        if part.member is None or part.member.all() or not part.member.any():
            raise Problem("a pool with seen and unseen rows", f"{len(pool)} rows of one kind", "Choose a larger pool")
        inside = halving(self.shadow_models, len(pool), rng, pool.y)
        answer = predicted(target, part.x, progress.part(0.02))
        p = answer.scores
        observed = logit_scaled(p, part.y)
        share = progress.part(0.95)
        seeds = tuple(int(v) for v in chance(self.seed, self.id, 1).integers(0, 2**31 - 1, self.shadow_models))
        tasks = Shadows(target, pool, attacked, inside, seeds, self._folder(), self._key(target, data), share)
        shadow = np.stack(tasks.answers(range(self.shadow_models), share))
        try:
            refuse_alike(shadow, target.name)
        except Alike as reason:
            return CheckResult(status=Status.INCOMPLETE, summary=str(reason))
        mask = inside[:, : len(attacked)]
        judged = self.judged(Answered(observed, shadow, mask))
        apart = separation(unsaturated(observed, shadow)[1], mask)
        shown = (
            (Column(name="class"), tuple(data.schema.classes[k] for k in part.y)),
            (Column(name="probability of it", kind="percent"), tuple(float(v) for v in p[np.arange(len(p)), part.y])),
            (Column(name="shift when trained on", unit="standard deviations", kind="number"), tuple(float(v) for v in apart)),
        )
        skill = Skill.of(part.y[part.member], answer.labels[part.member] == part.y[part.member], data.schema.classes)
        it = Attacked(judged.scores, part.member, rows, part.sensitive, shown, skill)
        notes = (*self._notes(pool, data, part.member), *judged.notes)
        return report(it, judged.name, rng, notes, Accepted(self.accepted, self.accepted_tpr))

    def _notes(self, pool: Dataset, data: Dataset, member: Mask) -> tuple[str, ...]:
        return (
            f"{int(member.sum()):,} seen and {int((~member).sum()):,} unseen rows were attacked; each shadow model was trained on "
            f"{len(pool) // 2:,} of {len(pool):,} rows by the target's own routine (the target itself on {len(data.seen):,}).",
            "An attacker with more shadow models finds more; this is a lower bound on the risk.",
        )

    def _folder(self) -> Path | None:
        if not self.folder:
            return None
        path = kept(self.folder, SHADOWS)
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise Problem("a folder to keep shadow models in", f"{path} ({error.strerror})", "Choose another folder or none") from None
        return path

    def _key(self, target: Target, data: Dataset) -> str:
        text = f"{target.fingerprint} {data.fingerprint} {self.seed} {self.shadow_models} {self.rows} {self.pool}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]
