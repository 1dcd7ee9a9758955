"""The states a topic or a result can be in: a sign and a word each, never color alone."""

from ..theme.markup import Node, el

STATES: dict[str, tuple[str, str]] = {
    "not_run": ("○", "not run"),
    "waiting": ("◷", "waiting"),
    "running": ("◌", "running"),
    "loaded": ("●", "loaded"),  # a model that opened: a probe of a few rows is no verdict
    "passed": ("✓", "passed"),
    "finding": ("▲", "finding"),
    "incomplete": ("◐", "incomplete"),
    "not_applicable": ("–", "not applicable"),
    "failed": ("✕", "failed"),
    "cancelled": ("■", "cancelled"),
}


def badge(state: str) -> Node:
    """Sign and word of a state; the sign is hidden from a screen reader, the word is not."""
    sign, word = STATES[state]
    return el("span", {"class": "ty-state", "data-state": state}, el("span", {"aria-hidden": "true"}, sign), el("span", None, word))
