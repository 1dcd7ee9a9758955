"""A value as a card of HTML: its own style, pictures within, no script and nothing from the network; to be read without the style too."""

from collections.abc import Iterable, Sequence
from functools import cache
from html import escape
from importlib.resources import files

from ..formatting import cells
from ..formatting.numbers import count, interval, value
from ..result import Chart, Finding, Metric, Severity, Table
from .drawing import picture
from .risk_picture import RiskLine
from .view import MOST_ROWS, Fold, View, gravest_first, view_of

SIGNS = {
    "passed": ("✓", "good"),
    "finding": ("▲", "bad"),
    "failed": ("✕", "bad"),
    "incomplete": ("◐", "open"),
    "cancelled": ("◼", "open"),
    "not_applicable": ("–", ""),
    "not_run": ("○", ""),
}
GRAVE = {Severity.CRITICAL: "bad", Severity.HIGH: "bad", Severity.MEDIUM: "open"}
NUMERIC = {"number", "integer", "percent"}
APART, COLON = '<span class="bare"> · </span>', '<span class="bare">: </span>'
"""What stands between words where a page has taken the style away, as JupyterLab does of notebooks it does not trust."""


def html(one: object, scope: str = "tiltyard") -> str:
    """The card of ``one``, a `View` or what has one, in a box of the class ``scope``, which its style is for."""
    view = one if isinstance(one, View) else view_of(one)
    parts = [
        _head(view),
        f"<p>{escape(view.sentence)}</p>" if view.sentence else "",
        _facts(view),
        _leads(view.numbers),
        _risks(view.risks),
        _findings(view.findings),
        *map(_figure, view.charts),
        *map(_table, view.tables),
        *map(_fold, view.folds),
    ]
    label = escape(f"{view.kind}: {view.title}", quote=True)
    return f'<style>{_style(scope)}</style><div class="{scope}" role="group" aria-label="{label}">{"".join(parts)}</div>'


@cache
def _style(scope: str) -> str:
    return files(__package__).joinpath("style.css").read_text("utf-8").replace("\n", "").replace(".tiltyard", f".{scope}")


def _head(view: View) -> str:
    words = (f'<b class="title">{escape(view.title)}</b>', _state(view.state), f'<span class="kind">{escape(view.kind)}</span>')
    return f'<div class="head">{APART.join(filter(None, words))}</div>'


def _state(state: str) -> str:
    sign, tone = SIGNS.get(state, ("", ""))
    return f'<span class="state {tone}">{sign} {escape(state.replace("_", " "))}</span>' if state else ""


def _facts(view: View) -> str:
    line = " · ".join(f"{escape(name)} {escape(text)}" for name, text in view.facts)
    return f'<p class="facts">{line}</p>' if line else ""


def _leads(numbers: Sequence[Metric]) -> str:
    return f'<div class="numbers">{"".join(map(_lead, numbers))}</div>' if numbers else ""


def _lead(metric: Metric) -> str:
    shown = " ".join(filter(None, value(metric)))
    beside = ", ".join(filter(None, (interval(metric), count(metric)))) if metric.value is not None else metric.note
    return f"<div>{escape(metric.label)}{COLON}<b>{escape(shown)}</b> <small>{escape(beside)}</small></div>"


def _risks(lines: Sequence[RiskLine]) -> str:
    if not lines:
        return ""
    rows = "".join(
        f"<tr><td>{escape(line.title)}</td><td>{_state(line.state)}</td><td>{escape(line.sentence)}</td>"
        f"<td>{_line(line)}</td><td>{escape(line.number)}</td></tr>"
        for line in lines
    )
    heads = "".join(f"<th scope='col'>{text}</th>" for text in ("Risk", "Stands", "Asked", "0 to 100 %", "Number"))
    return f'<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'


def _line(line: RiskLine) -> str:
    """The number of a risk on its line: the interval as a bar, the value as a dot, a limit as a stroke, a defense as a ring."""
    if not line.marks:
        return ""
    drawn = {
        "span": '<rect x="{x:.1f}" y="5" width="{w:.1f}" height="8" rx="2" fill="currentColor" opacity=".3"/>',
        "value": '<circle cx="{x:.1f}" cy="9" r="4" fill="currentColor"/>',
        "limit": '<path d="M{x:.1f} 1v16" stroke="currentColor" stroke-width="2" stroke-dasharray="3 2"/>',
        "after": '<circle cx="{x:.1f}" cy="9" r="4" fill="none" stroke="currentColor" stroke-width="1.5"/>',
    }
    marks = "".join(drawn[mark.kind].format(x=5 + 1.5 * mark.at, w=max(1.5 * mark.width, 1)) for mark in line.marks)
    rail = '<path d="M5 9h150" stroke="currentColor" opacity=".35"/>'
    tone = SIGNS.get(line.state, ("", ""))[1]
    label = escape(line.number, quote=True)
    return f'<svg class="{tone}" role="img" aria-label="{label}" width="160" height="18" viewBox="0 0 160 18">{rail}{marks}</svg>'


def _findings(findings: Sequence[Finding]) -> str:
    """The gravest first; advice that several share stands with the first of them."""
    given: set[str] = set()
    items = []
    for f in gravest_first(findings):
        advice = "" if f.advice in given else f'<br><span class="facts">{escape(f.advice)}</span>'
        given.add(f.advice)
        items.append(f'<li><span class="state {GRAVE.get(f.severity, "")}">{f.severity.value}</span> {escape(f.title)}{advice}</li>')
    return f"<ul>{''.join(items)}</ul>" if items else ""


def _figure(chart: Chart) -> str:
    """The picture, what it shows in a sentence, and its title."""
    label = escape(chart.alt, quote=True)
    return f'<figure><figcaption>{escape(chart.title)}</figcaption><img class="chart" alt="{label}" src="{picture(chart)}"></figure>'


def _table(table: Table, most: int = MOST_ROWS) -> str:
    right = [' class="n"' if head.kind in NUMERIC else "" for head in table.columns]
    heads = "".join(
        f"<th scope='col'{side}>{escape(head.name)}{f' ({escape(head.unit)})' if head.unit else ''}</th>"
        for head, side in zip(table.columns, right, strict=True)
    )
    shown = cells.rows(table, most)
    rows = "".join(
        "<tr>" + "".join(f"<td{side}>{escape(cell)}</td>" for cell, side in zip(row, right, strict=True)) + "</tr>" for row in shown
    )
    rest = " ".join(filter(None, (cells.shown_of(table, len(shown)) or _cut(table, len(shown)), table.note)))
    under = f"<p class='facts'>{escape(rest)}</p>" if rest else ""
    return f'<div class="scroll"><table><caption>{escape(table.title)}</caption><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>{under}'


def _cut(table: Table, shown: int) -> str:
    return f"Showing {shown} of {len(table.rows):,} rows; all are in .tables[{table.name!r}]." if shown < len(table.rows) else ""


def _fold(fold: Fold) -> str:
    many = {"Every check", "All numbers", "The policy's rules"}
    inside = [
        *map(_figure, fold.charts),
        *(_table(table, 100 if fold.title in many else MOST_ROWS) for table in fold.tables),
        *_sentences(fold.sentences),
    ]
    return f"<details><summary>{escape(fold.title)}</summary>{''.join(inside)}</details>"


def _sentences(sentences: Iterable[str]) -> list[str]:
    return [f"<p>{'<code>' + escape(s) + '</code>' if s.startswith('ty.') else escape(s)}</p>" for s in sentences if s]
