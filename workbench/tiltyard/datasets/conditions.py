"""What a row must be to belong to a cohort: one condition each, in words for a person and as a mask over rows."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Discriminator, Field, Tag, model_validator

from ..errors import Problem
from ..formatting.numbers import number
from ..result import Given
from .feature import MISSING, Feature
from .schema import Rows, Schema
from .texts import Texts

Mask = NDArray[np.bool_]
SHOWN = 4


class Answers(Protocol):
    """What a model answered the rows: class indices ``labels`` int64 (n,) and class ``scores`` float64 (n, k), or (n, 0) without any."""

    @property
    def labels(self) -> NDArray[np.int64]: ...

    @property
    def scores(self) -> NDArray[np.float64]: ...


class Table(Protocol):
    """A `Dataset`, as far as a condition looks at it."""

    @property
    def x(self) -> Rows: ...

    @property
    def y(self) -> NDArray[np.int64]: ...

    @property
    def schema(self) -> Schema: ...

    @property
    def name(self) -> str: ...

    @property
    def sensitive(self) -> dict[str, NDArray[np.str_]]: ...

    @property
    def fingerprint(self) -> str: ...

    def __len__(self) -> int: ...


def some(names: Sequence[str]) -> str:
    """Names in a row, the first few of many."""
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def _is_one_of(names: Sequence[str]) -> str:
    return f"is {names[0]}" if len(names) == 1 else f"is one of {some(names)}"


def _span(low: float | None, high: float | None, above: bool = False, below: bool = False) -> str:
    """``from 30 to below 40``, ``above 3``, ``up to 5``."""
    start = "" if low is None else f"{'above' if above else 'from'} {number(low, 6)}"
    if high is None:
        return start if above or not start else f"{start} on"
    end = f"{'below' if below else 'up to'} {number(high, 6)}"
    return f"{start} {end.replace('up to', 'to') if start else end}".strip()


def _within(values: NDArray[np.floating[Any]], low: float | None, high: float | None, above: bool = False, below: bool = False) -> Mask:
    kept: Mask = ~np.isnan(values)
    if low is not None:
        kept &= values > low if above else values >= low
    if high is not None:
        kept &= values < high if below else values <= high
    return kept


def _ordered(low: float | None, high: float | None) -> None:
    if low is None and high is None:
        raise ValueError("give a low or a high end")
    if low is not None and high is not None and low > high:
        raise ValueError(f"the low end {low:g} is above the high end {high:g}")


def _answered(answers: Answers | None, what: str) -> Answers:
    if answers is None:
        raise Problem(f"a target for the condition {what!r}", "none", "Give the target beside the cohort")
    return answers


def _places(names: Sequence[str], known: Sequence[str], what: str) -> list[int]:
    lost = [name for name in names if name not in known]
    if lost:
        raise Problem(f"{what} to be among {some(known)}", repr(lost[0]), "Correct its name")
    return [list(known).index(name) for name in names]


def _feature(data: Table, name: str, kinds: tuple[str, ...], what: str) -> Feature:
    feature = data.schema.feature(name)
    if feature.kind not in kinds:
        raise Problem(f"{what} in {name!r}", f"a column that is {feature.kind}", "Choose another condition or column")
    return feature


def column_codes(data: Table, feature: Feature) -> NDArray[np.intp]:
    """The place of each row's value among the values of a grouped feature, (n,)."""
    part = data.x[:, data.schema.slices[feature.name]]
    return part.argmax(1) if feature.kind == "onehot" else part[:, 0].astype(np.intp)


def column_numbers(data: Table, feature: Feature) -> NDArray[np.float64]:
    """The numbers of a feature that is one, (n,), NaN where there is none; of free text the number of each text."""
    return data.x[:, data.schema.slices[feature.name].start].astype(np.float64, copy=False)


