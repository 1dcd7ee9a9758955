"""A form that follows from the fields of a step: labeled controls, bounds, units, defaults, and one line when it is wrong."""

from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

import traitlets
from pydantic import BaseModel, ValidationError

from tiltyard.access.person import Person
from tiltyard.errors import Problem

from ..theme.block import Block, esm
from .fields import FieldSpec, bounds_in_words, jsonable, read_fields, with_choices

Model = TypeVar("Model", bound=BaseModel)


class Form(Block, Generic[Model]):
    """Controls for the fields of ``model``.

    Observe ``given`` (the values as typed) or ``error`` (the first thing wrong in one line, empty when all is
    well). ``values()`` gives what stands in the form, ``step()`` the model made from it.
    """

    _esm = esm("field.js", "form.js")
    specs: traitlets.List[dict[str, Any]] = traitlets.List().tag(sync=True)
    given = traitlets.Dict().tag(sync=True)
    errors = traitlets.Dict().tag(sync=True)
    disabled = traitlets.Bool(False).tag(sync=True)
    error = traitlets.Unicode("")

    def __init__(
        self, model: type[Model], fields: Sequence[FieldSpec], choices: Mapping[str, Sequence[str]], start: Mapping[str, Any]
    ) -> None:
        self._model = model
        self._plain = tuple(fields)
        self._fields = tuple(with_choices(spec, choices) for spec in fields)
        values = {spec.name: jsonable(start.get(spec.name, spec.default)) for spec in fields}
        super().__init__(specs=[spec.plain() for spec in self._fields], given=values)
        self.observe(lambda _: self._check(), "given")
        self._check()

    def values(self) -> dict[str, Any]:
        """What stands in the form, by field name; lists for tuples, None for none."""
        return dict(self.given)

    def step(self) -> Model:
        """The model of these values; raises `Problem` in one line. What equals its default is not passed on."""
        changed = {spec.name: self.given.get(spec.name) for spec in self._fields if self.given.get(spec.name) != jsonable(spec.default)}
        try:
            return self._model.model_validate(changed)
        except ValidationError as error:
            raise self._problem(error.errors()[0]) from None

    def set(self, values: Mapping[str, Any]) -> None:
        """Put ``values`` into their fields; unknown names raise `Problem`."""
        known = {spec.name for spec in self._fields}
        if unknown := sorted(set(values) - known):
            raise Problem(f"a field of this form ({', '.join(sorted(known))})", repr(unknown[0]), "Correct the name")
        self.given = {**self.given, **{name: jsonable(value) for name, value in values.items()}}

    def reset(self) -> None:
        """All fields to their defaults."""
        self.given = {spec.name: jsonable(spec.default) for spec in self._fields}

    def offer(self, choices: Mapping[str, Sequence[str]]) -> None:
        """New choices by source (``sensitive``, ``features``); a chosen name that is gone falls back to the default."""
        self._fields = tuple(with_choices(spec, choices) for spec in self._plain)
        specs = [spec.plain() for spec in self._fields]
        if specs == self.specs:
            return
        kept = {spec.name: _still(spec, self.given.get(spec.name)) for spec in self._fields}
        with self.hold_sync():
            self.specs, self.given = specs, kept

    def enable(self, on: bool) -> None:
        self.disabled = not on

    def _check(self) -> None:
        try:
            self._model.model_validate(self.given)
        except ValidationError as error:
            problems = [(str(one["loc"][0]) if one["loc"] else "", self._problem(one)) for one in error.errors()]
            self.errors = {name: _beside(problem, name) for name, problem in reversed(problems)}
            self.error = str(problems[0][1])
        else:
            self.errors, self.error = {}, ""

    def _problem(self, one: Any) -> Problem:
        """A pydantic error in our words: expected, found, do."""
        spec = next((spec for spec in self._fields if one["loc"] and spec.name == one["loc"][0]), None)
        if spec is None:
            message = str(one["msg"]).removeprefix("Value error, ")
            return Problem("parameters that go together", message, "Correct the values")
        found = self.given.get(spec.name)
        shown = "nothing" if found in (None, "", []) else repr(found)
        known = one["type"] not in ("value_error", "assertion_error")
        expected = _expected(spec) if known else str(one["msg"]).removeprefix("Value error, ")
        return Problem(f"{expected} in “{spec.label}”", shown, "Correct it or reset the field")


def _beside(problem: Problem, name: str) -> str:
    """The problem as it stands under its own field, which need not be named again."""
    return f"Expected {problem.expected.split(' in “')[0]}; found {problem.found}." if name else str(problem)


def _still(spec: FieldSpec, value: Any) -> Any:
    """``value`` as far as it is still on offer."""
    if spec.kind == "multi":
        return [item for item in value or [] if item in spec.options]
    if spec.kind == "select" and value not in spec.options:
        return jsonable(spec.default)
    return value


def _expected(spec: FieldSpec) -> str:
    if spec.kind in ("select", "multi"):
        return "one of " + ", ".join(str(option) for option in spec.options)
    what = {"number": "a number", "integer": "a whole number", "bool": "on or off", "text": "a text", "list": "values"}[spec.kind]
    bounds = bounds_in_words(spec)
    unit = f"({spec.unit})" if spec.unit else ""
    return " ".join(part for part in (what, f"from {bounds}" if bounds[:1].isdigit() or bounds[:1] == "−" else bounds, unit) if part)


def form_for(
    model: type[Model],
    choices: Mapping[str, Sequence[str]] | None = None,
    only: Sequence[str] | None = None,
    advanced: Sequence[str] = ("seed",),
    start: Mapping[str, Any] | None = None,
    most: int = 4,
    person: Person | None = None,
    main: Sequence[str] = (),
) -> Form[Model]:
    """A form for ``model``.

    Parameters
    ----------
    choices
        Names on offer by ``source`` of a field: ``{"sensitive": [...], "features": [...]}``.
    only
        Names of the fields to show; all that have a control by default.
    advanced
        Names of fields that stand folded away under "More settings".
    start
        Values to begin with instead of the defaults.
    most
        How many fields stand open; further ones are folded away too.
    person
        Who fills it in; the person of this process where it is not given.
    main
        Names of the fields that stand open, in this order; all others are folded away. Of a step it is its ``main``.
    """
    return Form(model, read_fields(model, only, advanced, most, person, main), choices or {}, start or {})
