"""TorchServe archives: with its own handler and judged weights they are safe; with Python, packages or names that lead elsewhere they are not."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.artifacts.more_techniques import tar
from tests.artifacts.techniques import call, safetensors, text, zipped

from tiltyard.artifacts.verdict import scan_content
from tiltyard.cli.commands.scan import exit_code
from tiltyard.published.scanning import scanned

WEIGHTS = safetensors()
OWN = {"handler": "image_classifier", "serializedFile": "m.safetensors"}


def manifest(of: str = "model", /, **model: Any) -> bytes:
    return json.dumps({"createdOn": "01/01/2026", "runtime": "python", of: {"modelName": "m", "modelVersion": "1.0", **model}}).encode()


def archive(content: bytes, kind: str = "zip", place: str = "MAR-INF", weights: bytes = WEIGHTS) -> bytes:
    files = {f"{place}/MANIFEST.json": content, "m.safetensors": weights}
    return zipped(files) if kind == "zip" else tar("w", *files.items())


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_its_own_handler_and_judged_weights_are_safe(kind: str) -> None:
    found = scan_content("m.mar", archive(manifest(**OWN), kind))
    assert found.verdict == "safe" and any("own handler image_classifier" in reason.what for reason in found.reasons)


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize(
    ("content", "verdict", "said"),
    [
        (manifest(**OWN | {"handler": "h.py"}), "unproven", "the handler h.py"),
        (manifest(**OWN | {"handler": "h:handle"}), "unproven", "the handler h:handle"),
        (manifest(serializedFile="m.safetensors"), "unproven", "the handler None"),
        (manifest(**OWN | {"handler": ["image_classifier"]}), "unproven", "the handler"),
        (manifest(**OWN, modelFile="m.safetensors"), "unproven", "modelFile: m.safetensors"),
        (manifest(**OWN, requirementsFile="m.safetensors"), "unproven", "requirementsFile"),
        (manifest(**OWN | {"serializedFile": "other.pt"}), "unproven", "serializedFile: other.pt"),
        (manifest(**OWN | {"serializedFile": "../m.pt"}), "malicious", "serializedFile: ../m.pt"),
        (manifest(**OWN, configFile="/etc/passwd"), "malicious", "configFile"),
        (manifest(**OWN | {"serializedFile": "https://example.org/m.pt"}), "malicious", "serializedFile"),
        (b"{", "unproven", "cannot be read"),
        (b"[]", "unproven", "cannot be read"),
        (b'{"model": {"handler": "h.py", "handler": "image_classifier"}}', "unproven", "a name twice"),
        (manifest(**OWN).replace(b'"runtime"', b'"workflow": {}, "runtime"'), "unproven", "not one object"),
        (b'{"version": "1.0", "added_tokens": [], "model": {"type": "BPE", "vocab": {}, "handler": "h"}}', "unproven", "the handler h"),
    ],
)
def test_what_else_it_names_is_said(kind: str, content: bytes, verdict: str, said: str) -> None:
    found = scan_content("m.mar", archive(content, kind))
    assert found.verdict == verdict and any(said in reason.what for reason in found.reasons), found.reasons


def test_weights_that_run_code_are_malicious_whatever_the_manifest_says() -> None:
    evil = call("os", "system", text("never"))
    assert scan_content("m.mar", archive(manifest(**OWN), weights=evil)).verdict == "malicious"


def test_a_workflow_names_python() -> None:
    found = scan_content("m.war", archive(manifest("workflow", handler="workflow_handler", specFile="m.safetensors"), place="WAR-INF"))
    assert found.verdict == "unproven" and any("specFile" in reason.what for reason in found.reasons)


def test_an_archive_that_lies_unpacked_is_read_too(tmp_path: Path) -> None:
    (tmp_path / "MAR-INF").mkdir()
    (tmp_path / "m.safetensors").write_bytes(WEIGHTS)
    (tmp_path / "MAR-INF" / "MANIFEST.json").write_bytes(manifest(**OWN))
    assert exit_code(scanned([tmp_path])) == 0
    (tmp_path / "MAR-INF" / "MANIFEST.json").write_bytes(manifest(**OWN | {"handler": "h:handle"}))
    assert exit_code(scanned([tmp_path])) == 2
