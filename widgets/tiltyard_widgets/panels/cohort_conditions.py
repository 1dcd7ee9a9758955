"""Controls for one condition of a cohort: what it is about, and what must hold of it."""

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets as w
import numpy as np

from tiltyard.datasets.conditions import (
    Among,
    Between,
    Condition,
    Contains,
    InGroup,
    Labelled,
    Missing,
    Predicted,
    Right,
    RowNumbers,
    Scored,
    column_codes,
    column_numbers,
    missing_in,
)
from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.errors import Problem
from tiltyard.formatting.numbers import number

from ..controls.picker import Choice
from ..theme import look, plain

ROWS_SHOWN = 8
SIFTED = 20  # levels from which on there is a field to find them by their text


class Editor:
    """The controls of one kind of condition; ``widget`` holds them, and ``changed`` is called whenever they change."""

    def __init__(self, children: Sequence[w.Widget], watched: Sequence[tuple[w.Widget, str]], changed: Callable[[], None]) -> None:
        self.widget = look.stack(children, tight=True)
        for control, trait in watched:
            control.observe(lambda _: changed(), trait)

    def condition(self) -> Condition | None:
        """What the controls say; None where nothing is said yet. A `Problem` in one line where it is wrong."""
        raise NotImplementedError


class Several(Editor):
    """Some of several names."""

    def __init__(
        self,
        label: str,
        names: Sequence[str],
        counts: Sequence[int],
        make: Callable[[tuple[str, ...]], Condition],
        changed: Callable[[], None],
    ) -> None:
        self._make = make
        options = [(f"{name} ({count:,})", name) for name, count in zip(names, counts, strict=True)]
        self.names = look.labelled(plain.SelectMultiple(description=label, options=options, rows=min(max(len(options), 2), ROWS_SHOWN)))
        super().__init__([self.names, look.text("Ctrl or Shift chooses several.", kind="help")], [(self.names, "value")], changed)

    def condition(self) -> Condition | None:
        chosen = tuple(self.names.value)
        return self._make(chosen) if chosen else None


class Levels(Editor):
    """Some levels of a category, or all whose name contains a text, or missing."""

    def __init__(self, data: Dataset, feature: Feature, changed: Callable[[], None]) -> None:
        self._feature = feature
        counts = np.bincount(column_codes(data, feature), minlength=len(feature.values))
        order = np.argsort(-counts, kind="stable")[:500]
        self.several = Several(
            "Is one of",
            [feature.values[i] for i in order],
            counts[order].tolist(),
            lambda chosen: Among(column=feature.name, levels=chosen),
            changed,
        )
        self.text = look.entry("Or contains the text", hint="part of a name")
        look.show(self.text, len(feature.values) > SIFTED)
        super().__init__([self.several.widget, self.text], [(self.text, "value")], changed)

    def condition(self) -> Condition | None:
        text = self.text.value.strip()
        return self.several.condition() or (Contains(column=self._feature.name, text=text) if text else None)


class Span(Editor):
    """A number between two ends; ``make`` gets them and whether rows without one are meant."""

    def __init__(
        self, values: Any, what: str, make: Callable[[float | None, float | None], Condition], changed: Callable[[], None]
    ) -> None:
        self._make, self._what = make, what
        real = values[~np.isnan(values)]
        low, quarter, middle, three, high = np.quantile(real, (0, 0.25, 0.5, 0.75, 1)) if len(real) else (0.0,) * 5
        self.low = look.entry("From", hint=number(float(low), 6))
        self.high = look.entry("To", hint=number(float(high), 6))
        spread = f"Half of the rows: {number(float(quarter), 6)} to {number(float(three), 6)}; middle {number(float(middle), 6)}."
        watched = [(self.low, "value"), (self.high, "value")]
        super().__init__([look.row([self.low, self.high]), look.text(spread, kind="help")], watched, changed)

    def condition(self) -> Condition | None:
        low, high = self._number(self.low), self._number(self.high)
        if low is None and high is None:
            return None
        if low is not None and high is not None and low > high:
            raise Problem(f"a low end below the high end of {self._what}", f"{number(low)} and {number(high)}", "Exchange them")
        return self._make(low, high)

    def _number(self, field: w.Text) -> float | None:
        text = field.value.strip().replace("\u2212", "-").replace(",", "")
        if not text:
            return None
        try:
            found = float(text)
        except ValueError:
            found = float("nan")
        if not np.isfinite(found):
            raise Problem(f"a number under {field.description} of {self._what}", repr(field.value[:40]), "Correct it")
        return found


