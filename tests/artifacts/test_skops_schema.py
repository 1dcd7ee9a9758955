"""Types a skops file may hold, against skops itself."""

import io
import json
import zipfile

import pytest

from tiltyard.artifacts.skops import types as skops_types
from tiltyard.artifacts.skops.schema import BadSchema, reaching, untrusted


def schema(data: bytes) -> dict:
    return json.loads(zipfile.ZipFile(io.BytesIO(data)).read("schema.json"))


def node(loader: str, module: str, name: str, **more: object) -> dict[str, object]:
    return {"__loader__": loader, "__module__": module, "__class__": name, "protocol": 2, **more}


def test_agrees_with_skops(skops_files: dict[str, bytes]) -> None:
    import skops.io

    for data in skops_files.values():
        ours = {f"{module}.{name}" for _, module, name in untrusted(json.dumps(schema(data)).encode())[1]}
        assert ours == set(skops.io.get_untrusted_types(data=data))


def test_a_dtype_is_trusted_and_nothing_like_it(skops_files: dict[str, bytes]) -> None:
    """The dtype that a SimpleImputer keeps; see the module."""
    dtype = node("DTypeNode", "numpy", "dtype", content=node("NdArrayNode", "numpy", "ndarray", type="numpy", file="1.npy"))
    assert untrusted(json.dumps(dtype).encode())[1] == []
    assert untrusted(json.dumps({**dtype, "__module__": "os", "__class__": "system"}).encode())[1]
    assert untrusted(json.dumps({**dtype, "__loader__": "ObjectNode"}).encode())[1]


def test_lists_are_within_those_of_skops() -> None:
    """Nothing is trusted here that skops does not trust."""
    from skops.io import _trusted_types as theirs

    assert set(theirs.SKLEARN_ESTIMATOR_TYPE_NAMES + theirs.SKLEARN_INTERNAL_TYPE_NAMES) >= skops_types.ESTIMATORS
    assert set(theirs.NUMPY_UFUNC_TYPE_NAMES) >= skops_types.UFUNCS
    assert set(theirs.NUMPY_DTYPE_TYPE_NAMES) >= skops_types.DTYPES
    assert set(theirs.PRIMITIVE_TYPE_NAMES) >= skops_types.PRIMITIVES
    assert set(theirs.CONTAINER_TYPE_NAMES) >= skops_types.CONTAINERS
    assert set(theirs.NUMPY_RANDOM_BIT_GENERATOR_TYPE_NAMES) >= skops_types.BIT_GENERATORS
    assert len(skops_types.ESTIMATORS) > 200


@pytest.mark.parametrize(
    "bad",
    [
        node("ObjectNode", "os", "system"),
        node("FunctionNode", "builtins", "exec"),
        node("TypeNode", "subprocess", "Popen"),
        node("OperatorFuncNode", "operator", "methodcaller"),
        node("MethodNode", "builtins", "str", content={}),
        node("PartialNode", "functools", "partial"),
        node("ListNode", "os", "system"),
        node("NewNode", "builtins", "list"),
        node("JsonNode", "os", "system"),
        node("ObjectNode", "sklearn.tree._tree", "Tree"),
        node("ObjectNode", "builtins", "list"),
        {"__loader__": "ListNode", "protocol": 2},
    ],
)
def test_untrusted_wherever_they_stand(bad: dict[str, object]) -> None:
    assert untrusted(json.dumps(bad).encode())[1]
    hidden = node("DictNode", "builtins", "dict", content={"__loader__": {"x": [{"y": bad}]}}, unread={"deep": [bad]})
    assert untrusted(json.dumps(hidden).encode())[1]


def test_bit_generator_named_as_a_string() -> None:
    def generator(name: object) -> bytes:
        inner = {"content": {"bit_generator": node("JsonNode", "builtins", "str", content=json.dumps(name))}}
        state = {**node("DictNode", "builtins", "dict"), **inner}
        return json.dumps(node("RandomGeneratorNode", "numpy.random._generator", "Generator", content={"bit_generator": state})).encode()

    assert untrusted(generator("PCG64"))[1] == []
    assert untrusted(generator("seed"))[1] == [("RandomGeneratorNode", "numpy.random", "seed")]
    assert untrusted(generator({"a": 1}))[1]


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"__loader__": "ListNode", "protocol": 1}', b"[" * 100_000])
def test_not_a_schema(raw: bytes) -> None:
    with pytest.raises(BadSchema):
        untrusted(raw)


def text(value: str) -> dict[str, object]:
    return node("JsonNode", "builtins", "str", content=json.dumps(value))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"memory": text("cache")}, ["memory='cache'"]),
        ({"memory": text("")}, ["memory=''"]),
        ({"memory": {"__loader__": "CachedNode", "__id__": 7}}, ["memory='(said elsewhere)'"]),
        ({"memory": node("JsonNode", "builtins", "str", content="not json")}, ["memory='(said elsewhere)'"]),
        ({"memory": node("ListNode", "builtins", "list", content=[])}, ["memory='(said elsewhere)'"]),
        ({"input": text("filename"), "x": {"memory": text("c")}}, ["input='filename'", "memory='c'"]),
        ({"memory": node("JsonNode", "builtins", "str", content="null"), "input": text("content")}, []),
        ({"memory": node("JsonNode", "builtins", "float", content="1.5"), "memory_": text("x")}, []),
    ],
)
def test_what_would_open_files_is_named(content: dict[str, object], said: list[str]) -> None:
    whole = node("ObjectNode", "sklearn.pipeline", "Pipeline", content=node("DictNode", "builtins", "dict", content=content))
    assert sorted(reaching(json.dumps(whole).encode())) == said
