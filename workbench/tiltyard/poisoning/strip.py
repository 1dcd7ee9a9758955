"""Do inputs carry a trigger? Other pictures are laid over each; of one with a trigger the model stays sure."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..check import CampaignGoal, Check, Estimate, parameter, source_parameter
from ..datasets.dataset import Dataset
from ..errors import Unavailable
from ..formatting.numbers import percent
from ..progress import Progress
from ..result import Axis, Chart, CheckResult, Column, Evidence, Finding, Metric, Series, Severity, Status, Table
from ..statistics.intervals import rate
from ..statistics.majority import Skill
from ..statistics.ruling import Limit, ruling
from ..targets.target import Target
from .detect import STANDARDS

FEWEST = 20
NOT_SEEN = (
    "Not covered: triggers that a blend destroys (warped, laid over the whole picture), those that need a source class, and clean-label backdoors "
    "whose trigger is faint. No alarm is no proof."
)


class Strip(Check):
    """STRIP (Gao et al. 2019, arXiv 1902.06531) on inputs of a finished model: those of a file, or the training rows.

    Held-out rows are taken for clean: some are laid over each input, the entropies of others set the limit below which ``refused`` of clean
    inputs lie. More inputs below it than ``accept`` are a finding, and the table says to which class they lead. No training and no gradient.
    """

    id: ClassVar[str] = "poisoning.strip"
    title: ClassVar[str] = "Inputs with a trigger (STRIP)"
    question: ClassVar[str] = "Are there inputs of which the model stays sure whatever is laid over them?"
    needs: ClassVar[frozenset[str]] = frozenset({"labels", "scores", "images", "member"})
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = ("Gao et al. 2019, arXiv 1902.06531",)
    cost: ClassVar[str] = "seconds to a minute: 50 questions an input"
    main: ClassVar[tuple[str, ...]] = ("inputs", "rows", "accept")
    seconds: ClassVar[float] = 30.0
    quick: ClassVar[Mapping[str, Any]] = {"rows": 200, "clean": 400, "draws": 30}
    tiny: ClassVar[Mapping[str, Any]] = {"rows": 20, "clean": 40, "draws": 3}
    campaign_goal: ClassVar[CampaignGoal | None] = "poison"
    audit: ClassVar[bool] = True
    headline: ClassVar[str] = "below"

    inputs: str = source_parameter("Pictures to look at; empty: the training rows", "pictures", (".npz",))
    rows: int = parameter(500, "Inputs looked at, drawn at random", "rows", ge=FEWEST, le=100_000)
    clean: int = parameter(1000, "Held-out rows: half are laid over, half set the limit", "rows", ge=2 * FEWEST, le=100_000)
    draws: int = parameter(50, "Pictures laid over each input", "pictures", ge=2, le=1000)
    refused: float = parameter(0.01, "Share of clean inputs that the limit refuses", "share", gt=0, le=0.2)
    accept: float = parameter(0.03, "Share of inputs below the limit that is accepted, by the end of its interval", "share", gt=0, le=1)

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        held = min(self.clean, len(data.unseen))
        return Estimate((self.rows + held - held // 2) * self.draws + self.rows + held, None, "at most")

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        from ._blending import entropies, threshold

        rng = np.random.default_rng(self.seed)
        asked, clean = self._inputs(data, rng), data.unseen.sample(self.clean, rng)
        if min(len(asked), len(clean) // 2) < FEWEST:
            found = f"{len(asked)} and {len(clean)}"
            raise Unavailable(f"at least {FEWEST} inputs and {2 * FEWEST} held-out rows", found, "Give more rows")
        cut = len(clean) // 2
        overlays, reference = clean.x[:cut], clean.take(np.arange(cut, len(clean)))
        share = len(reference) / (len(reference) + len(asked))
        normal = entropies(target, reference.x, overlays, self.draws, self.seed, progress.part(share))
        seen = entropies(target, asked, overlays, self.draws, self.seed + 1, progress.part(1.0))
        limit = threshold(normal, self.refused)
        skill = Skill.of(clean.y, target.labels(clean.x) == clean.y, target.classes)
        return self._result(target, asked, seen, normal, limit, skill)

    def _inputs(self, data: Dataset, rng: np.random.Generator) -> NDArray[Any]:
        """Pictures (n, channels, height, width) in the data's form."""
        if not self.inputs:
            return data.seen.sample(self.rows, rng).x
        from ..datasets.reading import read

        given = read(self.inputs, schema=data.schema)
        return given.sample(self.rows, rng).x

    def _result(
        self, target: Target, asked: NDArray[Any], seen: NDArray[np.float64], normal: NDArray[np.float64], limit: float, skill: Skill
    ) -> CheckResult:
        from ._blending import by_chance

        flagged = seen < limit
        below = rate("below", "Inputs of which the model stays too sure", int(flagged.sum()), len(seen), "lower")
        none = ["too few held-out rows to set a limit: give more"] if not np.isfinite(limit) else []
        chance = by_chance(len(normal), self.refused)
        ruled = ruling([Limit(below, self.accept, chance, surely=True)], skill, [], none)
        labels = target.labels(asked[flagged]) if flagged.any() else np.empty(0, np.int64)
        counts = np.bincount(labels, minlength=len(target.classes))
        name = target.classes[int(counts.argmax())]
        led = f"; {percent(counts.max() / max(len(labels), 1))} of them are called {name}" if len(labels) else ""
        text = f"Of {percent(below.value or 0.0)} of {len(seen):,} inputs the model stays surer than of {percent(1 - self.refused)} of clean ones{led}."
        return CheckResult(
            status=ruled.status,
            summary=f"{text} {ruled.sentence}",
            metrics=(
                below,
                Metric(
                    name="limit",
                    label="Entropy that the limit is",
                    value=limit if np.isfinite(limit) else None,
                    unit="bits",
                    n=len(normal),
                    note="too few rows",
                ),
            ),
            findings=(self._finding(name),) if ruled.status is Status.FINDING else (),
            tables=(_table(counts, target.classes),),
            charts=(_chart(seen, normal),),
            notes=(NOT_SEEN, "Held-out rows are taken for clean.", *ruled.notes),
        )

    def _finding(self, name: str) -> Finding:
        return Finding(
            title=f"Inputs lead to {name} whatever is laid over them",
            severity=Severity.HIGH,
            evidence=Evidence(metrics=("below",), tables=("labels",), charts=("entropies",)),
            advice="Look at these inputs for a common mark; refuse such inputs, remove training rows that carry it, and train again.",
            standards=self.standards,
            defense="poisoning.filter",
        )


def _table(counts: NDArray[np.int64], classes: tuple[str, ...]) -> Table:
    columns = (Column(name="Class"), Column(name="Inputs below the limit", kind="integer"))
    order = np.argsort(-counts, kind="stable")[:50]
    rows = tuple((classes[c], int(counts[c])) for c in order if counts[c])
    return Table(name="labels", title="What inputs below the limit are called", columns=columns, rows=rows)


def _chart(seen: NDArray[np.float64], normal: NDArray[np.float64]) -> Chart:
    top = max(float(seen.max()), float(normal.max()), 1e-9)
    edges = np.linspace(0, top, 31)
    lines = [(name, np.histogram(values, edges)[0] / len(values)) for name, values in (("inputs", seen), ("clean", normal))]
    return Chart(
        name="entropies",
        title="Entropy under blends",
        kind="step",
        x=Axis(label="Mean entropy", unit="bits"),
        y=Axis(label="Share", low=0),
        series=tuple(Series(name=name, x=tuple(edges[:-1].tolist()), y=tuple(y.tolist())) for name, y in lines),
        alt=f"Median of inputs {float(np.median(seen)):.2f} bits, of clean ones {float(np.median(normal)):.2f}.",
    )
