"""A TOML file as a pydantic model, with every mistake in one line."""

import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ..access.places import discreet, opened
from ..errors import Problem

LARGEST = 16 * 2**20
SHOULD = "Input should be "  # how pydantic begins
Model = TypeVar("Model", bound=BaseModel)


def load(path: Path, what: str) -> dict[str, Any]:
    """The file's table; ``what`` names it in messages."""
    try:
        with opened(path, what) as stream:
            text = stream.read(LARGEST + 1)
        if len(text) > LARGEST:
            raise Problem(what, f"{path} of more than {LARGEST // 2**20} MiB", "Check the path")
        with discreet(path, f"{what} in TOML"):
            return tomllib.loads(text.decode("utf-8"))
    except OSError as error:
        raise Problem(f"{what} that can be read", f"{path}: {error.strerror}", "Check the path and its permissions") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Problem(f"{what} in TOML", f"{path}: {error}", "Correct that line") from None


def checked(model: type[Model], values: dict[str, Any], place: str) -> Model:
    """``model(values)``; a wrong key or value becomes one line that names ``place`` and where in it."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        reason = first["msg"].removeprefix("Value error, ").rstrip(".")
        if first["type"] == "extra_forbidden":
            known = ", ".join(sorted(_fields(model, first["loc"])))
            raise Problem(f"a known key ({known})", f"{where!r} in {place}", "Correct the key") from None
        if reason.startswith(SHOULD):
            raise Problem(f"{where} in {place} to be {reason.removeprefix(SHOULD)}", repr(first["input"]), "Correct it") from None
        raise Problem(f"{where} in {place} as documented", f"{reason[0].lower()}{reason[1:]}", "Correct it") from None


def _fields(model: type[BaseModel], where: tuple[int | str, ...]) -> set[str]:
    """The keys there are at ``where`` (its last part is the wrong one)."""
    here: type[BaseModel] = model
    for part in where[:-1]:
        field = here.model_fields.get(str(part)) or next((f for f in here.model_fields.values() if f.alias == part), None)
        if field is None:
            continue
        inner = [
            a for a in (field.annotation, *getattr(field.annotation, "__args__", ())) if isinstance(a, type) and issubclass(a, BaseModel)
        ]
        here = inner[0] if inner else here
    return {f.alias or name for name, f in here.model_fields.items()}
