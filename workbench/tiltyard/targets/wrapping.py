"""A torch module or a scikit-learn estimator as a target, under the options of the caller of `open_target`."""

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import Problem
from .open_options import OpenOptions
from .target import Target

if TYPE_CHECKING:
    from .architecture import Architecture
    from .description import Description
    from .torch_target import TorchTarget
    from .training import Recipe


def module_as_target(
    module: Any,
    given: OpenOptions,
    facts: "Description | None" = None,
    name: str = "",
    architecture: "Architecture | None" = None,
    notes: tuple[str, ...] = (),
    trainable: bool = True,
) -> "TorchTarget":
    """A torch module as a target.

    Parameters
    ----------
    module
        From raw rows to logits or probabilities.
    given
        The caller's options.
    facts
        What its file says of itself; the caller's options come first.
    name
        Its name, where the file has one; else the caller's.
    architecture
        Its layers, where they are described; needed to save it again.
    notes
        What was assumed so far, in sentences.
    trainable
        Whether the target may offer training, where a recipe is known.
    """
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
        feeds=given.feeds,
        data=given.data,
    )
    target.assumptions = (*notes, *about, *target.assumptions)
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


def estimator_as_target(estimator: Any, given: OpenOptions) -> Target:
    """A fitted scikit-learn classifier as a target. Its own class names count where the caller gives none."""
    from ..datasets.class_places import names_of
    from .fitted_columns import fitted_names
    from .object_target import estimator_target

    classes = getattr(estimator, "classes_", None)
    theirs = names_of(classes) if classes is not None and len(np.shape(classes)) == 1 else ()
    columns = tuple(fitted_names(estimator))
    schema, order, notes = given.meaning(None, theirs, columns)
    order = order or tuple(range(len(schema.classes)))
    target = estimator_target(estimator, schema, given.name, given.feeds, given.data, order if theirs else ())
    target.assumptions = (*notes, *target.assumptions)
    return target
