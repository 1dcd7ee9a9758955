"""A step's parameters, read from the fields of its class: the one reader for the shell, the panels and the documentation."""

from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from .check import Step
from .result import Frozen


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


def parameters(step: type[Step]) -> tuple[Parameter, ...]:
    """Every parameter with help, unit, default and bounds; the seed last."""
    names = sorted(step.model_fields, key=lambda name: name == "seed")
    return tuple(parameter(name, step.model_fields[name]) for name in names)


def parameter(name: str, field: FieldInfo) -> Parameter:
    """One field as a parameter."""
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    bounds = {key: getattr(m, key) for m in field.metadata for key in ("ge", "le", "gt", "lt") if getattr(m, key, None) is not None}
    choices = tuple(str(choice) for choice in choices_of(field.annotation))
    return Parameter(
        name=name,
        type=type_name(field.annotation),
        help=field.description or "",
        unit=str(extra.get("unit", "")),
        default=plain(field.get_default(call_default_factory=True)),  # type: ignore[call-arg,unused-ignore]
        least=bounds.get("ge"),
        most=bounds.get("le"),
        above=bounds.get("gt"),
        below=bounds.get("lt"),
        choices=choices,
    )


def plain(value: Any) -> Any:
    """A default as JSON holds it."""
    if isinstance(value, tuple | list | set | frozenset):
        return [plain(item) for item in value]
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else value


def choices_of(annotation: Any) -> tuple[Any, ...]:
    """The values a Literal (or an optional one) allows."""
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    if get_origin(annotation) in (Union, UnionType):
        return tuple(choice for part in get_args(annotation) for choice in choices_of(part))
    return ()


def type_name(annotation: Any) -> str:
    """int, float, text, yes/no, choice, list."""
    origin = get_origin(annotation)
    if origin is Literal:
        return "choice"
    if origin in (Union, UnionType):
        return next(type_name(part) for part in get_args(annotation) if part is not type(None))
    if origin in (tuple, list, set, frozenset):
        return "list"
    return {bool: "yes/no", int: "int", float: "float", str: "text"}.get(annotation, "json")


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
