"""A valid request made of what an endpoint says of itself: its OpenAPI document, whose author is not trusted with our memory."""

import math
import re
from typing import Any

from .wire import WIDEST

DEEPEST = 32
FORMATS = {
    "date": "2020-01-01",
    "date-time": "2020-01-01T00:00:00Z",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "email": "a@example.org",
}
METHOD, KIND = "post", "application/json"


def asked(document: Any, path: str) -> Any:
    """A body for POST ``path`` as the document describes it; None where it describes none, or none can be made."""
    try:
        operation = next(item[METHOD] for place, item in document["paths"].items() if METHOD in item and _same(place, path))
        body = Former(document).resolved(operation["requestBody"])["content"][KIND]
        if "example" in body:
            return body["example"]
        return Former(document).value(body["schema"])
    except (StopIteration, KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError):
        return None


def _same(place: str, path: str) -> bool:
    """Is ``path`` the ``place`` of the document, whatever stands before it and in its braces?"""
    parts, given = place.strip("/").split("/"), path.strip("/").split("/")
    return len(parts) <= len(given) and all(
        re.fullmatch(r"\{[^}]*\}", part) or part == one for part, one in zip(parts, given[-len(parts) :], strict=True)
    )


class Former:
    """Makes values of JSON schemas, as plain as they allow: in the middle of the bounds, the first of a list, never null if it need not be."""

    def __init__(self, document: Any) -> None:
        self.document = document
        self.left = WIDEST

    def resolved(self, schema: Any, depth: int = 0) -> Any:
        """What a reference within the document refers to."""
        while isinstance(schema, dict) and "$ref" in schema:
            depth += 1
            if depth > DEEPEST or not str(schema["$ref"]).startswith("#/"):
                raise ValueError("a reference that ends in the document")
            found = self.document
            for part in schema["$ref"][2:].split("/"):
                found = found[part.replace("~1", "/").replace("~0", "~")]
            schema = found
        return schema

    def value(self, schema: Any, depth: int = 0) -> Any:
        """A value that the schema allows; ValueError where none is found."""
        self.left -= 1
        if depth > DEEPEST or self.left < 0:
            raise ValueError("a schema of finite depth and size")
        schema = self.resolved(schema)
        if not isinstance(schema, dict):
            return 0
        for name in ("const", "example", "default"):
            if schema.get(name) is not None:
                return schema[name]
        if listed := [one for one in (*schema.get("enum", ()), *_examples(schema)) if one is not None]:
            return listed[0]
        if "allOf" in schema:
            return self.value(self._merged(schema), depth + 1)
        if options := schema.get("anyOf") or schema.get("oneOf"):
            return self._one_of(options, depth)
        return self._typed(schema, depth)

    def _one_of(self, options: list[Any], depth: int) -> Any:
        for option in sorted(map(self.resolved, options), key=lambda one: isinstance(one, dict) and one.get("type") == "null"):
            try:
                return self.value(option, depth + 1)
            except ValueError:
                continue
        raise ValueError("an option that can be made")

    def _merged(self, schema: dict[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = {key: value for key, value in schema.items() if key != "allOf"}
        for part in map(self.resolved, schema["allOf"]):
            properties = {**made.get("properties", {}), **part.get("properties", {})}
            required = [*made.get("required", ()), *part.get("required", ())]
            made = {**made, **part} | ({"properties": properties, "required": required} if properties else {})
        return made

    def _typed(self, schema: dict[str, Any], depth: int) -> Any:
        kind = schema.get("type", "object" if "properties" in schema else "array" if "items" in schema else "number")
        if isinstance(kind, list):
            kind = next((one for one in kind if one != "null"), "null")
        match kind:
            case "object":
                known = schema.get("properties", {})
                return {name: self.value(known.get(name, {}), depth + 1) for name in dict.fromkeys(schema.get("required", ()))}
            case "array":
                return self._list(schema, depth)
            case "string":
                return _text(schema)
            case "integer" | "number":
                return number(schema, kind == "integer")
            case "boolean":
                return False
        return None

    def _list(self, schema: dict[str, Any], depth: int) -> list[Any]:
        first = [self.value(part, depth + 1) for part in schema.get("prefixItems", ())]
        more = max(int(schema.get("minItems", 1)), 1) - len(first)
        if more <= 0 or schema.get("items") is False:
            return first
        before = self.left
        one = self.value(schema.get("items", {}), depth + 1)
        self.left -= (before - self.left) * (more - 1)
        if self.left < 0:
            raise ValueError("a list of finite size")
        return [*first, *([one] * more)]


def _examples(schema: dict[str, Any]) -> list[Any]:
    found = schema.get("examples", ())
    return found if isinstance(found, list) else []


def _text(schema: dict[str, Any]) -> str:
    if "pattern" in schema:
        raise ValueError("text without a pattern")
    length = max(int(schema.get("minLength", 0)), min(1, int(schema.get("maxLength", 1))))
    if length > WIDEST:
        raise ValueError("a text of finite length")
    return FORMATS.get(schema.get("format", ""), "a" * length)


def number(schema: dict[str, Any], whole: bool) -> float | int:
    """In the middle of the bounds where there are two, beside the one there is, else 0.

    Raises
    ------
    ValueError
        Where no number lies between the bounds.
    """
    step = schema.get("multipleOf", 1 if whole else None)
    low, high = _bound(schema, "minimum", "exclusiveMinimum", step, 1), _bound(schema, "maximum", "exclusiveMaximum", step, -1)
    if not low <= high:
        raise ValueError("a number between the bounds")
    middle = 0.0 if low <= 0 <= high else low + 1 if math.isinf(high) else high - 1
    if math.isfinite(low) and math.isfinite(high):
        middle = low + (high - low) / 2
    if step is None:
        return float(middle)
    fit = math.floor(middle / step) * step
    fit = fit if fit >= low else fit + step
    if not low <= fit <= high:
        raise ValueError("a multiple between the bounds")
    return int(fit) if whole else float(fit)


def _bound(schema: dict[str, Any], name: str, exclusive: str, step: float | None, way: int) -> float:
    """The bound as a number that is allowed; infinite where there is none."""
    plain = float(schema.get(name, -way * math.inf))
    open_ = schema.get(exclusive)
    if open_ is None or open_ is False:
        return plain
    least = plain if open_ is True else float(open_)  # OpenAPI 3.0 says it as a truth value
    inside = math.nextafter(least, way * math.inf) if step is None else least + way * step
    return max(plain, inside) if way > 0 else min(plain, inside)
