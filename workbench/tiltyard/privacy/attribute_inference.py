"""Is a sensitive column recovered better with the model than without it? (Fredrikson et al. 2015; Jayaraman and Evans 2022, 2209.01292)."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from ..check import CampaignGoal, Check, Estimate, parameter
from ..datasets.dataset import Dataset
from ..datasets.feature import MISSING, Feature
from ..datasets.schema import Rows, Schema
from ..errors import Problem, Unavailable
from ..formatting.numbers import percent
from ..progress import Progress
from ..result import Axis, Chart, CheckResult, Column, Evidence, Finding, Metric, Series, Severity, Status, Table
from ..statistics.bands import bands, written
from ..statistics.intervals import rate, rate_by_row
from ..statistics.ruling import Limit, ruling
from ..targets.decision import Prediction
from ..targets.target import Target
from .membership import chance, paired
from .membership_report import open_ends
from .membership_threshold import predicted

Sees = Literal["scores", "label", "nothing"]
MOST = 12
LEVELS = 255  # the most values that the guesser's trees take as categories
STANDARDS = ("OWASP ML03:2023", "AITG-MOD-05", "AML.T0024.001", "NISTAML.032", "EU AI Act Art. 15(5)", "AI RMF MEASURE 2.10")


@dataclass(frozen=True)
class Secret:
    """The column to recover: each row's value as a number into ``names``; -1 where it is too rare to try.

    ``columns`` are its columns of x where the model takes it as input, and ``settings`` (values, columns) what stands there for each
    value: the place of a category, a number in its own unit, NaN for a row without one. Else both are None.
    """

    name: str
    names: tuple[str, ...]
    value: NDArray[np.int64]
    columns: slice | None
    settings: Rows | None


def _feature(schema: Schema, name: str) -> Feature | None:
    return next((f for f in schema.features if f.name == name and f.kind != "pixels"), None)


def secret(data: Dataset, name: str) -> Secret:
    """The column ``name``, a feature or a sensitive column beside them; numbers in quarters, rare values left out."""
    feature = _feature(data.schema, name)
    if feature is None and name not in data.sensitive:
        known = ", ".join(dict.fromkeys([*data.sensitive, *(f.name for f in data.schema.features)]))
        raise Problem(f"a column to recover ({known})", repr(name), "Correct the name")
    if feature is None:
        names, value = _commonest(data.sensitive[name])
        return Secret(name, names, value, None, None)
    place = data.schema.slices[name]
    part = data.x[:, place]
    if feature.grouped:
        return _group(feature, part, place)
    return _number(name, np.asarray(part[:, 0], np.float64), place)


def _commonest(column: NDArray[np.str_]) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    values, counts = np.unique(column.astype(str), return_counts=True)
    kept = values[np.argsort(-counts, kind="stable")][:MOST]
    place = {str(v): i for i, v in enumerate(kept)}
    return tuple(map(str, kept)), np.array([place.get(str(v), -1) for v in column], np.int64)


def _group(feature: Feature, part: Rows, place: slice) -> Secret:
    codes = (part[:, 0] if feature.kind == "categorical" else part.argmax(1)).astype(np.int64)
    counts = np.bincount(codes, minlength=len(feature.values))
    kept = [int(code) for code in np.argsort(-counts, kind="stable")[:MOST] if counts[code]]
    places = np.full(len(counts), -1, np.int64)
    places[kept] = np.arange(len(kept))
    settings = np.array(kept, np.float64)[:, None] if feature.kind == "categorical" else np.eye(feature.width)[kept]
    return Secret(feature.name, tuple(feature.values[code] for code in kept), places[codes], place, settings)


def _number(name: str, column: NDArray[np.float64], place: slice) -> Secret:
    """The values themselves where they are few, else bands of them, each with a value from its middle; rows without a number are one more."""
    lost = np.isnan(column)
    distinct = np.unique(column[~lost])
    if len(distinct) <= MOST:
        value, middle, names = np.searchsorted(distinct, column), distinct, tuple(written(distinct.tolist()))
    else:
        cut = bands(column)
        value, names = cut.places, cut.names
        middle = np.array([np.sort(column[value == i])[(value == i).sum() // 2] for i in range(len(names))])
    if lost.any():
        value, middle, names = np.where(lost, len(names), value), np.append(middle, np.nan), (*names, MISSING)
    return Secret(name, names, value.astype(np.int64), place, middle[:, None])


class AttributeInference(Check):
    """The attacker knows a row's other columns and its label; does the model give away the sensitive one?

    Two equal classifiers are trained on half of the rows and judged on the other half: one sees the
    other columns, one sees the model's answer besides. What the first finds is correlation in the
    world; only the difference is leakage. Where the model takes the column as input, the answer is
    given as its distance from the model's answer for each possible value, which is nothing at all
    where the model ignores the column.
    """

    id: ClassVar[str] = "privacy.attribute_inference"
    title: ClassVar[str] = "Attribute inference"
    question: ClassVar[str] = "Does the model give away a sensitive column to someone who knows the others?"
    needs: ClassVar[frozenset[str]] = frozenset({"scores", "sensitive", "table"})
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = ("Fredrikson et al. 2015, ACM CCS", "Jayaraman and Evans 2022, arXiv 2209.01292")
    cost: ClassVar[str] = "seconds to a minute"
    main: ClassVar[tuple[str, ...]] = ("column", "sees", "rows")
    seconds: ClassVar[float] = 60.0
    campaign_goal: ClassVar[CampaignGoal | None] = "infer"
    headline: ClassVar[str] = "advantage"
    context: ClassVar[frozenset[str]] = frozenset({"accuracy_with_model"})

    column: str = parameter("", "Sensitive column to recover; empty takes the first", "column", source="sensitive")
    sees: Sees = parameter(
        "scores", "What the attacker saw for the row: its scores, its predicted label, or nothing (then asks for each value)"
    )
    digits: int = parameter(3, "Decimals of the scores that the attacker sees", "decimals", ge=0, le=7)
    rows: int = parameter(4000, "Rows, half known to the attacker, half attacked", "rows", ge=40, le=1_000_000)
    accepted: float = parameter(0.05, "Gain by the model that is accepted, by the end of its interval", "share", ge=0.001, le=1)

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        n = min(len(data), self.rows)
        return Estimate(queries=n * (1 + MOST), note="at most; one query a row and one for each possible value")

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        name = self.column or next(iter(data.sensitive))
        rng = chance(self.seed, self.id)
        part = data.sample(self.rows, rng)
        it = secret(part, name)
        kept = it.value >= 0
        part, it = part.take(kept), Secret(it.name, it.names, it.value[kept], it.columns, it.settings)
        if len(np.unique(it.value)) < 2:
            raise Problem(f"at least two values in {name!r}", "one", "Choose another column")
        if len(part) < 20:
            raise Problem("at least 20 rows", f"{len(part)}", "Give more rows")
        base = _known(part, it)
        evidence = self._evidence(target, part, it, progress.part(0.5))
        known = np.zeros(len(part), bool)
        known[rng.permutation(len(part))[: len(part) // 2]] = True
        without = _guesses(base, it.value, known, self.seed, progress.part(0.2))
        with_model = _guesses(base.beside(evidence), it.value, known, self.seed, progress.part(0.25))
        rest = part.take(~known)
        judged = Judged(it, rest.member, rest.fingerprint, it.value[~known], with_model, without)
        return _result(judged, self._notes(it, int(known.sum()), int((~kept).sum())), rng, self.accepted)

    def _notes(self, it: Secret, known: int, left_out: int) -> tuple[str, ...]:
        seen = {
            "scores": f"its scores to {self.digits} decimals",
            "label": "its predicted label",
            "nothing": "no answer, and asks for each value",
        }
        notes = [f"The attacker learned from {known:,} rows whose {it.name} they know; for each other row they know all other columns,"]
        notes[0] += f" the true label, and saw {seen[self.sees]}."
        if it.settings is None:
            notes.append(
                f"The model does not take {it.name} as input: its scores were given as they are. "
                "A small advantage can then come from the model's better use of the other columns."
            )
        if left_out:
            notes.append(f"{left_out:,} rows with rarer values than the {MOST} commonest were left out.")
        return tuple(notes)

    def _evidence(self, target: Target, part: Dataset, it: Secret, progress: Progress) -> Rows:
        """What the model adds, float64 (n, …): all zeros where it ignores the column and takes it as input."""
        seen = self._seen(predicted(target, part.x, progress.part(0.05)))
        if it.settings is None or it.columns is None:
            if self.sees == "nothing":
                raise Unavailable(f"a model that takes {it.name} as input", "one that does not", "Let the attacker see scores or the label")
            return seen
        found, x = [], part.x.copy()
        for setting in it.settings:
            x[:, it.columns] = setting
            found.append(predicted(target, x, progress.part(0.95 / len(it.settings))))
        if self.sees == "nothing":
            rows = np.arange(len(part))
            truth = np.stack([np.log(np.maximum(answer.scores[rows, part.y], 1e-6)) for answer in found], 1)
            return np.asarray(truth - truth.mean(1, keepdims=True))
        return np.stack([np.abs(self._seen(answer) - seen).sum(1) for answer in found], 1)

    def _seen(self, answer: Prediction) -> Rows:
        if self.sees == "label":
            return np.eye(answer.scores.shape[1])[answer.labels]
        return np.asarray(answer.scores.round(self.digits))


@dataclass(frozen=True)
class Known:
    """What the attacker knows of each row: columns ``x``, float64 (n, d), NaN where a row has no number; ``category`` (d,) says which are places."""

    x: Rows
    category: NDArray[np.bool_]

    def beside(self, evidence: Rows) -> "Known":
        """The same with the columns of ``evidence``, numbers, beside."""
        return Known(np.concatenate([self.x, evidence], 1), np.append(self.category, np.zeros(evidence.shape[1], bool)))


def _known(part: Dataset, it: Secret) -> Known:
    """The columns of x but for the one to recover, and the true label."""
    width = {f.name: float(f.kind == "categorical" and len(f.values) <= LEVELS) for f in part.schema.features}
    category = np.append(part.schema.spread(width) > 0, len(part.schema.classes) <= LEVELS)
    x = np.concatenate([part.x, part.y[:, None]], 1)
    kept = np.ones(len(category), bool)
    if it.columns is not None:
        kept[it.columns] = False
    return Known(x[:, kept], category[kept])


def _guesses(base: Known, value: NDArray[np.int64], known: NDArray[np.bool_], seed: int, progress: Progress) -> NDArray[np.int64]:
    """The value guessed for each row not ``known`` by boosted trees trained on those known; grown in small steps to be cancelled."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    if len(np.unique(value[known])) < 2:
        return np.full(int((~known).sum()), value[known][0])
    rounds = 60 if len(np.unique(value)) <= 4 else 30
    step = 5 if len(np.unique(value)) <= 4 else 1
    trees = HistGradientBoostingClassifier(
        max_iter=step,
        max_leaf_nodes=15,
        l2_regularization=1.0,
        early_stopping=False,
        warm_start=True,
        random_state=seed,
        categorical_features=base.category,
    )
    for done in range(step, rounds + 1, step):
        progress.step(done / rounds, "guessing the column")
        trees.set_params(max_iter=done)
        with threadpool_limits(1):  # on so few rows threads cost more than they bring, most of all on a busy machine
            trees.fit(base.x[known], value[known])
    return np.asarray(trees.predict(base.x[~known]), np.int64)


