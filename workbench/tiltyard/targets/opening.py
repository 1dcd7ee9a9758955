"""The one door from a model to a target: a file, an endpoint, or an object in a notebook.

A file is scanned before anything in it is read, and none is ever unpickled.
"""

import copy
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..access.places import discreet
from ..datasets.schema import Schema
from ..errors import Problem
from ..keywords import spelled
from .defense_file import defenses_in, put_behind
from .http.address import address_of, is_url
from .keras_model import is_keras, plain
from .open_options import OpenOptions, Outputs
from .target import Target
from .wrapping import estimator_as_target, module_as_target

if TYPE_CHECKING:
    from ..datasets.dataset import Dataset
    from ..sealing.keys import Key
    from .architecture import Architecture
    from .decision import Scores
    from .estimators import Feeds
    from .model_file import ModelFile
    from .training import Recipe


@spelled
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
    threshold: float | None = None,
    positive: str = "",
    decision: "Callable[[Scores], Any] | None" = None,
    behind: "str | Path | Sequence[str | Path]" = (),
) -> Target:
    """Make a target of a model file, an endpoint, a torch module, a scikit-learn estimator or a predict function.

    Before it is handed out it is tried on a few rows: it must answer what the model itself answers, and the same for a row
    alone as for that row in a batch.

    Parameters
    ----------
    source
        Path of a safetensors, tensor-only .pt, TorchScript, ONNX, skops, XGBoost, LightGBM or CatBoost file, or of a Hugging Face folder; address (http, https) of an endpoint in Tiltyard's
        format, KServe's (``…/v2/models/NAME/infer``) or MLflow's (``…/invocations``); ``nn.Module``; model of scikit-learn,
        XGBoost, LightGBM, CatBoost, Keras or skorch; function; or a target.
    schema
        What the columns of its input mean. None: as the file says, else the schema of ``data``.
    classes
        The classes in the order of the model's outputs, where that is not the order in the schema.
    architecture
        For a file that holds weights only: the layers as JSON, as the path of a JSON file, or as an `Architecture`.
    factory
        For a file that holds weights only: ``"package.module:function"`` or ``"FILE.py:function"``, the user's own function, called
        without arguments. It returns the module.
    recipe
        How the model was trained. With it the target offers training.
    outputs
        What the model gives: ``logits``, ``probabilities`` or ``labels``. None: found out on a few rows and noted in
        ``target.assumptions``.
    feeds
        What an estimator or function takes: ``encoded``, ``frame`` or ``values``. None: found out on a few rows.
    data
        Rows on which it is tried.
    key
        For an endpoint: sent as ``Authorization: Bearer``, and stored nowhere.
    judge_key
        For an endpoint: a second key, used when an attack's success is measured, so that ``key`` is charged for the attacker's rows only.
    budget
        For an endpoint: how many rows it may be sent in all. None: no limit.
    sealed
        The key of a model file that `tiltyard seal` encrypted. The file is decrypted in memory and never written in the clear.
    threshold, positive
        The rule that is deployed, where it is not the model's own: the class ``positive`` (the second of two where it is empty) from this
        score on; of more than two classes, below it, the largest score of the others.
    decision
        The same as a function from scores (n, k) to class names or indices (n,).
    behind
        Files of defenses that the model stands behind (`tiltyard defend … --save`, ``defended.safetensors()``), the first one nearest to it:
        thresholds per group, an input guard, an output policy, a smoothed vote. Each is for the model that it was made for.

    Raises
    ------
    Problem
        In one line: what was expected, what was found, what to do.
    """
    given = OpenOptions(
        schema, tuple(classes or ()), architecture, factory, recipe, name, outputs, feeds, data, sealed, threshold, positive, decision
    )
    files = defenses_in(behind)
    if given.schema is None and data is None and not isinstance(source, Target):
        given.schema = next((file.schema for file in files if file.schema is not None), None)
    if isinstance(source, Target):
        return put_behind(given.decided(copy.copy(source)), files) if given.ruled or files else source
    target = _opened(source, given, key, judge_key, budget)
    given.ordered(target)
    if data is not None:
        from .proof import prove

        prove(target, data)
    return put_behind(given.decided(target), files)


def _opened(source: Any, given: OpenOptions, key: str, judge_key: str, budget: int | None) -> Target:
    if is_url(source):
        return _endpoint(source, given, key, judge_key, budget)
    if key or judge_key or budget is not None:
        raise Problem("key and budget with the address of an endpoint", type(source).__name__, "Leave them out")
    if isinstance(source, str | os.PathLike):
        return _from_file(_path(source), given)
    return _from_object(source, given)


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
    described = about(line, wire)
    schema, order, notes = given.meaning(None if given.data is not None else described.schema, described.classes)
    target = http_target(
        line,
        wire,
        described,
        schema,
        order=order,
        name=given.name,
        feeds=given.feeds,
        outputs=given.outputs,
        data=given.data,
        budget=budget,
        ordered=bool(given.classes or described.classes),
    )
    target.judge = Key(judge_key)
    target.assumptions = (*notes, *target.assumptions)
    return target


