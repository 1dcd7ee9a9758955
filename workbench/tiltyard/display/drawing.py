"""Charts inside a page of any color: the drawing of the report, with the page's own ink, and names that no other drawing has."""

import re

from ..formatting.drawing import COLORS
from ..reports import figures
from ..result import Chart

# What the report draws in a gray of its own is ink here; matplotlib leaves black text without a color, which is ink already.
INKS = ("#000000", "#555555", "#777777", "#333333", COLORS[7])
GRID, PAPER = "#dddddd", "#ffffff"


def svg(chart: Chart, prefix: str) -> str:
    """The chart as an ``<svg>`` element; all of its ids begin with ``prefix``, so that two charts of a page do not meet.

    Ink is ``currentColor``, the grid ``var(--line)``, and there is no paper.
    """
    text = re.sub(r"<style[^>]*>.*?</style>|<metadata>.*?</metadata>|<!--.*?-->", "", figures.svg(chart), flags=re.DOTALL)
    for color in INKS:
        text = re.sub(re.escape(color), "currentColor", text, flags=re.IGNORECASE)
    text = text.replace(GRID, "var(--line)").replace(f"fill: {PAPER}", "fill: none")
    return _scoped(text, prefix)


def _scoped(text: str, prefix: str) -> str:
    text = re.sub(r'\bid="', f'id="{prefix}', text)
    text = re.sub(r"url\(#", f"url(#{prefix}", text)
    return re.sub(r'href="#', f'href="#{prefix}', text)
