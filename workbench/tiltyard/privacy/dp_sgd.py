"""DP-SGD as a defense: train again with clipped, noised gradients, and measure what it cost (Abadi et al. 2016, 1607.00133)."""

import time
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from ..access.places import CHECKPOINT
from ..check import Estimate, kept_parameter, parameter
from ..datasets.dataset import Dataset
from ..datasets.encoding import EncodedRows
from ..defense import Defended, Defense
from ..errors import Problem, Unavailable
from ..privacy_accounting.accountants import NAMES, Accountant, default_delta
from ..privacy_accounting.budget import FEWEST_ROWS, Budget, steps_of
from ..progress import Progress
from ..targets.target import Target
from .membership import chance

if TYPE_CHECKING:
    from torch import nn

    from ..targets.torch_target import TorchTarget
    from ._dp_training.layers import Replaced
    from ._dp_training.loop import Kept, Plan
    from ._dp_training.outcome import Trail

STANDARDS = ("OWASP ML04:2023", "AITG-MOD-04", "AML.T0024.000", "NISTAML.033", "EU AI Act Art. 15(5)", "AI RMF MEASURE 2.10")


def training_rows(data: Dataset) -> int:
    """How many rows `DPSGD` trains on: those the data say were trained on, else all but the fifth it holds out."""
    return len(data) - len(data) // 5 if data.lacks("member") else len(data.seen)


