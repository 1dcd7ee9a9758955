"""Texts beside a model that say what its reader imports, renders or opens: config.json, templates, indexes, MLmodel, manifests."""

import json
import re
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path, PurePath
from typing import IO, Any

from ..files.reading import opened
from .archives import safe_name
from .judges.opcodes import Limits, walk
from .layers import SHORTEST, TooDeep, layers
from .readers.instantiated import TARGETS, judge_targets
from .readers.keras_config import judge_config
from .readers.mar import is_manifest, judge_manifest
from .readers.templates import judge_template
from .reason import Findings
from .words import program_in

LARGEST = 16 << 20
SUFFIXES = frozenset({".json", ".jsonl", ".ndjson", ".yaml", ".yml", ".jinja", ".jinja2", ".j2", ".toml", ".cfg"})
NAMES = frozenset({"mlmodel", "manifest.mf"})
DEEPEST = 100
WHY_REMOTE = "with trust_remote_code=True, transformers imports that Python and runs it"
_LIBRARIES = frozenset({"diffusers", "transformers", "flax", "onnxruntime", "optimum"})
_INSTALLS = re.compile(r"(?:[\w.-]*requirements[\w.-]*\.(?:txt|in)|(?:conda|environment|python_env)\.ya?ml)")
_SOURCE = re.compile(
    r"^[ \t-]*((?:git\+|hg\+|svn\+|https?://|file:|-e[ \t]|--?(?:extra-)?index-url|-i[ \t]|--find-links|-f[ \t]|--trusted-host|[\w.\[\]-]+[ \t]*@[ \t]*\w+[+:]).*)$",
    re.MULTILINE,
)
_LOADER = re.compile(r"^\s*(loader_module|python_model|code|cloudpickle_version|model_path)\s*:\s*(\S*)", re.MULTILINE)


def is_document(path: Path) -> bool:
    """May a text of this name say what a reader imports?"""
    return path.suffix.lower() in SUFFIXES or bool(_INSTALLS.fullmatch(path.name.lower())) or path.name.lower() in NAMES


def judge_document(path: Path, findings: Findings) -> None:
    """Look through one text; nothing is found in what is none, or in what cannot be opened."""
    try:
        with opened(path) as stream:
            judge_opened(path, stream, findings)
    except OSError:
        return


def judge_opened(path: Path, stream: IO[bytes], findings: Findings) -> None:
    """As `judge_document`, of a file that is open; ``path`` gives its name."""
    stream.seek(0)
    raw = stream.read(LARGEST + 1)
    if len(raw) <= LARGEST:
        judge_text(path, raw.decode("utf-8-sig", "replace"), findings)


def judge_text(path: PurePath, text: str, findings: Findings) -> None:
    """As `judge_document`, of a text at hand; ``path`` gives its name."""
    suffix = path.suffix.lower()
    if _INSTALLS.fullmatch(path.name.lower()):
        _judge_sources(text, findings, path.name)
    judge_targets(text, findings, path.name)
    if suffix in (".jinja", ".jinja2", ".j2"):
        judge_template(text, findings, path.name)
    elif suffix == ".json":
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return
        for key, inner in _pairs(value, 0):
            _judge_pair(key, inner, findings, path.name)
        _judge_whole(path, value, findings)
        if isinstance(path, Path) and is_manifest(path.as_posix()):
            judge_manifest(text, findings, path.name)
        for where, inner in _texts(value):
            judge_packed(inner, findings, f"{path.name} {where}")
    elif path.name.lower() == "mlmodel" or "loader_module" in text:
        _judge_mlflow(text, findings, path.name)


