"""Relations between the columns of a table that every row keeps: comparisons of sums, one above zero, implied values, derived columns.

As a person writes them, one a line::

    installment <= loan_amount                     a + b + c = 100 within 0.5
    at most one above zero: capital-gain, capital-loss
    if workclass is Never-worked then occupation is (missing)
    if relationship in {Husband, Wife} then age >= 16
    debt_ratio := debt / income within 0.01        recomputed whenever debt or income is changed

A comparison with a number that a row lacks says nothing of that row.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np

from . import expressions as ex

ROUNDING = 1e-6


class Cells(Protocol):
    """Rows as a relation looks at them: numpy arrays or torch tensors (n,)."""

    @property
    def maths(self) -> Any:
        """numpy or torch, whichever the columns are of."""

    def number(self, name: str) -> Any:
        """A column's numbers, (n,)."""

    def among(self, name: str, values: tuple[str, ...]) -> Any:
        """Where a category is one of ``values``, bool (n,)."""


@dataclass(frozen=True)
class Clause:
    """A category among ``values`` (or none of them, where ``other``), or a number compared by ``sign`` with ``bound``."""

    column: str
    values: tuple[str, ...] = ()
    other: bool = False
    sign: str = ""
    bound: float = 0.0

    def holds(self, cells: Cells) -> Any:
        """In which rows, bool (n,); a comparison holds in none without the number."""
        if not self.sign:
            found = cells.among(self.column, self.values)
            return ~found if self.other else found
        value = cells.number(self.column)
        compared = {"<=": value <= self.bound, ">=": value >= self.bound, "<": value < self.bound, ">": value > self.bound}
        return compared.get(self.sign, value == self.bound)

    @property
    def text(self) -> str:
        """As it is written."""
        if self.sign:
            return f"{ex.quoted(self.column)} {self.sign} {self.bound:.12g}"
        values = [ex.quoted(value) for value in self.values]
        if len(values) == 1:
            return f"{ex.quoted(self.column)} is {'not ' * self.other}{values[0]}"
        return f"{ex.quoted(self.column)} {'not ' * self.other}in {{{', '.join(values)}}}"


@dataclass(frozen=True)
class Sum:
    """The sum of ``terms`` (coefficient by column) is at most ``bound``, or with ``equal`` exactly that, give or take ``within``."""

    text: str
    terms: tuple[tuple[str, float], ...]
    bound: float
    equal: bool = False
    within: float = 0.0

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it is about."""
        return tuple(name for name, _ in self.terms)

    def broken(self, cells: Cells) -> Any:
        """In which rows it does not hold, bool (n,)."""
        parts = [cells.number(name) * factor for name, factor in self.terms]
        excess, size = sum(parts) - self.bound, sum(abs(part) for part in parts) + abs(self.bound)
        slack = self.within + ROUNDING * size
        return (abs(excess) > slack) if self.equal else (excess > slack)


@dataclass(frozen=True)
class OneAboveZero:
    """At most one of the columns is above zero."""

    text: str
    columns: tuple[str, ...]

    def broken(self, cells: Cells) -> Any:
        """In which rows it does not hold, bool (n,)."""
        return sum((cells.number(name) > 0) + 0 for name in self.columns) > 1


@dataclass(frozen=True)
class Implied:
    """Where all clauses of ``given`` hold, ``then`` does."""

    text: str
    given: tuple[Clause, ...]
    then: Clause

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it is about."""
        return tuple(dict.fromkeys([*(clause.column for clause in self.given), self.then.column]))

    def broken(self, cells: Cells) -> Any:
        """In which rows it does not hold, bool (n,)."""
        found = ~self.then.holds(cells)
        for clause in self.given:
            found = found & clause.holds(cells)
        return found


