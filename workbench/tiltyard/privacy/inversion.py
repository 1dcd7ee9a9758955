"""Model inversion: prototypes of each class, and do they show the rows that were trained on? (Fredrikson et al. 2015; Kahla et al. 2022, 2203.06580)."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from ..check import CampaignGoal, Check, Estimate, parameter
from ..datasets.dataset import Dataset
from ..errors import Unavailable
from ..progress import Progress
from ..result import CheckResult
from ..statistics.majority import Skill
from ..targets.target import Target
from ._inversion_report import STANDARDS, Accepted, Inverted, report
from .membership import chance
from .membership_threshold import predicted

Way = Literal["best", "gradients", "labels"]


class Inversion(Check):
    """Prototypes of every class are made from the model alone, and held against the rows it was trained on and against held-out ones.

    Two questions. Do the rows nearest to a prototype come from training more often than from held-out rows of the same class, of which
    as many are looked at? Then the model shows people, not only what their class has in common. And would a model that was trained on
    held-out rows alone know the class by its prototype? That a prototype shows its class is no leak unless a class is a person.
    No row is used to make a prototype. Where members and others were not drawn alike, that difference shows here too.
    """

    id: ClassVar[str] = "privacy.inversion"
    title: ClassVar[str] = "Model inversion"
    question: ClassVar[str] = "Do prototypes made from the model show the rows that it was trained on?"
    needs: ClassVar[frozenset[str]] = frozenset({"labels"})
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = (
        "Fredrikson et al. 2015, ACM CCS",
        "Kahla et al. 2022, arXiv 2203.06580",
        "Nguyen et al. 2023, arXiv 2304.01669",
    )
    cost: ClassVar[str] = "seconds for a small model; by labels as long as its queries take"
    seconds: ClassVar[float] = 20.0
    main: ClassVar[tuple[str, ...]] = ("way", "prototypes", "steps", "query_budget")
    quick: ClassVar[Mapping[str, object]] = {"prototypes": 40, "steps": 50, "query_budget": 20_000, "rows": 1000}
    tiny: ClassVar[Mapping[str, object]] = {"prototypes": 8, "steps": 5, "query_budget": 2000, "rows": 100}
    campaign_goal: ClassVar[CampaignGoal | None] = "infer"
    shrinks: ClassVar[tuple[str, ...]] = ("query_budget", "steps")
    headline: ClassVar[str] = "nearest_members"
    leads: ClassVar[tuple[str, ...]] = ("nearest_members", "resemblance_auc", "recognized")
    context: ClassVar[frozenset[str]] = frozenset({"reached", "judge_accuracy"})

    way: Way = parameter("best", "Along gradients, by labels alone, or best: gradients where the model offers them")
    prototypes: int = parameter(100, "Prototypes in all, and rows nearest to them that are counted", "prototypes", ge=2, le=10_000)
    steps: int = parameter(200, "Steps along gradients", "steps", ge=1, le=100_000)
    smooth: float = parameter(50.0, "Weight of smoothness (total variation), pictures along gradients only", ge=0, le=1000)
    query_budget: int = parameter(100_000, "Queries by labels alone", "queries", ge=100, le=100_000_000)
    rows: int = parameter(2000, "Rows of each kind (trained on, held out) to compare with", "rows", ge=10, le=100_000)
    class_is_person: bool = parameter(False, "Each class is one person: a prototype that shows its class is then a leak")
    accepted: float = parameter(
        0.05, "How far above one half the AUC of nearness may lie, by the end of its interval", "share", ge=0.001, le=0.5
    )
    accepted_nearest: float = parameter(
        0.2,
        "How far above one half the share of trained-on rows among the nearest may lie, by the end of its interval",
        "share",
        ge=0.01,
        le=0.5,
    )

    def _along_gradients(self, target: Target) -> bool:
        return self.way != "labels" and "gradients" in target.offers

    def each(self, target: Target) -> int:
        """Prototypes a class."""
        return -(-self.prototypes // len(target.classes))

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        judge = min(len(data), self.rows)
        asked = self.each(target) * len(target.classes) * (self.steps + 1) if self._along_gradients(target) else self.query_budget
        return Estimate(queries=asked + judge, note="at most; passes along gradients count as queries", judge=judge)

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        """Make prototypes, compare them with rows of both kinds, show them to an independent model."""
        from ._prototype_score import compared, recognized
        from ._prototypes import by_gradients, by_labels

        rng = chance(self.seed, self.id)
        making, each = progress.part(0.8), self.each(target)
        if self.way == "gradients" and "gradients" not in target.offers:
            raise Unavailable("a model with gradients", f"one that offers {', '.join(sorted(target.offers))}", "Let it go by labels")
        if self._along_gradients(target):
            from ..attacks.queries import Counted

            found = by_gradients(target, Counted(target.module, target), each, self.steps, self.smooth, self.seed, making)
        else:
            found = by_labels(target, each, self.query_budget, self.seed, making)
        both = data.member is not None and data.member.any() and not data.member.all()
        members = data.seen.at_most(self.rows, rng)
        answer = predicted(target, members.x, progress.part(0.05))
        inverted = Inverted(
            target=target,
            found=found,
            made=each * len(target.classes),
            compared=compared(data, found, target.encoding, self.rows, self.prototypes, rng) if both else None,
            recognized=recognized(data.unseen, found, target.encoding, self.rows, self.seed, rng, progress.part(0.15)) if both else None,
            skill=Skill.of(members.y, answer.labels == members.y, target.classes),
            along_gradients=self._along_gradients(target),
        )
        return report(inverted, Accepted(self.accepted, self.accepted_nearest, self.class_is_person))
