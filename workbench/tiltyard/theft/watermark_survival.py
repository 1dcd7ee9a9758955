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
from ..result import Axis, Chart, CheckResult, Column, Evidence, Finding, Metric, Series, Severity, Table
from ..statistics.intervals import clopper_pearson, rate
from ..statistics.majority import Skill
from ..statistics.ruling import status_of
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
TRAINED = ("fine-tuning", "distillation by scores", "extraction by labels")
ONE_SIDED = 0.9  # a two-sided level whose upper end is wrong in 5 % of cases
MISSED = 0.2  # share of removals that work which a pass would have seen, at 95 %


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
    """What removal attacks do to the mark and to the model's worth, over several draws of each.

    The thief has rows of their own (half of those the model never saw) and knows the method but not the key. Distillation
    trains a network of the target's own make on its scores, extraction another network on its labels. Whether a mark outlives fine-tuning
    turns on how many rows, epochs and what rate are used, so that each draw has its own: a third of the rows to all, half the epochs to
    twice as many, a third of the rate to three times, another seed. A pass wants no draw that removed the mark from a model worth stealing, and
    enough draws that one in `MISSED` that do would have been seen.
    """

    id: ClassVar[str] = "theft.watermark_survival"
    title: ClassVar[str] = "Watermark survival"
    question: ClassVar[str] = "Can a thief remove the mark and keep a model that is worth stealing?"
    needs: ClassVar[frozenset[str]] = frozenset({"gradients", "weights", "training"})
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = (*SOURCES, "Han et al. 2015, arXiv 1506.02626", "Hinton et al. 2015, arXiv 1503.02531")
    cost: ClassVar[str] = "minutes: trains three models in each draw"
    main: ClassVar[tuple[str, ...]] = ("trial", "epochs", "worth")
    seconds: ClassVar[float] = 240.0
    quick: ClassVar[Mapping[str, Any]] = {"epochs": 3, "rows": 1000, "trial": True, "repeats": 2}
    tiny: ClassVar[Mapping[str, Any]] = {"rows": 40, "trial": True, "repeats": 1}
    campaign_goal: ClassVar[CampaignGoal | None] = "steal"
    audit: ClassVar[bool] = True
    headline: ClassVar[str] = "survived"
    context: ClassVar[frozenset[str]] = frozenset({"accuracy"})

    key_file: str = kept_parameter("The sealed key; a bare name or empty: one kept for this model in your user data folder", WATERMARK_KEY)
    repeats: int = parameter(5, "Draws of each removal that trains, each with its own rows, epochs, rate and seed", "draws", ge=1, le=200)
    epochs: int = parameter(10, "Passes the thief trains over their own rows, about", "epochs", ge=1, le=200)
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
        attacks = self._attacks(base, own)
        survivors = []
        rest = progress.part(0.55)
        for i, (name, attack) in enumerate(attacks):
            rest.step(i / len(attacks), name)
            answers = attack(rest.part(0.95 / len(attacks)))
            survivors.append(_judged(name, answers, judge, secret, len(target.classes)))
        skill = Skill.of(judge.y, base.labels(judge.x) == judge.y, target.classes)
        return self._result(survivors, len(target.classes), key.commitment, seal is None, skill, base.rule_notes)

    def _attacks(self, base: "TorchTarget", own: Dataset) -> "list[tuple[str, Callable[[Progress], Answers]]]":
        """By name, in order; those that train once for each draw."""

        def decided(module: "nn.Module") -> Answers:
            return base.made(module, base.name).labels

        found: list[tuple[str, Callable[[Progress], Answers]]] = [("none", lambda _: base.labels)]
        draws = [Draw.of(own, self.epochs, self.seed, i) for i in range(self.repeats)]
        found += [("fine-tuning", lambda part, draw=draw: decided(_tuned(base, draw, part))) for draw in draws]  # type: ignore[misc]
        for share in PRUNED:
            found.append((f"pruning {share:.0%}", lambda _, share=share: decided(pruned(base.trainable(), share))))  # type: ignore[misc]
        for bits in (8, 4):
            found.append((f"int{bits} weights", lambda _, bits=bits: decided(quantized(base.trainable(), bits))))  # type: ignore[misc]
        found += [("distillation by scores", lambda part, draw=draw: decided(_distilled(base, draw, part))) for draw in draws]  # type: ignore[misc]
        found += [("extraction by labels", lambda part, draw=draw: _extracted(base, draw, part)) for draw in draws]  # type: ignore[misc]
        return found

    def _result(self, survivors: list[Survivor], k: int, commitment: str, trial: bool, skill: Skill, rule: tuple[str, ...]) -> CheckResult:
        first, *rest = survivors
        gone = [s for s in rest if self._removed(s, first)]
        kept = [s for s in rest if s.p < CLAIM]
        n = first.triggers
        weak = first.p >= CLAIM
        summary = f"The mark survives {len(kept)} of {len(rest)} removals (p < {number(CLAIM)})" + (
            f"; {_named(gone)} removed it at a loss of at most {100 * self.worth:g} points." if gone else "."
        )
        trained = [s for s in rest if s.name in TRAINED]
        missed = rate(
            "removed",
            "Draws that removed the mark from a model worth stealing",
            len([s for s in gone if s.name in TRAINED]),
            len(trained),
            "lower",
            ONE_SIDED,
        )
        few = not (gone or weak) and (missed.high or 1) > MISSED
        if few:
            summary += f" But in {len(trained)} draws one removal in {1 / (missed.high or 1):.1f} could have been missed: set repeats to {_draws()} or more."
        if weak:
            summary = f"The model itself does not carry the mark: {first.matches} of {n} secret labels (p = {number(first.p, 2)})."
        vain = not (gone or weak) and not skill.learned
        if vain:
            summary = f"{summary} But {skill.fact}: it is not worth stealing. {skill.advice}"
        return CheckResult(
            status=status_of(bool(gone) or weak, vain or few),
            summary=summary,
            metrics=(
                Metric(name="survived", label="Removals the mark survived", value=float(len(kept)), unit=f"of {len(rest)}", safer="higher"),
                missed,
                _worst(rest, first, self.worth),
                rate("accuracy", "Accuracy of the model as it is", first.right, first.rows, "higher"),
            ),
            findings=(self._finding(gone, first, weak),) if gone or weak else (),
            tables=(_table(_worst_each(survivors)), self._distribution(rest, first)),
            charts=(_chart(_worst_each(survivors), k),),
            notes=(*(("A copy was marked with a throwaway key for this; the model itself is as it was.",) if trial else ()), *rule),
            artifacts={"watermark key": commitment},
        )

    def _removed(self, s: Survivor, first: Survivor) -> bool:
        return s.p >= CLAIM and s.accuracy >= first.accuracy - self.worth

    def _distribution(self, rest: list[Survivor], first: Survivor) -> Table:
        """How often the mark survives each removal, over its draws."""
        columns = (
            Column(name="Removal"),
            Column(name="Draws", kind="integer"),
            Column(name="Mark survives", kind="percent"),
            Column(name="from", kind="percent"),
            Column(name="to", kind="percent"),
            Column(name="Removed, worth stealing", kind="integer"),
            Column(name="Fewest matches", kind="integer"),
            Column(name="Most", kind="integer"),
        )
        rows = []
        for name in dict.fromkeys(s.name for s in rest):
            of = [s for s in rest if s.name == name]
            kept, matches = sum(s.p < CLAIM for s in of), [s.matches for s in of]
            removed = sum(self._removed(s, first) for s in of)
            rows.append((name, len(of), kept / len(of), *clopper_pearson(kept, len(of)), removed, min(matches), max(matches)))
        note = "Each draw of a removal that trains has its own rows, epochs, rate and seed; intervals exact at 95 %"
        return Table(name="distribution", title="How often the mark survives", columns=columns, rows=tuple(rows), note=note)

    def _finding(self, gone: list[Survivor], first: Survivor, weak: bool) -> Finding:
        named = "The model does not carry the mark" if weak else f"The mark is removed by {', '.join(dict.fromkeys(s.name for s in gone))}"
        return Finding(
            key="absent" if weak else "removed",
            title=named,
            severity=Severity.MEDIUM,
            evidence=Evidence(tables=("survival",)),
            advice="Do not rest ownership on the mark alone: limit queries and scores against extraction; use more triggers and epochs.",
            standards=STANDARDS,
            defense="theft.watermark" if weak else "theft.output_policy",
        )


