"""The base of values that a scan needs at once: frozen dataclasses, with the exact JSON of `frozen.Frozen` once somebody asks for it.

Pydantic takes longer to import than a small file to judge, so that it is imported where JSON is read, written or described.
"""

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    from pydantic import TypeAdapter


class Lean:
    """Base of ``@dataclass(frozen=True, kw_only=True)`` classes; what `Frozen` has under the same names does the same here.

    Values are checked where they come from outside (`model_validate`), not where the program makes them. Bounds and descriptions of a field
    stand in its ``metadata``, under pydantic's names.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "ser_json_inf_nan": "strings"}
    if TYPE_CHECKING:
        __dataclass_fields__: ClassVar[dict[str, Any]]

    @classmethod
    def model_validate(cls, value: object) -> Self:
        """The value that plain JSON stands for; pydantic's ``ValidationError`` where it stands for none."""
        found: Self = _adapter(cls).validate_python(value)
        return found

    @classmethod
    def model_validate_json(cls, text: str | bytes) -> Self:
        """As `model_validate`, of JSON as text."""
        found: Self = _adapter(cls).validate_json(text)
        return found

    @classmethod
    def model_json_schema(cls, mode: str = "validation") -> dict[str, Any]:
        """The JSON Schema."""
        return _adapter(cls).json_schema(mode=mode)  # type: ignore[arg-type]

    def model_copy(self, update: dict[str, Any]) -> Self:
        """A copy with other values of some fields, which are not checked."""
        return dataclasses.replace(self, **update)

    def model_dump(self, mode: str = "python") -> Any:
        """Plain values by the names of the fields."""
        return _adapter(type(self)).dump_python(self, mode=mode)  # type: ignore[arg-type]

    def model_dump_json(self, indent: int | None = None, by_alias: bool = False) -> str:
        """JSON that `model_validate` gives the same value for."""
        return _adapter(type(self)).dump_json(self, indent=indent, by_alias=by_alias).decode()


_ADAPTERS: "dict[type[Any], TypeAdapter[Any]]" = {}


def _adapter(kind: type[Any]) -> "TypeAdapter[Any]":
    from pydantic import TypeAdapter

    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]
