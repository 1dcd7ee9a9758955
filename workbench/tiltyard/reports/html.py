"""The report as one HTML file: no script, no network, readable in print."""

import re
from functools import cache
from html import escape
from importlib import resources
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from ..result import Column, Gallery, Metric, Record, Status
from ..standards.catalog import describe as standard
from ..standards.catalog import known, sources
from .bundle import Bundle
from .figures import svg
from .overview import DERIVED, overview, worst

if TYPE_CHECKING:
    from jinja2 import Environment

SIGNS = {
    Status.PASSED: ("✓", "passed"),
    Status.FINDING: ("▲", "finding"),
    Status.INCOMPLETE: ("◐", "incomplete"),
    Status.NOT_APPLICABLE: ("–", "not applicable"),
    Status.FAILED: ("✕", "failed"),
    Status.CANCELLED: ("■", "cancelled"),
}


def number(value: float | None, unit: str = "", share: bool = False) -> str:
    """A number as a person reads it: shares as percent, large ones with separators."""
    if value is None:
        return "not measured"
    if share:
        return f"{100 * value:.1f} %"
    if unit == "%":
        return f"{value:.1f} %"
    text = f"{value:,.0f}" if float(value).is_integer() and abs(value) < 1e12 else f"{value:,.4g}"
    return f"{text} {unit}".strip()


def is_share(metric: Metric) -> bool:
    """Is it a rate between 0 and 1 that reads better as percent?"""
    if metric.unit in ("share", "rate", "fraction"):
        return True
    return metric.unit == "" and metric.n is not None and metric.interval in ("Clopper-Pearson", "Wilson")


def measured(metric: Metric) -> str:
    """Value with interval, level and n in one line."""
    share = is_share(metric)
    unit = "" if share else metric.unit
    if metric.value is None:
        return f"not measured: {metric.note}"
    text = number(metric.value, unit, share)
    if metric.low is not None and metric.high is not None:
        text += f" [{number(metric.low, '' if share else unit, share)}, {number(metric.high, '' if share else unit, share)}]"
    if metric.level is not None:
        text += f" at {100 * metric.level:g} %"
    return text + (f", n = {metric.n:,}" if metric.n is not None else "")


def cell(value: Any, column: Column) -> str:
    """A table cell as text."""
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if column.kind == "percent" and isinstance(value, int | float):
        return f"{100 * value:.1f} %"
    if isinstance(value, float):
        return f"{value:,.4g}"
    return f"{value:,}" if isinstance(value, int) and column.kind != "text" else str(value)


def cite(id: str) -> str:
    """``id`` with its title where we know it."""
    return f"{id} {standard(id).title}" if known(id) else id


def repeat(record: Record) -> str:
    """The shell line that runs this step again; empty for what is put together from other records."""
    if record.check in DERIVED:
        return ""
    options = " ".join(f"--{k.replace('_', '-')} {_shell(v)}" for k, v in record.effective.items() if _shell(v))
    return f"tiltyard check {record.check} {options}".strip()


def parameters(record: Record) -> dict[str, Any]:
    """What it ran with, in short; plans and questionnaires are left to the JSON."""
    return {k: ", ".join(map(str, v)) if isinstance(v, list) else v for k, v in record.effective.items() if not isinstance(v, dict)}


def documents(record: Record) -> dict[str, Markup]:
    """The Markdown a record carries (model card, datasheet) as HTML by title; no HTML of its own gets through."""
    from markdown_it import MarkdownIt

    texts = record.effective.get("documents", {})
    parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable(["image", "link", "autolink"])
    return {str(title): Markup(_lower(parser.render(str(text)))) for title, text in texts.items()} if isinstance(texts, dict) else {}


def _lower(text: str) -> str:
    """Headings three levels down, under the record's own."""
    return re.sub(r"<(/?)h([1-3])>", lambda m: f"<{m[1]}h{int(m[2]) + 3}>", text)


def _shell(value: Any) -> str:
    import shlex

    if isinstance(value, list | tuple):
        return shlex.quote(",".join(map(str, value))) if value else ""
    return "" if value is None or value == "" else shlex.quote(str(value))


@cache
def environment() -> "Environment":
    """Jinja with autoescape on; a name the template does not know is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    env = Environment(loader=PackageLoader("tiltyard.reports", "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    env.filters.update(number=number, measured=measured, cell=cell, cite=cite, repeat=repeat, parameters=parameters, documents=documents)
    env.globals.update(
        svg=lambda chart: Markup(svg(chart)), signs=SIGNS, sources=sources, pictures=pictures, overview=overview, worst=worst
    )
    return env


def pictures(gallery: Gallery) -> Markup:
    """The gallery's rows as a table of inline images."""
    heads = "".join(f'<th scope="col">{escape(h)}</th>' for h in gallery.heads)
    rows = []
    for row in gallery.rows:
        cells = "".join(
            f'<td><img src="data:image/png;base64,{escape(p.png)}" alt="{escape(p.alt)}"><br>{escape(p.caption)}</td>' for p in row
        )
        rows.append(f"<tr>{cells}</tr>")
    return Markup(f'<table class="gallery"><thead><tr>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table>')


def render(bundle: Bundle) -> str:
    """The whole report as one HTML document."""
    css = resources.files("tiltyard.reports").joinpath("templates/report.css").read_text("utf-8")
    return environment().get_template("report.html.j2").render(b=bundle, css=Markup(css))
