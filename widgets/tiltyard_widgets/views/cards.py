"""What a check found, in four blocks: the outcome in a sentence, the numbers as cards, what to do, the findings."""

from collections.abc import Callable, Mapping, Sequence

from tiltyard.formatting import numbers as numerals
from tiltyard.reports.findings import Described
from tiltyard.result import CheckResult, Metric

from ..theme.markup import Markup, Node, div, el, span, term
from .layers import Action
from .states import STATES, badge

SAFER = {
    "higher": ("↑", "higher is safer"),
    "lower": ("↓", "lower is safer"),
    "zero": ("→0", "nearer 0 is safer"),
}


def _value(metric: Metric) -> Node:
    """Number, unit and interval in one line; a click copies them with n."""
    if metric.value is None:
        return span("ty-none", "not measured")
    shown, unit = numerals.value(metric)
    number = span("ty-value", shown, *([span("ty-unit", f" {unit}")] if unit else []))
    between = numerals.between(metric)
    parts = [number, *([span("ty-between", between)] if between else [])]
    text = numerals.copied(metric)
    given = {
        "type": "button",
        "class": "ty-number",
        "data-copy": text,
        "data-quiet": "",
        "title": "Copy this number",
        "data-key": metric.name,
    }
    return el("button", given, *parts, span("ty-hidden", ", copy"))


def _fine(metric: Metric) -> list[Node]:
    """The small print of a card: n, level and direction in a line, the note in another."""
    level = f"{numerals.number(100 * metric.level)} % CI" if metric.level is not None and numerals.between(metric) else ""
    bare = "no interval" if metric.value is not None and metric.n is not None and not numerals.between(metric) else ""
    sign, word = SAFER.get(metric.safer, ("", ""))
    words = [part for part in (numerals.count(metric), level or bare) if part]
    line: list[Node] = [" · ".join(words)] if words else []
    if word:
        line += [" · "] * bool(words) + [el("span", {"aria-hidden": "true"}, f"{sign} "), word]
    made: list[Node] = [span("ty-fine", *line)] if line else []
    return [*made, *([span("ty-fine", metric.note)] if metric.note else [])]


def card(metric: Metric) -> Node:
    """One metric as a card; a metric without a value says why in its place."""
    how = {"title": f"{metric.interval} interval"} if metric.interval else {}
    return el("li", {"class": "ty-card", **how}, span("ty-label", term(metric.label)), _value(metric), *_fine(metric))


class MetricCards(Markup):
    """The few numbers that matter, each with interval, n and which direction is safer."""

    def show(self, metrics: Sequence[Metric]) -> None:
        self.tree = [el("ul", {"class": "ty-cards", "aria-label": "Measured"}, *map(card, metrics))] if metrics else []


class Outcome(Markup):
    """One sentence that says how it ended, with a sign and a word."""

    def show(self, result: CheckResult | None) -> None:
        if result is None:
            self.say("not_run", "Nothing was measured yet.")
        else:
            self.say(result.status.value, result.summary)

    def say(self, state: str, sentence: str) -> None:
        """``state`` is a key of `states.STATES`."""
        assert state in STATES, state
        self.tree = [el("div", {"class": "ty-sentence", "data-state": state}, badge(state), el("p", None, sentence))]


class Findings(Markup):
    """What to act on, worst first: severity, evidence, advice, standards, and the defense one click away."""

    ORDER = ("critical", "high", "medium", "low", "info")

    def __init__(self, defenses: Mapping[str, str]) -> None:
        self._defenses = dict(defenses)
        super().__init__()

    def show(self, findings: Sequence[Described]) -> None:
        ordered = sorted(findings, key=lambda finding: self.ORDER.index(finding.severity.value))
        self.tree = [el("ul", {"class": "ty-findings", "aria-label": "Findings"}, *map(self._one, ordered))] if ordered else []

    def on_defense(self, call: Callable[[str], None]) -> None:
        """Call ``call(defense_id)`` when a person wants the defense that a finding names."""
        self.on_event("defense", call)

    def _one(self, finding: Described) -> Node:
        severity = finding.severity.value
        top = div("ty-top", span("ty-severity", f"{severity} severity"), el("h3", None, finding.title))
        pairs = [("Evidence", finding.evidence), ("Advice", finding.advice)]
        rows: list[Node] = [part for word, text in pairs if text for part in (el("dt", None, word), el("dd", None, text))]
        if finding.standards:
            rows += [el("dt", None, "Standards"), el("dd", None, *(span("ty-tag", name) for name in finding.standards))]
        parts = [top, el("dl", None, *rows)]
        if finding.defense:
            parts.append(el("p", None, way_out(finding.defense, self._defenses)))
        return el("li", {"class": "ty-finding", "data-severity": severity}, *parts)


class Advice(Markup):
    """What to do about a result: the gravest finding's advice with its defense one click away, or that there is nothing to do."""

    def __init__(self, defenses: Mapping[str, str]) -> None:
        self._defenses = dict(defenses)
        super().__init__()

    def on_defense(self, call: Callable[[str], None]) -> None:
        """Call ``call(defense_id)`` when a person wants the defense."""
        self.on_event("defense", call)

    def show(self, action: Action | None) -> None:
        self.tree = [self._draw(action)] if action else []

    def _draw(self, action: Action) -> Node:
        finding = action.finding
        parts: list[Node] = [el("h3", None, action.head)]
        if finding:
            severity = span("ty-severity", f"{finding.severity.value} severity")
            parts.append(div("ty-top", severity, el("b", None, finding.title)))
        parts.append(el("p", None, action.advice))
        if finding and finding.defense:
            parts.append(el("p", None, way_out(finding.defense, self._defenses)))
        if action.more:
            parts.append(el("p", {"class": "ty-help"}, f"{action.more} more finding{'s' * (action.more != 1)} under Details."))
        given = {"data-severity": finding.severity.value} if finding else {}
        return el("section", {"class": "ty-finding ty-advice", "aria-label": action.head, **given}, *parts)


def way_out(defense: str, titles: Mapping[str, str]) -> Node:
    """A button that leads to a defense."""
    label = f"Go to the defense: {titles.get(defense, defense)}"
    return el("button", {"type": "button", "class": "ty-button", "data-send": "defense", "data-value": defense, "data-key": defense}, label)


def metric_cards(metrics: Sequence[Metric] = ()) -> MetricCards:
    """Cards of ``metrics``; ``.show(metrics)`` changes them in place."""
    made = MetricCards()
    made.show(metrics)
    return made


def outcome(result: CheckResult | None = None) -> Outcome:
    """The outcome of ``result`` in a sentence, announced to screen readers as it changes."""
    made = Outcome(live="polite")
    made.show(result)
    return made


def findings(found: Sequence[Described] = (), defenses: Mapping[str, str] | None = None) -> Findings:
    """The findings; ``defenses`` gives the titles of the defenses by id."""
    made = Findings(defenses or {})
    made.show(found)
    return made


def advice(defenses: Mapping[str, str] | None = None) -> Advice:
    """What to do; ``defenses`` gives the titles of the defenses by id."""
    return Advice(defenses or {})