@dataclass(frozen=True)
class Derived:
    """The column ``name`` is what ``by`` gives, give or take ``within``; it is recomputed where another column is changed."""

    text: str
    name: str
    by: ex.Expression
    within: float = 0.0

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it is about."""
        return tuple(dict.fromkeys([self.name, *ex.columns_of(self.by)]))

    def value(self, cells: Cells) -> Any:
        """What the column is to be, (n,); no finite number where a division by zero or a missing number leaves none."""
        with np.errstate(all="ignore"):
            return ex.value(self.by, cells.number, cells.maths) + 0 * cells.number(self.name)

    def broken(self, cells: Cells) -> Any:
        """In which rows it does not hold, bool (n,); nothing is known where no number comes out."""
        wanted, found = self.value(cells), cells.number(self.name)
        return abs(found - wanted) > self.within + ROUNDING * (abs(wanted) + abs(found))


Relation = Sum | OneAboveZero | Implied | Derived


@lru_cache(512)
def relation_of(text: str) -> Relation:
    """A relation as a person wrote it.

    Raises
    ------
    Problem
        In one line, for a text that is none.
    """
    reader = ex.Reader(" ".join(text.split()))
    if reader.follows("if"):
        return _implied(reader)
    if reader.follows("at") and reader.tokens[reader.at + 1].text.casefold() == "most":
        return _one_above_zero(reader)
    if len(reader.tokens) > 1 and reader.tokens[1].text == ":=":
        return _derived(reader)
    return _sum(reader)


def _implied(reader: ex.Reader) -> Implied:
    reader.need("if")
    given = [_clause(reader)]
    while reader.follows("and"):
        reader.take()
        given.append(_clause(reader))
    reader.need("then")
    then = _clause(reader)
    reader.end()
    return Implied(f"if {' and '.join(clause.text for clause in given)} then {then.text}", tuple(given), then)


def _clause(reader: ex.Reader) -> Clause:
    column = reader.name()
    if reader.follows("<=", ">=", "<", ">", "=", "=="):
        sign = reader.take().text.replace("==", "=")
        return Clause(column, sign=sign, bound=reader.number())
    word = reader.need("is", "in", "not").text.casefold()
    other = word == "not" or (word == "is" and reader.follows("not") and bool(reader.take()))
    if word == "not":
        word = reader.need("in").text.casefold()
    if word == "is":
        return Clause(column, (reader.name("a category"),), other)
    reader.need("{")
    values = [reader.name("a category")]
    while reader.follows(","):
        reader.take()
        values.append(reader.name("a category"))
    reader.need("}")
    return Clause(column, tuple(dict.fromkeys(values)), other)


def _one_above_zero(reader: ex.Reader) -> OneAboveZero:
    for word in ("at", "most", "one", "above", "zero", ":"):
        reader.need(word)
    names = [reader.name()]
    while reader.follows(","):
        reader.take()
        names.append(reader.name())
    reader.end()
    names = list(dict.fromkeys(names))
    if len(names) < 2:
        raise ex.wrong(reader.text, "two columns or more", f"{len(names)}")
    return OneAboveZero(f"at most one above zero: {', '.join(map(ex.quoted, names))}", tuple(names))


def _within(reader: ex.Reader) -> float:
    within = reader.number() if reader.follows("within") and reader.take() else 0.0
    reader.end()
    if within < 0:
        raise ex.wrong(reader.text, "a number from 0 on behind within", f"{within:g}")
    return within


def _derived(reader: ex.Reader) -> Derived:
    name = reader.name()
    reader.need(":=")
    start = reader.now.at
    by = reader.expression()
    stop = reader.now.at
    within = _within(reader)
    if name in ex.columns_of(by):
        raise ex.wrong(reader.text, "a derived column that does not depend on itself", repr(name))
    if not ex.columns_of(by):
        raise ex.wrong(reader.text, "a derived column that depends on another", "numbers alone")
    return Derived(f"{ex.quoted(name)} := {reader.text[start:stop].strip()}{_and_within(within)}", name, by, within)


def _and_within(within: float) -> str:
    return f" within {within:g}" if within else ""


def _sum(reader: ex.Reader) -> Sum:
    left = ex.linear(reader.expression(), reader.text)
    middle = reader.now.at
    sign = reader.need("<=", ">=", "=", "==").text
    start = reader.now.at
    right = ex.linear(reader.expression(), reader.text)
    stop = reader.now.at
    within = _within(reader)
    turned = -1.0 if sign == ">=" else 1.0
    joined = {name: turned * (left.get(name, 0.0) - right.get(name, 0.0)) for name in {**left, **right}}
    bound = -joined.pop("", 0.0)
    terms = tuple((name, factor) for name, factor in joined.items() if factor)
    if not terms or not all(map(math.isfinite, [bound, *dict(terms).values()])):
        raise ex.wrong(reader.text, "a comparison of columns", "one that no column decides")
    text = f"{reader.text[:middle].strip()} {sign.replace('==', '=')} {reader.text[start:stop].strip()}{_and_within(within)}"
    return Sum(text, terms, bound, sign in ("=", "=="), within)
