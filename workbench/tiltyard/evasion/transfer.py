"""Transfer: rows that fool a copy of the model, trained on its answers, are tried on the model itself."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import PrivateAttr

from ..check import Estimate, parameter
from ..datasets.dataset import Dataset
from ..errors import Unavailable
from ..progress import Progress
from ..result import CheckResult, Metric
from ..targets.answers import Answers
from ..targets.decision import Prediction
from ..targets.target import Target
from .at_each_eps import AtEachEps
from .outcome import drawn, held_out

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from ..attacks.norms import Radius
    from ..attacks.perturbation_space import Attacked, PerturbationSpace

FEWEST, BESIDES = 20, 3  # each row is also asked whether the target takes it, before, and after
ASKED = "asked_for_copy"


class Transfer(AtEachEps):
    """Trains a surrogate on what the target answers, climbs the surrogate's margin, and asks the target once what it says of the rows found.

    Papernot et al. 2017, arXiv:1602.02697, with rows like the target's in place of made ones. In a campaign the surrogate is trained on what
    `theft.extraction` was answered, and asks for none of its own. It learns
    scores where the target gives any, else labels. Of all points seen the one with the largest margin on the surrogate is tried. A row that stands has withstood this copy alone.
    """

    id: ClassVar[str] = "evasion.transfer"
    title: ClassVar[str] = "Transfer from a copy (black box)"
    question: ClassVar[str] = "How often do rows that fool a copy of the model fool the model?"
    needs: ClassVar[frozenset[str]] = frozenset({"labels"})
    feeds_on: ClassVar[tuple[str, ...]] = ("theft.extraction",)
    standards: ClassVar[tuple[str, ...]] = (
        "OWASP ML01:2023",
        "AITG-MOD-01",
        "AML.T0015",
        "AML.T0043.002",
        "AML.T0005.001",
        "NISTAML.025",
        "EU AI Act Art. 15(5)",
        "AI RMF MEASURE 2.7",
    )
    sources: ClassVar[tuple[str, ...]] = ("Papernot et al. 2017, arXiv:1602.02697", "Papernot et al. 2016, arXiv:1605.07277")
    cost: ClassVar[str] = "seconds to half a minute: trains one copy"
    main: ClassVar[tuple[str, ...]] = ("eps", "norm", "query_budget", "rows")
    seconds: ClassVar[float] = 15.0
    renamed: ClassVar[Mapping[str, str]] = {}
    shrinks: ClassVar[tuple[str, ...]] = ("rows", "query_budget")
    quick: ClassVar[Mapping[str, Any]] = {"query_budget": 1000, "rows": 100}
    tiny: ClassVar[Mapping[str, Any]] = {"query_budget": 60, "rows": 20, "epochs": 2, "steps": 2, "curve": False}

    query_budget: int = parameter(
        2000, "Rows asked to train the copy, where no step before was answered any", "rows", ge=FEWEST, le=200_000
    )
    epochs: int = parameter(30, "Passes over the answers that train the copy", "epochs", ge=1, le=500)
    steps: int = parameter(10, "Gradient steps on the copy at each eps", "steps", ge=1, le=10_000)
    _surrogate: "nn.Module | None" = PrivateAttr(None)
    _answers: Answers | None = PrivateAttr(None)

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        from ._surrogate import surrogate

        led = self.model_copy()
        answers = target.answers if target.answers is not None and len(target.answers) >= FEWEST else self._asked(target, data)
        led._answers = answers
        led._surrogate = surrogate(answers, data.schema, self.epochs, self.seed, progress.part(0.5))
        result = super(Transfer, led).run(target, data, progress)
        own = float(len(answers)) if answers.source == self.id else 0.0
        asked = Metric(name=ASKED, label="Rows asked to train the copy", value=own, unit="rows")
        return result.model_copy(update={"notes": (led._note(answers), *result.notes), "metrics": (*result.metrics, asked)})

    def _asked(self, target: Target, data: Dataset) -> Answers:
        """What the target answers to rows that are not those attacked."""
        attacked = {row.tobytes() for row in self.attacked(data).x}
        pool = drawn(data, self.query_budget + len(attacked), self.seed + 1)
        x = pool.x[np.array([row.tobytes() not in attacked for row in pool.x], bool)][: self.query_budget]
        if len(x) < FEWEST:
            raise Unavailable(f"at least {FEWEST} {data.known} beside those attacked", f"{len(x)}", "Give more rows, or attack fewer")
        if "scores" in target.offers:
            found = target.predictions(x)
        else:
            labels = target.labels(x)
            found = Prediction(labels, np.eye(len(target.classes))[labels])
        return Answers(x, found.scores, found.labels, self.id)

    def _note(self, answers: Answers) -> str:
        if answers.source == self.id:
            return f"The copy was trained on {len(answers):,} answers to rows that were not attacked (AML.T0005.001, then AML.T0043.002)."
        chain = f"{answers.source} (AML.T0024.002) → {self.id} (AML.T0043.002)"
        return f"Chain: {chain}; the copy was trained on the {len(answers):,} answers of the first, SHA-256 {answers.fingerprint[:12]}."

    def precision(self, target: Target) -> "torch.dtype":
        """float64 of tables, so that no number is rounded; the copy rounds where it eats."""
        import torch

        return torch.float32 if target.schema.images else torch.float64

    def access(self, target: Target) -> "nn.Module":
        """The copy; the target itself only judges."""
        assert self._surrogate is not None
        return self._surrogate

    def attack(
        self, module: "nn.Module", x: "Tensor", y: "Tensor", space: "PerturbationSpace", eps: "Radius", progress: Progress
    ) -> "Attacked":
        import torch

        from ..attacks.categorical_moves import attack

        generator = torch.Generator().manual_seed(self.seed)
        return attack(module, x, y, space, self.norm, float(eps), self.steps, generator, 2, self.flips, progress)

    def _found(
        self,
        module: "nn.Module",
        x: "Tensor",
        y: "Tensor",
        space: "PerturbationSpace",
        values: tuple[float, ...],
        progress: Progress,
        sample: Dataset,
    ) -> "Attacked":
        """As found, nothing put back: what the copy does not need the target may."""
        return self.attack(module, x, y, space, values[0], progress)

    def passes(self, flips: int) -> int:
        """The target is asked once at each eps."""
        return 1

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        """Of a target without answers from before; those save `query_budget`."""
        n = min(self.rows, len(self.eligible(data)))
        sizes = self.eps_values(100.0, len(self.space(data, target).parts))
        asked = 0 if target.answers is not None else min(self.query_budget, len(held_out(data)))
        return Estimate(n * (len(sizes) + BESIDES) + asked, None, "at most; rows that are fooled early cost less")

    def weakness(self, images: bool) -> str:
        return "what one copy does not find another attack may: run evasion.strong, or evasion.square where there are no gradients"
