"""A measured lower bound on epsilon beside the claimed one, from canaries in one run (Steinke et al. 2023; Mahloujifar et al. 2025)."""

import copy
import time
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from ..check import CampaignGoal, Check, Estimate, parameter
from ..datasets.dataset import Dataset
from ..errors import Problem, Unavailable
from ..privacy_accounting.accountants import default_delta
from ..progress import Progress
from ..result import CheckResult
from ..targets.target import Target
from .audit_report import Audited, Group, audited
from .membership import chance, logit_scaled
from .membership_report import STANDARDS
from .membership_threshold import scored

WHOLE = 512
SIZES = (30.0, 300.0)  # a small one shows too many draws of a row, a large one that nothing is clipped
LARGEST_TABLE = 2**29  # float32 numbers: 2 GB


Groups = tuple[Group, ...]


@dataclass(frozen=True)
class Claim:
    """The (epsilon, delta) that the audit is held against; epsilon 0 where none is claimed."""

    epsilon: float
    delta: float


class AuditEpsilon(Check):
    """How much epsilon must have been spent at least, judged by how well members are guessed; above the claim it refutes the claim.

    Where the target can be trained again it is trained once more by its own routine, with canaries in the place of some rows: in blank
    columns that are zero in all rows but one canary each, in two sizes that are guessed at apart, so that noise left out, clipping left
    out and rows drawn too often are all seen.
    """

    id: ClassVar[str] = "privacy.audit_epsilon"
    title: ClassVar[str] = "Measured epsilon (lower bound)"
    question: ClassVar[str] = "Is the model at least as leaky as some epsilon, and is that above the epsilon claimed?"
    needs: ClassVar[frozenset[str]] = frozenset({"scores", "member"})
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = (
        "Steinke et al. 2023, arXiv 2305.08846",
        "Mahloujifar et al. 2025, arXiv 2410.22235",
        "Jagielski et al. 2020, arXiv 2006.07709",
    )
    cost: ClassVar[str] = "seconds; with canaries two trainings"
    main: ClassVar[tuple[str, ...]] = ("claimed", "canaries", "sees", "mechanism")
    leads: ClassVar[tuple[str, ...]] = ("epsilon_lower", "epsilon_claimed", "guessed_right")
    seconds: ClassVar[float] = 30.0
    campaign_goal: ClassVar[CampaignGoal | None] = "infer"
    audit: ClassVar[bool] = True
    headline: ClassVar[str] = "epsilon_lower"

    claimed: float = parameter(
        0.0, "Epsilon that is claimed, also by who trained it elsewhere; 0 takes the target's own, if it has one", "epsilon", ge=0, le=1000
    )
    delta: float = parameter(
        0.0, "Chance that the promise fails; 0 takes the target's own, or one well below 1 / rows", "probability", ge=0, lt=1
    )
    canaries: int = parameter(
        1000, "Rows put in by coin for one more training, where an epsilon is claimed; 0 asks the model as it is", "rows", ge=0, le=100_000
    )
    placed: Literal["blank_columns", "wrong_labels"] = parameter(
        "blank_columns", "Canaries in input columns of their own (torch modules), or rows with a wrong label (any training)"
    )
    sees: Literal["weights", "answers"] = parameter("weights", "What the auditor sees of the canaries in blank columns: weights or answers")
    mechanism: Literal["gaussian", "any"] = parameter(
        "gaussian", "What is claimed: Gaussian noise as in DP-SGD, whose whole trade-off curve is held, or any (epsilon, delta) training"
    )
    control: bool = parameter(True, "Also train without noise, to show that the canaries would be seen: a pass needs it")
    rows: int = parameter(2000, "Rows of each kind to guess at when the model is asked as it is", "rows", ge=20, le=100_000)
    share: float = parameter(0.5, "Share of the rows that is guessed at, the surest; fixed beforehand", "share", gt=0, le=1)
    confidence: float = parameter(0.99, "Confidence of the bound", "probability", ge=0.5, lt=1)

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        """Seconds of the trainings that canaries need, judged from a small part."""
        if reason := self.unmet(target, data):
            return Estimate(note=reason)
        if not self._trains(target, data):
            return Estimate(queries=2 * min(self.rows, len(data)), note=self.cost)
        if "training" not in target.offers:
            return Estimate(note="canaries need a target with a training routine")
        part = data.seen.sample(WHOLE, chance(self.seed, self.id))
        target.retrain(part.x[:32], part.y[:32], self.seed, Progress())  # what loads on first use is not the training's
        clock = time.perf_counter()
        target.retrain(part.x, part.y, self.seed, Progress())
        trainings = 2 if self.control and hasattr(target, "plan") else 1
        seconds = (time.perf_counter() - clock) * len(data.seen) / len(part) * trainings
        return Estimate(queries=0, seconds=seconds, note=f"{trainings} training{'s'[: trainings - 1]}, judged from {len(part)} rows")

    def _claim(self, target: Target, data: Dataset) -> Claim:
        budget = getattr(target, "budget", None)
        epsilon = self.claimed or (float(budget.epsilon) if budget is not None else 0.0)
        return Claim(epsilon, self.delta or (float(budget.delta) if budget is not None else default_delta(len(data.seen))))

    def _trains(self, target: Target, data: Dataset) -> bool:
        asked = "canaries" in self.model_fields_set or "training" in target.offers
        return bool(self.canaries) and asked and self._claim(target, data).epsilon > 0

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        rng = chance(self.seed, self.id)
        claim = self._claim(target, data)
        if not self._trains(target, data):
            groups, note = self._as_is(target, data, rng, progress)
            return audited(self._audited(claim, groups, note))
        if "training" not in target.offers:
            raise Unavailable("a target with a training routine for canaries", f"{target.name}, which has none", "Set canaries to 0")
        apart = self.placed == "blank_columns" and "weights" in target.offers
        made = self._blank if apart else self._wrong
        bare = _without_noise(target) if self.control else None
        share = progress.part(0.48 if bare is not None else 0.96)
        groups, note = made(target, data, chance(self.seed, self.id), share)
        control = made(bare, data, chance(self.seed, self.id), progress.part(0.48))[0] if bare is not None else ()
        progress.step(0.97, "bounding")
        return audited(self._audited(claim, groups, note, True, apart, control))

    def _audited(self, claim: Claim, groups: Groups, note: str, proof: bool = False, apart: bool = False, control: Groups = ()) -> Audited:
        gaussian = self.mechanism == "gaussian"
        return Audited(groups, note, proof, apart, gaussian, control, claim.epsilon, claim.delta, self.confidence, self.share)

    def _as_is(self, target: Target, data: Dataset, rng: np.random.Generator, progress: Progress) -> tuple[Groups, str]:
        size = min(self.rows, len(data.seen), len(data.unseen))
        sides = [part.sample(size, rng) for part in (data.seen, data.unseen)]
        scores = [logit_scaled(scored(target, part.x, progress.part(0.45)), part.y) for part in sides]
        note = (
            f"{size:,} seen and {size:,} unseen rows were guessed at as if a fair coin had decided for each whether it was trained on. "
            "The bound holds as far as the split was drawn at random; for a proof put in canaries."
        )
        return (Group("rows", np.concatenate(scores), np.arange(2 * size) < size),), note

    def _drawn(self, data: Dataset, rng: np.random.Generator) -> "Coins":
        """Rows to be canaries with a wrong label each, a fair coin for each, and the rows of the training that stay."""
        seen = data.seen
        m = min(self.canaries, len(seen))
        if m < 20:
            raise Problem("at least 20 canaries", f"{m}", "Give more canaries and rows to train on")
        chosen = data.unseen.take(rng.permutation(len(data.unseen))[:m])
        if len(chosen) < m:
            chosen = data.unseen.take(rng.integers(0, len(data.unseen), m))
        k = len(data.schema.classes)
        wrong = (chosen.y + rng.integers(1, k, m)) % k
        inside: NDArray[np.bool_] = rng.random(m) < 0.5
        # Half of the canaries go in: so many rows stay out, for batches and steps to be those of the claim.
        return Coins(seen.sample(len(seen) - m // 2, rng), chosen, wrong.astype(np.int64), inside)

    def _blank(self, target: Target, data: Dataset, rng: np.random.Generator, progress: Progress) -> tuple[Groups, str]:
        from ._blank_columns import Canaries, by_answers, by_weights, flat, trained, widened

        it = self._drawn(data, rng)
        m = len(it.inside)
        _refuse_large(len(data.seen), int(np.prod(target.encoding.shape)) + m)
        canaries = Canaries(flat(target, it.chosen.x), it.wrong, np.resize(SIZES, m), it.inside)
        model = trained(widened(target, m), flat(target, it.rest.x), it.rest.y, canaries, self.seed, progress.part(0.95))
        scores = by_weights(model, canaries) if self.sees == "weights" else by_answers(model, canaries, progress.part(0.05))
        sides = [(f"size {size:g}", canaries.size == size) for size in SIZES]
        note = (
            f"{m:,} canaries, each alone in an input column of its own and with a wrong label, were put in by a fair coin "
            f"({int(it.inside.sum()):,} were) in the place of as many rows, and the training was repeated as the target was trained; "
            f"half were of size {SIZES[0]:g}, half of {SIZES[1]:g}, guessed at apart by the model's {self.sees}. "
            "The bound is a proof about that training routine."
        )
        return tuple(Group(name, scores[here], it.inside[here]) for name, here in sides), note

    def _wrong(self, target: Target, data: Dataset, rng: np.random.Generator, progress: Progress) -> tuple[Groups, str]:
        it = self._drawn(data, rng)
        x = np.concatenate([it.rest.x, it.chosen.x[it.inside]])
        y = np.concatenate([it.rest.y, it.wrong[it.inside]])
        model = target.retrain(x, y, self.seed, progress.part(0.9))
        scores = logit_scaled(scored(model, it.chosen.x, progress.part(0.05)), it.wrong)
        note = (
            f"{len(it.inside):,} rows with wrong labels were each put in by a fair coin ({int(it.inside.sum()):,} were) in the place of as "
            "many others, and the training was repeated as the target was trained: the bound is a proof about that training routine. "
            "Such canaries see less than those in blank columns."
        )
        return (Group("wrong labels", scores, it.inside),), note


@dataclass(frozen=True)
class Coins:
    """Rows that stay in training, rows that are canaries, the label each is given (m,), and what its coin said (m,)."""

    rest: Dataset
    chosen: Dataset
    wrong: NDArray[np.int64]
    inside: NDArray[np.bool_]


def _refuse_large(rows: int, columns: int) -> None:
    if rows * columns > LARGEST_TABLE:
        most = max(0, LARGEST_TABLE // rows)
        raise Problem(f"a table of at most {most:,} columns at {rows:,} rows", f"{columns:,} with the canaries", "Set fewer canaries")


def _without_noise(target: Target) -> Target | None:
    """The same target whose routine adds no noise; None where that cannot be said of it."""
    plan = getattr(target, "plan", None)
    if plan is None or not hasattr(plan, "noise"):
        return None
    bare = copy.copy(target)
    bare.plan = plan.model_copy(update={"noise": 0.0})  # type: ignore[attr-defined]
    return bare
