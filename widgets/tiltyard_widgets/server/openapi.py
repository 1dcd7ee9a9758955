"""The API's description, made of the forms: ``python widgets/labextension/generate.py`` writes it anew, and a test compares."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from tiltyard.comparison.comparison import Comparison
from tiltyard.reports.writing import MEDIA

from . import forms

FILE = Path(__file__).with_name("openapi.json")
AT = "#/components/schemas/"
REFUSED = {
    400: "What was asked cannot be read.",
    403: "Not logged in, or not allowed.",
    404: "No such thing.",
    409: "It cannot be done as things stand.",
    413: "More than this server takes on.",
    415: "The body is not of type application/json.",
    501: "This server has not what it takes.",
    503: "The store does not answer, or the work took longer than it may; try again.",
}
EVENTS = {
    "hello": forms.Hello,
    "run": forms.RunEvent,
    "progress": forms.ProgressEvent,
    "record": forms.RecordEvent,
    "store": forms.StoreEvent,
}


@dataclass(frozen=True)
class Operation:
    """One thing to ask for; ``refusals`` are those beyond 403."""

    path: str
    method: str
    id: str
    does: str
    role: str
    answer: type[BaseModel] | None
    asks: type[BaseModel] | None = None
    refusals: tuple[int, ...] = field(default=(503,))


OPERATIONS = (
    Operation("/version", "get", "version", "Which Tiltyard answers, and whether its store does.", "viewer", forms.Version, None, ()),
    Operation("/scan", "post", "scan", "May these files, or what is in this folder, be loaded? Nothing is loaded to tell.", "analyst",
              forms.ScanAnswer, forms.ScanAsked, (400, 404, 413, 415, 501, 503)),
    Operation("/verdicts", "get", "verdicts", "What scans found of a folder's files that are still as they were.", "viewer",
              forms.KnownVerdicts, forms.VerdictsAsked, (400, 404, 501)),
    Operation("/runs", "get", "runs", "Runs, newest first.", "viewer", forms.RunPage, forms.RunsAsked, (400, 503)),
    Operation("/runs/{run}", "get", "run", "One run with its steps.", "viewer", forms.RunDetail, None, (400, 404, 503)),
    Operation("/runs/{run}", "delete", "forget", "Forget a run that has ended.", "admin", forms.Deleted, None, (400, 404, 409, 503)),
    Operation("/runs/{run}/cancel", "post", "cancel", "Ask a run's jobs to stop, in whichever kernel or shell they are.", "analyst",
              forms.CancelAnswer, None, (400, 404, 409, 503)),
    Operation("/runs/{run}/report", "get", "report", "A run as a report.", "viewer", None, forms.ReportAsked, (400, 404, 413, 501, 503)),
    Operation("/models", "get", "models", "The models that were assessed.", "viewer", forms.ModelList),
    Operation("/compare", "get", "compare", "Two runs side by side.", "viewer", Comparison, forms.CompareAsked, (400, 404, 503)),
    Operation("/report", "post", "view", "A report file as a page without scripts, with the state of its signature.", "viewer",
              forms.ReportView, forms.PathAsked, (400, 404, 413, 415, 501, 503)),
    Operation("/report/pdf", "post", "print", "A report file as PDF.", "viewer", None, forms.PathAsked, (400, 404, 413, 415, 501, 503)),
    Operation("/code", "get", "code", "The cells that do what a click would.", "viewer", forms.CodeCells, forms.CodeAsked, (400, 404, 413, 503)),
    Operation("/panels", "get", "panels", "The panels that stand alone in a cell.", "viewer", forms.PanelList, None, (413, 503)),
    Operation("/menus", "get", "menus", "What JupyterLab's menus offer.", "viewer", forms.Menus, None, ()),
    Operation("/events", "get", "events", "Server-sent events, from whichever process: " + ", ".join(EVENTS) + ".", "viewer", None),
    Operation("/openapi.json", "get", "openapi", "This document.", "viewer", None, None, ()),
)  # fmt: skip


class Whole(GenerateJsonSchema):
    """Schemas in which every field of an answer is there, for defaults are sent too."""

    def field_is_required(self, field: Any, total: bool) -> bool:
        return self.mode == "serialization" or super().field_is_required(field, total)


def document() -> dict[str, Any]:
    """The OpenAPI 3.1 document."""
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tiltyard in Jupyter", "version": str(forms.API), "description": "Scans, runs, reports and events."},
        "servers": [{"url": "/tiltyard/api", "description": "below the base URL of the Jupyter server"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {"schemas": schemas(), "securitySchemes": {"token": {"type": "apiKey", "in": "header", "name": "Authorization"}}},
    }


def schemas() -> dict[str, Any]:
    """Every form by its name: bodies as they are taken, answers as they are given."""
    asked = [(o.asks, "validation") for o in OPERATIONS if o.asks]
    given = [(form, "serialization") for form in (*[o.answer for o in OPERATIONS if o.answer], forms.Wrong, *EVENTS.values())]
    _, made = models_json_schema([*asked, *given], ref_template=AT + "{model}", schema_generator=Whole)  # type: ignore[list-item]
    return {name: made["$defs"][name] for name in sorted(made["$defs"])}


def _operation(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {"operationId": operation.id, "summary": operation.does, "description": f"Needs the role {operation.role}."}
    given = _parameters(operation)
    if given:
        described["parameters"] = given
    if operation.asks and operation.method == "post":
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": {"$ref": AT + operation.asks.__name__}}}}
    if operation.id == "events":
        described["x-events"] = {name: {"$ref": AT + form.__name__} for name, form in EVENTS.items()}
    described["responses"] = {"200": {"description": operation.does, "content": _content(operation)}}
    wrong = {"application/json": {"schema": {"$ref": AT + "Wrong"}}}
    described["responses"] |= {
        str(status): {"description": REFUSED[status], "content": wrong} for status in sorted({403, *operation.refusals})
    }
    return described


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if "{run}" in operation.path:
        found.append({"name": "run", "in": "path", "required": True, "schema": {"type": "string", "pattern": "^([0-9a-f]{1,32}|last)$"}})
    if operation.asks and operation.method == "get":
        schema = operation.asks.model_json_schema()
        needed = schema.get("required", ())
        found += [{"name": n, "in": "query", "required": n in needed, "schema": of} for n, of in schema["properties"].items()]
    return found


def _content(operation: Operation) -> dict[str, Any]:
    if operation.answer:
        return {"application/json": {"schema": {"$ref": AT + operation.answer.__name__}}}
    if operation.id == "events":
        return {"text/event-stream": {"schema": {"type": "string"}}}
    if operation.id == "openapi":
        return {"application/json": {"schema": {"type": "object"}}}
    if operation.id == "print":
        return {"application/pdf": {"schema": {"type": "string"}}}
    kinds = [media.partition(";")[0] for media, _ in MEDIA.values()]
    return {kind: {"schema": {"type": "object" if kind.endswith("json") else "string"}} for kind in kinds}


def text() -> str:
    """The document as it is committed."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"
