"""Sums, products and comparisons of columns as a person writes them: read into a tree by a small grammar, never run as code.

A name is a word that may hold hyphens and dots (``capital-gain``); any other name or value is quoted: ``'hours per week'``. A minus between
two names stands between spaces.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import Problem

MOST, DEEPEST = 2_000, 40
TOKEN = re.compile(
    r"\s*(?:(?P<quoted>'[^']*'|\"[^\"]*\"|`[^`]*`)|(?P<missing>\(missing\))|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.-]))"
    r"|(?P<word>\w[\w.]*(?:-\w[\w.]*)*)|(?P<sign>:=|<=|>=|==|[-+*/^()=<>{},:]))"
)
ARGUMENTS = {"round": 1, "floor": 1, "abs": 1, "min": 2, "max": 2}


@dataclass(frozen=True)
class Token:
    """A word, number, quoted text or sign, and where it starts in the text."""

    kind: str
    text: str
    at: int


@dataclass(frozen=True)
class Number:
    """A constant."""

    value: float


@dataclass(frozen=True)
class Column:
    """The number of a column."""

    name: str


@dataclass(frozen=True)
class Call:
    """A sign of arithmetic or a function of `ARGUMENTS`, with what it is applied to."""

    function: str
    arguments: tuple["Expression", ...]


Expression = Number | Column | Call


def wrong(text: str, expected: str, found: str) -> Problem:
    """The one-line error of a relation that cannot be read."""
    return Problem(f"{expected} in the relation {text!r}", found, "Write for example: a <= b, a + b = 100, c := a / b")


def tokens(text: str) -> list[Token]:
    """The text in tokens, the last of kind ``end``; a `Problem` at the first sign that is none."""
    if len(text) > MOST:
        raise Problem(f"a relation of at most {MOST} characters", f"{len(text)}", "Write it shorter")
    found, at = [], 0
    while text[at:].strip():
        match = TOKEN.match(text, at)
        if match is None:
            raise wrong(text, "names, numbers and signs", repr(text[at:].strip()[:20]))
        kind = str(match.lastgroup)
        part = match.group(kind)
        found.append(Token("name" if kind == "quoted" else kind, part[1:-1] if kind == "quoted" else part, match.start(kind)))
        at = match.end()
    return [*found, Token("end", "", len(text))]


class Reader:
    """Tokens read from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokens(text)
        self.at = self.depth = 0

    @property
    def now(self) -> Token:
        """The token that is next."""
        return self.tokens[self.at]

    def follows(self, *texts: str) -> bool:
        """Is the next token one of these words or signs, in lower or upper case?"""
        return self.now.kind in ("word", "sign") and self.now.text.casefold() in texts

    def take(self) -> Token:
        """The next token, which is then read."""
        token = self.now
        self.at += token.kind != "end"
        return token

    def need(self, *texts: str) -> Token:
        """The next token, which must be one of these."""
        if not self.follows(*texts):
            raise wrong(self.text, " or ".join(map(repr, texts)), repr(self.now.text) if self.now.text else "the end")
        return self.take()

    def name(self, what: str = "the name of a column") -> str:
        """The next token as a name or a value."""
        if self.now.kind not in ("name", "word", "missing", "number"):
            raise wrong(self.text, what, repr(self.now.text) if self.now.text else "the end")
        return self.take().text

    def number(self) -> float:
        """The next token, with its sign, as a number."""
        sign = -1.0 if self.follows("-") and self.take() else 1.0
        if self.now.kind != "number":
            raise wrong(self.text, "a number", repr(self.now.text) if self.now.text else "the end")
        return sign * float(self.take().text)

    def end(self) -> None:
        """Refuses what is left."""
        if self.now.kind != "end":
            raise wrong(self.text, "the end", repr(self.text[self.now.at :][:30]))

    def expression(self) -> Expression:
        """Terms joined by plus and minus."""
        return self._joined(("+", "-"), lambda: self._joined(("*", "/"), self._power))

    def _joined(self, signs: tuple[str, ...], part: Callable[[], Expression]) -> Expression:
        found = part()
        while self.follows(*signs):
            found = Call(self.take().text, (found, part()))
        return found

    def _power(self) -> Expression:
        self.depth += 1
        if self.depth > DEEPEST:
            raise wrong(self.text, f"at most {DEEPEST} brackets and signs within each other", "more")
        found = self._signed()
        self.depth -= 1
        return found

    def _signed(self) -> Expression:
        if self.follows("-") and self.take():
            return Call("-", (Number(0.0), self._power()))
        base = self._inner()
        return Call("^", (base, self._power())) if self.follows("^") and self.take() else base

    def _inner(self) -> Expression:
        if self.follows("("):
            self.take()
            inside = self.expression()
            self.need(")")
            return inside
        if self.now.kind == "number":
            return Number(float(self.take().text))
        called = self.now.kind == "word" and self.now.text in ARGUMENTS and self.tokens[self.at + 1].text == "("
        return self._call() if called else Column(self.name())

    def _call(self) -> Expression:
        function = self.take().text
        self.need("(")
        found = [self.expression()]
        while self.follows(","):
            self.take()
            found.append(self.expression())
        self.need(")")
        if len(found) != ARGUMENTS[function]:
            raise wrong(self.text, f"{ARGUMENTS[function]} arguments of {function}", f"{len(found)}")
        return Call(function, tuple(found))


