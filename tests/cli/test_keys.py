import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Tiltyard = Callable[..., Any]


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TILTYARD_KEYS", str(tmp_path / "keys" / "keys.json"))


def test_a_key_is_made_listed_rotated_and_revoked(tiltyard: Tiltyard, tmp_path: Path) -> None:
    made = tiltyard("key", "new", "ann", "--scope", "predict", "--scope", "admin", "--budget", 5000)
    secret = made.out.strip()
    assert made.code == 0 and secret.startswith("ty_") and secret not in made.err and "shown this once" in made.err
    listed = tiltyard("key", "list")
    assert "ann" in listed.out and "valid" in listed.out and "5,000" in listed.out and secret not in listed.out
    renewed = tiltyard("key", "rotate", "ann", "--grace", 5)
    assert renewed.code == 0 and renewed.out.strip() != secret
    facts = json.loads(tiltyard("key", "list", "--json").out)
    assert facts["format"] == 1 and [k["name"] for k in facts["keys"]] == ["ann", "ann"] and "hash" not in str(facts)
    assert tiltyard("key", "revoke", facts["keys"][1]["id"]).code == 0
    assert json.loads(tiltyard("key", "list", "--json").out)["keys"][1]["state"] == "revoked"
    assert [k["account"] for k in facts["keys"]] == [facts["keys"][0]["id"]] * 2
    assert facts["keys"][0]["id"] in tiltyard("key", "revoke", "ann", "--line").out
    assert {k["state"] for k in json.loads(tiltyard("key", "list", "--json").out)["keys"]} == {"revoked"}
    audit = next(tmp_path.glob("*.audit.jsonl")).read_text()
    assert "key made" in audit and "key rotated" in audit and "key revoked" in audit and secret not in audit


@pytest.mark.parametrize(
    "words",
    [
        ("new", "x", "--scope", "all"),
        ("new", "x", "--days", "-1"),
        ("new", " "),
        ("revoke", "nobody"),
        ("rotate", "nobody"),
        ("new", "x", "--budget", "0"),
    ],
)
def test_bad_wishes_are_one_line(tiltyard: Tiltyard, words: tuple[str, ...]) -> None:
    said = tiltyard("key", *words)
    assert said.code == 2 and said.line


def test_no_keys_yet(tiltyard: Tiltyard) -> None:
    assert "tiltyard key new" in tiltyard("key", "list").err


@pytest.mark.parametrize(
    ("toml", "words", "said"),
    [
        ('host = "0.0.0.0"', (), "TLS"),
        ('certificate = "a.pem"', (), "together"),
        ("[limits]\nbody = 1", (), "limits.body"),
        ('[rate]\nrequests = "often"', (), "600/minute"),
        ("[outputs]\n", (), "a known key"),
        ("", ("--host", "192.0.2.1"), "TLS"),
        ("", (), "tiltyard key new"),
    ],
)
def test_serve_refuses_what_is_unsafe_or_wrong(tiltyard: Tiltyard, tmp_path: Path, toml: str, words: tuple[str, ...], said: str) -> None:
    (tmp_path / "guard.toml").write_text(toml)
    refused = tiltyard("serve", "sample:census", "--config", "guard.toml", *words)
    assert refused.code == 2 and said in refused.line


def test_serve_needs_a_model_that_is_there(tiltyard: Tiltyard) -> None:
    tiltyard("key", "new", "a")
    assert "nothing at" in tiltyard("serve", "none.onnx").line
    assert "a sample" in tiltyard("serve", "sample:none").line
