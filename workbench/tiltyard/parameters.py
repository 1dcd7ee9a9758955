"""What the fields of a step say of themselves: the one reader for checks and their errors, shell, panels, listings and documentation."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from .result import Frozen

LISTS = (tuple, list, set, frozenset)


@dataclass(frozen=True)
class Bounds:
    """The range of a number; ``least`` and ``most`` are within it, ``above`` and ``below`` are not."""

    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None


@dataclass(frozen=True)
class FieldFacts:
    """One field of a pydantic model, as `facts_of` reads it.

    Attributes
    ----------
    kind
        Its bare type, without None and without constraints; of a list ``item`` is the bare type of what is in it.
    choices
        The values that it, or what is in it, is one of; empty where it is free.
    bounds
        Those of the number, or of the numbers in a list.
    extra
        What `check.parameter` and its like add: ``unit``, ``source``, ``path``, ``of``.
    """

    name: str
    title: str
    help: str
    kind: Any
    item: Any
    optional: bool
    choices: tuple[Any, ...]
    bounds: Bounds
    default: Any
    extra: dict[str, Any]

    @property
    def unit(self) -> str:
        """What it is counted in; empty for what has none."""
        return str(self.extra.get("unit", ""))

    @property
    def source(self) -> str:
        """Where its choices come from at run time: ``sensitive``, ``features``, ``classes``, or nowhere."""
        return str(self.extra.get("source", ""))


def facts_of(name: str, field: FieldInfo) -> FieldFacts:
    """All that the field called ``name`` says; whoever shows, explains or refuses a parameter asks here."""
    kind, notes, optional = _bare(field.annotation)
    listed = get_origin(kind) in LISTS
    item, inner, _ = _bare(get_args(kind)[0]) if listed and get_args(kind) else (str if listed else None, [], False)
    chosen = item if listed else kind
    return FieldFacts(
        name=name,
        title=field.title or "",
        help=field.description or "",
        kind=kind,
        item=item,
        optional=optional,
        choices=get_args(chosen) if get_origin(chosen) is Literal else (),
        bounds=Bounds(**_bounds([*field.metadata, *notes, *inner])),
        default=field.get_default(call_default_factory=True),  # type: ignore[call-arg,unused-ignore]
        extra=field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {},
    )


def model_facts(model: type[BaseModel]) -> tuple[FieldFacts, ...]:
    """Every field of ``model``, in order."""
    return tuple(facts_of(name, field) for name, field in model.model_fields.items())


def _bare(annotation: Any) -> tuple[Any, list[Any], bool]:
    """The type without None and constraints, the constraints, and whether None is allowed."""
    notes: list[Any] = []
    optional = False
    while True:
        if get_origin(annotation) is Annotated:
            annotation, *more = get_args(annotation)
            notes += more
        elif get_origin(annotation) in (Union, UnionType):
            rest = [part for part in get_args(annotation) if part is not type(None)]
            optional = optional or len(rest) < len(get_args(annotation))
            if len(rest) != 1:
                return annotation, notes, optional
            annotation = rest[0]
        else:
            return annotation, notes, optional


BOUNDS = {"ge": "least", "le": "most", "gt": "above", "lt": "below"}


def _bounds(notes: Sequence[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for note in notes:
        if isinstance(note, FieldInfo):
            found |= _bounds(note.metadata)
        for part in list(note) if isinstance(note, annotated_types.GroupedMetadata) else [note]:
            found |= {BOUNDS[key]: getattr(part, key) for key in BOUNDS if getattr(part, key, None) is not None}
    return found


class Parameter(Frozen):
    """One parameter of a check; bounds are inclusive unless ``above`` or ``below``."""

    name: str
    type: str
    help: str
    unit: str = ""
    default: Any = None
    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None
    choices: tuple[str, ...] = ()


def parameters(step: type[BaseModel]) -> tuple[Parameter, ...]:
    """Every parameter with help, unit, default and bounds; the seed last."""
    return tuple(map(parameter, sorted(model_facts(step), key=lambda field: field.name == "seed")))


def parameter(field: FieldFacts) -> Parameter:
    """One field as the shell and the listings show it."""
    bounds = field.bounds
    return Parameter(
        name=field.name,
        type=type_name(field),
        help=field.help,
        unit=field.unit,
        default=plain(field.default),
        least=bounds.least,
        most=bounds.most,
        above=bounds.above,
        below=bounds.below,
        choices=tuple(map(str, field.choices)),
    )


def plain(value: Any) -> Any:
    """A default as JSON holds it."""
    if isinstance(value, tuple | list | set | frozenset):
        return [plain(item) for item in value]
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else value


def type_name(field: FieldFacts) -> str:
    """int, float, text, yes/no, choice, list."""
    if field.item is not None:
        return "list"
    if field.choices:
        return "choice"
    kind = get_args(field.kind)[0] if get_origin(field.kind) in (Union, UnionType) else field.kind
    names: dict[Any, str] = {bool: "yes/no", int: "int", float: "float", str: "text"}
    return names.get(kind, "json")


def number_in_words(field: FieldFacts) -> str:
    """The number that a field takes: ``a number above 0, at most 100 (ranges)``; empty where it is not one number."""
    if field.kind not in (int, float) or field.optional:
        return ""
    words = {"above": field.bounds.above, "at least": field.bounds.least, "below": field.bounds.below, "at most": field.bounds.most}
    bounds = ", ".join(f"{word} {figure(bound)}" for word, bound in words.items() if bound is not None)
    return f"a {'whole ' if field.kind is int else ''}number {bounds}".strip() + (f" ({field.unit})" if field.unit else "")


def span(p: Parameter) -> str:
    """The bounds in words."""
    if p.choices:
        return " | ".join(p.choices)
    low = figure(p.least) if p.least is not None else f"above {figure(p.above)}" if p.above is not None else ""
    high = figure(p.most) if p.most is not None else f"below {figure(p.below)}" if p.below is not None else ""
    if low and high:
        return f"{low} to {high}"
    if high:
        return high if high.startswith("below") else f"at most {high}"
    return low if not low or low.startswith("above") else f"at least {low}"


def figure(number: float) -> str:
    """A bound as a person reads it."""
    return f"{number:,.10g}"