@dataclass(frozen=True)
class Judged:
    """What was guessed for the attacked rows with the model and without it."""

    secret: Secret
    member: NDArray[np.bool_] | None
    rows: str
    truth: NDArray[np.int64]
    with_model: NDArray[np.int64]
    without: NDArray[np.int64]


def _result(it: Judged, notes: tuple[str, ...], rng: np.random.Generator, accepted: float) -> CheckResult:
    got, base = it.with_model == it.truth, it.without == it.truth
    n, name = len(it.truth), it.secret.name
    gain = paired("advantage", f"{name} recovered: gain by the model", got, base, rng)
    metrics = [
        gain.model_copy(update={"safer": "lower"}),
        rate_by_row("accuracy_with_model", f"{name} recovered with the model", got, it.rows, "lower"),
        rate("accuracy_without_model", f"{name} guessed from the other columns alone", int(base.sum()), n),
        rate("commonest", "Majority-class baseline", int(np.bincount(it.truth).max()), n),
    ]
    if it.member is not None:
        for side, title, rows in (("seen", "trained-on rows", it.member), ("unseen", "unseen rows", ~it.member)):
            if rows.sum() >= 30:
                metrics.append(paired(f"advantage_{side}", f"Gain on {title}", got[rows], base[rows], rng))
    ruled = ruling([Limit(metrics[0], accepted, surely=True)], open_ends=open_ends(n, accepted))
    findings = _findings(gain, name) if ruled.status is Status.FINDING else ()
    low, high = 100 * (gain.low or 0), 100 * (gain.high or 0)
    text = f"{name} is guessed right for {percent(base.mean())} of rows from the other columns, for {percent(got.mean())} with the model besides: "
    text += f"a gain of {100 * (gain.value or 0):.1f} points ({low:.1f} to {high:.1f}, n = {n:,}). {ruled.sentence}"
    table = _by_value(it, got, base)
    return CheckResult(
        status=ruled.status,
        summary=text,
        metrics=tuple(metrics),
        findings=findings,
        tables=(table,),
        charts=(_chart(table, name),),
        notes=(*ruled.notes, *notes),
    )