def columns_of(expression: Expression) -> tuple[str, ...]:
    """The columns that it names, in order, each once."""
    if isinstance(expression, Call):
        return tuple(dict.fromkeys(name for part in expression.arguments for name in columns_of(part)))
    return (expression.name,) if isinstance(expression, Column) else ()


def linear(expression: Expression, text: str) -> dict[str, float]:
    """It as a sum: the coefficient of each column, and under an empty name the constant; a `Problem` where it is none."""
    if isinstance(expression, Number):
        return {"": expression.value}
    if isinstance(expression, Column):
        return {expression.name: 1.0}
    parts = [linear(part, text) for part in expression.arguments]
    if expression.function in ("+", "-"):
        sign = 1.0 if expression.function == "+" else -1.0
        return {name: parts[0].get(name, 0.0) + sign * parts[1].get(name, 0.0) for name in {**parts[0], **parts[1]}}
    if expression.function in ("*", "/") and set(parts[1]) <= {""} and (expression.function == "*" or parts[1].get("")):
        factor = parts[1].get("", 0.0) if expression.function == "*" else 1 / parts[1][""]
        return {name: value * factor for name, value in parts[0].items()}
    if expression.function == "*" and set(parts[0]) <= {""}:
        return {name: value * parts[0].get("", 0.0) for name, value in parts[1].items()}
    raise wrong(text, "a sum of columns times numbers", "a product or function of columns: give it a column of its own by :=")


def value(expression: Expression, number: Callable[[str], Any], maths: Any) -> Any:
    """Its value over rows; ``number`` gives a column's numbers (n,), and ``maths`` is numpy or torch, whichever these are of."""
    if isinstance(expression, Number):
        return expression.value
    if isinstance(expression, Column):
        return number(expression.name)
    parts = [value(part, number, maths) for part in expression.arguments]
    if expression.function in ("min", "max"):
        parts = [part if not isinstance(part, float) else 0 * _array(parts) + part for part in parts]
        return (maths.minimum if expression.function == "min" else maths.maximum)(*parts)
    if expression.function in ARGUMENTS:
        return getattr(maths, expression.function)(parts[0])
    return _arithmetic(expression.function, *parts)


def _array(parts: list[Any]) -> Any:
    return next((part for part in parts if not isinstance(part, float)), 0.0)


def _arithmetic(sign: str, left: Any, right: Any) -> Any:
    if isinstance(left, float) and isinstance(right, float):  # numpy's floats neither raise nor turn complex
        return float(_joined(sign, np.float64(left), np.float64(right)))
    return _joined(sign, left, right)


def _joined(sign: str, left: Any, right: Any) -> Any:
    if sign == "+":
        return left + right
    if sign == "-":
        return left - right
    if sign == "*":
        return left * right
    if sign == "/":
        return left / right
    return left**right


def quoted(name: str) -> str:
    """A name or value as it is written in a relation: in quotes where it is no plain word."""
    match = TOKEN.fullmatch(name)
    plain = match is not None and match.lastgroup in ("word", "number", "missing") and name.casefold() not in RESERVED
    if plain and name == name.strip():
        return name
    mark = next((m for m in "'\"`" if m not in name), "'")
    return f"{mark}{name}{mark}"


RESERVED = frozenset({"if", "then", "is", "in", "not", "and", "within", "at", *ARGUMENTS})
