"""How near the inverted rows come, with and without noise, against one who knows nothing."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...datasets.schema import Schema
from ...formatting.raster import png, shades
from ...result import Axis, Chart, CheckResult, Column, Evidence, Finding, Gallery, Metric, Picture, Series, Severity, Status, Table
from ...statistics.intervals import LEVEL, bootstrap, rate
from ...statistics.ruling import status_of

LARGEST = 100.0
ACCEPTED, ENOUGH = 1.0, 8  # dB above the mean row's that nobody could tell from it, and the rows below which a bootstrap says too little
PICTURES = 6
HEADS = {"bare": "From the gradient", "noised": "From the noised gradient", "mean": "The mean row, with no gradient"}


@dataclass(frozen=True)
class Inverted:
    """Rows in [0, 1]: ``true``, ``bare`` and ``noised``, float32 (n, *shape); ``mean`` (*shape); ``others`` (m, *shape) to tell them from."""

    true: NDArray[np.float32]
    bare: NDArray[np.float32]
    noised: NDArray[np.float32]
    mean: NDArray[np.float32]
    others: NDArray[np.float32]
    labels: tuple[str, ...]


def psnr(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float64]:
    """Peak signal-to-noise ratio of rows in [0, 1], in dB, float64 (n,), at most 100."""
    error = np.square(one.astype(np.float64) - other).reshape(len(one), -1).mean(1)
    return np.asarray(np.minimum(-10 * np.log10(np.maximum(error, 1e-30)), LARGEST))


def recognized(found: Inverted, guess: NDArray[np.float32]) -> int:
    """Rows of ``guess`` to which the true row is nearer than every other row is."""
    flat = guess.reshape(len(guess), -1).astype(np.float64)
    own = np.square(flat - found.true.reshape(len(flat), -1)).sum(1)
    other = found.others.reshape(len(found.others), -1)
    return int(sum(own[i] < np.square(flat[i] - other).sum(1).min() for i in range(len(flat))))


def result(found: Inverted, schema: Schema, noise: float, notes: tuple[str, ...], rng: np.random.Generator) -> CheckResult:
    """Metrics, chart, table, and of images a gallery."""
    mean = np.broadcast_to(found.mean, found.true.shape)
    seen = {"bare": psnr(found.bare, found.true), "noised": psnr(found.noised, found.true), "mean": psnr(mean, found.true)}
    n, pool = len(found.true), len(found.others) + 1
    gain = {
        key: _mean(f"gain_{key}", f"{HEADS[key]}: PSNR above the mean row's", seen[key] - seen["mean"], rng) for key in ("bare", "noised")
    }
    metrics = [
        *(_mean(f"psnr_{key}", f"PSNR: {HEADS[key].lower()}", seen[key], rng, "lower" if key != "mean" else "none") for key in seen),
        *gain.values(),
        rate("recognized_bare", f"Recognized among {pool} rows", recognized(found, found.bare), n, "lower"),
        rate("recognized_noised", f"Recognized among {pool} rows, with noise", recognized(found, found.noised), n, "lower"),
    ]
    findings = tuple(_finding(key, metric, noise) for key, metric in gain.items() if metric.low is not None and metric.low > 0)
    text = f"{n} rows from their gradients: {seen['bare'].mean():.1f} dB, with noise {noise:g} {seen['noised'].mean():.1f} dB; the mean row {seen['mean'].mean():.1f} dB."
    within = all(m.high is not None and m.high <= ACCEPTED for m in gain.values())
    status = status_of(bool(findings), n < ENOUGH or not within)
    if status is Status.INCOMPLETE:
        text += f" Not settled: {n} rows do not show that all come back within {ACCEPTED:g} dB of the mean row; {max(2 * n, ENOUGH)} would tell more."
    shown = (gallery(found, schema, seen),) if schema.images else ()
    return CheckResult(
        status=status,
        summary=text,
        metrics=tuple(metrics),
        findings=findings,
        tables=(_table(found, seen),),
        charts=(_chart(metrics[:3]),),
        galleries=shown,
        notes=notes if n > 1 else (*notes, "One row has no interval: nothing is concluded."),
    )


def _mean(
    name: str, label: str, values: NDArray[np.float64], rng: np.random.Generator, safer: Literal["lower", "none"] = "lower"
) -> Metric:
    low, high = bootstrap(lambda rows: float(values[rows].mean()), len(values), rng) if len(values) > 1 else (None, None)
    return Metric(
        name=name,
        label=label,
        value=float(values.mean()),
        unit="dB",
        low=low,
        high=high,
        level=LEVEL if low is not None else None,
        n=len(values),
        safer=safer,
        interval="bootstrap over rows" if low is not None else "",
    )


def _finding(key: str, metric: Metric, noise: float) -> Finding:
    title = "A client's gradient gives its rows away" + (f" in spite of noise {noise:g}" if key == "noised" else "")
    return Finding(
        title=title,
        severity=Severity.HIGH,
        evidence=Evidence(metrics=(metric.name,)),
        advice="Let clients train longer on more rows before they send, sum updates under secure aggregation, or add noise at the client",
        standards=("OWASP ML03:2023", "AML.T0024.001"),
        defense="federated.training",
    )


def _chart(metrics: list[Metric]) -> Chart:
    names = tuple(HEADS.values())
    at = tuple(float(i) for i in range(len(metrics)))
    whiskers = all(m.low is not None for m in metrics)
    values = tuple(m.value for m in metrics)
    return Chart(
        name="psnr",
        title="How near the rows come",
        kind="bar",
        x=Axis(label="Guessed", categories=names),
        y=Axis(label="PSNR", unit="dB"),
        series=(
            Series(
                name="PSNR",
                x=at,
                y=values,
                low=tuple(m.low for m in metrics) if whiskers else (),
                high=tuple(m.high for m in metrics) if whiskers else (),
            ),
        ),
        alt="; ".join(f"{name}: {m.value:.1f} dB" for name, m in zip(names, metrics, strict=True) if m.value is not None) + ".",
    )


def _table(found: Inverted, seen: dict[str, NDArray[np.float64]]) -> Table:
    columns = (
        Column(name="Row", kind="integer"),
        Column(name="Class"),
        *(Column(name=name, unit="dB", kind="number") for name in HEADS.values()),
    )
    rows: tuple[tuple[str | float | int, ...], ...] = tuple(
        (i + 1, found.labels[i], *(float(seen[key][i]) for key in HEADS)) for i in range(min(len(found.true), 50))
    )
    return Table(name="rows", title="Row by row", people=True, columns=columns, rows=rows, total=len(found.true))


def gallery(found: Inverted, schema: Schema, seen: dict[str, NDArray[np.float64]]) -> Gallery:
    """The first few images, as they were and as they came back."""
    rows = []
    for i in range(min(len(found.true), PICTURES)):
        was = Picture(caption=found.labels[i], png=png(shades(found.true[i])), alt=f"A client's image of {found.labels[i]}")
        back = [
            Picture(
                caption=f"{seen[key][i]:.1f} dB",
                png=png(shades(part[i])),
                alt=f"The same image {HEADS[key].lower()}, {seen[key][i]:.1f} dB",
            )
            for key, part in (("bare", found.bare), ("noised", found.noised))
        ]
        rows.append((was, *back))
    return Gallery(
        name="inverted", title="What came back", people=True, heads=("The client's image", HEADS["bare"], HEADS["noised"]), rows=tuple(rows)
    )
