"""Tables of pydantic models: the files that people write, and the JSON that comes back."""

import dataclasses
import json
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, Field
from pydantic.fields import FieldInfo

from tiltyard.lean import Lean
from tiltyard.parameters import facts_of, number_in_words, plain

from .markdown import code, table

Model = type[BaseModel] | type[Lean]


def described(model: Model) -> dict[str, FieldInfo]:
    """The fields of a model, of a plain dataclass too, as pydantic describes them."""
    if issubclass(model, BaseModel):
        return model.model_fields
    hints, found = get_type_hints(model), {}
    for field in dataclasses.fields(model):
        given = {"default": field.default, "default_factory": field.default_factory}
        made: FieldInfo = Field(**{k: v for k, v in given.items() if v is not dataclasses.MISSING}, **field.metadata)
        made.annotation = hints[field.name]
        found[field.name] = made
    return found


def kind_of(annotation: Any) -> str:
    """A type in words: text, number, yes or no, one of these, list of …"""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return kind_of(parts[0])
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(kind_of(part) for part in parts if part is not type(None)))
    if origin is Literal:
        return "one of " + ", ".join(code(json.dumps(part, ensure_ascii=False)) for part in parts)
    if origin in (tuple, list, set, frozenset):
        return "list of " + kind_of(parts[0]) if parts else "list"
    if origin is dict or annotation is dict:
        return f"table of {kind_of(parts[1])}" if parts else "table"
    if isinstance(annotation, type) and issubclass(annotation, (BaseModel, Lean)):
        return f"table ({annotation.__name__})"
    return {str: "text", int: "whole number", float: "number", bool: "yes or no", Any: "anything"}.get(
        annotation, getattr(annotation, "__name__", str(annotation))
    )


def bounds(name: str, field: FieldInfo) -> str:
    """What a number may be."""
    return number_in_words(facts_of(name, field))


def default_of(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = plain(field.get_default(call_default_factory=True))
    return "" if value in (None, "", [], {}) or isinstance(value, dict) else code(json.dumps(value, ensure_ascii=False))


def fields(model: Model) -> str:
    """One row a field: name, what it is, kind, default."""
    rows = []
    for name, field in described(model).items():
        kind = bounds(name, field) or kind_of(field.annotation)
        rows.append((code(field.alias or name), field.description or "", kind, default_of(field)))
    return table(("Key", "What it is", "Kind", "Default"), rows)


def inner(model: Model) -> list[Model]:
    """The models that stand in a model's fields, each once, in order."""
    found: dict[Model, None] = {}

    def walk(annotation: Any) -> None:
        if isinstance(annotation, type) and issubclass(annotation, (BaseModel, Lean)):
            found.setdefault(annotation)
        for part in get_args(annotation):
            walk(part)

    for field in described(model).values():
        walk(field.annotation)
    return list(found)
