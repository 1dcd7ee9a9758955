"""What a cell put out, as the page's script and the eye read it."""

from collections.abc import Iterable

from jinja2.utils import htmlsafe_json_dumps
from nbconvert.filters.ansi import ansi2html
from nbformat import NotebookNode

OUTPUT = '<div class="jp-OutputArea-child"><script type="application/vnd.voila.cell-output+json">{}</script></div>'
TEXT = '<div class="jp-OutputArea-child"><div class="jp-RenderedText jp-OutputArea-output" data-mime-type="{}"><pre>{}</pre></div></div>'
ERROR = "application/vnd.jupyter.stderr"


def html(outputs: Iterable[NotebookNode]) -> str:
    """Outputs of a cell; text as text, anything else as data for the page's script. No script in them runs by itself."""
    return "".join(map(_one, outputs))


def _one(output: NotebookNode) -> str:
    if output.output_type == "stream":
        return TEXT.format(ERROR if output.name == "stderr" else "text/plain", _text(output.text))
    if output.output_type == "error":
        return TEXT.format(ERROR, _text("\n".join(output.traceback)))
    return OUTPUT.format(htmlsafe_json_dumps({**output, "trusted": True}))


def _text(text: str) -> str:
    return str(ansi2html(text))  # type: ignore[no-untyped-call]
