"""The endpoint's OpenAPI description: exact for this model's columns, so that tools can make valid requests of it."""

from typing import Any

from ..datasets.encoding import encoding_of
from ..datasets.feature import EMPTY_CELL, MISSING, Feature
from ..datasets.schema import Schema
from ..targets.http.wire import plain
from .answers import policy_facts
from .labels import LONGEST
from .rows import dated
from .settings import Settings

REFUSALS = {
    "400": "a malformed head",
    "401": "no valid key",
    "403": "a key that may not do this",
    "404": "no such key or act, or no windows are kept",
    "408": "the body came too slowly",
    "413": "too large a body, or too many rows",
    "415": "not JSON, or compressed",
    "422": "rows the model cannot take",
    "429": "the key's rate or budget is used up; see Retry-After",
    "503": "no answer in time",
}
PREDICTING = tuple(code for code in REFUSALS if code != "404")
TEXT = {"type": "string"}
_PLACE = [
    {"name": "id", "in": "path", "required": True, "schema": TEXT},
    {"name": "act", "in": "path", "required": True, "schema": {"type": "string", "enum": ["revoke", "revoke-line", "clear"]}},
]
ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["expected", "found", "do"],
            "properties": {"expected": TEXT, "found": TEXT, "do": TEXT, "column": TEXT, "row": {"type": "integer", "minimum": 0}},
        }
    },
}


def described(schema: Schema, settings: Settings, example: list[Any] | None = None) -> dict[str, Any]:
    """OpenAPI 3.1 of the endpoint; ``example`` is a row it answers."""
    shown = {} if example is None else {"example": {"instances": [example]}}
    body = {"content": {"application/json": {"schema": _question(schema, settings.limits.rows), **shown}}, "required": True}
    return {
        "openapi": "3.1.0",
        "info": {"title": settings.name or "Guarded model", "version": "1"},
        "security": [{"key": []}],
        "paths": {
            "/v1/predict": {
                "post": {"operationId": "predict", "requestBody": body, "responses": _named(_answers(_answer(schema, settings)))}
            },
            "/v1/labels": {"post": _labeling(schema, settings.limits.rows)},
            "/v1/model": {"get": {"operationId": "model", "responses": _answers({"type": "object"}, "400", "401", "403", "429")}},
            "/v1/keys": {"get": {"operationId": "keys", "responses": _answers({"type": "object"}, "400", "401", "403", "429")}},
            "/v1/keys/{id}/{act}": {
                "post": {
                    "operationId": "change",
                    "parameters": _PLACE,
                    "responses": _answers({"type": "object"}, "400", "401", "403", "404", "429", "503"),
                }
            },
            "/openapi.json": {"get": {"operationId": "openapi", "responses": _answers({"type": "object"}, "400", "401", "403", "429")}},
            "/healthz": {"get": {"operationId": "healthz", "security": [], "responses": _answers({"type": "object"}, "400")}},
        },
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Error": ERROR},
        },
    }


def _named(answers: dict[str, Any]) -> dict[str, Any]:
    """With the id by which labels are given later."""
    text = "names this answer; give it with the rows' labels to /v1/labels once they are known"
    return answers | {"200": answers["200"] | {"headers": {"X-Request-Id": {"description": text, "schema": TEXT}}}}


def _labeling(schema: Schema, most: int) -> dict[str, Any]:
    """Labels that came for answers given, by their requests' ids."""
    one = _list({"type": "string", "enum": list(schema.classes)}, most)
    labels = {"type": "object", "minProperties": 1, "propertyNames": {"minLength": 1, "maxLength": LONGEST}, "additionalProperties": one}
    body = {"type": "object", "required": ["labels"], "additionalProperties": False, "properties": {"labels": labels}}
    count = {"type": "integer", "minimum": 0}
    names = ("right", "n", "unknown")
    answer = {"type": "object", "required": list(names), "additionalProperties": False, "properties": dict.fromkeys(names, count)}
    return {
        "operationId": "labels",
        "requestBody": {"content": {"application/json": {"schema": body}}, "required": True},
        "responses": _answers(answer, *REFUSALS),
    }