class Number(Editor):
    """A number of a column between two ends, or missing."""

    def __init__(self, data: Dataset, feature: Feature, changed: Callable[[], None]) -> None:
        self._name = feature.name
        values = column_numbers(data, feature)
        self.span = Span(values, repr(feature.name), lambda low, high: Between(column=feature.name, low=low, high=high), changed)
        gone = int(np.isnan(values).sum())
        options = [("Between", "between"), (f"Missing ({gone:,})", "missing"), ("Not missing", "there")]
        self.which = Choice(label="Value", options=options, value="between", kind="segments")
        look.show(self.which, gone > 0)
        self.which.observe(lambda _: look.show(self.span.widget, self.which.value == "between"), "value")
        super().__init__([self.which, self.span.widget], [(self.which, "value")], changed)

    def condition(self) -> Condition | None:
        if self.which.value != "between":
            return Missing(column=self._name, missing=self.which.value == "missing")
        return self.span.condition()


class Words(Editor):
    """A column of free text that contains a text, or missing."""

    def __init__(self, data: Dataset, feature: Feature, changed: Callable[[], None]) -> None:
        self._name = feature.name
        gone = int(missing_in(data, feature).sum())
        options = [("Contains", "contains"), (f"Missing ({gone:,})", "missing"), ("Not missing", "there")]
        self.which = Choice(label="Text", options=options, value="contains", kind="segments")
        look.show(self.which, gone > 0)
        self.text = look.entry("Contains", hint="a word, upper or lower case")
        super().__init__([self.which, self.text], [(self.which, "value"), (self.text, "value")], changed)

    def condition(self) -> Condition | None:
        if self.which.value != "contains":
            return Missing(column=self._name, missing=self.which.value == "missing")
        text = self.text.value.strip()
        return Contains(column=self._name, text=text) if text else None


class RightOrWrong(Editor):
    """Rows that the model has right, or wrong."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self.which = Choice(label="The decision is", options=[("Wrong", "wrong"), ("Right", "right")], value="wrong", kind="segments")
        super().__init__([self.which], [(self.which, "value")], changed)

    def condition(self) -> Condition | None:
        return Right(right=self.which.value == "right")


class Score(Editor):
    """The score of a class between two ends."""

    def __init__(self, classes: Sequence[str], changed: Callable[[], None]) -> None:
        self.of = Choice(label="Score of", options=list(classes), value=classes[-1])
        span = np.linspace(0, 1, 5)
        self.span = Span(span, "the score", lambda low, high: Scored(of=self.of.value, low=low, high=high), changed)
        self.span.widget.children = self.span.widget.children[:1]
        super().__init__([self.of, self.span.widget], [(self.of, "value")], changed)

    def condition(self) -> Condition | None:
        for field in (self.span.low, self.span.high):
            found = self.span._number(field)
            if found is not None and not 0 <= found <= 1:
                raise Problem(f"a score from 0 to 1 under {field.description}", number(found), "Correct it")
        return self.span.condition()


class Fixed(Editor):
    """Rows that are known by number; there is nothing to set."""

    def __init__(self, rows: RowNumbers) -> None:
        self._rows = rows
        super().__init__([look.text(f"{len(rows.numbers):,} rows.", kind="help")], (), lambda: None)

    def condition(self) -> Condition | None:
        return self._rows


def editor_of(data: Dataset, feature: Feature, changed: Callable[[], None]) -> Editor:
    """The controls for a column."""
    if feature.grouped:
        return Levels(data, feature, changed)
    return Words(data, feature, changed) if feature.kind == "text" else Number(data, feature, changed)


def class_editor(
    label: str, data: Dataset, kind: type[Labelled] | type[Predicted], counts: Sequence[int], changed: Callable[[], None]
) -> Editor:
    """The controls for a true or predicted class."""
    return Several(label, data.schema.classes, counts, lambda chosen: kind(classes=chosen), changed)


def group_editor(data: Dataset, column: str, changed: Callable[[], None]) -> Editor:
    """The controls for a sensitive column."""
    groups, counts = np.unique(data.sensitive[column], return_counts=True)
    order = np.argsort(-counts, kind="stable")[:500]
    names = [str(groups[i]) for i in order]
    return Several("Is one of", names, counts[order].tolist(), lambda chosen: InGroup(column=column, groups=chosen), changed)
