"""Readers of further formats: honest files are safe, files with code are not, and no byte may stand after the end."""

import gzip
import io
import json
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable

import pytest

from tiltyard.artifacts.formats import Format
from tiltyard.artifacts.verdict import Verdict, scan_content

from . import written

Field = tuple[int, int | bytes]


def verdict(content: bytes, name: str = "a file") -> Verdict:
    return scan_content(name, content)


def said(found: Verdict) -> str:
    return " ".join(f"{r.grade} {r.what} {r.why} {r.rule}" for r in found.reasons)


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def message(*fields: Field) -> bytes:
    parts = (varint(n << 3 | 2) + varint(len(v)) + v if isinstance(v, bytes) else varint(n << 3) + varint(v) for n, v in fields)
    return b"".join(parts)


def gguf(template: str = "{% for m in messages %}{{ m['content'] | trim }}{% endfor %}", offset: int = 0, keys: int = 2) -> bytes:
    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value.encode())) + value.encode()

    head = b"GGUF" + struct.pack("<IQQ", 3, 1, keys)
    head += text("tokenizer.chat_template") + struct.pack("<I", 8) + text(template)
    head += text("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 2) + text("a") + text("b")
    head += text("w") + struct.pack("<IQQIQ", 2, 4, 2, 0, offset)
    return head + bytes(-len(head) % 32) + bytes(32)


def node(op: str) -> bytes:
    return message((1, b"n"), (2, op.encode()))


def saved_model(*operators: str, functions: tuple[tuple[str, str], ...] = ()) -> bytes:
    library = b"".join(message((1, message((1, message((1, name.encode()))), (3, node(op))))) for name, op in functions)
    graph = b"".join(message((1, node(op))) for op in operators) + message((2, library))
    return message((1, 1), (2, message((1, b""), (2, graph))))


def coreml(kind: int = 500, layer: int = 140) -> bytes:
    return message((1, 4), (2, b""), (kind, message((1, message((1, b"dense"), (layer, message((10, b"Evil"))))))))


def sentencepiece(extra: bytes = b"") -> bytes:
    piece = message((1, message((1, b"<unk>"), (3, 2))))
    return piece + message((2, message((3, 8000))), (3, message((1, b"nmt")))) + extra


def openvino(version: str = "opset1", before: str = "") -> bytes:
    layer = f'<layer id="0" name="x" type="ReLU" version="{version}"><input/></layer>'
    return f'<?xml version="1.0"?>{before}<net name="m" version="11"><layers>{layer}</layers></net>'.encode()


def pmml(function: str = "+", before: str = "") -> bytes:
    apply = f'<Apply function="{function}"><Constant>1</Constant></Apply>'
    return f'<?xml version="1.0"?>{before}<PMML version="4.4" xmlns="http://www.dmg.org/PMML-4_4"><Header/>{apply}</PMML>'.encode()


def flax(length: int = 12, kind: int = 1) -> bytes:
    inner = b"\x93\x91\x03\xa7float32\xc4" + bytes([length]) + bytes(length)
    return b"\x81\xa6params\x81\xa1w\xc7" + bytes([len(inner), kind]) + inner


def rds(*values: bytes, packed: bool = True) -> bytes:
    plain = b"X\n" + struct.pack(">III", 3, 0x40100, 0x30500) + struct.pack(">I", 5) + b"UTF-8" + b"".join(values)
    return gzip.compress(plain, mtime=0) if packed else plain


def items(code: int, *values: bytes) -> bytes:
    return struct.pack(">II", code, len(values)) + b"".join(values)


REALS = struct.pack(">IIdd", 14, 2, 1.0, 2.0)
SYMBOL = struct.pack(">III", 1, 9, 1) + b"x"
PNG = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int = 2) -> bytes:
    return (
        PNG
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, 2, 8, 0, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(b"\0ab\0cd"))
        + chunk(b"IEND", b"")
    )


def jpeg() -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.new("L", (4, 4)).save(out, "JPEG")
    return out.getvalue()


