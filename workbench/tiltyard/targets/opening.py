"""The one door from a file or a notebook's object to a target. Nothing is unpickled unseen."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..access.places import discreet
from ..datasets.schema import Schema
from ..errors import Plain, Problem
from .http.address import address_of, is_url
from .target import Target

if TYPE_CHECKING:
    from ..datasets.dataset import Dataset
    from ..sealing.keys import Key
    from .architecture import Architecture
    from .description import Description
    from .estimators import Feeds
    from .model_file import ModelFile
    from .torch_target import TorchTarget
    from .training import Recipe

Outputs = Literal["logits", "probabilities", "labels"]


class Unmeant(Plain):
    """Neither the model nor the caller says what the model's columns mean; a schema or data would."""


def open_target(
    source: Any,
    *,
    schema: Schema | None = None,
    classes: "tuple[str, ...] | list[str] | None" = None,
    architecture: "str | Path | Architecture | None" = None,
    factory: str | None = None,
    recipe: "Recipe | None" = None,
    name: str = "",
    outputs: Outputs | None = None,
    feeds: "Feeds | None" = None,
    data: "Dataset | None" = None,
    key: str = "",
    judge_key: str = "",
    budget: int | None = None,
    sealed: "Key | None" = None,
) -> Target:
    """A target from a model file, an endpoint, a torch module, a scikit-learn estimator or a predict function.

    Parameters
    ----------
    source
        Path of a safetensors, tensor-only .pt, TorchScript, ONNX or skops file; address (http, https) of an endpoint in Tiltyard's
        format, KServe's (``…/v2/models/NAME/infer``) or MLflow's (``…/invocations``); ``nn.Module``; estimator; function; or a target.
    schema
        What the columns of its input mean. None: what the file says of itself, else that of ``data``.
    classes
        The classes in the order of the model's outputs, where that is not the schema's.
    architecture
        For weights alone: JSON, the path of a JSON file, or an `Architecture`.
    factory
        For weights alone: ``"package.module:function"`` of the user's own, called without arguments, that returns the module.
    recipe
        How it was trained; with it the target offers training.
    outputs
        ``logits``, ``probabilities`` or ``labels``. None: found out on a few rows, and said in ``target.assumptions``.
    feeds
        What an estimator or function takes: ``encoded``, ``frame`` or ``values``. None: found out.
    data
        Rows to try it on.
    key
        Of an endpoint: sent as ``Authorization: Bearer`` and kept nowhere else.
    judge_key
        Of an endpoint: another key, on which attacks are judged, so that ``key`` pays for the attacker's rows alone.
    budget
        Of an endpoint: rows it may be sent in all; None for no end.
    sealed
        The key of a model file that `tiltyard seal` encrypted; it is opened in memory and never written in the clear.

    Raises
    ------
    Problem
        In one line: what was expected, what was found, what to do.
    """
    if isinstance(source, Target):
        return source
    given = OpenOptions(schema, tuple(classes or ()), architecture, factory, recipe, name, outputs, feeds, data, sealed)
    if is_url(source):
        return _endpoint(source, given, key, judge_key, budget)
    if key or judge_key or budget is not None:
        raise Problem("key and budget with the address of an endpoint", type(source).__name__, "Leave them out")
    if isinstance(source, str | os.PathLike):
        return _from_file(_path(source), given)
    return _from_object(source, given)


