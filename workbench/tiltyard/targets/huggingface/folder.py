"""The files of a Hugging Face folder: read once, judged, and refused by name where they ask for code, pickles or other libraries."""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...access.places import opened, source
from ...errors import Problem
from ..model_file import LARGEST, ModelFile, scan_and_read

CONFIG, WEIGHTS, SHARDS = "config.json", "model.safetensors", "model.safetensors.index.json"
TOKENIZER = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
)
PROCESSOR = "preprocessor_config.json"
MOST_TEXT, MOST_SHARDS = 64 << 20, 64
CODE = ("auto_map", "custom_pipelines", "trust_remote_code")
ASIDE = frozenset({"attn_implementation", "_attn_implementation", "_attn_implementation_internal", "experts_implementation", "use_kernels"})
OTHERS = (
    ("pytorch_model.bin", "weights as a pickle, which runs code when it is opened"),
    ("tf_model.h5", "weights of TensorFlow"),
    ("flax_model.msgpack", "weights of Flax"),
)
SAVE = "Save it where it was made: model.save_pretrained(FOLDER) writes model.safetensors, or export it to ONNX"


@dataclass(frozen=True)
class Folder:
    """What was read of a folder and judged; nothing of it is read again to answer.

    Attributes
    ----------
    path
        Where it lies.
    config
        ``config.json``, without the keys that name an implementation of attention.
    weights
        The safetensors files.
    texts
        Its other files by name: of a tokenizer or an image processor.
    """

    path: Path
    config: dict[str, Any]
    weights: tuple[ModelFile, ...]
    texts: dict[str, bytes]

    @property
    def sha256(self) -> str:
        """SHA-256 over name and content of each file that was read."""
        digest = hashlib.sha256(json.dumps(self.config, sort_keys=True).encode())
        for file in self.weights:
            digest.update(f"{file.path.name} {file.sha256}".encode())
        for name, content in sorted(self.texts.items()):
            digest.update(f"{name} {hashlib.sha256(content).hexdigest()}".encode())
        return digest.hexdigest()

    def json(self, name: str) -> dict[str, Any]:
        """One of its files of JSON; empty where it has none of that name."""
        return parsed(self.texts[name], name) if name in self.texts else {}


def is_folder(path: Path) -> bool:
    """Is it a folder to open as a model?"""
    return os.path.isdir(source(path, "a model"))  # of a folder that may not be looked into Path.is_dir would raise


def read_folder(path: Path) -> Folder:
    """The files of the folder at ``path``.

    Raises
    ------
    Problem
        It holds no model in safetensors, asks for code of its own, or is larger than can be opened.
    """
    place = source(path, "a model")
    if not (place / CONFIG).is_file():
        found = f"{path.name}, a folder without {CONFIG}"
        raise Problem("a model file, or a Hugging Face folder (config.json, model.safetensors, a tokenizer)", found, "Check the path")
    config = parsed(_text(place, CONFIG), CONFIG)
    _refuse_code(config, CONFIG)
    if "quantization_config" in config:
        raise Problem("a model of plain numbers", f"a quantized one in {path.name}", "Save it without quantization, or export it to ONNX")
    texts = {name: _text(place, name) for name in (*TOKENIZER, PROCESSOR) if (place / name).is_file()}
    for name in ("tokenizer_config.json", PROCESSOR):
        if name in texts:
            _refuse_code(parsed(texts[name], name), name)
    return Folder(place, _plain(config), _weights(place), texts)


def parsed(content: bytes, name: str) -> dict[str, Any]:
    """A file that holds one JSON object.

    Raises
    ------
    Problem
        It holds something else.
    """
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Problem("a JSON object", f"none in {name}", "Copy or download the folder again")
    return found


def _text(place: Path, name: str) -> bytes:
    with opened(place / name, "a file of the model's folder") as stream:
        content = stream.read(MOST_TEXT + 1)
    if len(content) > MOST_TEXT:
        raise Problem(f"a {name} of at most {MOST_TEXT >> 20} MiB", "more bytes", "Take a smaller model")
    return content


def _refuse_code(config: dict[str, Any], name: str) -> None:
    for asked in CODE:
        if config.get(asked):
            do = "Export it to ONNX, or give its predict function in a notebook: open_target(predict, data=data)"
            raise Problem("a model of transformers' own classes", f"{asked!r} in {name}, which runs code that the folder brings", do)


def _plain(config: dict[str, Any]) -> dict[str, Any]:
    """Without what names an implementation: that could be one of the hub."""
    return {key: _plain(value) if isinstance(value, dict) else value for key, value in config.items() if key not in ASIDE}


def _weights(place: Path) -> tuple[ModelFile, ...]:
    names = sorted(_shards(place)) if (place / SHARDS).is_file() else [WEIGHTS] if (place / WEIGHTS).is_file() else []
    if not names:
        name, what = next(((n, w) for n, w in OTHERS if any(place.glob(f"{Path(n).stem}*"))), ("", "no weights"))
        raise Problem(f"weights as {WEIGHTS}", f"{name}, {what}" if name else f"{place.name}, a folder with {what}", SAVE)
    size = sum((place / name).stat().st_size for name in names if (place / name).is_file())
    if size > LARGEST:
        raise Problem(f"a model of at most {LARGEST / 2**30:g} GiB", f"{size / 2**30:.1f} GiB in {place.name}", "Take a smaller model")
    return tuple(scan_and_read(place / name) for name in names)


def _shards(place: Path) -> Iterator[str]:
    """The names of the files that the index lists, none outside of the folder."""
    listed = parsed(_text(place, SHARDS), SHARDS).get("weight_map")
    names = set(listed.values()) if isinstance(listed, dict) and all(isinstance(v, str) for v in listed.values()) else set()
    if not 0 < len(names) <= MOST_SHARDS or any(Path(n).name != n or not n.endswith(".safetensors") for n in names):
        raise Problem(f"an index of 1 to {MOST_SHARDS} safetensors files of the folder", f"another {SHARDS}", "Download the folder again")
    yield from names