def tokenizer(**more: object) -> bytes:
    return json.dumps({"version": "1.0", "added_tokens": [], "model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}, **more}).encode()


def tarred(*members: tuple[str, bytes], link: str = "") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as target:
        for name, content in members:
            one = tarfile.TarInfo(name)
            one.size = len(content)
            target.addfile(one, io.BytesIO(content))
        if link:
            one = tarfile.TarInfo("link")
            one.type, one.linkname = tarfile.SYMTYPE, link
            target.addfile(one)
    return out.getvalue()


def _other(data: bytes, mark: bytes, at: int, by: int) -> bytes:
    """The file with another byte so far behind the first mark."""
    place = data.index(mark) + at
    return data[:place] + bytes([(data[place] + by) % 256]) + data[place + 1 :]


def _last_id(data: bytes) -> bytes:
    """The file with another id in the heap in the first index of links by creation order: type 6, records of 15 bytes."""
    leaf = next(i for i in range(len(data)) if data.startswith(b"BTLF\0\6", i))
    return data[: leaf + 6 + 8 + 1] + b"\xff\xff" + data[leaf + 6 + 8 + 3 :]


def keras(layer: dict[str, object], weights: bytes = written.WEIGHTS) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as target:
        config = {
            "module": "keras",
            "class_name": "Sequential",
            "config": {"name": "s", "layers": [layer]},
            "registered_name": "Sequential",
        }
        target.writestr("config.json", json.dumps(config))
        target.writestr("metadata.json", '{"keras_version": "3.5.0"}')
        target.writestr("model.weights.h5", weights)
    return out.getvalue()


DENSE = {"module": "keras.layers", "class_name": "Dense", "config": {"units": 3, "activation": "relu"}, "registered_name": None}
HONEST: dict[str, tuple[Format, Callable[[], bytes]]] = {
    "gguf": (Format.GGUF, gguf),
    "savedmodel": (
        Format.SAVED_MODEL,
        lambda: saved_model("MatMul", "Relu", "StatefulPartitionedCall", functions=(("__inference_1", "AddV2"),)),
    ),
    "savedmodel calls its own": (Format.SAVED_MODEL, lambda: saved_model("__inference_1", functions=(("__inference_1", "AddV2"),))),
    "coreml": (Format.COREML, coreml),
    "sentencepiece": (Format.SENTENCEPIECE, sentencepiece),
    "openvino": (Format.OPENVINO, openvino),
    "pmml": (Format.PMML, pmml),
    "flax": (Format.MSGPACK, flax),
    "rds": (Format.RDS, lambda: rds(items(19, REALS, REALS))),
    "rds unpacked": (Format.RDS, lambda: rds(REALS, packed=False)),
    "png": (Format.PNG, png),
    "jpeg": (Format.JPEG, jpeg),
    "tokenizer": (Format.TOKENIZER, tokenizer),
    "hdf5": (Format.HDF5, lambda: written.WEIGHTS),
    "hdf5 with dense groups": (Format.HDF5, lambda: written.DENSE),
    "keras": (Format.KERAS, lambda: keras(DENSE)),
    "nemo": (
        Format.TAR,
        lambda: tarred(("model_config.yaml", b"optim:\n  _target_: torch.optim.Adam\n"), ("rows.csv", b"a,b\n1,2\n3,4\n")),
    ),
    "keras metadata": (
        Format.KERAS_METADATA,
        lambda: message((1, message((3, b"root"), (4, b"_tf_keras_sequential"), (5, json.dumps(DENSE).encode())))),
    ),
}
BAD: dict[str, tuple[str, str, Callable[[], bytes]]] = {
    "a template that reaches classes": ("malicious", "__class__", lambda: gguf("{{ ''.__class__.__mro__ }}")),
    "a template that spells it": ("malicious", "attr", lambda: gguf("{{ x|attr('a'~'b') }}")),
    "a template with a name in a text": ("malicious", "__globals__", lambda: gguf("{{ x['__globals__'] }}")),
    "a template that includes": ("unproven", "includes", lambda: gguf("{% include 'x' %}")),
    "a template that calls": ("unproven", "function 'open'", lambda: gguf("{{ open('/etc/passwd') }}")),
    "tensors past the end": ("unproven", "gap", lambda: gguf(offset=64)),
    "more keys than bytes": ("unproven", "keys", lambda: gguf(keys=1 << 60)),
    "a function of Python": ("malicious", "PyFunc", lambda: saved_model("MatMul", "PyFunc")),
    "in a function": ("malicious", "EagerPyFunc", lambda: saved_model("MatMul", functions=(("f", "EagerPyFunc"),))),
    "a file written": ("malicious", "WriteFile", lambda: saved_model("WriteFile")),
    "an operator from elsewhere": ("unproven", "Mystery", lambda: saved_model("Mystery")),
    "a custom layer": ("unproven", "Evil", lambda: coreml(layer=500)),
    "a custom model": ("unproven", "custom model", lambda: coreml(kind=555)),
    "an extension layer": ("unproven", "openvino-extension", lambda: openvino("mylib")),
    "an entity": ("malicious", "entity", lambda: openvino(before='<!DOCTYPE net [<!ENTITY x SYSTEM "file:///etc/passwd">]>')),
    "laughs": ("malicious", "entity", lambda: pmml(before='<!DOCTYPE PMML [<!ENTITY a "aa">]>')),
    "a class of Java": ("unproven", "com.evil.Run", lambda: pmml("com.evil.Run")),
    "an array of more than its bytes": ("unproven", "does not fit", lambda: flax(length=11)),
    "an extension of another kind": ("unproven", "unknown kind 9", lambda: flax(kind=9)),
    "a promise": ("malicious", "CVE-2024-27322", lambda: rds(struct.pack(">I", 5), SYMBOL)),
    "language": ("unproven", "code", lambda: rds(struct.pack(">I", 6), SYMBOL, struct.pack(">I", 254))),
    "a vector of four billion": ("unproven", "said to follow", lambda: rds(struct.pack(">Ii", 14, 0x7FFFFFFF))),
    "a bomb of pixels": ("unproven", "pixels", lambda: png(width=1 << 30)),
    "a tokenizer's template": ("malicious", "__init__", lambda: tokenizer(chat_template="{{ cycler.__init__ }}")),
    "a link to another file": ("malicious", "another file", lambda: written.EXTERNAL_LINK),
    "data in another file": ("malicious", "another file", lambda: written.EXTERNAL_DATA),
    "a link in a group's own heap": ("malicious", "'zz' to another file", lambda: written.DENSE_LINK),
    "an attribute in a heap": ("unproven", "__import__", lambda: written.DENSE_ATTRIBUTE),
    "an index with fewer records": ("unproven", "number of records", lambda: _other(written.DENSE_LINK, b"BTHD", 28, 1)),
    "a heap elsewhere": ("unproven", "where it should be", lambda: _other(written.DENSE_LINK, b"FHDB", 13, 9)),
    "an index of creation order that leads elsewhere": ("unproven", "outside its heap", lambda: _last_id(written.DENSE)),
    "a virtual data set": ("malicious", "virtual", lambda: written.VIRTUAL),
    "four terabytes": ("unproven", "4,398,046,511,104", lambda: written.HUGE),
    "a Lambda": ("malicious", "Lambda", lambda: keras({"class_name": "Lambda", "config": {"function": ["4wE=", None, None]}})),
    "a module": ("malicious", "os.system", lambda: keras({"module": "os", "class_name": "system", "config": "x"})),
    "a module of another": ("unproven", "my.Layer", lambda: keras({"module": "my", "class_name": "Layer", "config": {}})),
    "a function of another": ("malicious", "subprocess.run", lambda: keras({"module": "subprocess", "class_name": "function", "config": "run"})),
    "a custom object": ("unproven", "custom object", lambda: keras({"class_name": "Mine", "config": {}, "registered_name": "pkg>Mine"})),
    "keras's own download": ("unproven", "get_file", lambda: keras({"module": "keras.utils", "class_name": "get_file", "config": {}})),
    "a vocabulary in a file": ("malicious", "/etc/passwd", lambda: keras({"module": "keras.layers", "class_name": "StringLookup",
                                                                        "config": {"vocabulary": "/etc/passwd"}})),
    "weights elsewhere": ("malicious", "another file", lambda: keras(DENSE, written.EXTERNAL_LINK)),
    "weights that are none": ("unproven", "no HDF5", lambda: keras(DENSE, b"\0" * 100)),
    "a tar that climbs": ("malicious", "../x", lambda: tarred(("../x.csv", b"a,b\n1,2\n"))),
    "a tar with a link": ("malicious", "link", lambda: tarred(("x.csv", b"a,b\n1,2\n"), link="/etc/passwd")),
    "a tar with a pickle": ("malicious", "os.system", lambda: tarred(("w.ckpt", b"cos\nsystem\n(S'true'\ntR."))),
    "a target that runs": ("malicious", "os.system", lambda: tarred(("model_config.yaml", b"x:\n  _target_: os.system\n"))),
    "a tag of Python": ("malicious", "python/object", lambda: tarred(("model_config.yaml", b"x: !!python/object/apply:os.system ['id']\n"))),
    "7z with a pickle": ("malicious", "os.system", lambda: written.SEVEN_BAD),
    "metadata with a Lambda": ("malicious", "Lambda", lambda: message((1, message((4, b"_tf_keras_layer"), (5, b'{"class_name": "Lambda"}'))))),
    "a notebook": ("unproven", "code", lambda: b'{"cells": [{"cell_type": "code", "source": "1"}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(HONEST))
def test_an_honest_file_is_safe(name: str) -> None:
    expected, make = HONEST[name]
    found = verdict(make())
    assert (found.format, found.verdict) == (expected, "safe"), said(found)


@pytest.mark.parametrize("name", sorted(BAD))
def test_a_file_with_code_or_a_lie_is_not(name: str) -> None:
    expected, what, make = BAD[name]
    found = verdict(make())
    assert found.verdict == expected, said(found)
    assert what in said(found) or any(what in reason.where for reason in found.reasons)


@pytest.mark.parametrize("name", sorted(HONEST))
@pytest.mark.parametrize("tail", [b"\x01" * 100, b"PK\x05\x06" + bytes(18), b"cos\nsystem\n(S'true'\ntR."], ids=["bytes", "zip", "pickle"])
def test_nothing_may_stand_after_the_end(name: str, tail: bytes) -> None:
    assert verdict(HONEST[name][1]() + tail).verdict != "safe"


@pytest.mark.parametrize("name", sorted(set(HONEST) - {"nemo"}))  # a tar may end without its padding
def test_a_file_that_is_cut_off_is_not_safe(name: str) -> None:
    whole = HONEST[name][1]()
    for share in (0.6, 0.9):
        assert verdict(whole[: int(len(whole) * share)]).verdict != "safe", share


def test_7z_is_unpacked_and_judged() -> None:
    found = verdict(written.SEVEN)
    assert found.format is Format.SEVEN_ZIP and found.verdict == "safe", said(found)
    assert verdict(written.SEVEN[:-1] + b"\xff").verdict == "unproven"


def test_templates_of_real_tokenizers_pass() -> None:
    chatml = (
        "{%- set ns = namespace(found=false) -%}{% for message in messages %}{% if message.role == 'system' and not loop.first %}"
        "{{ raise_exception('no') }}{% endif %}{{- '<|im_start|>' + message['role'] + '\\n' + message['content'].split('</think>')[-1].strip() }}"
        "{% generation %}{{ message.content }}{% endgeneration %}{% endfor %}{% if add_generation_prompt %}{{ bos_token }}{% endif %}"
        "{{ tools | tojson(indent=2) }}{%- macro one(x) %}{{ x }}{% endmacro %}{{ one(strftime_now('%Y')) }}"
    )
    assert verdict(gguf(chatml)).verdict == "safe", said(verdict(gguf(chatml)))


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"config": '{"model": {"_target_": "os.system", "command": "id"}}'}, "malicious"),
        ({"_target_": "subprocess.Popen"}, "malicious"),
        ({"config": '{"_target_": "mine.Model"}'}, "unproven"),
        ({"format": "pt", "note": "a target of 3 %"}, "safe"),
    ],
)
def test_metadata_of_safetensors_that_name_what_is_called(metadata: dict[str, str], expected: str) -> None:
    import numpy as np
    from safetensors.numpy import save

    assert verdict(save({"a": np.zeros(3, np.float32)}, metadata=metadata), "m.safetensors").verdict == expected


def test_every_rule_that_a_reader_names_is_explained() -> None:
    import re
    from pathlib import Path

    from tiltyard.artifacts.rules import RULES

    folder = Path(__file__).parents[2] / "workbench" / "tiltyard" / "artifacts"
    named = {found for path in folder.rglob("*.py") for found in re.findall(r'rule="([a-z0-9-]+)"', path.read_text("utf-8"))}
    assert len(named) > 20 and named <= set(RULES)


def test_damaged_gzip_is_no_crash() -> None:
    damaged = bytearray(rds(items(19, REALS)))
    damaged[10:20] = b"\xff" * 10
    found = verdict(bytes(damaged))
    assert found.verdict == "unproven" and "could not be read" not in said(found)