class OpenOptions:
    """The caller's words, together."""

    def __init__(
        self,
        schema: Schema | None,
        classes: tuple[str, ...],
        architecture: "str | Path | Architecture | None",
        factory: str | None,
        recipe: "Recipe | None",
        name: str,
        outputs: Outputs | None,
        feeds: "Feeds | None",
        data: "Dataset | None",
        sealed: "Key | None" = None,
    ) -> None:
        if outputs not in (None, "logits", "probabilities", "labels"):
            raise Problem('outputs "logits", "probabilities" or "labels"', repr(outputs), "Correct it")
        if feeds not in (None, "encoded", "frame", "values"):
            raise Problem('feeds "encoded", "frame" or "values"', repr(feeds), "Correct it")
        self.schema = schema
        self.classes = classes
        self.architecture = architecture
        self.factory = factory
        self.recipe = recipe
        self.name = name
        self.outputs = outputs
        self.feeds = feeds
        self.data = data
        self.sealed = sealed

    @property
    def module_outputs(self) -> "Literal['logits', 'probabilities'] | None":
        if self.outputs == "labels":
            raise Problem('outputs "logits" or "probabilities" for a torch module', "'labels'", "Wrap a predict function instead")
        return self.outputs

    def meaning(self, own: Schema | None = None, brought: tuple[str, ...] = ()) -> "tuple[Schema, tuple[int, ...], tuple[str, ...]]":
        """The schema in force, which output is each of its classes, and what was assumed.

        Parameters
        ----------
        own, brought
            Schema and classes that the model brings itself.
        """
        base = self.schema or own or (self.data.schema if self.data is not None else None)
        if base is None:
            raise Unmeant("a schema: what the model's columns mean", "none in the model", "Give schema=… or data=…")
        if own is not None and self.schema is not None and own.shape != self.schema.shape:
            do = "Read the data by the model's own schema: open it without schema=…, then read(…, schema=target.schema)"
            raise Problem(f"the schema the model was trained on, rows of shape {own.shape}", f"rows of shape {self.schema.shape}", do)
        named = self.classes or brought
        if not named or named == base.classes:
            return base, (), ()
        if len(set(named)) != len(named):
            raise Problem("class names that differ", ", ".join(named), "Name each class once")
        if set(named) == set(base.classes):
            said = f"The model's classes come as {', '.join(named)}; its scores were put in the schema's order."
            return base, tuple(named.index(c) for c in base.classes), (said,)
        theirs, ours = ", ".join(named[:10]), ", ".join(base.classes[:10])
        said = f"The model's classes are {theirs}; the data's {ours} were taken to be these in this order."
        return base.model_copy(update={"classes": named}), (), (said,) if len(named) == len(base.classes) else ()


def _path(source: "str | os.PathLike[str]") -> Path:
    text = os.fspath(source)
    if "\0" in text or not text.strip():
        raise Problem("the path of a model file", repr(text[:80]), "Check the path")
    return Path(text).expanduser()


def _endpoint(url: str, given: OpenOptions, key: str, judge_key: str, budget: int | None) -> Target:
    from .http.line import Key, Line
    from .http.opening import about, http_target, wire_at

    address = address_of(url)
    line, wire = Line(address, Key(key)), wire_at(address)
    told = about(line, wire)
    schema, order, said = given.meaning(None if given.data is not None else told.schema, told.classes)
    target = http_target(
        line, wire, told, schema, order=order, name=given.name, feeds=given.feeds, outputs=given.outputs, data=given.data, budget=budget
    )
    target.judge = Key(judge_key)
    target.assumptions = (*said, *target.assumptions)
    return target


def _from_file(path: Path, given: OpenOptions) -> Target:
    from ..artifacts.formats import Format
    from .model_file import scan_and_read

    file = scan_and_read(path, given.sealed)
    ways = {Format.ONNX: _onnx, Format.SKOPS: _skops, Format.TORCHSCRIPT: _script}
    with discreet(path, "a model that can be opened"):
        target = ways.get(file.format, _weights)(file, given)
    target.origin = str(path.absolute())
    target.trained_with = _trained_with(file)
    target.offers = target.offers | {"file"}
    return target


def _trained_with(file: "ModelFile") -> dict[str, str]:
    from io import BytesIO

    from ..artifacts.formats import Format
    from ..artifacts.headers import read_safetensors
    from .versions import said

    return said(read_safetensors(BytesIO(file.content)).metadata) if file.format is Format.SAFETENSORS else {}


def _onnx(file: "ModelFile", given: OpenOptions) -> Target:
    from .onnx.target import onnx_target

    schema, order, said = given.meaning()
    outputs = given.module_outputs if given.outputs != "labels" else None
    target = onnx_target(file, schema, name=given.name, outputs=outputs, feeds=given.feeds, order=order, data=given.data)
    target.assumptions = (*said, *target.assumptions)
    return target


def _skops(file: "ModelFile", given: OpenOptions) -> Target:
    from .skops_file import estimator_in

    target = _estimator(estimator_in(file), given)
    target.fingerprint = file.sha256
    return target


def _script(file: "ModelFile", given: OpenOptions) -> Target:
    from .script_target import script_module

    target = _module(script_module(file), given, name=given.name or file.path.stem, trainable=False)
    target.fingerprint = file.sha256
    target.assumptions += ("TorchScript: gradients are offered, training it again is not.",)
    return target


