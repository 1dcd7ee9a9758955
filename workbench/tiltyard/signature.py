"""What Python itself says of a step: its signature, its help, the names that completion offers, an error of one line."""

# ruff: noqa: N805 (the self of a class of classes is a class)

import inspect
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast, dataclass_transform

from pydantic import BaseModel, ValidationError

from .errors import Problem
from .keywords import nearest
from .parameters import FieldFacts, facts_of, model_facts, number_in_words, parameter, span

if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass
else:
    ModelMetaclass = type(BaseModel)

# Of a class: what tells a person of the question, and how it is asked. All else is for those who write steps.
SHOWN = "id title question needs answers standards sources cost main command estimate unmet run apply __call__ __init__".split()
NUMERIC = frozenset(
    "greater_than greater_than_equal less_than less_than_equal finite_number "
    "truth_for_number int_type int_parsing int_parsing_size int_from_float float_type float_parsing".split()
)


@dataclass_transform(kw_only_default=True)
class StepType(ModelMetaclass):
    """The class of the classes of steps: to Python and its tools a step is its parameters and its facts."""

    def __init__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **given: Any) -> None:
        super().__init__(name, bases, namespace, **given)
        own = inspect.cleandoc(namespace.get("__doc__") or "")
        cls.__doc__ = own if inspect.isabstract(cls) else f"{own}\n\n{in_words(_model(cls))}".lstrip()
        type.__setattr__(cls, "__signature__", inspect.Signature(list(_signature(_model(cls)))))

    if not TYPE_CHECKING:  # who checks types sees the fields, and what is made of them

        def __call__(cls, *given: Any, **parameters: Any) -> Any:
            if given:
                raise Problem(
                    f"parameters of {cls.__name__} by name", f"{given[0]!r} without one", f"Write {cls.__name__}({_first(_model(cls))}=…)"
                )
            try:
                return super().__call__(**parameters)
            except ValidationError as error:
                raise problem_of(_model(cls), error) from None

    def __dir__(cls) -> list[str]:
        return [name for name in SHOWN if hasattr(cls, name)]

    @property
    def __mro__(cls) -> tuple[type, ...]:
        """Without the library that the parameters are checked with, which `help` would list; ``super`` and ``isinstance`` read another."""
        return tuple(base for base in type.__dict__["__mro__"].__get__(cls) if not base.__module__.startswith("pydantic"))


def _model(cls: StepType) -> type[BaseModel]:
    return cast("type[BaseModel]", cls)


def problem_of(cls: type[BaseModel], error: ValidationError) -> Problem:
    """The first thing that is wrong with the parameters of ``cls``, in one line."""
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or "parameters"
    name = str(getattr(cls, "id", cls.__name__))
    if first["type"] == "extra_forbidden":
        near = nearest(field, cls.model_fields)
        meant = f"Did you mean {near!r}? " if near else ""
        return Problem(f"a parameter of {name} ({', '.join(sorted(cls.model_fields))})", repr(field), f"{meant}Correct the name")
    numeric = first["type"] in NUMERIC and field in cls.model_fields
    wanted = number_in_words(facts_of(field, cls.model_fields[field])) if numeric else ""
    words = str(first["msg"]).removeprefix("Value error, ")
    if not first["loc"] and isinstance(first["input"], dict):
        return Problem(f"parameters of {name} that go together: {words}", _given(first["input"]), "Correct one of them")
    return Problem(f"{field} of {name}: {wanted or words[:1].lower() + words[1:]}", repr(first["input"]), "Correct the value")


def _given(values: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in values.items())


def in_words(cls: type[BaseModel]) -> str:
    """The section of a docstring that says each parameter with its type, unit, bounds, default and help."""
    lines = [f"{field.name} : {_kind(field)}{_facts(field)}, default {field.default!r}\n    {field.help}" for field in _ordered(cls)]
    return "Parameters\n----------\n" + "\n".join(lines)


def _ordered(cls: type[BaseModel]) -> list[FieldFacts]:
    """As listings and forms have them: the seed last."""
    return sorted(model_facts(cls), key=lambda field: field.name == "seed")


def _signature(cls: type[BaseModel]) -> Iterator[inspect.Parameter]:
    for field in _ordered(cls):
        words = f"{_facts(field).removeprefix(' ')}: {field.help}".removeprefix(": ").strip()
        annotation = Annotated[_type(field), words] if words else _type(field)
        yield inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=annotation)


def _type(field: FieldFacts) -> Any:
    """Its type without constraints, which the words say."""
    kind: Any = Literal[field.choices] if field.choices else field.item if field.item is not None else field.kind
    kind = tuple[kind, ...] if field.item is not None else kind
    return kind | None if field.optional and field.default is None else kind


def _kind(field: FieldFacts) -> str:
    bare = inspect.formatannotation(_type(field))
    return "one of " + ", ".join(map(repr, field.choices)) if field.choices and field.item is None else bare


def _facts(field: FieldFacts) -> str:
    """Its bounds and its unit: `` 1 to 100,000 (rows)``; empty where it has none."""
    bounds = "" if field.choices else span(parameter(field))
    unit = f" ({field.unit})" if field.unit else ""
    return f" {bounds}{unit}" if bounds else unit


def _first(cls: type[BaseModel]) -> str:
    main = getattr(cls, "main", ())
    return str(main[0] if main else next(iter(cls.model_fields)))
