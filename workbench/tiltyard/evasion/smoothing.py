"""Randomized smoothing as a defense: the commonest answer under noise is deployed, and a radius is proven of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..check import Estimate, parameter
from ..datasets.dataset import Dataset
from ..datasets.encoding import EncodedRows, encoding_of
from ..datasets.schema import Rows
from ..defense import Defended, Defense
from ..errors import Problem
from ..formatting.numbers import percent
from ..progress import Progress
from ..result import CheckResult, Evidence, Finding, Metric, Severity
from ..statistics.intervals import rate
from ..statistics.majority import Skill
from ..statistics.paired import rate_change
from ..statistics.ruling import Effect, Limit, ruling
from ..targets.target import Target
from ._smoothed import SmoothedTarget, Smoothing, soft_vote
from .adversarial_training import trainable
from .certificate import Certificate, Certified
from .outcome import drawn, held_out

if TYPE_CHECKING:
    from torch import Tensor, nn

STEPS, VOTES = 20, 8  # of the attack that knows the noise: gradient steps, and noisy copies in each


@dataclass(frozen=True)
class Rightly:
    """Which rows (n,) are right without change and under the attack (None where none could be led), before and after."""

    before: NDArray[np.bool_]
    after: NDArray[np.bool_]
    attacked_before: NDArray[np.bool_] | None
    attacked_after: NDArray[np.bool_] | None
    abstained: int


UNATTACKED = "no effect is shown: the model gives no gradients to attack it by, before and after"


class RandomizedSmoothing(Defense):
    """Deploys the commonest answer to noisy copies of a picture; it abstains where two classes are too near.

    Cohen et al. 2019, arXiv:1902.02918: PREDICT is what is deployed, CERTIFY what is proven of it, by exact binomial bounds. With ``epochs`` the
    model is trained with the noise first. Judged by an attack that knows the noise and climbs the soft vote (Salman et al. 2019,
    arXiv:1906.04584). Departures: noisy pixels are cut to their range; a row's noise is drawn from the row and a seed.
    """

    id: ClassVar[str] = "evasion.randomized_smoothing"
    title: ClassVar[str] = "Randomized smoothing"
    question: ClassVar[str] = "What does deploying the vote under noise prove, and what does it cost?"
    needs: ClassVar[frozenset[str]] = frozenset({"labels", "images"})
    answers: ClassVar[tuple[str, ...]] = ("evasion.certificate", "evasion.square", "evasion.hop_skip_jump")
    standards: ClassVar[tuple[str, ...]] = ("OWASP ML01:2023", "AITG-MOD-01", "AML.M0003", "NISTAML.022", "EU AI Act Art. 15(5)")
    sources: ClassVar[tuple[str, ...]] = ("Cohen et al. 2019, arXiv:1902.02918", "Salman et al. 2019, arXiv:1906.04584")
    cost: ClassVar[str] = "minutes; afterwards every answer costs its draws"
    main: ClassVar[tuple[str, ...]] = ("sigma", "eps", "draws", "epochs")
    leads: ClassVar[tuple[str, ...]] = ("clean_accuracy", "passes")
    headline: ClassVar[str] = "certified_accuracy"
    seconds: ClassVar[float] = 60.0
    tiny: ClassVar[Mapping[str, Any]] = {"rows": 10, "draws": 20, "counted": 60, "chosen": 20, "epochs": 0}

    sigma: float = parameter(
        0.25, "Standard deviation of the noise; more proves larger radii of a less accurate model", "ranges", gt=0, le=10
    )
    draws: int = parameter(200, "Noisy copies that each answer costs from then on", "draws", ge=10, le=100_000)
    unsure: str = parameter("", "Class that is answered where the vote is too close to call; empty: the first", source="classes")
    epochs: int = parameter(
        0, "Passes over the training rows with the noise on them beforehand; 0 smooths the model as it is", "epochs", ge=0, le=1000
    )
    eps: float = parameter(0.25, "l2 radius at which it is certified and attacked", "ranges", gt=0, le=100)
    counted: int = parameter(1000, "Noisy copies that are counted for the certificate", "draws", ge=10, le=1_000_000)
    chosen: int = parameter(100, "Noisy copies that choose its class beforehand", "draws", ge=1, le=100_000)
    alpha: float = parameter(
        0.001, "How often at most an answer may be another than the smoothed model's, and a certificate wrong", gt=0, lt=0.5
    )
    rows: int = parameter(100, "Rows, not trained on, to measure before and after", "rows", ge=1, le=100_000)
    accept: float = parameter(0.5, "Certified accuracy from which it passes, by the lower end of its interval", "share", ge=0, le=1)
    loss: float = parameter(0.1, "Accuracy without attack that may be lost, by the lower end of its interval", "share", ge=0, le=1)

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        from ..attacks.queries import timed

        some = drawn(data, 32, self.seed)
        n = min(self.rows, len(held_out(data)))
        asked = n * (self.counted + self.chosen + 2 * self.draws + 3 * STEPS * (VOTES + 1))
        asked += 3 * self.epochs * (len(data) if data.member is None else int(data.member.sum()))
        return Estimate(asked, timed(lambda: target.labels(some.x)) / len(some) * asked, "from one timed batch")

    def apply(self, target: Target, data: Dataset, progress: Progress) -> Defended:
        inner = self._trained(target, data, progress.part(0.3)) if self.epochs else target
        made = SmoothedTarget(inner, Smoothing(self.sigma, self.draws, self.alpha, self._class(target), self.seed))
        sample = drawn(data, self.rows, self.seed)
        certified = self._certificate().certified(inner, sample, progress.part(0.4))
        found = self._rightly(target, made, sample, progress)
        return Defended(made, self._result(data, sample, certified, found))

    def _class(self, target: Target) -> int:
        from ..attacks.triggers import goal_class

        return goal_class(self.unsure, target.classes) if self.unsure else 0

    def _certificate(self) -> Certificate:
        return Certificate(
            sigma=self.sigma, eps=self.eps, draws=self.counted, chosen=self.chosen, alpha=self.alpha, rows=self.rows, seed=self.seed
        )

    def _trained(self, target: Target, data: Dataset, progress: Progress) -> Target:
        """The model trained on with the noise on every batch, by its recipe's rate where it has one."""
        import torch

        from ..targets.training import Recipe, fit

        own = trainable(target)
        if data.member is not None and not data.member.any():
            raise Problem("rows to train on", "none that are marked as trained on", "Smooth the model as it is: epochs=0")
        low, high = data.schema.features[0].low, data.schema.features[0].high
        generator = torch.Generator().manual_seed(self.seed)

        def moved(module: "nn.Module", x: "Tensor", y: "Tensor") -> "Tensor":
            return (x + torch.randn(x.shape, generator=generator) * self.sigma * (high - low)).clamp(low, high)

        plain = own.recipe or Recipe(epochs=1, batch_size=128, rate=1e-3, decay=0.0)
        recipe = plain.model_copy(update={"epochs": self.epochs})
        seen = data.seen
        module = fit(own.trainable(), EncodedRows(encoding_of(data.schema), seen.x), seen.y, recipe, self.seed, progress, moved)
        return own.made(module, f"{target.name}, trained with noise")

    def _rightly(self, target: Target, made: SmoothedTarget, sample: Dataset, progress: Progress) -> Rightly:
        progress.step(0.7, "asking the smoothed model")
        labels = made.sure_labels(sample.x)
        after, abstained = labels == sample.y, int((labels < 0).sum())
        before = target.labels(sample.x) == sample.y
        if "gradients" not in target.offers or "gradients" not in made.inner.offers:
            return Rightly(before, after, None, None, abstained)
        plain = self._moved(target.module, sample, before, progress.part(0.05))
        soft = soft_vote(made.inner.module, sample.schema, self.sigma, VOTES, self.seed)
        known = self._moved(soft, sample, after, progress.part(0.2))
        progress.step(0.97, "asking the smoothed model about the attacked rows")
        kept = after & (made.sure_labels(known) == sample.y)
        return Rightly(before, after, before & (target.labels(plain) == sample.y), kept, abstained)

    def _moved(self, module: "nn.Module", sample: Dataset, right: NDArray[np.bool_], progress: Progress) -> Rows:
        """The rows that are right, moved by PGD within ``eps`` by l2; the others as they are."""
        import torch

        from ..attacks.climbing import pgd
        from ..attacks.perturbation_space import PerturbationSpace
        from ..attacks.queries import rows_of, tensors

        out = sample.x.copy()
        if right.any():
            some = sample.take(np.flatnonzero(right))
            x, y = tensors(some)
            generator = torch.Generator().manual_seed(self.seed)
            found = pgd(module, x, y, PerturbationSpace.of(sample.schema), "l2", self.eps, STEPS, generator, 1, None, progress)
            out[right] = rows_of(found.x, some.schema, some.x)
        return out

    def _result(self, data: Dataset, sample: Dataset, certified: Certified, found: Rightly) -> CheckResult:
        n = len(sample)
        held = (certified.labels == sample.y) & (certified.radius >= self.eps)
        metrics = (
            rate("certified_accuracy", f"Certified accuracy (l2 {self.eps:g})", int(held.sum()), n, "higher"),
            rate("clean_accuracy", "Clean accuracy after", int(found.after.sum()), n, "higher"),
            rate("clean_accuracy_before", "Clean accuracy before", int(found.before.sum()), n, "higher"),
            rate("abstained", "Rows on which it abstains", found.abstained, n, "lower"),
            Metric(name="passes", label="Passes of the model that an answer costs", value=float(self.draws), unit="passes", n=n, safer="lower"),
            rate_change("accuracy_change", "Change of the clean accuracy", found.before, found.after),
        )  # fmt: skip
        attack = f"PGD of {STEPS} steps, l2 {self.eps:g}"
        attacked: tuple[Metric, ...] = ()
        if found.attacked_before is not None and found.attacked_after is not None:
            before, after = found.attacked_before, found.attacked_after
            attacked = (
                rate("robust_accuracy", f"Robust accuracy after ({attack} through the noise)", int(after.sum()), n, "higher"),
                rate("robust_accuracy_before", f"Robust accuracy before ({attack})", int(before.sum()), n, "higher"),
                rate_change("robust_change", "Change of the robust accuracy", before, after),
            )
        skill = Skill.of(sample.y, found.after, sample.schema.classes)
        limits = [Limit(metrics[0], self.accept), Limit(metrics[5], -self.loss)]
        ruled = ruling(limits, skill, [Effect(attacked[2])] if attacked else [], () if attacked else (UNATTACKED,))
        return CheckResult(
            status=ruled.status,
            summary=f"{self._summary(metrics, attacked, data.known)} {ruled.sentence}",
            metrics=(*metrics, *attacked),
            findings=(self._finding(metrics),) if any(limit.state == "broken" for limit in limits) else (),
            notes=(*ruled.notes, *self._notes(data, attacked)),
        )

    def _summary(self, metrics: tuple[Metric, ...], attacked: tuple[Metric, ...], known: str) -> str:
        held, after, before = metrics[:3]
        text = (
            f"The vote of {self.draws} noisy copies is proven right within l2 {self.eps:g} on {percent(held.value)} of {held.n} {known} "
            f"({percent(held.low)} to {percent(held.high)}); without change it has {percent(after.value)} right, the model before "
            f"{percent(before.value)}."
        )
        if attacked:
            text += f" An attack that knows the noise leaves {percent(attacked[0].value)}, one on the model before {percent(attacked[1].value)}."
        return text

    def _finding(self, metrics: tuple[Metric, ...]) -> Finding:
        return Finding(
            title=f"Smoothed by noise of {self.sigma:g} too little is proven, or too much accuracy is lost",
            severity=Severity.LOW,
            evidence=Evidence(metrics=("certified_accuracy", "accuracy_change")),
            advice="Train with the noise beforehand (epochs), or take less noise.",
            standards=self.standards,
        )

    def _notes(self, data: Dataset, attacked: tuple[Metric, ...]) -> tuple[str, ...]:
        return (
            f"An answer costs {self.draws} passes of the model where one was enough before.",
            f"Where it answers, it answers another class than the smoothed model with a probability of {self.alpha:g} at most; a row on which it "
            "abstains counts as wrong here.",
            "The certificate holds for noise that an attacker cannot foresee: keep the seed to yourself.",
            *(() if attacked else ("No attack was led, for the model shows no gradients: the certificate alone is judged.",)),
            *(() if self.epochs else ("The model was not trained with the noise; with epochs it proves more.",)),
            *(() if data.known == "held-out rows" else ("Which rows were trained on is not known.",)),
        )
