"""A classifier of transformers filled with a folder's tensors, and the tokenizer beside it."""

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, Literal

from torch import Tensor, nn

from ...errors import Problem
from ..class_names import few
from ..weights_file import tensors
from .folder import Folder
from .library import library, offline

Kind = Literal["text", "image"]
MORE = 16  # a network is made without numbers first; so many more than its file has are not filled by it
UNNAMED = "LABEL_"
LAYERS = ("layer", "depth", "block", "stage", "expert")


def kind_of(folder: Folder) -> tuple[Kind, str]:
    """Whether it classifies texts or images, and the class of transformers that does.

    Raises
    ------
    Problem
        It is no classifier, or of a kind that this transformers does not know.
    """
    library()
    from transformers.models.auto import modeling_auto as known

    named, model_type = folder.config.get("architectures"), folder.config.get("model_type")
    found = named[0] if isinstance(named, list) and named and isinstance(named[0], str) else ""
    tables: tuple[tuple[Kind, Any], ...] = (
        ("text", known.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES),
        ("image", known.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES),
    )
    for kind, table in tables:
        classes = table.get(model_type) if isinstance(model_type, str) else None
        if found and found in ((classes,) if isinstance(classes, str) else classes or ()) and not found.startswith("Timm"):
            return kind, found
    what = f"{found or 'no architecture'} of type {model_type!r}"
    raise Problem(
        "a classifier of texts or images (…ForSequenceClassification, …ForImageClassification)",
        what,
        "Give one that was trained to classify",
    )


def classes_of(folder: Folder) -> tuple[str, ...]:
    """The names of its classes in the order of its scores; numbers where it has names that say nothing (LABEL_0).

    Raises
    ------
    Problem
        It gives one number, or several answers a row.
    """
    config = folder.config
    named = config.get("id2label") or {"0": "LABEL_0", "1": "LABEL_1"}
    if config.get("problem_type") in ("regression", "multi_label_classification") or len(named) < 2:
        what = str(config.get("problem_type") or "regression").replace("_", "-")
        raise Problem("a model that names one of several classes", f"one of {what} in {folder.path.name}", "Give a classifier")
    try:
        names = tuple(str(named[str(i)]) for i in range(len(named)))
    except (KeyError, TypeError):
        raise Problem("id2label with a name for each number from 0 on", f"{few(tuple(map(str, named)))}", "Correct config.json") from None
    if len(set(names)) < len(names):
        twice = next(name for name, n in Counter(names).items() if n > 1)
        raise Problem("classes that differ in id2label", f"{twice!r} twice", "Correct config.json")
    unnamed = all(name == f"{UNNAMED}{i}" for i, name in enumerate(names))
    return tuple(str(i) for i in range(len(names))) if unnamed else names


def model_of(folder: Folder, architecture: str) -> nn.Module:
    """The network, filled; in eval mode, on the CPU, in the type of number that its file has.

    Raises
    ------
    Problem
        The file lacks some of its tensors, has them in other shapes, or describes a network of another size.
    """
    weights: dict[str, Tensor] = {}
    for file in folder.weights:
        weights |= tensors(file)[0]
    with offline():
        config = _config(folder, len(weights))
        cls = getattr(library(), architecture)
        _check_size(cls, config, sum(t.numel() for t in weights.values()), folder.path.name)
        try:
            model, found = cls.from_pretrained(
                None, config=config, state_dict=weights, output_loading_info=True, attn_implementation="eager", dtype=_dtype(weights)
            )
        except (RuntimeError, ValueError, KeyError, TypeError, OSError, ImportError) as error:
            raise _other(folder.path.name, error) from None
    if lost := sorted(found["missing_keys"]):
        what = f"{few(tuple(lost), 4)} ({len(lost)} in all) lacking in {folder.path.name}, so that it would answer at random"
        raise Problem("all weights of the classifier", what, "Give the folder that training wrote")
    filled: nn.Module = model.eval()
    return filled


def _dtype(weights: dict[str, Tensor]) -> Any:
    """The type of its first tensor that holds no whole numbers, as transformers itself opens it."""
    return next((t.dtype for t in weights.values() if t.is_floating_point()), None)


def _config(folder: Folder, count: int) -> Any:
    """The configuration, whose counts of layers are none that the ``count`` tensors of the file could not fill."""
    for key, value in folder.config.items():
        numbers = value if isinstance(value, list) else [value]
        if any(word in key for word in LAYERS) and any(isinstance(n, int) and n > max(count, 1) for n in numbers):
            raise Problem(f"a network that {count} tensors fill", f"{key} {value}"[:80], "Download the folder again")
    try:
        return library().CONFIG_MAPPING[folder.config["model_type"]].from_dict(dict(folder.config))
    except Exception as error:  # each model checks its own configuration in its own way
        raise _other(folder.path.name, error) from None


def _check_size(cls: Any, config: Any, numbers: int, name: str) -> None:
    """Make it once without numbers: what it would take is known before it does."""
    import torch

    try:
        with torch.device("meta"):
            size = sum(p.numel() for p in cls(config).parameters())
    except Exception as error:
        raise _other(name, error) from None
    if size > numbers + max(numbers // MORE, 1 << 16):
        raise Problem(f"a network of about {numbers:,} numbers, as {name} holds", f"a config.json of one of {size:,}", "Download it again")


def _other(name: str, error: Exception) -> Problem:
    what = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
    return Problem(
        "a folder whose config.json and weights belong together", f"{name} ({type(error).__name__}: {what})", "Download it again"
    )


def tokenizer_of(folder: Folder) -> Any:
    """The tokenizer, made of copies of the files that were judged.

    Raises
    ------
    Problem
        There is none, or one of a class that this transformers does not know.
    """
    known = library()
    from transformers.models.auto.tokenization_auto import tokenizer_class_from_name

    if not {"tokenizer.json", "vocab.txt", "vocab.json"} & set(folder.texts):
        found = f"{folder.path.name}, a folder without one"
        raise Problem("a tokenizer (tokenizer.json)", found, "Save it where it was made: tokenizer.save_pretrained(FOLDER)")
    given = folder.json("tokenizer_config.json")
    named = given.get("tokenizer_class")
    with offline():
        if named is not None and tokenizer_class_from_name(str(named)) is None:
            raise Problem(
                "a tokenizer of transformers' own classes", f"{str(named)[:80]!r}", "Save it as tokenizer.json, or export it to ONNX"
            )
        with tempfile.TemporaryDirectory() as place:
            _written(folder, Path(place), given)
            try:
                return known.AutoTokenizer.from_pretrained(place, local_files_only=True, trust_remote_code=False)
            except Exception as error:
                raise _other(folder.path.name, error) from None


def _written(folder: Folder, place: Path, given: dict[str, Any]) -> None:
    """The files of the tokenizer, none of which then names another file."""
    import json

    for name, content in folder.texts.items():
        (place / name).write_bytes(content)
    kept = {key: value for key, value in given.items() if not key.endswith("_file")}
    (place / "tokenizer_config.json").write_text(json.dumps(kept))
    (place / "config.json").write_text(json.dumps(folder.config))