def _pairs(value: Any, depth: int) -> Iterator[tuple[str, Any]]:
    """Every key with its value, at any depth."""
    if depth > DEEPEST:
        return
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key, inner
            yield from _pairs(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            yield from _pairs(inner, depth + 1)


def _texts(value: Any, where: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Every text that could stand for something, with the key that it is nearest under."""
    if isinstance(value, str):
        if len(value) >= SHORTEST:
            yield where, value
    elif depth <= DEEPEST:
        named = value.items() if isinstance(value, dict) else ((where, one) for one in value) if isinstance(value, list) else ()
        for key, inner in named:
            yield from _texts(inner, str(key)[:60], depth + 1)


def judge_metadata(metadata: Mapping[str, str], findings: Findings, where: str) -> None:
    """Texts that stand beside weights: what a reader would render or import, programs, and pickles in another writing."""
    for key, text in metadata.items():
        judge_targets(text if key not in TARGETS else f"{key}: {text}", findings, f"{where} {key}")
        _judge_pair(key, text, findings, f"{where} {key}")
        try:
            value = json.loads(text) if text[:1] in "{[" else None
        except (ValueError, RecursionError):
            value = None
        for inner, part in _pairs(value, 0):
            _judge_pair(inner, part, findings, f"{where} {key}")
        judge_words(text, findings, f"{where} {key}")


def judge_words(text: str, findings: Findings, where: str) -> None:
    """A program in a text, or a pickle in another writing."""
    if what := program_in(text):
        findings.unproven(
            where,
            f"a text with a program in it ({what!r})",
            "nobody runs it by reading the file, and no model needs it",
            rule="hidden-program",
        )
    judge_packed(text, findings, where)


def judge_packed(text: str, findings: Findings, where: str) -> None:
    """A pickle in another writing, or in several under one another."""
    if len(text) < SHORTEST:
        return
    try:
        for data in (text.encode("latin-1", "replace"), *layers(text)):
            found = walk(BytesIO(data), Limits(ops=20_000, seconds=1.0))
            named = next((one.imports[0] for one in found.everything() if one.imports), None)
            if found.brings:
                what = f"which imports {named}" if named else "with another in it"
                findings.unproven(where, f"a text that stands for a pickle, {what}", "whoever unpacks it runs it", rule="hidden-program")
    except TooDeep:
        findings.unproven(where, "writings under writings, too deep to follow", "what they stand for was not seen", rule="hidden-program")


def _judge_pair(key: str, value: Any, findings: Findings, where: str) -> None:
    if key in ("auto_map", "custom_pipelines") and value:
        findings.unproven(where, f"{key}: {json.dumps(value)[:200]}", WHY_REMOTE, rule="remote-code")
    elif key == "trust_remote_code" and value is True:
        findings.unproven(where, "trust_remote_code: true", WHY_REMOTE, rule="remote-code")
    elif (key == "chat_template" and isinstance(value, str)) or (
        key == "template" and isinstance(value, str) and ("{%" in value or "{{" in value)
    ):
        judge_template(value, findings, f"{where} {key}")
    elif key == "weight_map" and isinstance(value, dict):
        _judge_index(value, findings, where)
    elif key == "handler" and isinstance(value, str) and value.endswith(".py"):
        findings.unproven(where, f"the handler {value}", "TorchServe runs this Python", rule="mar-handler")


def _judge_index(weights: dict[str, Any], findings: Findings, where: str) -> None:
    for name in sorted({str(value) for value in weights.values()}):
        if why := ("a URL" if "://" in name else safe_name(name)):
            findings.malicious(
                where, f"weights at {name[:200]!r}", f"{why}: loading would read outside the model's folder", rule="path-outside"
            )


def _judge_whole(path: PurePath, value: Any, findings: Findings) -> None:
    """The parts of a pipeline of diffusers come from libraries that are known."""
    if path.name == "modules.json" and isinstance(value, list):
        for part in value:
            kind = part.get("type") if isinstance(part, dict) else None
            if isinstance(kind, str) and not kind.startswith("sentence_transformers."):
                findings.unproven(path.name, f"type: {kind}", "sentence-transformers would import this", rule="remote-code")
    if isinstance(value, dict) and "class_name" in value and isinstance(value.get("config"), dict | list):
        judge_config(value, findings, path.name)
    if path.name != "model_index.json" or not isinstance(value, dict):
        return
    for key, part in value.items():
        if isinstance(part, list) and len(part) == 2 and isinstance(part[0], str) and part[0].split(".")[0] not in _LIBRARIES:
            findings.unproven(path.name, f"{key}: {part[0]}.{part[1]}", "diffusers would import this", rule="remote-code")


def _judge_sources(text: str, findings: Findings, where: str) -> None:
    for line in _SOURCE.findall(text)[:20]:
        findings.unproven(
            where, line.strip()[:200], "whoever installs what this lists runs what lies at that address", rule="install-source"
        )


def _judge_mlflow(text: str, findings: Findings, where: str) -> None:
    for key, value in _LOADER.findall(text):
        plain = value.strip("'\"")
        if key in ("python_model", "cloudpickle_version"):
            findings.unproven(where, f"{key}: {plain}", "MLflow unpickles this model's class, which is code", rule="mlflow-code")
        elif key == "code" and plain not in ("", "null", "~"):
            findings.unproven(where, f"code: {plain}", "MLflow puts that folder on Python's path and imports from it", rule="mlflow-code")
        elif key == "loader_module" and not plain.startswith("mlflow."):
            findings.unproven(where, f"loader_module: {plain}", "MLflow imports this to load the model", rule="mlflow-code")
        elif key == "loader_module" and plain.startswith("mlflow.pyfunc"):
            findings.unproven(where, f"loader_module: {plain}", "MLflow unpickles this model's class, which is code", rule="mlflow-code")
        elif key == "model_path" and plain and (why := safe_name(plain)):
            findings.malicious(
                where, f"model_path: {plain[:200]!r}", f"{why}: loading would read outside the model's folder", rule="path-outside"
            )
