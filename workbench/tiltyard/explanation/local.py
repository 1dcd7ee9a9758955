"""One row explained: a waterfall from the background's mean to the model's answer, or a heat map."""

import numpy as np

from ..result import Axis, Chart, Column, Course, Gallery, Picture, Series, Table
from ._shapley import Attribution
from .heatmap import heat, picture

STEPS = 12
Z = 1.959963984540054


def steps(found: Attribution, row: int, order: list[int], shown: dict[str, str]) -> list[tuple[str, str, float, float | None]]:
    """Name, the row's own value, contribution and standard error, largest first; the rest in one step."""
    values, errors = found.values[row], found.error[row]
    names = found.players.names
    lines: list[tuple[str, str, float, float | None]] = [
        (names[j], shown.get(names[j], ""), float(values[j]), float(errors[j]) if np.isfinite(errors[j]) else None) for j in order[:STEPS]
    ]
    if len(order) > STEPS:
        rest = order[STEPS:]
        lines.append((f"{len(rest)} others", "", float(values[rest].sum()), None))
    return lines


def waterfall(
    found: Attribution, row: int, shown: dict[str, str], title: str, named: str = "", to: str = "", threshold: float | None = None
) -> tuple[Table, Chart]:
    """Table with the running total, and running steps, of row ``row`` of ``found``.

    ``named`` is what is explained, in words; ``to`` the class that steps lead towards; ``threshold`` where the decision turns.
    """
    order = np.argsort(-np.abs(found.values[row]), kind="stable").tolist()
    lines = steps(found, row, order, shown)
    total = float(found.base[row])
    rows: list[tuple[str | float | None, ...]] = [("mean over the background", "", None, None, None, total)]
    for name, own, value, error in lines:
        total += value
        ends = (None, None) if error is None else (value - Z * error, value + Z * error)
        rows.append((name, own, value, *ends, total))
    number = {"unit": found.unit, "kind": "number"}
    columns = (
        Column(name="feature"),
        Column(name="in this row"),
        *(Column.model_validate({"name": name, **number}) for name in ("contribution", "low", "high", "total so far")),
    )
    note = "Low and high are 95% for the draws of permutations and background rows." if lines[0][3] else ""
    table = Table(name="waterfall", title=title, people=True, columns=columns, rows=tuple(rows), note=note)
    return table, _bars(found, row, lines, title, named, to, threshold)


def _bars(
    found: Attribution,
    row: int,
    lines: list[tuple[str, str, float, float | None]],
    title: str,
    named: str,
    to: str,
    threshold: float | None,
) -> Chart:
    names = tuple(f"{name} = {own}" if own else name for name, own, _, _ in lines)
    known = all(error is not None and error > 0 for *_, error in lines[:1])
    series = Series(
        name="contribution",
        x=tuple(value for _, _, value, _ in lines),
        y=tuple(float(i) for i in range(len(lines))),
        low=tuple(None if error is None else value - Z * error for _, _, value, error in lines) if known else (),
        high=tuple(None if error is None else value + Z * error for _, _, value, error in lines) if known else (),
    )
    return Chart(
        name="waterfall",
        title=title,
        people=True,
        kind="waterfall",
        x=Axis(label=named or found.unit, unit=""),
        y=Axis(label="feature", categories=names),
        series=(series,),
        course=Course(base=float(found.base[row]), start="mean over the background", end="this row", **_ways(to)),
        reference=() if threshold is None else (("threshold", threshold),),
        alt=f"From {found.base[row]:.3g} on average to {found.outputs[row]:.3g} in this row, feature by feature; "
        f"the largest step is {names[0]} with {lines[0][2]:+.3g}.",
    )


def _ways(to: str) -> dict[str, str]:
    return {"towards": f"towards {to}", "away": f"away from {to}"} if to else {}


def maps(found: Attribution, images: np.ndarray, captions: list[str], shape: tuple[int, ...]) -> Gallery:
    """Each image beside its values, one color scale for all."""
    largest = float(np.quantile(np.abs(found.values), 0.999))
    rows = []
    for image, values, caption in zip(images, found.values, captions, strict=False):
        spread = spread_over(values, found.players.member, shape)
        rows.append(
            (
                Picture(caption=caption, png=picture(image), alt=f"the image, {caption}"),
                Picture(
                    caption=f"{values.max():+.3g} to {values.min():+.3g}", png=heat(spread, largest), alt="where it speaks for and against"
                ),
            )
        )
    return Gallery(
        name="maps",
        title="Where the image speaks for the class (orange) and against it (blue)",
        people=True,
        heads=("image", "values"),
        rows=tuple(rows),
    )


def spread_over(values: np.ndarray, member: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A value a player over the pixels, summed over channels: float64 (height, width)."""
    share = values / np.bincount(member, minlength=len(values))
    largest: np.ndarray = (share[member]).reshape(shape).sum(0)
    area: float = float(np.bincount(member, minlength=len(values)).max())
    return largest * area
