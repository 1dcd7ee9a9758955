"""The two HTTP interfaces from their OpenAPI documents: the server extension of Jupyter, and the guarded endpoint."""

import json
from pathlib import Path
from typing import Any

from .markdown import cell, code, fenced, page, table


def pages() -> dict[str, str]:
    parts = [
        "## In Jupyter\n\n" + JUPYTER + "\n\n" + operations(extension()),
        "## The guarded endpoint\n\n" + ENDPOINT + "\n\n" + operations(endpoint()) + "\n" + example(endpoint()),
        "## Refusals\n\n" + REFUSED + "\n\n" + refusals(),
    ]
    return {"reference/rest.md": page("REST", *parts, label="rest")}


JUPYTER = """Below the base URL of the Jupyter server, at `/tiltyard/api`, behind its login. `GET /openapi.json` there is this description for
tools. Roles: a viewer looks and exports, an analyst runs, an admin deletes."""
ENDPOINT = """What `tiltyard serve MODEL` answers. `GET /openapi.json` describes it exactly for the model's own columns; here it is for the census sample.
A key goes in the header `Authorization: Bearer KEY`."""
REFUSED = """Every refusal is JSON with three clauses, `{"error": {"expected": …, "found": …, "do": …}}`, and `column` and `row` where it is about a cell."""


def extension() -> dict[str, Any]:
    """The document of the server extension, as it is committed."""
    import tiltyard_widgets

    text = (Path(tiltyard_widgets.__file__).parent / "server" / "openapi.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def endpoint() -> dict[str, Any]:
    """The document of an endpoint that serves the census sample with the safe settings."""
    from tiltyard.samples.catalog import load_data
    from tiltyard.serving.openapi import described
    from tiltyard.serving.settings import Settings

    return described(load_data("census").schema, Settings())


def operations(document: dict[str, Any]) -> str:
    """A row for each address and method."""
    rows = []
    for path, methods in document["paths"].items():
        for method, facts in methods.items():
            if method in ("get", "post", "put", "delete"):
                rows.append((code(f"{method.upper()} {path}"), summary(facts), asks(facts), ", ".join(sorted(facts["responses"]))))
    return table(("Request", "What it does", "Takes", "Answers with"), rows)


def summary(facts: dict[str, Any]) -> str:
    words = f"{facts.get('summary', facts.get('operationId', ''))} {facts.get('description', '')}".strip()
    return cell(words)


def asks(facts: dict[str, Any]) -> str:
    """Parameters, and the name of the body's form."""
    named = [code(p["name"]) + ("" if p.get("required") else "?") for p in facts.get("parameters", ()) if "name" in p]
    content = facts.get("requestBody", {}).get("content", {})
    body = [code(form["schema"]["$ref"].rpartition("/")[2]) for form in content.values() if "$ref" in form.get("schema", {})]
    return ", ".join([*named, *(body or (["JSON"] if content else []))])


def example(document: dict[str, Any]) -> str:
    """The columns that one row of the question has."""
    from tiltyard.samples.catalog import load_data

    features = load_data("census").schema.features
    names = [code(feature.name) for feature in features]
    return f"An instance for the census model has these {len(features)} values, in this order: {', '.join(names)}.\n\n" + fenced(
        'POST /v1/predict\n\n{"instances": [[39, "State-gov", …]]}', "text"
    )


def refusals() -> str:
    from tiltyard.serving.openapi import REFUSALS

    return table(("Status", "Why"), [(code(status), why) for status, why in REFUSALS.items()])
