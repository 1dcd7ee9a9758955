"""One opener per model format, named in its row of `artifacts.formats`: a scanned file becomes a target.

`opening.open_target` calls them, with the `ModelFile` that was found safe and the caller's `OpenOptions`.
"""

import json
from typing import TYPE_CHECKING

import numpy as np

from ..artifacts.formats import Format
from ..errors import Problem
from .open_options import OpenOptions, SchemaMissing
from .target import Target
from .wrapping import estimator_as_target, module_as_target

if TYPE_CHECKING:
    from torch import Tensor

    from .model_file import ModelFile


def open_onnx(file: "ModelFile", given: OpenOptions) -> Target:
    """An ONNX graph, converted to torch where its operators are known, so that it offers gradients."""
    from .onnx.opening import onnx_target

    return onnx_target(file, given)


def open_skops(file: "ModelFile", given: OpenOptions) -> Target:
    """The scikit-learn estimator in a skops file. The file's SHA-256 is the target's fingerprint."""
    from .skops_file import estimator_in

    target = estimator_as_target(estimator_in(file), given)
    target.fingerprint = file.sha256
    return target


def open_torchscript(file: "ModelFile", given: OpenOptions) -> Target:
    """A TorchScript program. It offers gradients, but cannot be trained again."""
    from .first_run import tried
    from .script_target import script_module

    tried(file, given.data.x if given.data is not None and isinstance(given.data.x, np.ndarray) else None)
    target = module_as_target(script_module(file), given, name=given.name or file.path.stem, trainable=False)
    target.fingerprint = file.sha256
    target.assumptions += ("TorchScript: gradients are offered, training it again is not.",)
    return target


def open_exported(file: "ModelFile", given: OpenOptions) -> Target:
    """A program of torch.export, whose operators are called one by one. It offers gradients, but cannot be trained again."""
    from .exported import exported_module

    module, notes = exported_module(file)
    target = module_as_target(module, given, name=given.name or file.path.stem, notes=notes, trainable=False)
    target.fingerprint = file.sha256
    target.plainly = None
    target.assumptions += ("torch's own reader of such files evaluates text of theirs, so that it was not asked for its answers.",)
    return target


def open_weights(file: "ModelFile", given: OpenOptions) -> Target:
    """Tensors and the network they belong to, which the file itself, ``architecture`` or ``factory`` describes.

    Raises
    ------
    Problem
        Nothing describes the network, or both an architecture and a factory do.
    """
    from .description import Description, described
    from .weights_file import architecture_of, built, filled, made_by, tensors

    facts = described(file.content, file.path.name) if file.format is Format.SAFETENSORS else Description()
    if given.factory and given.architecture:
        raise Problem("an architecture or a factory", "both", "Give one of them")
    weights, notes = tensors(file)
    name = given.name or facts.name or file.path.stem
    if given.factory:
        module, more = filled(made_by(given.factory), weights)
        return module_as_target(module, given, facts, name, notes=(*notes, *more))
    wanted = given.architecture or (facts.architecture and json.dumps(facts.architecture))
    if not wanted:
        return _found(weights, given, name, notes)
    architecture = architecture_of(wanted)
    module, more = built(architecture, weights)
    return module_as_target(module, given, facts, name, architecture, (*notes, *more))


def _found(weights: "dict[str, Tensor]", given: OpenOptions, name: str, notes: tuple[str, ...]) -> Target:
    """The network that fits the tensors by shape and order, and answers the caller's labeled rows best."""
    from .state_dict import facts, propose
    from .state_dict_fit import fit
    from .state_dict_layers import weights_of
    from .weights_file import built

    if given.data is None:
        do = 'Give labeled rows (data=…), architecture="layers.json", or factory="package.module:function"'
        raise SchemaMissing("weights with their architecture, or labeled rows to find it by", f"{len(weights)} tensors alone", do)
    schema, order, _ = given.meaning()
    proposal = propose(facts(weights), schema, given.data)
    fitted = fit(proposal, weights, given.data, order=order)
    drawing = proposal.drawing(fitted.best.choices)
    module, more = built(drawing.architecture, weights_of(drawing, weights))
    target = module_as_target(module, given, None, name, drawing.architecture, (*notes, *more, fitted.note))
    target.doubts += fitted.doubts
    return target