@dataclass(frozen=True)
class Draw:
    """One thief: their rows, how many passes they train, by what multiple of the recipe's rate, and the seed."""

    own: Dataset
    epochs: int
    pace: float
    seed: int

    @classmethod
    def of(cls, own: Dataset, epochs: int, seed: int, i: int) -> "Draw":
        """The ``i``-th; the first has all rows, the epochs as they are, and the recipe's rate."""
        if i == 0:
            return cls(own, epochs, 1.0, seed)
        rng = np.random.default_rng([seed, 11, i])
        rows, passes, pace = (float(np.exp(rng.uniform(*np.log(ends)))) for ends in ((1 / 3, 1), (0.5, 2), (1 / 3, 3)))
        return cls(own.sample(max(10, round(rows * len(own))), rng), max(1, round(passes * epochs)), pace, seed + i)


def _tuned(base: "TorchTarget", draw: Draw, progress: Progress) -> "nn.Module":
    from ..targets.training import fit

    assert base.recipe is not None
    recipe = base.recipe.model_copy(update={"epochs": draw.epochs, "rate": draw.pace * base.recipe.rate})
    return fit(base.trainable(), EncodedRows(base.encoding, draw.own.x), draw.own.y, recipe, draw.seed, progress)


def _distilled(base: "TorchTarget", draw: Draw, progress: Progress) -> "nn.Module":
    from ..targets.training import fit, fresh

    assert base.recipe is not None
    own = draw.own
    size = min(base.recipe.batch_size, max(8, len(own) // 8))
    recipe = base.recipe.model_copy(update={"epochs": 2 * draw.epochs, "batch_size": size})
    module = fresh(base.inner, draw.seed).requires_grad_()
    return fit(module, EncodedRows(base.encoding, own.x), own.y, recipe, draw.seed, progress, soft=base.scores(own.x))


def _extracted(base: "TorchTarget", draw: Draw, progress: Progress) -> "Answers":
    labels = base.labels(draw.own.x)
    scores = np.eye(len(base.classes))[labels]
    return copycat(draw.own.x, scores, labels, draw.own.schema, 2 * draw.epochs, draw.seed, progress).labels


def _named(gone: list[Survivor]) -> str:
    """``fine-tuning (3 draws), pruning 90%``."""
    counts = {name: sum(s.name == name for s in gone) for name in dict.fromkeys(s.name for s in gone)}
    return ", ".join(f"{name} ({n} draws)" if n > 1 else name for name, n in counts.items())


def _draws() -> int:
    """How many draws of each removal that trains let none removed be a pass."""
    return next(n for n in range(1, 100) if clopper_pearson(0, n * len(TRAINED), ONE_SIDED)[1] <= MISSED)


def _worst_each(survivors: list[Survivor]) -> list[Survivor]:
    """Of each removal the draw that hurt the mark most."""
    return [min((s for s in survivors if s.name == name), key=lambda s: s.matches) for name in dict.fromkeys(s.name for s in survivors)]


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
