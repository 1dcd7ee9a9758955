"""What a form must know of a field: kind, bounds, unit, help, choices. Made of what `tiltyard.parameters` reads."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from tiltyard.access.person import Person, me
from tiltyard.check import PathField, path_fields
from tiltyard.formatting import numbers as numerals
from tiltyard.formatting.terms import help_of
from tiltyard.parameters import Bounds, FieldFacts, facts_of, model_facts


@dataclass(frozen=True)
class FieldSpec:
    """One field for the browser. ``kind``: number, integer, bool, text, select, multi (check boxes) or list (numbers or words)."""

    name: str
    label: str
    kind: str
    help: str = ""
    unit: str = ""
    hint: str = ""
    min: float | None = None
    max: float | None = None
    open_min: bool = False
    open_max: bool = False
    optional: bool = False
    slider: bool = False
    start: float | None = None
    log: bool = False
    step: float = 0.0
    options: tuple[Any, ...] = ()
    source: str = ""
    advanced: bool = False
    default: Any = None
    word: str = "default"

    def plain(self) -> dict[str, Any]:
        """JSON for the browser; options become label and value."""
        options = [{"label": _option(value), "value": value} for value in self.options]
        return {**asdict(self), "options": options, "default": jsonable(self.default)}


def jsonable(value: Any) -> Any:
    """Tuples become lists, as they come back from the browser."""
    return [jsonable(item) for item in value] if isinstance(value, tuple | list) else value


def _option(value: Any) -> str:
    return "none" if value is None else str(value) or "(empty)"


SIMPLE = {bool: "bool", int: "integer", float: "number", str: "text"}


def _kind(facts: FieldFacts) -> str:
    """Kind of control; empty for what a form cannot show."""
    if facts.item is None:
        return "select" if facts.choices else SIMPLE.get(facts.kind, "")
    if get_origin(facts.kind) not in (tuple, list):
        return ""
    return "multi" if facts.choices else "list" if facts.item in (int, float, str) else ""


def _range(bounds: Bounds) -> dict[str, Any]:
    low, high = (bounds.least, bounds.above), (bounds.most, bounds.below)
    return {
        "min": low[0] if low[1] is None else low[1],
        "max": high[0] if high[1] is None else high[1],
        "open_min": low[1] is not None,
        "open_max": high[1] is not None,
    }


def _slider(spec: FieldSpec) -> dict[str, Any]:
    """Whether a slider makes sense between the bounds, from where, on which scale and in which steps."""
    low, high, default = spec.min, spec.max, spec.default
    if spec.kind not in ("number", "integer") or low is None or high is None or not low < high <= 1e7 or spec.open_max:
        return {}
    start = float(default) if isinstance(default, int | float) else low
    if low > 0 and high / low >= 500:
        return {"slider": not spec.open_min, "log": True, "start": low}
    if low == 0 and spec.open_min and 0 < start < high / 20:
        return {"slider": True, "log": True, "start": 10.0 ** math.floor(math.log10(min(start / 50, high / 1e4)))}
    if high - low > 20 and start < low + (high - low) / 50 and not (spec.kind == "integer" and high - low <= 200):
        return {}
    step = (
        max(1.0, 10 ** math.floor(math.log10((high - low) / 100)))
        if spec.kind == "integer"
        else 10 ** math.floor(math.log10((high - low) / 50))
    )
    return {"slider": True, "step": step, "start": low + step if spec.open_min else low}


def bounds_in_words(spec: FieldSpec) -> str:
    """``0 to 1``, ``above 0``, ``at most 5``, or nothing where a field has no bounds worth saying."""
    low, high = (None if bound is None else numerals.number(bound, 6) for bound in (spec.min, spec.max))
    if spec.max is not None and spec.max >= 2**31 - 1:
        high = None
    if low is not None and high is not None:
        return f"{'above ' if spec.open_min else ''}{low} {'to below' if spec.open_max else 'to'} {high}"
    if low is not None:
        return f"{'above' if spec.open_min else 'at least'} {low}"
    return f"{'below' if spec.open_max else 'at most'} {high}" if high is not None else ""


def _hint(spec: FieldSpec) -> str:
    """Range and default in words."""
    parts = [bounds_in_words(spec)] if spec.kind in ("number", "integer", "list") else []
    if spec.kind == "list":
        parts.append("separated by commas")
    if spec.optional and spec.kind in ("number", "integer", "text"):
        parts.append("empty for none")
    if spec.default not in (PydanticUndefined, ""):
        parts.append(f"{spec.word} {value_text(spec.default)}")
    return ", ".join(part for part in parts if part)


def value_text(value: Any) -> str:
    """A default as a person reads it."""
    if value is None or value == "" or value == ():
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int | float):
        return numerals.number(value, 6)
    return ", ".join(value_text(item) for item in value) if isinstance(value, tuple | list) else str(value)


def _explained(label: str, help: str) -> str:
    """The help of a field, and after it that of the term in its label."""
    more = help_of(label)
    ends = help if help.endswith((".", "?")) or not help else f"{help}."
    return " ".join(filter(None, (ends, more))) if more else help


def read_field(name: str, field: FieldInfo, advanced: bool = False) -> FieldSpec | None:
    """The spec of one field, or None where a form has no control for its type."""
    facts = facts_of(name, field)
    kind = _kind(facts)
    if not kind:
        return None
    label = facts.title or name.replace("_", " ").capitalize()
    spec = FieldSpec(
        name=name,
        label=label,
        kind=kind,
        help=_explained(label, facts.help),
        unit="" if facts.unit == label.lower() else facts.unit,
        source=facts.source,
        word=str(facts.extra.get("word", "default")),
        optional=facts.optional,
        options=(None, *facts.choices) if facts.optional and kind == "select" else facts.choices,
        default=facts.default,
        advanced=advanced,
        **_range(facts.bounds),
    )
    if not facts.optional:
        spec = replace(spec, **_slider(spec))
    return replace(spec, hint=_hint(spec), default=None if spec.default is PydanticUndefined else spec.default)


def read_fields(
    model: type[BaseModel],
    only: Sequence[str] | None,
    advanced: Sequence[str],
    most: int = 4,
    person: Person | None = None,
    main: Sequence[str] = (),
) -> tuple[FieldSpec, ...]:
    """Specs of all fields of ``model`` that a form can show ``person``, in order, or of ``only`` those named.

    Behind a shared login no field takes a path: files to read have a `FileField`, and what is kept for a person has a name.

    Where ``main`` names some these come first and all others are advanced; else those in ``advanced`` are, and of more than ``most``
    + 1 others all after the first ``most``.
    """
    names = [name for name in model.model_fields if only is None or name in only]
    found = [spec for name in names if (spec := read_field(name, model.model_fields[name], name in advanced))]
    if (person or me()).shared:
        paths = path_fields(model)
        beside = {field.name: field.extra.get("of") for field in model_facts(model)}
        found = [spec for one in found if beside.get(one.name) not in paths and (spec := _pathless(one, paths.get(one.name)))]
    if main:
        order = {name: i for i, name in enumerate(main)}
        ordered = sorted(found, key=lambda spec: order.get(spec.name, len(order)))
        return tuple(replace(spec, advanced=spec.name not in order) for spec in ordered)
    plain = [spec.name for spec in found if not spec.advanced]
    folded = set(plain[most:]) if len(plain) > most + 1 else set()
    return tuple(replace(spec, advanced=spec.advanced or spec.name in folded) for spec in found)


def _pathless(spec: FieldSpec, path: PathField | None) -> FieldSpec | None:
    """The field as it stands behind a shared login; None where it would take a path."""
    if path is None or path.kind != "kept":
        return spec if path is None else None
    return replace(spec, label="Keep as", unit="", help=f"A name to keep {path.what} under, for you alone, and to go on from it later")


def with_choices(spec: FieldSpec, choices: Mapping[str, Sequence[str]]) -> FieldSpec:
    """The spec with the names that there are for its ``source``; without such it stays a text field."""
    names = choices.get(spec.source) if spec.source else None
    if not names:
        return spec
    if spec.kind in ("list", "multi"):
        wide = replace(spec, kind="multi", options=tuple(names))
        return replace(wide, hint=_hint(wide))
    own = () if spec.default in names or (spec.default is None and not spec.optional) else (spec.default,)
    return replace(spec, kind="select", options=(*own, *names))
