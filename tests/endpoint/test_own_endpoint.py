"""Our own endpoint says enough of itself for all thirteen questions to be asked; of others, as much as they say."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tiltyard.cli import main
from tiltyard.datasets.encoding import encoding_of
from tiltyard.datasets.feature import MISSING, Feature
from tiltyard.datasets.schema import Schema
from tiltyard.endpoint.posture import Posture
from tiltyard.endpoint.probing import probe
from tiltyard.result import Record
from tiltyard.samples.catalog import load
from tiltyard.serving.keys import KeyStore
from tiltyard.serving.openapi import described
from tiltyard.serving.rows import read_rows
from tiltyard.serving.server import Served
from tiltyard.serving.settings import Settings
from tiltyard.targets.http.address import address_of
from tiltyard.targets.http.forming import Former, asked
from tiltyard.targets.http.kserve import KServeWire
from tiltyard.targets.http.mlflow import MLflowWire
from tiltyard.targets.trying import middle, snapped
from tiltyard.validation.input_guard import Guard

QUICK = Posture(burst=30, oversize=2, rows=1200)  # a fifth more rows than our own endpoint takes at once


def states(record: Record) -> list[str]:
    """The outcome of each of the probes."""
    return [str(row[1]) for row in record.result.tables[0].rows]


@pytest.fixture(scope="module")
def guards(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """The file of a guard of a shipped sample, fitted once."""
    folder = tmp_path_factory.mktemp("guards")

    def fitted(name: str) -> str:
        path = folder / f"{name}.safetensors"
        if not path.exists():
            sample = load(name)
            Guard(rows=1000, save_as=str(path))(sample.target, sample.data)
        return str(path)

    return fitted


@pytest.mark.parametrize("guarded", [False, True])
@pytest.mark.parametrize("name", ["census", "digits"])
@pytest.mark.parametrize("more", [{}, {"limits": {"rows": 3}}, {"output": {"kind": "scores"}}], ids=["", "few rows", "scores"])
def test_all_thirteen_questions_are_asked_of_our_own(name: str, guarded: bool, more: dict[str, Any], guards: Callable[[str], str]) -> None:
    sample, keys = load(name), KeyStore()
    secret = keys.new("prober").secret
    if guarded:
        more = {**more, "guard": guards(name)}
    with Served(sample.target, Settings.model_validate({"port": 0, **more}), keys) as served:
        record = probe(served.url, secret, QUICK)
    assert len(states(record)) == 13 and "incomplete" not in states(record), record.result.tables[0].rows


def test_a_key_of_its_own_is_made_for_the_probe_and_ends_with_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sample, keys = load("census"), KeyStore(tmp_path / "keys.json")
    keys.new("anybody")
    with Served(sample.target, Settings(port=0), keys) as served:
        words = ["probe", served.url, "--burst", "20", "--json", "--no-store"]
        assert main(words) == 2
        shut = Record.model_validate_json(capsys.readouterr().out)
        assert states(shut).count("incomplete") == 5 and "--new-key" in json.dumps(shut.result.tables[0].rows)
        assert main([*words, "--new-key", "--keys", str(tmp_path / "keys.json")]) == 1
        said = capsys.readouterr()
    open_ = Record.model_validate_json(said.out)
    assert len(states(open_)) == 13 and "incomplete" not in states(open_)
    assert [(key.name.split()[0], key.state(keys.clock())) for key in keys.all()] == [("anybody", "valid"), ("probe", "revoked")]
    assert "ty_" not in said.out + said.err
    assert main([*words, "--keys", str(tmp_path / "keys.json")]) == 2 and "--new-key" in capsys.readouterr().err


ODD = Schema(
    features=(
        Feature(name="a", kind="integer", low=-3, high=0),
        Feature(name="b", kind="continuous", low=-1e30, high=1e30),
        Feature(name="c", kind="categorical", categories=(MISSING, "x")),
        Feature(name="d", kind="onehot", columns=("l", "m", "r")),
        Feature(name="e", kind="integer", low=0.5, high=1.7),
        Feature(name="f", kind="continuous", low=2, high=2),
    ),
    label="y",
    classes=("no", "yes"),
)


@pytest.mark.parametrize("name", ["odd", "census", "digits"])
def test_the_middle_of_the_bounds_is_a_row_that_the_endpoint_takes(name: str) -> None:
    schema = ODD if name == "odd" else load(name).data.schema
    rng = np.random.default_rng(0)
    wild = [snapped(rng.normal(0, 10.0**e, schema.low.size), schema) for e in (0, 3, 30)]
    encode = encoding_of(schema).encode
    for row in (middle(schema), *wild):
        np.testing.assert_array_equal(read_rows(encode(row, np.float64).tolist(), schema), row)
    body = asked(described(schema, Settings(), encode(middle(schema), np.float64)[0].tolist()), "/v1/predict")
    assert read_rows(body["instances"], schema).shape == (1, *schema.shape)


SCHEMAS: list[dict[str, Any]] = [
    {"type": "integer", "minimum": 3, "maximum": 9},
    {"type": "integer", "exclusiveMinimum": 3, "exclusiveMaximum": 5},
    {"type": "integer", "multipleOf": 7, "minimum": 8},
    {"type": "number", "exclusiveMinimum": 0},
    {"type": "number", "maximum": -5},
    {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.001},
    {"type": ["null", "string"], "minLength": 3},
    {"type": "string", "maxLength": 0},
    {"enum": [None, "red", "green"]},
    {"const": 4},
    {"anyOf": [{"type": "null"}, {"type": "number", "minimum": 2}]},
    {"oneOf": [{"type": "string", "pattern": "^x$"}, {"type": "boolean"}]},
    {"type": "array", "minItems": 2, "maxItems": 2, "items": {"type": "array", "minItems": 3, "items": {"type": "number", "maximum": 1}}},
    {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "items": False},
    {"allOf": [{"$ref": "#/$defs/A"}, {"type": "object", "required": ["b"], "properties": {"b": {"type": "string"}}}]},
    {"type": "object", "required": ["rows"], "additionalProperties": False, "properties": {"rows": {"type": "array", "items": {"$ref": "#/$defs/A"}}, "x": {}}},
]  # fmt: skip
DEFS = {"A": {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer", "minimum": 1, "maximum": 3}}}}


@pytest.mark.parametrize("schema", SCHEMAS, ids=str)
def test_what_is_made_of_a_schema_fits_it(schema: dict[str, Any]) -> None:
    import jsonschema

    whole = {**schema, "$defs": DEFS}
    made = Former(whole).value(schema)
    jsonschema.validate(made, whole, cls=jsonschema.Draft202012Validator)
    assert made is not None


HOSTILE: list[dict[str, Any]] = [
    {"$ref": "#/paths/~1score/post/requestBody/content/application~1json/schema"},
    {"$ref": "https://elsewhere.example/schema.json"},
    {"$ref": "#/nowhere"},
    {"type": "array", "minItems": 10**12, "items": {"type": "number"}},
    {"type": "string", "minLength": 10**12},
    {"type": "object", "required": ["a"], "properties": {"a": {"$ref": "#/paths/~1score/post/requestBody/content/application~1json/schema"}}},
    {"type": "number", "minimum": 2, "maximum": 1},
    {"type": "number", "minimum": "low"},
    {"type": "string", "pattern": "^(a+)+$"},
    {"anyOf": []},
    {"allOf": [17]},
    {"enum": 3},
]  # fmt: skip


@pytest.mark.parametrize("schema", HOSTILE, ids=str)
def test_of_a_hostile_schema_nothing_is_made_and_nothing_is_fetched(schema: dict[str, Any]) -> None:
    document = {"paths": {"/score": {"post": {"requestBody": {"content": {"application/json": {"schema": schema}}}}}}}
    assert asked(document, "/score") in (None, 0)
    wide = schema
    for _ in range(8):
        wide = {"type": "array", "minItems": 100, "items": wide}
    assert asked({"paths": {"/score": {"post": {"requestBody": {"content": {"application/json": {"schema": wide}}}}}}}, "/score") is None


@pytest.mark.parametrize("document", [None, [], {}, {"paths": []}, {"paths": {"/score": {"post": {}}}}, {"paths": {"/other": {"post": 1}}}])
def test_documents_that_say_nothing(document: Any) -> None:
    assert asked(document, "/score") is None


def test_kserve_metadata_make_a_request_of_each_tensors_kind() -> None:
    wire = KServeWire(address_of("http://127.0.0.1:1/v2/models/m/infer"))
    assert wire.formed() is None
    told = [("a", "INT64", [-1, 1]), ("b", "BYTES", [-1]), ("c", "FP32", [-1, 2, -1]), ("d", "BOOL", [1, 1])]
    wire.described({"name": "m", "inputs": [dict(zip(("name", "datatype", "shape"), one, strict=True)) for one in told]})
    inputs = wire.formed()["inputs"]
    assert [(one["datatype"], one["shape"], one["data"]) for one in inputs] == [
        ("INT64", [1, 1], [1]), ("BYTES", [1], ["a"]), ("FP32", [1, 2, 1], [0.5, 0.5]), ("BOOL", [1, 1], [False]),
    ]  # fmt: skip
    assert [one["shape"] for one in wire.repeated({"inputs": inputs}, 5)["inputs"]] == [[5, 1], [5], [5, 2, 1], [5, 1]]
    wire.described({"name": "m", "inputs": [{"name": "a", "datatype": "FP32", "shape": [-1, 10**9]}]})
    assert wire.formed() is None


@pytest.mark.parametrize(
    "body",
    [
        {"inputs": [[1, 2]]},
        {"instances": [[1, 2], [3, 4]]},
        {"dataframe_records": [{"a": 1}]},
        {"dataframe_split": {"columns": ["a"], "data": [[1]]}},
    ],
)
def test_mlflow_rows_are_repeated_in_the_form_they_came(body: dict[str, Any]) -> None:
    many = MLflowWire(address_of("http://127.0.0.1:1/invocations")).repeated(body, 5)
    assert list(many) == list(body)
    (rows,) = [part["data"] if isinstance(part, dict) else part for part in many.values()]
    assert len(rows) == 5 and all(row == rows[0] for row in rows)


PERSON = {
    "type": "object",
    "required": ["age", "kind"],
    "properties": {"age": {"type": "integer", "minimum": 18, "maximum": 90}, "kind": {"enum": ["a", "b"]}},
}
DOCUMENT = {
    "paths": {
        "/invocations": {"post": {"requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Rows"}}}}}}
    },
    "components": {"schemas": {"Rows": {"type": "object", "required": ["dataframe_records"], "properties": {"dataframe_records": {"type": "array", "items": PERSON}}}}},
}  # fmt: skip


def strict(method: str, path: str, headers: Any, body: bytes) -> tuple[int, dict[str, str], bytes]:
    """Another's endpoint that takes only what its document says, a hundred rows at most."""
    import jsonschema

    page = path.partition("?")[0]
    safe = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Content-Type": "application/json"}
    if headers.get("authorization", "") != "Bearer secret":
        return 401, safe, b"{}"
    if (method, page) == ("GET", "/openapi.json"):
        return 200, safe, json.dumps(DOCUMENT).encode()
    if (method, page) != ("POST", "/invocations"):
        return 405 if page == "/invocations" else 404, safe, b"{}"
    try:
        rows = json.loads(body)["dataframe_records"]
        for row in rows:
            jsonschema.validate(row, PERSON)
    except (ValueError, KeyError, TypeError, RecursionError, jsonschema.ValidationError):
        return 422, safe, b"{}"
    if len(rows) > 100 or len(body) > 2**20:
        return 413, safe, b"{}"
    return 200, safe, json.dumps({"predictions": [[0.25, 0.75]] * len(rows)}).encode()


def test_a_request_is_made_of_anothers_openapi_document(serve: Callable[[Any], str]) -> None:
    record = probe(serve(strict) + "/invocations", "secret", QUICK)
    assert len(states(record)) == 13 and "incomplete" not in states(record), record.result.tables[0].rows
    assert [finding.title for finding in record.result.findings] == ["No rate limit"]
