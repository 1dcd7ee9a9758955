"""The manifest of a TorchServe archive: whose Python serves the model, and which files it names.

After TorchServe's model archiver: ``MAR-INF/MANIFEST.json`` has an object ``model`` with ``handler`` (one of TorchServe's own, or a file of the
archive, perhaps with a function after a colon), ``serializedFile``, ``modelFile``, ``requirementsFile`` and ``configFile``; a workflow's
``WAR-INF/MANIFEST.json`` has ``workflow``.
"""

from collections.abc import Collection
from pathlib import PurePosixPath
from typing import Any

from ..archives import safe_name
from ..malformed import Malformed
from ..reason import Findings

MANIFESTS = frozenset({"MAR-INF/MANIFEST.json", "WAR-INF/MANIFEST.json"})
HANDLERS = frozenset({"image_classifier", "image_segmenter", "object_detector", "text_classifier"})
"""TorchServe's own: they read the serialized file, which is judged by itself, and run no other code of the archive."""
_PYTHON = ("modelFile", "specFile")
_FILES = (*_PYTHON, "serializedFile", "requirementsFile", "configFile")
LONGEST = 1 << 20


def is_manifest(name: str) -> bool:
    """Is the member called ``name``, or the file of this path, such a manifest?"""
    return "/".join(PurePosixPath(name).parts[-2:]) in MANIFESTS


def judge_manifest(text: str, findings: Findings, where: str, names: Collection[str] | None = None) -> None:
    """Say what the manifest has TorchServe run, install or read; ``names`` are the archive's members, None where they are not known."""
    try:
        model = _model(text)
    except Malformed as error:
        findings.unproven(
            where, f"a manifest that cannot be read: {error}", "which code serves this model is not known", rule="mar-handler"
        )
        return
    handler = model.get("handler")
    if not isinstance(handler, str) or handler not in HANDLERS:
        findings.unproven(where, f"the handler {str(handler)[:200]}", "TorchServe runs this Python", rule="mar-handler")
    for key in _FILES:
        if model.get(key) not in (None, ""):
            _judge_file(key, model[key], findings, where, names)
    if findings.worst == "note":
        findings.note(where, f"TorchServe's own handler {handler}", "it runs no code of this archive")


def _model(text: str) -> dict[str, Any]:
    from ..judges.model_json import parsed  # late: it takes NumPy along

    if len(text) > LONGEST:
        raise Malformed("over 1 MiB")
    value = parsed(text.encode("utf-8", "surrogatepass"))
    if not isinstance(value, dict):
        raise Malformed("no object")
    found = [value[key] for key in ("model", "workflow") if key in value]
    if len(found) != 1 or not isinstance(found[0], dict):
        raise Malformed("not one object called model or workflow")
    return found[0]


def _judge_file(key: str, value: Any, findings: Findings, where: str, names: Collection[str] | None) -> None:
    shown = f"{key}: {str(value)[:200]}"
    if not isinstance(value, str):
        findings.unproven(where, shown, "no name of a file", rule="mar-handler")
    elif why := "a URL" if "://" in value else safe_name(value):
        findings.malicious(where, shown, f"{why}: loading would read outside the archive", rule="path-outside")
    elif names is not None and value not in names:
        findings.unproven(where, shown, "the archive has no such file, so TorchServe would find another or none", rule="mar-handler")
    elif key in _PYTHON:
        findings.unproven(where, shown, "TorchServe imports this to make the model", rule="mar-handler")
    elif key == "requirementsFile":
        findings.unproven(where, shown, "TorchServe may install what it lists when the model is loaded", rule="install-source")