class Among(Given):
    """A category among ``levels``."""

    kind: Literal["among"] = "among"
    column: str
    levels: tuple[str, ...] = Field(min_length=1)

    @property
    def words(self) -> str:
        """The condition as a clause."""
        return f"{self.column} {_is_one_of(self.levels)}"

    def rows(self, data: Table, answers: Answers | None) -> Mask:
        """Which rows (n,) meet it."""
        feature = _feature(data, self.column, ("categorical", "onehot"), "categories")
        return np.isin(column_codes(data, feature), _places(self.levels, feature.values, f"levels of {self.column!r}"))


class Between(Given):
    """A number from ``low`` to ``high``, both ends within unless ``above`` or ``below``; ``missing`` takes rows without one in too."""

    kind: Literal["between"] = "between"
    column: str
    low: float | None = None
    high: float | None = None
    above: bool = False
    below: bool = False
    missing: bool = False

    @model_validator(mode="after")
    def _whole(self) -> Self:
        _ordered(self.low, self.high)
        return self

    @property
    def words(self) -> str:
        """The condition as a clause."""
        return f"{self.column} {_span(self.low, self.high, self.above, self.below)}{' or missing' * self.missing}"

    def rows(self, data: Table, answers: Answers | None) -> Mask:
        """Which rows (n,) meet it."""
        values = column_numbers(data, _feature(data, self.column, ("continuous", "integer"), "numbers"))
        kept = _within(values, self.low, self.high, self.above, self.below)
        return kept | np.isnan(values) if self.missing else kept


class Missing(Given):
    """Rows that have no value in ``column``; with ``missing`` false those that have one."""

    kind: Literal["missing"] = "missing"
    column: str
    missing: bool = True

    @property
    def words(self) -> str:
        """The condition as a clause."""
        return f"{self.column} is {'' if self.missing else 'not '}missing"

    def rows(self, data: Table, answers: Answers | None) -> Mask:
        """Which rows (n,) meet it."""
        empty = missing_in(data, data.schema.feature(self.column))
        return empty if self.missing else ~empty


def missing_in(data: Table, feature: Feature) -> Mask:
    """Which rows (n,) have no value in the feature."""
    if feature.grouped:
        empty: Mask = column_codes(data, feature) == (feature.values.index(MISSING) if MISSING in feature.values else -1)
        return empty
    if feature.kind == "pixels":
        return np.zeros(len(data), bool)
    return np.isnan(column_numbers(data, feature))


class Contains(Given):
    """A text, or a category's name, in which ``text`` stands; upper and lower case alike."""

    kind: Literal["contains"] = "contains"
    column: str
    text: str = Field(min_length=1)

    @property
    def words(self) -> str:
        """The condition as a clause."""
        return f"{self.column} contains “{self.text}”"

    def rows(self, data: Table, answers: Answers | None) -> Mask:
        """Which rows (n,) meet it."""
        feature = _feature(data, self.column, ("text", "categorical", "onehot"), "text or categories")
        wanted = self.text.casefold()
        if feature.grouped:
            return np.array([wanted in value.casefold() for value in feature.values], bool)[column_codes(data, feature)]
        values, places = np.unique(column_numbers(data, feature), return_inverse=True)
        return np.array([text is not None and wanted in text.casefold() for text in Texts(feature).at(values)], bool)[places]


class Labelled(Given):
    """The row's true class."""

    kind: Literal["label"] = "label"
    classes: tuple[str, ...] = Field(min_length=1)

    @property
    def words(self) -> str:
        """The condition as a clause."""
        return f"true class {_is_one_of(self.classes)}"

    def rows(self, data: Table, answers: Answers | None) -> Mask:
        """Which rows (n,) meet it."""
        return np.isin(data.y, _places(self.classes, data.schema.classes, "classes"))


class Predicted(Given):
    """The class that the target decides."""

    kind: Literal["predicted"] = "predicted"
    classes: tuple[str, ...] = Field(min_length=1)

    @property
    def words(self) -> str:
        """The condition as a clause."""
        return f"predicted class {_is_one_of(self.classes)}"

    def rows(self, data: Table, answers: Answers | None) -> Mask:
        """Which rows (n,) meet it."""
        return np.isin(_answered(answers, self.words).labels, _places(self.classes, data.schema.classes, "classes"))


