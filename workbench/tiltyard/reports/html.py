"""The report as one HTML file: no script, no network, readable in print."""

import base64
import re
from functools import cache
from html import escape
from importlib import resources
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from ..assessment.standing import DERIVED
from ..catalogue import effective, titles, topic_of
from ..formatting import cells
from ..formatting.numbers import interval, measured
from ..result import Chart, Gallery, Record
from ..standards.catalog import describe as standard
from ..standards.catalog import known, sources
from . import wording
from .bundle import Bundle
from .catalog import sayer
from .defended import moves
from .figures import svg
from .findings import described
from .overview import headline, risks, unasked, worst
from .pages import pages
from .scale import marks

if TYPE_CHECKING:
    from jinja2 import Environment

LINES = 7  # findings on a topic's page; the others stand in the annex


def cite(id: str) -> str:
    """``id`` with its title where we know it."""
    return f"{id} {standard(id).title}" if known(id) else id


def repeat(record: Record, command: str = "") -> str:
    """The shell line that runs this step again; empty for what is put together from other records.

    Where ``command`` (that made the report) read an assessment file, model and data come from there; else they are to be filled in.
    """
    import shlex

    if record.check in DERIVED:
        return ""
    words = shlex.split(command)
    place = shlex.quote(words[2]) if words[:2] == ["tiltyard", "assess"] and len(words) > 2 else ""
    given = f"--config {place} " if place else "--model FILE --data FILE "
    named = {k.replace("_", "-"): _shell(v) for k, v in effective(record).items() if k.isidentifier()}  # no shell reads more into a name
    options = given + " ".join(f"--{k} {v}" for k, v in named.items() if v)
    return f"tiltyard check {shlex.quote(record.check)} {options}".strip()


def parameters(record: Record) -> dict[str, Any]:
    """What it ran with, in short; plans and questionnaires are left to the JSON."""
    return {k: ", ".join(map(str, v)) if isinstance(v, list) else v for k, v in effective(record).items() if not isinstance(v, dict)}


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
    env.filters.update(
        measured=measured,
        interval=interval,
        texts=cells.rows,
        shown_of=cells.shown_of,
        cite=cite,
        repeat=repeat,
        parameters=parameters,
        documents=documents,
        described=described,
        ended=wording.ended,
    )
    words = {name: getattr(wording, name) for name in ("asked", "counts", "facts", "limit", "number", "outcome", "safer", "severity")}
    words |= {name: getattr(wording, name) for name in ("state", "tally", "unsettled", "verdict")}
    env.globals.update(
        words, figure=figure, headline=headline, marks=marks, moves=moves, pictures=pictures, risks=risks, signs=wording.SIGNS,
        sources=sources, titled=titled, topic_of=topic_of, unasked=unasked, worst=worst,
    )  # fmt: skip
    return env


def titled(id: str) -> str:
    """The title of a defense; its id where it is not installed here."""
    return titles().get(id, id)


def figure(chart: Chart, paper: bool = False) -> Markup:
    """A chart with its caption: drawn in the page, or on ``paper`` as a picture that a tagged PDF has words for."""
    drawn = svg(chart, shapes=paper)  # WeasyPrint cuts the first letter of text that is set from its middle or end
    if paper:
        coded = base64.b64encode(drawn.encode()).decode()
        picture = f'<img alt="{escape(chart.alt)}" src="data:image/svg+xml;base64,{coded}">'
        return Markup(f"<figure>{picture}<figcaption>{escape(chart.title)}</figcaption></figure>")
    return Markup(
        f'<figure><div role="img" aria-label="{escape(chart.alt)}">{drawn}</div><figcaption>{escape(chart.title)}</figcaption></figure>'
    )


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


def render(bundle: Bundle, paper: bool = False, front: bool = False) -> str:
    """The whole report as one HTML document, or its ``front``, two pages.

    On ``paper`` nothing is folded, and contents stand in the place of the navigation.
    """
    css = resources.files("tiltyard.reports").joinpath("templates/report.css").read_text("utf-8")
    if paper:
        css += resources.files("tiltyard.reports").joinpath("templates/paper.css").read_text("utf-8")
    made = [] if front else pages(bundle)
    facts = {"made": made, "paged": {page.id for page in made}, "most": LINES}
    template = environment().get_template("report.html.j2")
    return template.render(b=bundle, css=Markup(css), paper=paper, front=front, t=sayer(bundle.about.language), **facts)
