"""What a safetensors file says of itself under the key ``tiltyard``; written by `saving`."""

import json
from typing import Any, Literal

from pydantic import ValidationError

from ..datasets.schema import Schema
from ..errors import Problem
from ..result import Given

LARGEST_HEADER = 100 * 2**20


class Description(Given):
    """Name, architecture, classes, schema, recipe and outputs; each may be absent."""

    format: int = 1
    name: str = ""
    architecture: dict[str, Any] | None = None
    classes: tuple[str, ...] = ()
    schema_: Schema | None = None
    recipe: dict[str, Any] | None = None
    outputs: Literal["logits", "probabilities"] | None = None


def described(content: bytes, name: str) -> Description:
    """The description in a safetensors file's metadata; an empty one where there is none.

    Raises
    ------
    Problem
        When the header breaks off, or the description is of a newer format or none.
    """
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > min(LARGEST_HEADER, len(content) - 8):
        raise Problem("a whole safetensors file", f"{name}, which breaks off in its header", "Copy or download it again")
    try:
        header = json.loads(content[8 : 8 + length])
        text = header.get("__metadata__", {}).get("tiltyard")
        facts = json.loads(text) if text else {}
    except (ValueError, AttributeError, RecursionError):
        raise Problem("a safetensors header of JSON", f"{name}, whose header is none", "Copy or download it again") from None
    if not isinstance(facts, dict):
        raise Problem("a description {format, architecture, classes, schema, …}", type(facts).__name__, "Save it again")
    if isinstance(facts.get("format"), int) and facts["format"] > 1:
        raise Problem("a description of format 1", f"format {facts['format']} in {name}", "Upgrade Tiltyard")
    try:
        return Description.model_validate({("schema_" if key == "schema" else key): value for key, value in facts.items()})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])).replace("schema_", "schema")
        raise Problem(f"a description of the model in {name}", f"{first['msg'].lower()} at {where}", "Save it again") from None