class DPSGD(Defense):
    """Train the target's architecture from fresh weights so that no single row shows in it beyond (epsilon, delta)."""

    id: ClassVar[str] = "privacy.dp_sgd"
    title: ClassVar[str] = "Differentially private training (DP-SGD)"
    question: ClassVar[str] = "How accurate is the model when no single row may show in it?"
    needs: ClassVar[frozenset[str]] = frozenset({"gradients", "weights"})
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = (
        "Abadi et al. 2016, arXiv 1607.00133",
        "Opacus: Yousefpour et al. 2021, arXiv 2109.12298",
        "Doroshenko et al. 2022, arXiv 2207.04380",
    )
    cost: ClassVar[str] = "one training, with what clipping and noise add to each step"
    main: ClassVar[tuple[str, ...]] = ("epsilon", "epochs", "batch_size", "clip")
    leads: ClassVar[tuple[str, ...]] = ("epsilon", "accuracy_after", "accuracy_before")
    seconds: ClassVar[float] = 60.0
    answers: ClassVar[tuple[str, ...]] = (
        "privacy.membership_gap",
        "privacy.membership_threshold",
        "privacy.lira",
        "privacy.audit_epsilon",
    )

    epsilon: float = parameter(4.0, "Privacy budget to spend; smaller is more private", "epsilon", gt=0, le=1000)
    noise_multiplier: float = parameter(
        0.0, "Noise over the clipping norm; 0 finds it from epsilon, else epsilon follows from it", ge=0, le=1_000_000
    )
    delta: float = parameter(
        0.0, "Chance that the promise fails; 0 takes one well below 1 / rows, 1e-5 at most", "probability", ge=0, lt=0.1
    )
    epochs: int = parameter(10, "Expected passes over the rows", "epochs", ge=1, le=1000)
    batch_size: int = parameter(256, "Expected rows in a step (each row is drawn by its own coin)", "rows", ge=1, le=1_000_000)
    clip: float = parameter(1.0, "Largest norm of one row's gradient; larger ones are cut down to it", "gradient norm", gt=0, le=1000)
    rate: float = parameter(0.01, "Learning rate", "step size", gt=0, le=10)
    optimizer: Literal["adam", "sgd"] = parameter("adam", "Which steps to take along the private gradients (sgd has momentum 0.9)")
    accountant: Accountant = parameter("tightest", "Who computes epsilon: the least bound that holds, or RDP or PRV alone")
    clip_only: bool = parameter(False, "Also train with clipping and no noise, to tell what each of the two costs")
    replace_layers: bool = parameter(False, "Replace layers that DP-SGD cannot train (batch normalization) and say which")
    fresh_noise: bool = parameter(
        False, "Draw batches and noise from the operating system, not the seed: for a model to be released; not repeatable"
    )
    resume: str = kept_parameter(
        "File (safetensors) written after every epoch and gone on from if it is there; "
        "a bare name stands in the user's data folder; empty for none",
        CHECKPOINT,
    )

    def budget(self, n: int, progress: Progress | None = None) -> Budget:
        """What training on ``n`` rows will spend with these parameters."""
        delta, rows = self.delta or default_delta(n), (n, self.batch_size, self.epochs)
        if self.noise_multiplier > 0:
            return Budget.of(*rows, delta, noise_multiplier=self.noise_multiplier, accountant=self.accountant)
        return Budget.of(*rows, delta, epsilon=self.epsilon, accountant=self.accountant, progress=progress)

    def plan(self, noise: float) -> "Plan":
        from ._dp_training.loop import Plan

        return Plan(
            noise=noise,
            clip=self.clip,
            batch_size=self.batch_size,
            epochs=self.epochs,
            rate=self.rate,
            optimizer=self.optimizer,
            fresh_noise=self.fresh_noise,
        )

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        """Seconds from a few private steps on a small part, and how many plain ones they take here."""
        from ..targets.training import Recipe, fit
        from ._dp_training.loop import train

        if reason := self.unmet(target, data):
            return Estimate(note=reason)
        torch_target, replaced_layers = self._opened(target)
        n = training_rows(data)
        part = data.seen.sample(min(n, 4 * self.batch_size, 4096), chance(self.seed, self.id))
        plan = self.plan(1.0).model_copy(update={"epochs": 1, "batch_size": min(self.batch_size, len(part))})
        rows = EncodedRows(target.encoding, part.x)
        recipe = Recipe(epochs=1, batch_size=plan.batch_size, rate=1e-9, decay=0.0)
        took = []
        for private in (True, False):
            for few in (8, len(part)):  # the first is for what is done once
                module, clock = self._fresh(torch_target, replaced_layers), time.perf_counter()
                if private:
                    train(module, rows[:few], part.y[:few], plan, self.seed, Progress())
                else:
                    fit(module, rows[:few], part.y[:few], recipe, self.seed, Progress())
            took.append(time.perf_counter() - clock)
        steps = steps_of(len(part), plan.batch_size, 1)
        seconds = took[0] / steps * steps_of(n, self.batch_size, self.epochs) * (2 if self.clip_only else 1)
        note = f"measured on {steps} steps here: {took[0] / took[1]:.1f} times a plain step"
        return Estimate(queries=n + 2 * len(data.unseen), seconds=seconds, note=note)

    def _opened(self, target: Target) -> "tuple[TorchTarget, Replaced]":
        from ..targets.torch_target import TorchTarget
        from ._dp_training.layers import Replaced, replaced
        from ._dp_training.loop import refuse_faults

        if not isinstance(target, TorchTarget):
            raise Unavailable("a torch module with its weights", type(target).__name__, "Open the model as a torch target")
        module = target.trainable().train()
        replaced_layers = replaced(module) if self.replace_layers else Replaced(module, (), {})
        refuse_faults(replaced_layers.module)
        return target, replaced_layers

    def _fresh(self, target: "TorchTarget", replaced_layers: "Replaced") -> "nn.Module":
        from ..targets.torch_target import Logits
        from ..targets.training import fresh

        return Logits(fresh(replaced_layers.module, self.seed), target.outputs)

    def _kept(self, part: str, trail: "Trail", target: Target, data: Dataset) -> "Kept | None":
        """The checkpoint of one of the trainings; None where none is wanted."""
        from ..targets.checkpoints import key_of, place
        from ._dp_training.loop import Kept

        path = place(self.resume)
        if path is None:
            return None
        facts = self.model_dump(mode="json", exclude={"resume"}) | {"part": part, "engine": 2}
        return Kept(
            path.with_name(f"{path.stem}-{part}{path.suffix}" if part else path.name),
            key_of(facts, target.fingerprint, data.fingerprint),
            trail.lists,
        )

    def apply(self, target: Target, data: Dataset, progress: Progress) -> Defended:
        from ..targets.decision import LargestScore
        from ..targets.torch_target import Logits
        from ._dp_training.layers import described
        from ._dp_training.loop import train
        from ._dp_training.outcome import Trail, Trained, result, split, with_epsilon
        from ._dp_training.target import PrivateTarget

        torch_target, replaced_layers = self._opened(target)
        parts = split(data, chance(self.seed, self.id))
        if len(parts.train) < FEWEST_ROWS:
            raise Problem(
                f"at least {FEWEST_ROWS} rows to train on", f"{len(parts.train)}", "Give more rows: of so few, none can be hidden"
            )
        if len(np.unique(parts.train.y)) < 2:
            raise Problem("rows of at least two classes to train on", "one class", "Give more rows")
        progress.step(0.0, f"finding the noise ({NAMES[self.accountant]})")
        budget = self.budget(len(parts.train), progress)
        plan = self.plan(budget.noise_multiplier)
        watched = parts.test.sample(5000, chance(self.seed, self.id, 1))
        decision = target.decision or LargestScore()
        trail, clipped = Trail(watched, decision), Trail(watched, decision)
        rows = EncodedRows(target.encoding, parts.train.x)
        start = self._fresh(torch_target, replaced_layers)
        share = 0.47 if self.clip_only else 0.94
        module = train(
            start,
            rows,
            parts.train.y,
            plan,
            self.seed,
            with_epsilon(progress.part(share), budget),
            trail.watch,
            self._kept("", trail, target, data),
        )
        if self.clip_only:
            bare = plan.model_copy(update={"noise": 0.0})
            train(
                start,
                rows,
                parts.train.y,
                bare,
                self.seed,
                progress.part(share),
                clipped.watch,
                self._kept("clipping", clipped, target, data),
            )
        if not isinstance(module, Logits):
            raise TypeError(f"train returned {type(module).__name__}")
        made = PrivateTarget(
            module.inner,
            target.classes,
            target.schema,
            f"{target.name} (DP-SGD, epsilon {budget.epsilon:.3g})",
            torch_target.outputs,
            torch_target.recipe,
            described(torch_target.architecture, replaced_layers),
            plan,
            budget,
        )
        made.decision = target.decision
        progress.step(0.95, "measuring before and after")
        trained = Trained(target, made, parts, budget, plan, trail, clipped, replaced_layers.changes)
        return Defended(made, result(trained, self.seed, progress))