def _answers(schema: dict[str, Any], *refusals: str) -> dict[str, Any]:
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    refused = {code: {"description": text, "content": error} for code, text in REFUSALS.items() if code in (refusals or PREDICTING)}
    return {"200": {"description": "the answer", "content": {"application/json": {"schema": schema}}}, **refused}


def _question(schema: Schema, most: int) -> dict[str, Any]:
    rows: list[dict[str, Any]] = [_list(_nested(schema), most)]
    if not schema.images:
        rows.append(_list(_row(schema), most))
    instances = {"anyOf": rows}
    return {"type": "object", "required": ["instances"], "additionalProperties": False, "properties": {"instances": instances}}


def _list(items: dict[str, Any], most: int) -> dict[str, Any]:
    return {"type": "array", "minItems": 1, "maxItems": most, "items": items}


def _nested(schema: Schema) -> dict[str, Any]:
    """One encoded row. That a one-hot group has exactly one 1 is more than JSON Schema says of an array."""
    encoding = encoding_of(schema)
    found: dict[str, Any] = {
        "type": ["number", "null"] if schema.missing else "number",
        "minimum": float(encoding.low.min()),
        "maximum": float(encoding.high.max()),
    }
    for size in reversed(encoding.shape):
        found = {"type": "array", "minItems": size, "maxItems": size, "items": found}
    return found


def _row(schema: Schema) -> dict[str, Any]:
    cells = {c: _cell(f) for f in schema.features for c in f.table_columns}
    return {"type": "object", "required": list(cells), "additionalProperties": False, "properties": cells}


def _cell(feature: Feature) -> dict[str, Any]:
    if feature.kind == "categorical":
        return _category(feature)
    if feature.kind == "onehot":
        return {"type": "integer", "minimum": 0, "maximum": 1}
    if dated(feature):
        return _date(feature)
    kind = "integer" if feature.whole else "number"
    return {"type": [kind, "null"] if feature.missing else kind, "minimum": feature.low, "maximum": feature.high}


def _category(feature: Feature) -> dict[str, Any]:
    """Its names, and what the table holds for them where that is another value: true, 1, null."""
    own = [v for v in feature.written if v is not None and v != EMPTY_CELL and not (isinstance(v, str) and v in feature.categories)]
    values = [*feature.categories, *own, *([None] if MISSING in feature.categories else [])]
    return {"enum": values} if len(values) > len(feature.categories) else {"type": "string", "enum": values}


def _date(feature: Feature) -> dict[str, Any]:
    """A date or duration in ISO 8601 within the bounds, which JSON Schema has no words for; the first example is the earliest."""
    import numpy as np

    first = plain(schema_of(feature).decode(np.array([[feature.low]]))[feature.name])
    form = {} if feature.dtype.startswith("timedelta") else {"format": "date-time"}
    return {"type": ["string", "null"] if feature.missing else "string", **form, "examples": first}


def schema_of(feature: Feature) -> Schema:
    """A schema of one feature."""
    return Schema(features=(feature,), label="", classes=())


def _answer(schema: Schema, settings: Settings) -> dict[str, Any]:
    score = {"type": "number", "minimum": 0, "maximum": 1}
    rows = {"type": "array", "items": score} if settings.output.kind != "top-k" else {"type": "object", "additionalProperties": score}
    found: dict[str, Any] = {
        "classes": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": len(schema.classes) - 1}},
        "labels": {"type": "array", "items": {"type": "string", "enum": list(schema.classes)}},
    }
    if settings.output.kind != "label":
        found["scores"] = {"type": "array", "items": rows, "description": str(policy_facts(settings.output))}
    return {"type": "object", "required": list(found), "additionalProperties": False, "properties": found}