def _weights(file: "ModelFile", given: OpenOptions) -> Target:
    from ..artifacts.formats import Format
    from .description import Description, described
    from .weights_file import architecture_of, built, filled, made_by, tensors

    facts = described(file.content, file.path.name) if file.format is Format.SAFETENSORS else Description()
    if given.factory and given.architecture:
        raise Problem("an architecture or a factory", "both", "Give one of them")
    weights, said = tensors(file)
    name = given.name or facts.name or file.path.stem
    if given.factory:
        module, more = filled(made_by(given.factory), weights)
        return _module(module, given, facts, name, said=(*said, *more))
    wanted = given.architecture or (facts.architecture and _json(facts.architecture))
    if not wanted:
        do = 'Give architecture="layers.json", or factory="package.module:function"'
        raise Plain("weights with their architecture", f"{len(weights)} tensors alone in {file.path.name}", do)
    architecture = architecture_of(wanted)
    module, more = built(architecture, weights)
    return _module(module, given, facts, name, architecture, (*said, *more))


def _json(architecture: "dict[str, Any]") -> str:
    import json

    return json.dumps(architecture)


def _module(
    module: Any,
    given: OpenOptions,
    facts: "Description | None" = None,
    name: str = "",
    architecture: "Architecture | None" = None,
    said: tuple[str, ...] = (),
    trainable: bool = True,
) -> "TorchTarget":
    from .module_target import module_target

    schema, order, about = given.meaning(facts.schema_ if facts else None, facts.classes if facts else ())
    target = module_target(
        module,
        schema,
        name=name or given.name,
        outputs=given.module_outputs or (facts.outputs if facts else None),
        order=order,
        recipe=_recipe(given, facts) if trainable else None,
        architecture=architecture,
        data=given.data,
    )
    target.assumptions = (*said, *about, *target.assumptions)
    return target


def _recipe(given: OpenOptions, facts: "Description | None") -> "Recipe | None":
    from pydantic import ValidationError

    from .training import Recipe

    if given.recipe is not None or facts is None or facts.recipe is None:
        return given.recipe
    try:
        return Recipe.model_validate(facts.recipe)
    except ValidationError as error:
        raise Problem("a recipe in the file's description", error.errors()[0]["msg"].lower(), "Save it again") from None


def _estimator(estimator: Any, given: OpenOptions) -> Target:
    from ..datasets.labels import texts
    from .object_target import estimator_target

    theirs = tuple(texts(estimator.classes_).tolist()) if getattr(estimator, "classes_", None) is not None and not given.classes else ()
    schema, _, said = given.meaning(None, _unless_numbered(theirs))
    target = estimator_target(estimator, schema, given.name, given.feeds, given.data)
    target.assumptions = (*said, *target.assumptions)
    return target


def _unless_numbered(classes: tuple[str, ...]) -> tuple[str, ...]:
    """Classes that are only their own numbers 0, 1, … name nothing."""
    return () if classes == tuple(map(str, range(len(classes)))) else classes


def _plain(module: Any) -> Any:
    """A ScriptModule wrapped so that it can be frozen; any other module as it is."""
    import torch

    if not isinstance(module, torch.jit.ScriptModule):
        return module
    from .script_target import Scripted

    return Scripted(module)


def _from_object(source: Any, given: OpenOptions) -> Target:
    from . import object_target

    torch = sys.modules.get("torch")
    if torch is not None and isinstance(source, torch.nn.Module):
        architecture = None
        if given.architecture is not None:
            from .weights_file import architecture_of

            architecture = architecture_of(given.architecture)
        return _module(_plain(source), given, name=given.name or type(source).__name__, architecture=architecture)
    if isinstance(source, type):
        raise Problem("a model", f"the class {source.__name__}", "Give an instance of it, fitted")
    if object_target.is_estimator(source) and not (hasattr(source, "call") and hasattr(source, "layers")):
        return _estimator(source, given)
    predict = object_target.predicting(source)
    if predict is None:
        do = "Give a path, a torch module, a fitted scikit-learn classifier or a predict function"
        raise Problem("a model", type(source).__name__, do)
    schema, order, said = given.meaning()
    target = object_target.function_target(
        predict, schema, name=given.name, outputs=given.outputs, feeds=given.feeds, order=order, data=given.data
    )
    target.assumptions = (*said, *target.assumptions)
    return target