def _findings(gain: Metric, name: str) -> tuple[Finding, ...]:
    value = gain.value or 0.0
    severity = Severity.HIGH if value >= 0.2 else Severity.MEDIUM if value >= 0.05 else Severity.LOW
    return (
        Finding(
            title=f"The model gives away {name} beyond what the other columns tell",
            severity=severity,
            evidence=Evidence(metrics=("advantage", "accuracy_with_model", "accuracy_without_model"), tables=("values",)),
            advice=f"Leave {name} out of the inputs if it is not needed, give out labels or rounded scores, or train privately",
            standards=STANDARDS,
            defense="privacy.dp_sgd",
        ),
    )


def _by_value(it: Judged, got: NDArray[np.bool_], base: NDArray[np.bool_]) -> Table:
    columns = (
        Column(name=it.secret.name),
        Column(name="rows", kind="integer"),
        *(Column(name=f"{what}{end}", kind="percent") for what in ("without model", "with model") for end in ("", " low", " high")),
    )
    rows: list[tuple[Any, ...]] = []
    for i, name in enumerate(it.secret.names):
        here = it.truth == i
        if not (n := int(here.sum())):
            continue
        found = [rate("r", "r", int(side[here].sum()), n) for side in (base, got)]
        rows.append((name, n, *(v for m in found for v in (m.value, m.low, m.high))))
    return Table(name="values", title="Rows guessed right, by true value", columns=columns, rows=tuple(rows), total=len(rows))


def _chart(table: Table, name: str) -> Chart:
    place = tuple(float(i) for i in range(len(table.rows)))
    cells: list[list[float]] = [[float(v or 0) for v in row[2:]] for row in table.rows]
    series = tuple(
        Series(name=title, x=place, y=tuple(c[k] for c in cells), low=tuple(c[k + 1] for c in cells), high=tuple(c[k + 2] for c in cells))
        for title, k in (("other columns alone", 0), ("with the model", 3))
    )
    return Chart(
        name="recovered",
        title=f"How often {name} is guessed right",
        kind="bar",
        x=Axis(label=name, categories=tuple(str(row[0]) for row in table.rows)),
        y=Axis(label="Rows guessed right", unit="share", low=0.0, high=1.0),
        series=series,
        alt=f"For each value of {name}, the share guessed right from the other columns alone and with the model, with intervals.",
    )