class Right(Given):
    """Rows that the target has right, or wrong."""

    kind: Literal["right"] = "right"
    right: bool

    @property
    def words(self) -> str:
        """The condition as a clause."""
        return "predicted rightly" if self.right else "predicted wrongly"

    def rows(self, data: Table, answers: Answers | None) -> Mask:
        """Which rows (n,) meet it."""
        found: Mask = (_answered(answers, self.words).labels == data.y) == self.right
        return found


class Scored(Given):
    """The target's score of class ``of``, 0 to 1."""

    kind: Literal["score"] = "score"
    of: str
    low: float | None = Field(default=None, ge=0, le=1)
    high: float | None = Field(default=None, ge=0, le=1)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        _ordered(self.low, self.high)
        return self

    @property
    def words(self) -> str:
        """The condition as a clause."""
        return f"score of {self.of} {_span(self.low, self.high)}"

    def rows(self, data: Table, answers: Answers | None) -> Mask:
        """Which rows (n,) meet it."""
        scores = _answered(answers, self.words).scores
        if not scores.shape[1]:
            raise Problem(f"scores for the condition {self.words!r}", "a target that gives labels only", "Leave the condition out")
        (place,) = _places((self.of,), data.schema.classes, "the score's class")
        return _within(scores[:, place], self.low, self.high)


class InGroup(Given):
    """A group of the sensitive column ``column``, which need not be a feature."""

    kind: Literal["group"] = "group"
    column: str
    groups: tuple[str, ...] = Field(min_length=1)

    @property
    def words(self) -> str:
        """The condition as a clause."""
        return f"{self.column} {_is_one_of(self.groups)}"

    def rows(self, data: Table, answers: Answers | None) -> Mask:
        """Which rows (n,) meet it."""
        if self.column not in data.sensitive:
            raise Problem(f"a sensitive column ({some(sorted(data.sensitive)) or 'there is none'})", repr(self.column), "Correct its name")
        column = data.sensitive[self.column]
        _places(self.groups, np.unique(column).tolist(), f"groups of {self.column!r}")
        return np.isin(column, self.groups)


class RowNumbers(Given):
    """Rows by their number, counted from 0, of the very data set whose fingerprint is ``data``; ``why`` says what they are."""

    kind: Literal["rows"] = "rows"
    numbers: tuple[int, ...] = Field(min_length=1)
    data: str
    why: str = "chosen rows"

    @property
    def words(self) -> str:
        """The condition as a clause."""
        return f"{self.why} ({len(self.numbers):,} rows by number)"

    def rows(self, data: Table, answers: Answers | None) -> Mask:
        """Which rows (n,) meet it."""
        if data.fingerprint != self.data:
            raise Problem(
                f"the data that {self.words} are of ({self.data[:12]})", f"{data.name} ({data.fingerprint[:12]})", "Choose rows anew"
            )
        outside = [i for i in self.numbers if not 0 <= i < len(data)]
        if outside:
            raise Problem(f"row numbers 0 to {len(data) - 1:,}", f"{outside[0]}", "Leave it out")
        found = np.zeros(len(data), bool)
        found[list(self.numbers)] = True
        return found


def _kind(value: Any) -> str:
    """What a condition, or its JSON, says it is."""
    return str(value.get("kind", "")) if isinstance(value, dict) else str(getattr(value, "kind", ""))


Condition = Annotated[
    Annotated[Among, Tag("among")]
    | Annotated[Between, Tag("between")]
    | Annotated[Missing, Tag("missing")]
    | Annotated[Contains, Tag("contains")]
    | Annotated[Labelled, Tag("label")]
    | Annotated[Predicted, Tag("predicted")]
    | Annotated[Right, Tag("right")]
    | Annotated[Scored, Tag("score")]
    | Annotated[InGroup, Tag("group")]
    | Annotated[RowNumbers, Tag("rows")],
    Discriminator(_kind),
]
ASKING = (Predicted, Right, Scored)
"""The conditions that need what the target answers."""
