"""Gradient inversion: the rows of one client's batch, from what it sends."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from ..check import Check, Estimate, parameter
from ..datasets.dataset import Dataset
from ..errors import Problem, Unavailable
from ..progress import Progress
from ..result import CheckResult
from ..targets.target import Target

if TYPE_CHECKING:
    from torch import nn

    from .leaking.outcome import Inverted

OTHERS = 99
STANDARDS = ("OWASP ML03:2023", "AML.T0024.001", "NISTAML.033")


class GradientLeakage(Check):
    """Rows of a client's batch, found by matching the gradient it sent, with and without noise on it.

    Geiping et al. 2020 (arXiv 2003.14053): 1 minus the cosine of the gradients, total variation on images, Adam on signs; one start.
    The labels are taken as known (Zhao et al. 2020, arXiv 2001.02610, read them from the last layer). A federation whose clients train
    for many steps before they send gives away less than this.
    """

    id: ClassVar[str] = "federated.gradient_leakage"
    title: ClassVar[str] = "Gradient inversion"
    question: ClassVar[str] = "Can the rows of one client's batch be read from the gradient it sends?"
    needs: ClassVar[frozenset[str]] = frozenset({"gradients", "weights"})
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = (
        "Zhu et al. 2019, arXiv 1906.08935",
        "Geiping et al. 2020, arXiv 2003.14053",
        "Zhao et al. 2020, arXiv 2001.02610",
    )
    cost: ClassVar[str] = "some seconds a batch"
    main: ClassVar[tuple[str, ...]] = ("batches", "batch", "steps", "noise_multiplier")
    quick: ClassVar[Mapping[str, Any]] = {"batches": 3, "steps": 100}
    tiny: ClassVar[Mapping[str, Any]] = {"batches": 2, "batch": 1, "steps": 4}
    headline: ClassVar[str] = "gain_bare"
    core: ClassVar[bool] = True

    batches: int = parameter(6, "Batches whose gradient is inverted", "batches", ge=1, le=1000)
    batch: int = parameter(1, "Rows in a batch; more hide one another", "rows", ge=1, le=64)
    steps: int = parameter(200, "Steps of the inversion", "steps", ge=1, le=100_000)
    smooth: float = parameter(0.1, "Weight of smoothness (total variation), images only", ge=0, le=100)
    clip: float = parameter(1.0, "With noise: largest norm of the gradient that is sent", "norm", gt=0, le=1000)
    noise_multiplier: float = parameter(0.1, "Noise over the clipping norm, added by the client", ge=0, le=1000)
    first_round: bool = parameter(True, "At fresh weights, as in a federation's first round; else at the model's own")

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        """From a few steps on one batch, timed here."""
        if reason := self.unmet(target, data):
            return Estimate(note=reason)
        short = self.model_copy(update={"batches": 1, "steps": min(self.steps, 5)})
        short.found(target, data, Progress())
        clock = time.perf_counter()
        short.found(target, data, Progress())
        seconds = (time.perf_counter() - clock) / short.steps * self.steps * self.batches
        return Estimate(seconds=seconds, note=f"measured on {short.steps} steps here")

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        """Invert every batch twice and compare with the mean row of the data."""
        import numpy as np

        from .leaking.outcome import result

        found = self.found(target, data, progress)
        return result(found, target.schema, self.noise_multiplier, self.notes(), np.random.default_rng([self.seed, 11]))

    def notes(self) -> tuple[str, ...]:
        """What was assumed."""
        at = "fresh weights, as in a federation's first round" if self.first_round else "the model's own weights"
        return (
            f"Each batch of {self.batch} was inverted at {at}; its labels were taken as known.",
            "One attack with one start: rows it does not find may still be found by another.",
            "The noise stands for a client that clips and noises its own gradient; in federated.training the server adds it to the sum.",
        )

    def found(self, target: Target, data: Dataset, progress: Progress) -> "Inverted":
        """The rows and their inversions, in [0, 1]."""
        import numpy as np
        import torch

        from .leaking.inversion import Box, Sent, gradient, inverted, matched, noised
        from .leaking.outcome import Inverted

        module = self._module(target)
        rows = data.seen.sample(self.batches * self.batch + OTHERS, np.random.default_rng([self.seed, 10]))
        if len(rows) < 2:
            raise Problem("at least 2 rows, to tell one from the other", f"{len(rows)}", "Give more rows")
        n = min(self.batches * self.batch, len(rows) - 1)
        encoding = target.encoding
        low, high = (torch.from_numpy(np.array(np.broadcast_to(e, encoding.shape), np.float32)) for e in (encoding.low, encoding.high))
        box, source = Box(low, high), torch.Generator().manual_seed(self.seed)
        encoded = torch.from_numpy(np.array(encoding.encode(rows.x)))
        x, y = encoded[:n], torch.from_numpy(np.array(rows.y[:n]))
        bare: list[torch.Tensor] = []
        hidden: list[torch.Tensor] = []
        parts = torch.split(torch.arange(n), self.batch)
        for part in parts:
            true = gradient(module, x[part], y[part])
            for kept, sent in ((bare, true), (hidden, noised(true, self.clip, self.noise_multiplier, source))):
                inner = progress.part(0.5 / len(parts))
                guess = inverted(module, Sent(sent, y[part]), box, self.steps, self.smooth, source, inner)
                kept.append(matched(box.unit(guess), box.unit(x[part])))
        unit = box.unit(encoded)
        return Inverted(
            true=unit[:n].numpy(),
            bare=torch.cat(bare).numpy(),
            noised=torch.cat(hidden).numpy(),
            mean=unit[n:].mean(0).numpy(),
            others=unit[n:].numpy(),
            labels=tuple(data.schema.classes[int(k)] for k in rows.y[:n]),
        )

    def _module(self, target: Target) -> "nn.Module":
        from ..targets.torch_target import Logits, TorchTarget
        from ..targets.training import fresh

        if not isinstance(target, TorchTarget):
            raise Unavailable("a torch module with its weights", type(target).__name__, "Open the model as a torch target")
        inner = fresh(target.inner, self.seed) if self.first_round else target.trainable()
        return Logits(inner, target.outputs).eval().requires_grad_()
