"""Adversarial training: the model is trained again on the rows that fool it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from ..access.places import CHECKPOINT
from ..check import Estimate, kept_parameter, parameter
from ..datasets.dataset import Dataset
from ..datasets.encoding import EncodedRows, encoding_of
from ..defense import Defended, Defense
from ..errors import Problem, Unavailable
from ..formatting.numbers import percent
from ..progress import Progress
from ..result import Axis, Chart, CheckResult, Evidence, Finding, Series, Severity
from ..statistics.intervals import clopper_pearson, rate
from ..statistics.majority import Skill
from ..statistics.paired import rate_change
from ..statistics.ruling import Effect, Limit, ruling
from ..targets.target import Target
from ._evaluation import misled
from .attack import WORDS
from .outcome import drawn, held_out

if TYPE_CHECKING:
    from ..attacks.perturbation_space import PerturbationSpace
    from ..targets.torch_target import TorchTarget
    from ._adversarial_training import Plan, Watched

JUDGE_STEPS = 40
WATCH_STEPS = 10
COLLAPSED_AT = (
    "Epoch {epoch} overfitted to the single step: robust accuracy broke down, so it was done again by PGD, and all that followed."
)
SMALLER = "Train with a smaller eps, or measure on more rows."


@dataclass(frozen=True)
class Withstood:
    """Which rows (n,) a model decides rightly, and which of them it still does under attack."""

    right: NDArray[np.bool_]
    held: NDArray[np.bool_]


class AdversarialTraining(Defense):
    """Attacks every training batch and trains on what it found: by PGD, as TRADES, or by a single gradient step that is watched.

    Madry et al. 2018, arXiv:1706.06083; Zhang et al. 2019, arXiv:1901.08573; Wong et al. 2020, arXiv:2001.03994. Departures: where
    a single step overfits catastrophically the epoch is done again by PGD, and so is what follows; eps grows over the first epochs, training can start from the
    model's own weights, and the rate falls to 0 along half a cosine. In tables the steepest category flips are
    made before the numbers are moved.
    """

    id: ClassVar[str] = "evasion.adversarial_training"
    title: ClassVar[str] = "Adversarial training"
    question: ClassVar[str] = "Can the model be made to withstand small changes, and what does that cost in accuracy?"
    needs: ClassVar[frozenset[str]] = frozenset({"labels", "scores", "gradients", "weights"})
    answers: ClassVar[tuple[str, ...]] = ("evasion.strong", "evasion.pgd", "evasion.fgsm", "evasion.square")
    standards: ClassVar[tuple[str, ...]] = ("OWASP ML01:2023", "AITG-MOD-01", "AML.M0003", "NISTAML.022", "EU AI Act Art. 15(5)")
    sources: ClassVar[tuple[str, ...]] = (
        "Madry et al. 2018, arXiv:1706.06083",
        "Zhang et al. 2019, arXiv:1901.08573",
        "Wong et al. 2020, arXiv:2001.03994",
    )
    cost: ClassVar[str] = "minutes: every step costs the attack's steps more"
    main: ClassVar[tuple[str, ...]] = ("eps", "norm", "epochs")
    leads: ClassVar[tuple[str, ...]] = ("clean_accuracy", "robust_accuracy_before")
    seconds: ClassVar[float] = 60.0
    headline: ClassVar[str] = "robust_accuracy"

    renamed: ClassVar[Mapping[str, str]] = {"budget": "eps"}

    norm: Literal["linf", "l2", "l1"] = parameter("linf", "How the size of a change is measured while training")
    eps: float = parameter(0.1, "How far a row may be moved: share of each range (linf), whole ranges (l2, l1)", "ranges", gt=0, le=100)
    method: Literal["pgd", "trades", "single_step"] = parameter(
        "pgd", "What each batch is attacked by: PGD; TRADES, which keeps more clean accuracy; or one gradient step, watched, the quickest"
    )
    beta: float = parameter(
        6.0,
        "TRADES: how much the answers to moved rows weigh beside the loss on the rows as they are; 6 for pictures, 2 keeps more skill on tables",
        gt=0,
        le=100,
    )
    steps: int = parameter(7, "Gradient steps of the attack on each batch", "steps", ge=1, le=200)
    epochs: int = parameter(10, "Passes over the training rows", "epochs", ge=1, le=1_000)
    batch_size: int = parameter(128, "Rows in a training step", "rows", ge=1, le=100_000)
    rate: float = parameter(2e-3, "Adam's learning rate at the start", gt=0, le=1)
    warm: bool = parameter(True, "Start from the model's weights instead of fresh ones")
    ramp: float = parameter(0.3, "Share of the epochs over which eps grows from 0", ge=0, le=1)
    clean: float = parameter(0.0, "Share of the loss taken on the rows as they are; more keeps more clean accuracy", ge=0, le=1)
    shift: int = parameter(0, "Images: pixels by which each is moved at random while training", "pixels", ge=0, le=8)
    flips: int = parameter(1, "Tables: categorical features that may be changed in a row besides the numbers", "features", ge=0, le=50)
    loss: float = parameter(0.1, "Clean accuracy that it may cost, by the end of its interval", "share", ge=0, le=1)
    rows: int = parameter(300, "Rows, not trained on, to measure before and after", "rows", ge=1, le=100_000)
    resume: str = kept_parameter(
        "File (safetensors) written after every epoch and gone on from if it is there; "
        "a bare name stands in the user's data folder; empty for none",
        CHECKPOINT,
    )

    @model_validator(mode="after")
    def _within_range(self) -> "AdversarialTraining":
        if self.norm == "linf" and self.eps > 1:
            raise ValueError(f"with linf, eps is a share of the range, at most 1; found {self.eps:g}")
        return self

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        """Times one small batch; training and both measurements."""
        from ..attacks.perturbation_space import PerturbationSpace
        from ..attacks.queries import seconds_per_row

        each = seconds_per_row(target.module, data, self.norm, batch=self.batch_size)
        flips = min(self.flips, len(PerturbationSpace.of(data.schema).parts))
        training = (len(data) if data.member is None else int(data.member.sum())) * self.epochs * (self._passes() + flips)
        rows = min(self.rows, len(held_out(data)))
        judging = rows * (2 * JUDGE_STEPS + self.epochs * WATCH_STEPS) * (1 + flips)
        return Estimate(training + judging, each * (training + judging), "from one timed batch")

    def _passes(self) -> int:
        """What a row costs in an epoch of training, in passes."""
        return {"pgd": self.steps + 3, "trades": self.steps + 4, "single_step": 4}[self.method]

    def apply(self, target: Target, data: Dataset, progress: Progress) -> Defended:
        """Train a copy; clean and robust accuracy before, along the way and after, on rows not trained on."""
        from ..attacks.perturbation_space import PerturbationSpace
        from ..targets.checkpoints import place
        from ..targets.training import fresh
        from ._adversarial_training import harden

        torch_target = trainable(target)
        space = PerturbationSpace.of(data.schema)
        if not space.dimensions and not (space.parts and self.flips):
            raise Problem("a feature that an attacker may change", "none", "Mark features as mutable in the schema, or allow flips")
        judges = drawn(data, self.rows, self.seed)
        before = self._withstood(target, judges, space, JUDGE_STEPS, progress.part(0.05))
        module = torch_target.trainable() if self.warm else fresh(torch_target.inner, self.seed).requires_grad_()
        seen, name = data.seen, f"{target.name}, adversarially trained"
        way = harden(
            module,
            EncodedRows(encoding_of(data.schema), seen.x),
            seen.y,
            space,
            self.plan(data),
            self.seed,
            lambda now, part: self._shares(torch_target.made(now, name), judges, space, part),
            progress.part(0.88),
            place(self.resume),
            self._key(target, data),
        )
        made = torch_target.made(module, name)
        after = self._withstood(made, judges, space, JUDGE_STEPS, progress.part(0.07))
        notes = (COLLAPSED_AT.format(epoch=way.collapsed),) if way.collapsed else ()
        skill = Skill.of(judges.y, made.labels(judges.x) == judges.y, judges.schema.classes)
        result = self._result(before, after, way.seen, skill, data, target.rule, self._misled(made, judges, space))
        return Defended(made, result.model_copy(update={"notes": (*notes, *result.notes)}))

    def _key(self, target: Target, data: Dataset) -> str:
        """What a checkpoint is called by; with the parameters' first names, so that a training begun under those goes on."""
        from ..targets.checkpoints import key_of

        first = {new: old for old, new in self.renamed.items()}
        later = {"loss"} | {name for name in ("method", "beta") if getattr(self, name) == type(self).model_fields[name].default}
        given = self.model_dump(mode="json", exclude={"resume", *later})
        return key_of({first.get(name, name): value for name, value in given.items()}, target.fingerprint, data.fingerprint)

    def plan(self, data: Dataset) -> "Plan":
        """The parameters as `hardening.harden` takes them."""
        from ._adversarial_training import Plan

        shift = self.shift if data.schema.images else 0
        flips = 0 if data.schema.images else self.flips
        return Plan(
            self.norm,
            self.eps,
            self.steps,
            self.epochs,
            self.batch_size,
            self.rate,
            self.ramp,
            shift=shift,
            clean=self.clean,
            flips=flips,
            method=self.method,
            beta=self.beta,
        )

    def _withstood(self, target: Target, data: Dataset, space: "PerturbationSpace", steps: int, progress: Progress) -> Withstood:
        """Which rows the target decides rightly, and which of them it still does under PGD."""
        import torch

        from ..attacks.categorical_moves import attack
        from ..attacks.queries import Counted, rows_of, tensors

        rightly = np.asarray(target.labels(data.x) == data.y)
        held = np.zeros(len(data), np.bool_)
        if rightly.any():
            right = data.take(rightly)
            x, y = tensors(right)
            generator = torch.Generator().manual_seed(self.seed)
            module = Counted(target.module, target)
            found = attack(module, x, y, space, self.norm, self.eps, steps, generator, 1, self.flips, progress)
            held[rightly] = target.labels(rows_of(found.x, right.schema, right.x)) == right.y
        return Withstood(rightly, held)

    def _misled(self, made: Target, data: Dataset, space: "PerturbationSpace") -> tuple[str, ...]:
        """Why gradients of the trained model say nothing, where they do not: trained against such, it may hide from PGD alone."""
        from ..attacks.gradient_probe import probe
        from ..attacks.queries import tensors

        x, y = tensors(data)
        return misled(probe(made.module, x, y, space, self.norm, self.eps, self.seed)) if space.dimensions else ()

    def _shares(self, target: Target, data: Dataset, space: "PerturbationSpace", progress: Progress) -> tuple[float, float]:
        found = self._withstood(target, data, space, WATCH_STEPS, progress)
        return float(found.right.mean()), float(found.held.mean())

    def _result(
        self, before: Withstood, after: Withstood, way: "list[Watched]", skill: Skill, data: Dataset, rule: str, doubts: tuple[str, ...]
    ) -> CheckResult:
        n = skill.n
        attack = f"PGD of {JUDGE_STEPS} steps, {WORDS[self.norm]} {self.eps:g}" + (
            f", up to {self.flips} categories" * _flips(data, self.flips)
        )
        metrics = (
            rate("robust_accuracy", f"Robust accuracy after ({attack})", int(after.held.sum()), n, "higher"),
            rate("robust_accuracy_before", f"Robust accuracy before ({attack})", int(before.held.sum()), n, "higher"),
            rate("clean_accuracy", "Clean accuracy after", int(after.right.sum()), n, "higher"),
            rate("clean_accuracy_before", "Clean accuracy before", int(before.right.sum()), n, "higher"),
            rate_change("robust_change", "Change of the robust accuracy", before.held, after.held),
            rate_change("accuracy_change", "Change of the clean accuracy", before.right, after.right),
        )
        robust, was, clean, clean_was, gain, cost = metrics
        fell = Limit(gain, 0.0, surely=True)
        limits = [Limit(cost, -self.loss, surely=True), *([fell] if fell.state == "broken" else [])]
        unskilled = () if skill.above else (f"without attack {skill.fact}. {SMALLER.rstrip('.')}",)
        ruled = ruling(limits, effects=[Effect(gain)], open_ends=(*unskilled, *doubts))
        summary = (
            f"Under PGD of {WORDS[self.norm]} {self.eps:g} the model now keeps {percent(robust.value)} of {n} {data.known} right "
            f"({percent(robust.low)} to {percent(robust.high)}), before {percent(was.value)}; without attack {percent(clean.value)}, before {percent(clean_was.value)}."
        )
        notes = [f"Measured by PGD of {JUDGE_STEPS} steps; along the way by {WATCH_STEPS} steps on the same rows, so a little higher."]
        notes.append(f"A row is right or fooled by what the model decides: {rule}.")
        if self.warm:
            notes.append("Started from the weights of the model it defends.")
        notes.append("What retrains it later (shadow models, theft) is the plain recipe of the model it came from.")
        if data.known == "rows":
            notes.append("Which rows are held out is not known: it was trained and measured on the same rows.")
        return CheckResult(
            status=ruled.status,
            summary=f"{summary} {ruled.sentence}",
            metrics=metrics,
            findings=self._findings(limits),
            charts=(self._along(way, before, data.known),),
            notes=(*ruled.notes, *notes),
        )

    def _findings(self, limits: list[Limit]) -> tuple[Finding, ...]:
        return tuple(
            Finding(
                key=limit.metric.name,
                title="Robust accuracy got less"
                if limit.metric.name == "robust_change"
                else "It costs more clean accuracy than is accepted",
                severity=Severity.LOW,
                evidence=Evidence(metrics=(limit.metric.name,)),
                advice="Train for more epochs, with a smaller eps or more clean rows (clean), or say that this price is accepted (loss).",
                standards=self.standards,
            )
            for limit in limits
            if limit.state == "broken"
        )

    def _along(self, way: "list[Watched]", before: Withstood, known: str) -> Chart:
        n = len(before.right)
        shares = [(0, float(before.right.mean()), float(before.held.mean())), *((w.epoch, w.clean, w.robust) for w in way)]
        shares = shares[:: max(1, len(shares) // 100)]
        epochs = tuple(float(epoch) for epoch, _, _ in shares)

        def series(name: str, values: list[float]) -> Series:
            bands = [clopper_pearson(round(v * n), n) for v in values]
            return Series(name=name, x=epochs, y=tuple(values), low=tuple(low for low, _ in bands), high=tuple(high for _, high in bands))

        return Chart(
            name="along_the_way",
            title=f"Accuracy on {n:,} {known}, by epoch",
            kind="line",
            x=Axis(label="epoch", low=0.0),
            y=Axis(label="accuracy", unit="share", low=0.0, high=1.0),
            series=(
                series(f"without attack, n = {n}", [clean for _, clean, _ in shares]),
                series(f"under PGD ({WATCH_STEPS} steps)", [robust for _, _, robust in shares]),
            ),
            alt=f"Robust accuracy goes from {percent(shares[0][2])} to {percent(shares[-1][2])}, accuracy from {percent(shares[0][1])} to {percent(shares[-1][1])}.",
        )


def _flips(data: Dataset, flips: int) -> bool:
    """May categories be changed too?"""
    return flips > 0 and not data.schema.images and any(f.grouped and f.mutable for f in data.schema.features)


def trainable(target: Target) -> "TorchTarget":
    """The target as one that can be trained; `Unavailable` where it cannot."""
    from ..targets.torch_target import TorchTarget

    if not isinstance(target, TorchTarget):
        raise Unavailable(
            "a torch module whose weights can be trained", type(target).__name__, "Open the model from its weights and architecture"
        )
    if target.outputs != "logits":
        raise Unavailable("a module that returns logits, to train it again", "probabilities", "Give the module without its softmax")
    return target