def _from_file(path: Path, given: OpenOptions) -> Target:
    from ..artifacts.formats import FORMATS, opener_of
    from .huggingface.folder import is_folder
    from .model_file import scan_and_read

    if is_folder(path):
        from .huggingface.opening import folder_target

        with discreet(path, "a model that can be opened"):
            return folder_target(path, given)
    file = scan_and_read(path, given.sealed)
    if file.own is not None:
        return _from_known_types(file, path, given)
    opener = opener_of(FORMATS[file.format])
    assert opener is not None  # `scan_and_read` refuses formats without one
    with discreet(path, "a model that can be opened"):
        target: Target = opener(file, given)
    target.origin = str(path.absolute())
    target.trained_with = _trained_with(file)
    target.offers = target.offers | {"file"}
    return target


def _from_known_types(file: "ModelFile", path: Path, given: OpenOptions) -> Target:
    """A pickle of known types that somebody accepted; the file's SHA-256 is the target's fingerprint."""
    from .known_types import model_in, object_in

    with discreet(path, "a model that can be opened"):
        target = _from_object(model_in(object_in(file, file.own or frozenset()), path.name), given)
    target.fingerprint, target.origin = file.sha256, str(path.absolute())
    target.assumptions += ("A pickle of known types, opened because it was accepted.",)
    target.offers = target.offers | {"file"}
    return target


def _trained_with(file: "ModelFile") -> dict[str, str]:
    from io import BytesIO

    from ..artifacts.formats import Format
    from ..artifacts.headers import read_safetensors
    from .versions import read

    return read(read_safetensors(BytesIO(file.content)).metadata) if file.format is Format.SAFETENSORS else {}


def _plain(module: Any) -> Any:
    """A ScriptModule wrapped so that it can be frozen; any other module as it is."""
    import torch

    if not isinstance(module, torch.jit.ScriptModule):
        return module
    from .script_target import Scripted

    return Scripted(module)


def _held(model: Any) -> Any:
    """A copy of a model, so that what somebody does to it later (fits it again, trains on) is not answered under the old fingerprint.

    What cannot be copied (it holds a lock, say) stays the person's own.
    """
    try:
        return copy.deepcopy(model)
    except Exception:
        return model


def _in_training(module: Any) -> tuple[str, ...]:
    """A sentence where a module's dropout or batch normalization is in training mode."""
    from torch.nn.modules.batchnorm import _NormBase
    from torch.nn.modules.dropout import _DropoutNd

    if not any(part.training and isinstance(part, _NormBase | _DropoutNd) for part in module.modules()):
        return ()
    return ("Its dropout or batch normalization was in training mode; it is asked in evaluation mode, as eval() would set it.",)


def _from_object(source: Any, given: OpenOptions) -> Target:
    from . import object_target
    from .boosters.opening import fitted_as_target, fitted_model

    own = source
    if not is_keras(source) and not isinstance(source, type):
        source = _held(source)
    if (fitted := fitted_model(source, given)) is not None:
        return fitted_as_target(fitted, given, type(source).__name__)
    if is_keras(source):
        given.name = given.name or type(source).__name__
        source = plain(source)
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(source, torch.nn.Module):
        architecture = None
        if given.architecture is not None:
            from .weights_file import architecture_of

            architecture = architecture_of(given.architecture)
        target: Target = module_as_target(_plain(source), given, name=given.name or type(source).__name__, architecture=architecture)
        target.assumptions += _in_training(own)
        return target
    if isinstance(source, type):
        raise Problem("a model", f"the class {source.__name__}", "Give an instance of it, fitted")
    if object_target.is_estimator(source) and not (hasattr(source, "call") and hasattr(source, "layers")):
        return estimator_as_target(source, given)
    predict = object_target.predicting(source)
    if predict is None:
        do = "Give a path, a torch module, a fitted scikit-learn classifier or a predict function"
        raise Problem("a model", type(source).__name__, do)
    from .function_target import function_target

    schema, _, notes = given.meaning()
    target = function_target(
        predict, schema, name=given.name, outputs=given.outputs, feeds=given.feeds, named=given.classes, data=given.data
    )
    target.assumptions = (*notes, *target.assumptions)
    return target
