"""Charts inside a card: the drawing of the report as a picture, which is shown where a page takes the style and the drawings out of what it does not trust."""

import re
from base64 import b64encode

from ..reports import figures
from ..result import Chart


def picture(chart: Chart) -> str:
    """The chart as the address of an SVG picture (``data:``): ink on white paper, which the style of a card turns over on dark pages.

    JupyterLab takes ``<style>`` and ``<svg>`` out of a notebook that was not trusted, and leaves a drawing's words without their places; a
    picture stays. No script of a picture runs, and nothing is asked of the network for it.
    """
    text = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", figures.svg(chart), flags=re.DOTALL)
    return f"data:image/svg+xml;base64,{b64encode(text.encode()).decode()}"
