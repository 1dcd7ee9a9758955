"""A Hugging Face folder as a target: a classifier of texts, or of images with gradients."""

from pathlib import Path
from typing import Any

from ...datasets.schema import Schema
from ...errors import Problem
from ..open_options import OpenOptions, SchemaMissing
from ..target import Target
from ..wrapping import module_as_target
from .folder import PROCESSOR, Folder, read_folder
from .library import library, offline
from .loading import classes_of, kind_of, model_of, tokenizer_of
from .pictures import Pictures
from .plainly import Pipeline
from .text_target import TextTarget, longest

COUNTED = 500
RESIZED = 2e-2  # pictures made larger or smaller in 8 bits by one, in numbers with gradients by the other


def folder_target(path: Path, given: OpenOptions) -> Target:
    """The model in the folder at ``path``; nothing that the folder brings is run.

    Raises
    ------
    Problem
        It is no classifier, asks for code, keeps its weights in a pickle, or does not fit the rows.
    """
    folder = read_folder(path)
    kind, architecture = kind_of(folder)
    target = _texts(folder, architecture, given) if kind == "text" else _images(folder, architecture, given)
    target.fingerprint = folder.sha256
    target.origin = str(folder.weights[0].path.absolute())
    target.trained_with = _trained_with(folder)
    target.offers = target.offers | {"file"}
    return target


def _trained_with(folder: Folder) -> dict[str, str]:
    version = folder.config.get("transformers_version")
    return {"transformers": str(version)[:80]} if version else {}


def _named(folder: Folder, given: OpenOptions) -> str:
    return given.name or folder.path.name


def _texts(folder: Folder, architecture: str, given: OpenOptions) -> Target:
    classes = classes_of(folder)
    if given.schema is None and given.data is None:
        do = "Give schema=… or data=…"
        raise SchemaMissing("rows with a column of text", "none", do, classes=given.classes or classes, texts=True)
    schema, order, notes = given.meaning(None, classes)
    column = _column(schema, folder)
    tokenizer, model = tokenizer_of(folder), model_of(folder, architecture)
    most = longest(tokenizer, model.config)
    order = order or tuple(range(len(schema.classes)))
    plainly = Pipeline(folder.path, "text", _labels(model.config, order), most)
    name = _named(folder, given)
    target = TextTarget(model, tokenizer, schema, column, name, folder.sha256, order, most, plainly)
    target.assumptions = (*notes, *_beside(schema, column), *_cut(target, given))
    return target


def _column(schema: Schema, folder: Folder) -> str:
    """The one column of text."""
    texts = [f.name for f in schema.features if f.kind == "text"]
    if len(texts) != 1:
        found = f"{', '.join(map(repr, texts[:5]))}, {len(texts)} of them" if texts else "columns of numbers and categories alone"
        do = "Leave the others out" if texts else "Take the column of text (take=[…], --take, or Take in the window)"
        raise Problem(f"one column of text for {folder.path.name}", found, do)
    return texts[0]


def _beside(schema: Schema, column: str) -> tuple[str, ...]:
    others = [f.name for f in schema.features if f.name != column]
    return (f"It is given {column!r} alone; {', '.join(map(repr, others[:5]))} do not reach it.",) if others else ()


def _cut(target: TextTarget, given: OpenOptions) -> tuple[str, ...]:
    """Of how many of the first texts the end is not read."""
    if not target.most:
        return ()
    sentence = f"A text is cut after {target.most} tokens, as transformers does with truncation=True"
    if given.data is None:
        return (f"{sentence}.",)
    texts = [t for t in given.data.take(_first(len(given.data))).frame[target.column] if isinstance(t, str)]
    long = (
        sum(len(tokens) > target.most for tokens in target.tokenizer(texts, truncation=False, verbose=False)["input_ids"]) if texts else 0
    )
    return (f"{sentence}: {long} of the first {len(texts)} are.",)


def _first(n: int) -> Any:
    import numpy as np

    return np.arange(min(n, COUNTED))


def _labels(config: Any, order: tuple[int, ...]) -> tuple[str, ...]:
    """What the model's own configuration calls each class of the schema."""
    return tuple(str(config.id2label[place]) for place in order)


def _images(folder: Folder, architecture: str, given: OpenOptions) -> Target:
    classes = classes_of(folder)
    settings = _settings(folder)
    if given.schema is None and given.data is None:
        size = _asked_size(settings)
        raise SchemaMissing("images", "none", "Give schema=… or data=…", classes=given.classes or classes, size=size)
    schema, order, _ = given.meaning(None, classes)
    if not schema.images:
        raise Problem(f"images for {folder.path.name}", "a table", "Give a folder of images by class, or an npz file of images")
    model = model_of(folder, architecture)
    module = Pictures(model, settings, int(getattr(model.config, "num_channels", 3) or 3))
    if schema.shape[0] not in (1, module.channels):
        raise Problem(f"images of {module.channels} channels for {folder.path.name}", f"{schema.shape[0]}", "Give such images")
    target = module_as_target(module, given, _facts(classes), _named(folder, given), trainable=False)
    order = order or tuple(range(len(schema.classes)))
    resized = module.resizes(schema.shape[1], schema.shape[2])
    target.plainly = Pipeline(folder.path, "image", _labels(model.config, order))
    target.close = RESIZED if resized else target.close
    if resized:
        target.assumptions += (
            f"Images of {schema.shape[1]} × {schema.shape[2]} are resized as its processor says, in numbers with gradients.",
        )
    return target


def _facts(classes: tuple[str, ...]) -> Any:
    from ..description import Description

    return Description(classes=classes, outputs="logits")


def _settings(folder: Folder) -> dict[str, Any]:
    """What its image processor does: its class's own settings, and what the file says."""
    given = folder.json(PROCESSOR)
    if not given:
        do = "Save it where it was made: processor.save_pretrained(FOLDER)"
        raise Problem(f"an image processor ({PROCESSOR})", f"{folder.path.name}, a folder without one", do)
    named = str(given.get("image_processor_type") or given.get("feature_extractor_type") or "")
    return {**_own(folder, named.removesuffix("Fast")), **{k: v for k, v in given.items() if v is not None}}


def _own(folder: Folder, named: str) -> dict[str, Any]:
    """The settings that the processor's class has by itself.

    Raises
    ------
    Problem
        transformers has no class of that name.
    """
    name = named.replace("FeatureExtractor", "ImageProcessor")
    known = library()
    with offline():
        cls = next((found for suffix in ("Pil", "") if (found := getattr(known, name + suffix, None)) is not None), None) if name else None
        if cls is None or not name.endswith("ImageProcessor"):
            what = f"{named[:80]!r} in {PROCESSOR} of {folder.path.name}"
            raise Problem("an image processor of transformers' own classes", what, "Export the model to ONNX")
        made = cls()
        return {key: _plain(value) for key, value in made.to_dict().items() if value is not None}


def _plain(value: Any) -> Any:
    """A size of transformers as a dictionary of the numbers that it has."""
    return {k: v for k, v in dict(value).items() if v is not None} if hasattr(value, "keys") else value


def _asked_size(settings: dict[str, Any]) -> tuple[int, int] | None:
    """Height and width that its processor makes of a picture; None where that depends on the picture."""
    size = settings.get("crop_size") if settings.get("do_center_crop") else settings.get("size")
    size = _plain(size)
    if not isinstance(size, dict):
        return (size, size) if isinstance(size, int) else None
    edge = size.get("shortest_edge")
    height, width = size.get("height", edge), size.get("width", edge)
    return (int(height), int(width)) if height and width else None
