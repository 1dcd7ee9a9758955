"""Does the mark survive what a thief does to the stolen model: fine-tuning, pruning, quantisation, distillation, extraction?"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..access.places import WATERMARK_KEY
from ..check import CampaignGoal, Check, Estimate, kept_parameter, parameter
from ..datasets.dataset import Dataset
from ..datasets.encoding import EncodedRows
from ..datasets.schema import Rows
from ..errors import Unavailable
from ..formatting.numbers import number
from ..progress import Progress
from ..result import Axis, Chart, CheckResult, Column, Evidence, Finding, Metric, Series, Severity, Status, Table
from ..statistics.intervals import clopper_pearson, rate
from ..statistics.majority import Skill
from ..targets.decision import Labels
from ..targets.target import Target
from .thieves import copycat
from .watermark import SOURCES, STANDARDS, trainable
from .watermark_trigger import CLAIM, Triggers, chance, fewest, matched
from .watermark_verify import fitted, lacking, presented

if TYPE_CHECKING:
    from torch import nn

    from ..targets.torch_target import TorchTarget

Answers = Callable[[Rows], Labels]
PRUNED = (0.3, 0.5, 0.7, 0.9)


@dataclass(frozen=True)
class Survivor:
    """One removal attack: how many triggers the model still matches after it, and how many rows it gets right."""

    name: str
    right: int
    rows: int
    matches: int
    triggers: int
    p: float

    @property
    def accuracy(self) -> float:
        return self.right / self.rows


class WatermarkSurvival(Check):
    """A table of what removal attacks do to the mark and to the model's worth.

    The thief has rows of their own (half of those the model never saw) and knows the method but not the key. Distillation
    trains a network of the target's own make on its scores, extraction another network on its labels.
    """

    id: ClassVar[str] = "theft.watermark_survival"
    title: ClassVar[str] = "Watermark survival"
    question: ClassVar[str] = "Can a thief remove the mark and keep a model that is worth stealing?"
    needs: ClassVar[frozenset[str]] = frozenset({"gradients", "weights", "training"})
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = (*SOURCES, "Han et al. 2015, arXiv 1506.02626", "Hinton et al. 2015, arXiv 1503.02531")
    cost: ClassVar[str] = "a minute: trains three models"
    main: ClassVar[tuple[str, ...]] = ("trial", "epochs", "worth")
    seconds: ClassVar[float] = 60.0
    quick: ClassVar[Mapping[str, Any]] = {"epochs": 3, "rows": 1000, "trial": True}
    tiny: ClassVar[Mapping[str, Any]] = {"rows": 40, "trial": True}
    campaign_goal: ClassVar[CampaignGoal | None] = "steal"
    headline: ClassVar[str] = "survived"
    context: ClassVar[frozenset[str]] = frozenset({"accuracy"})

    key_file: str = kept_parameter("The sealed key; a bare name or empty: one kept for this model in your user data folder", WATERMARK_KEY)
    epochs: int = parameter(10, "Passes the thief trains over their own rows", "epochs", ge=1, le=200)
    rows: int = parameter(5000, "Rows the thief has, and at most as many to judge on", "rows", ge=10, le=100_000)
    worth: float = parameter(0.05, "Loss of accuracy from which the removed model is not worth stealing", "share", ge=0, le=1)

    trial: bool = parameter(False, "Where no key is kept, mark a copy with a throwaway key and attack that")

    def unmet(self, target: Target, data: Dataset) -> str:
        return super().unmet(target, data) or lacking(self.key_file, self.trial, target)

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        return Estimate(queries=3 * self.rows, note=self.cost)

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        marked, key, seal = presented(self.key_file, target, data, self.seed, progress.part(0.4 if self.trial else 0.05))
        base = trainable(marked)
        secret = fitted(key, base)
        held = data.unseen.sample(2 * self.rows, np.random.default_rng(self.seed))
        if len(held) < 20:
            raise Unavailable(f"at least 20 {data.known}", f"{len(held)}", "Give more rows")
        judge, own = held.take(np.arange(len(held) // 2)), held.take(np.arange(len(held) // 2, len(held)))
        attacks = self._attacks(base, own, secret)
        survivors = []
        rest = progress.part(0.55)
        for i, (name, attack) in enumerate(attacks.items()):
            rest.step(i / len(attacks), name)
            answers = attack(rest.part(0.95 / len(attacks)))
            survivors.append(_judged(name, answers, judge, secret, len(target.classes)))
        skill = Skill.of(judge.y, base.labels(judge.x) == judge.y, target.classes)
        return self._result(survivors, len(target.classes), key.commitment, seal is None, skill, base.rule_notes)

    def _attacks(self, base: "TorchTarget", own: Dataset, secret: Triggers) -> "dict[str, Callable[[Progress], Answers]]":
        def decided(module: "nn.Module") -> Answers:
            return base.made(module, base.name).labels

        found: dict[str, Callable[[Progress], Answers]] = {"none": lambda _: base.labels}
        found["fine-tuning"] = lambda part: decided(self._tuned(base, own, part))
        for share in PRUNED:
            found[f"pruning {share:.0%}"] = lambda _, share=share: decided(pruned(base.trainable(), share))  # type: ignore[misc]
        for bits in (8, 4):
            found[f"int{bits} weights"] = lambda _, bits=bits: decided(quantized(base.trainable(), bits))  # type: ignore[misc]
        found["distillation by scores"] = lambda part: decided(self._distilled(base, own, part))
        found["extraction by labels"] = lambda part: self._extracted(base, own, part)
        return found

    def _tuned(self, base: "TorchTarget", own: Dataset, progress: Progress) -> "nn.Module":
        from ..targets.training import fit

        assert base.recipe is not None
        recipe = base.recipe.model_copy(update={"epochs": self.epochs})
        return fit(base.trainable(), EncodedRows(base.encoding, own.x), own.y, recipe, self.seed, progress)

    def _distilled(self, base: "TorchTarget", own: Dataset, progress: Progress) -> "nn.Module":
        from ..targets.training import fit, fresh

        assert base.recipe is not None
        size = min(base.recipe.batch_size, max(8, len(own) // 8))
        recipe = base.recipe.model_copy(update={"epochs": 2 * self.epochs, "batch_size": size})
        module = fresh(base.inner, self.seed).requires_grad_()
        return fit(module, EncodedRows(base.encoding, own.x), own.y, recipe, self.seed, progress, soft=base.scores(own.x))

    def _extracted(self, base: "TorchTarget", own: Dataset, progress: Progress) -> "Answers":
        labels = base.labels(own.x)
        scores = np.eye(len(base.classes))[labels]
        return copycat(own.x, scores, labels, own.schema, 2 * self.epochs, self.seed, progress).labels

    def _result(self, survivors: list[Survivor], k: int, commitment: str, trial: bool, skill: Skill, rule: tuple[str, ...]) -> CheckResult:
        first, *rest = survivors
        gone = [s for s in rest if s.p >= CLAIM and s.accuracy >= first.accuracy - self.worth]
        kept = [s for s in rest if s.p < CLAIM]
        n = first.triggers
        weak = first.p >= CLAIM
        summary = f"The mark survives {len(kept)} of {len(rest)} removals (p < {number(CLAIM)})" + (
            f"; {', '.join(s.name for s in gone)} removed it at a loss of at most {100 * self.worth:g} points." if gone else "."
        )
        if weak:
            summary = f"The model itself does not carry the mark: {first.matches} of {n} secret labels (p = {number(first.p, 2)})."
        vain = not (gone or weak) and not skill.learned
        if vain:
            summary = f"{summary} But {skill.fact}: it is not worth stealing. {skill.advice}"
        return CheckResult(
            status=Status.FINDING if gone or weak else Status.INCOMPLETE if vain else Status.PASSED,
            summary=summary,
            metrics=(
                Metric(name="survived", label="Removals the mark survived", value=float(len(kept)), unit=f"of {len(rest)}", safer="higher"),
                _worst(rest, first, self.worth),
                rate("accuracy", "Accuracy of the model as it is", first.right, first.rows, "higher"),
            ),
            findings=(self._finding(gone, first, weak),) if gone or weak else (),
            tables=(_table(survivors),),
            charts=(_chart(survivors, k),),
            notes=(*(("A copy was marked with a throwaway key for this; the model itself is as it was.",) if trial else ()), *rule),
            artifacts={"watermark key": commitment},
        )

    def _finding(self, gone: list[Survivor], first: Survivor, weak: bool) -> Finding:
        named = "The model does not carry the mark" if weak else f"The mark is removed by {', '.join(s.name for s in gone)}"
        return Finding(
            key="absent" if weak else "removed",
            title=named,
            severity=Severity.MEDIUM,
            evidence=Evidence(tables=("survival",)),
            advice="Do not rest ownership on the mark alone: limit queries and scores against extraction; use more triggers and epochs.",
            standards=STANDARDS,
            defense="theft.watermark" if weak else "theft.output_policy",
        )


def pruned(module: "nn.Module", share: float) -> "nn.Module":
    """In place: the ``share`` of all weights (not biases) with the smallest magnitude set to 0, over all layers together."""
    import torch

    weights = [p for p in module.parameters() if p.ndim > 1]
    with torch.no_grad():
        sizes = torch.cat([w.abs().flatten() for w in weights]).numpy()
        cut = float(np.sort(sizes)[min(int(share * len(sizes)), len(sizes) - 1)])
        for weight in weights:
            weight[weight.abs() < cut] = 0.0
    return module.eval()


def quantized(module: "nn.Module", bits: int) -> "nn.Module":
    """In place: each weight tensor rounded to 2^bits - 1 levels, symmetric about 0, one scale a tensor."""
    import torch

    top = 2 ** (bits - 1) - 1
    with torch.no_grad():
        for weight in module.parameters():
            if weight.ndim > 1 and (largest := float(weight.abs().max())) > 0:
                scale = largest / top
                weight.copy_((weight / scale).round().clamp(-top, top) * scale)
    return module.eval()


def _judged(name: str, answers: Answers, judge: Dataset, secret: Triggers, k: int) -> Survivor:
    right = int((answers(judge.x) == judge.y).sum())
    matches, n = matched(answers(secret.x), secret), len(secret.x)
    return Survivor(name, right, len(judge), matches, n, chance(matches, n, k))


def _worst(rest: list[Survivor], first: Survivor, worth: float) -> Metric:
    """Matches after the removal that hurts the mark most, among those that leave a model worth stealing."""
    usable = [s for s in rest if s.accuracy >= first.accuracy - worth] or rest
    worst = min(usable, key=lambda s: s.matches)
    return rate("worst_matches", f"Triggers matched after {worst.name}", worst.matches, worst.triggers, "higher")


def _table(survivors: list[Survivor]) -> Table:
    columns = (
        Column(name="Removal"),
        Column(name="Accuracy", kind="percent"),
        Column(name="from", kind="percent"),
        Column(name="to", kind="percent"),
        Column(name="Matches", kind="integer"),
        Column(name="of", kind="integer"),
        Column(name="p-value", kind="number"),
        Column(name="Mark"),
    )
    rows = tuple(
        (s.name, s.accuracy, *clopper_pearson(s.right, s.rows), s.matches, s.triggers, s.p, "survives" if s.p < CLAIM else "gone")
        for s in survivors
    )
    marked = tuple((i, 7) for i, s in enumerate(survivors) if s.p >= CLAIM)
    note = f"n = {survivors[0].rows:,} rows for accuracy; intervals exact at 95 %; the mark survives where p < {number(CLAIM)}"
    return Table(name="survival", title="What removes the mark", columns=columns, rows=rows, marked=marked, note=note)


def _chart(survivors: list[Survivor], k: int) -> Chart:
    places = tuple(float(i) for i in range(len(survivors)))
    n = survivors[0].triggers
    marks = [clopper_pearson(s.matches, n) for s in survivors]
    right = [clopper_pearson(s.right, s.rows) for s in survivors]
    return Chart(
        name="survival",
        title="Secret labels answered, and accuracy, after each removal",
        kind="dot",
        x=Axis(label="Removal", categories=tuple(s.name for s in survivors)),
        y=Axis(label="Share", unit="share", low=0, high=1),
        series=(
            Series(
                name="secret labels",
                x=places,
                y=tuple(s.matches / n for s in survivors),
                low=tuple(m[0] for m in marks),
                high=tuple(m[1] for m in marks),
            ),
            Series(
                name="accuracy",
                x=places,
                y=tuple(s.accuracy for s in survivors),
                low=tuple(r[0] for r in right),
                high=tuple(r[1] for r in right),
            ),
        ),
        reference=(("by chance", 1 / k), *((("needed for a claim", fewest(n, k) / n),) if fewest(n, k) <= n else ())),
        alt="; ".join(f"{s.name}: {s.matches} of {n} secret labels, {s.accuracy:.0%} right" for s in survivors),
    )
