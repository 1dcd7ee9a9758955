"""A pickle in text in text: none is called safe, whatever the writings; honest texts that look alike stay safe."""

import base64
import gzip
import json
import pickle
import random
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.artifacts.more_techniques import st
from tests.artifacts.techniques import call, text

from tiltyard.artifacts.layers import DEEPEST, TooDeep, layers
from tiltyard.artifacts.verdict import scan_content
from tiltyard.published.scanning import look

EVIL = pickle.dumps({"weights": [1.0]})[:-1] + b"0" + call("os", "system", text("never"))[2:]
OLD = b"cos\nsystem\n(S'never'\ntR."
WRITINGS: dict[str, Callable[[bytes], str]] = {
    "base64": lambda data: base64.b64encode(data).decode(),
    "base64 for addresses": lambda data: base64.urlsafe_b64encode(data).decode().rstrip("="),
    "base64 in lines": lambda data: base64.encodebytes(data).decode(),
    "base32": lambda data: base64.b32encode(data).decode(),
    "base85": lambda data: base64.b85encode(data).decode(),
    "ascii85": lambda data: base64.a85encode(data, adobe=True).decode(),
    "hex": bytes.hex,
    "hex with blanks": lambda data: data.hex(" ").upper(),
    "percent": lambda data: "".join(f"%{one:02X}" for one in data),
    "escapes": lambda data: repr(data),
    "escapes of JSON": lambda data: json.dumps(data.decode("latin-1")),
    "zlib in base64": lambda data: base64.b64encode(zlib.compress(data)).decode(),
    "gzip in hex": lambda data: gzip.compress(data).hex(),
    "JSON in base64": lambda data: base64.b64encode(json.dumps({"a": data.hex()}).encode()).decode(),
    "a pickle in base64": lambda data: base64.b64encode(pickle.dumps({"a": base64.b64encode(data).decode()})).decode(),
}


@pytest.mark.parametrize("name", WRITINGS)
@pytest.mark.parametrize("evil", [EVIL, OLD], ids=["new", "old"])
def test_no_writing_is_safe_nor_one_under_another(name: str, evil: bytes, tmp_path: Path) -> None:
    once = WRITINGS[name](evil)
    twice = WRITINGS[name](once.encode())
    under = base64.b64encode(WRITINGS[name](bytes.fromhex(WRITINGS["hex"](evil))).encode()).decode()
    for written in (once, twice, under):
        for value in ({"a": written}, [written.encode()]):
            assert scan_content("m.pkl", pickle.dumps(value)).verdict in ("unproven", "malicious")
        assert scan_content("m.safetensors", st({"note": written})).verdict != "safe"
        (file := tmp_path / "config.json").write_text(json.dumps({"config": [{"state": written}]}), encoding="utf-8")
        found = look(file).verdict
        assert found is not None and any("stands for a pickle" in reason.what for reason in found.reasons), written


def test_stages_as_bytes_are_followed() -> None:
    stage = pickle.dumps({"stage2": EVIL})
    for value in ({"stage1": stage}, {"stage1": base64.b64encode(stage).decode()}, {"a": pickle.dumps({"b": stage})}):
        assert scan_content("m.pkl", pickle.dumps(value)).verdict in ("unproven", "malicious")


def test_what_is_too_deep_is_said() -> None:
    text = EVIL
    for _ in range(DEEPEST + 3):
        text = base64.b64encode(text)
    with pytest.raises(TooDeep):
        list(layers(text.decode()))
    found = scan_content("m.pkl", pickle.dumps(text.decode()))
    assert found.verdict == "unproven" and any("too deep" in reason.what for reason in found.reasons)
    nested = EVIL
    for _ in range(8):
        nested = pickle.dumps({"a": base64.b64encode(nested).decode()})
    assert scan_content("m.pkl", nested).verdict != "safe"


def test_what_is_unpacked_is_bounded() -> None:
    bomb = b"A" * (32 << 20)
    for _ in range(3):
        bomb = zlib.compress(bomb)
    assert sum(map(len, layers(base64.b64encode(bomb).decode()))) < 4 << 20
    many = " ".join(base64.b64encode(zlib.compress(bytes([71 + i]) * (1 << 20))).decode() for i in range(6))
    with pytest.raises(TooDeep):
        list(layers(many))


@cache
def honest() -> dict[str, Any]:
    r = random.Random(0)
    words = ["".join(r.choices("abcdefghijklmnopqrstuvwxyz", k=r.randint(3, 24))) for _ in range(3000)]
    return {
        "vocabulary": words,
        "lines": ["cat\ndog\nbird\n.", "class Foo\nbar baz\n.", "\n".join(words)],
        "pictures": [base64.b64encode(b"\x89PNG\r\n\x1a\n" + r.randbytes(4000)).decode() for _ in range(5)],
        "noise": [base64.b64encode(r.randbytes(n)).decode() for n in range(12, 400)] + [r.randbytes(n) for n in range(12, 400)],
        "hashes": [r.randbytes(32).hex() for _ in range(500)],
        "compressed": [zlib.compress(r.randbytes(500)), gzip.compress(" ".join(words).encode())],
        "addresses": [f"https://example.org/a%20b/{word}?q=%2Fc%80" for word in words[:200]],
        "paths": [f"C:\\new\\x41\\tables\\{word}" for word in words[:200]],
        "JSON in base64": base64.b64encode(json.dumps({"classes": words}).encode()).decode(),
        "plain pickle in base64": base64.b64encode(pickle.dumps({"a": [1, 2, 3], "b": "text"})).decode(),
        "token": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c",
        "text": Path(__file__).parents[2].joinpath("LICENSE").read_text(encoding="utf-8"),
    }


@pytest.mark.parametrize("name", honest())
def test_honest_texts_stay_safe(name: str, tmp_path: Path) -> None:
    value = honest()[name]
    found = scan_content("m.pkl", pickle.dumps(value))
    assert found.verdict == "safe", found.reasons
    if not isinstance(value, list) or not any(isinstance(one, bytes) for one in value):
        (file := tmp_path / "config.json").write_text(json.dumps({"a": value}), encoding="utf-8")
        assert (verdict := look(file).verdict) is not None
        assert not any(reason.rule == "hidden-program" for reason in verdict.reasons)
