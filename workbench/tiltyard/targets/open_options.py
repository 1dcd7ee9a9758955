"""What the caller says about a model that is opened: its schema, its classes, how it was built and what it gives."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ..datasets.schema import Schema
from ..errors import Plain, Problem

if TYPE_CHECKING:
    from ..datasets.dataset import Dataset
    from ..sealing.keys import Key
    from .architecture import Architecture
    from .estimators import Feeds
    from .training import Recipe

Outputs = Literal["logits", "probabilities", "labels"]


class SchemaMissing(Plain):
    """Neither the model nor the caller says what the model's columns mean; a schema or data would."""


class OpenOptions:
    """What the caller of `open_target` says about the model. Made there, and given to whatever opens it."""

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
        """What a torch module gives; None where the caller does not say.

        Raises
        ------
        Problem
            The caller says ``labels``, which a torch module cannot give.
        """
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
            raise SchemaMissing("a schema: what the model's columns mean", "none in the model", "Give schema=… or data=…")
        if own is not None and self.schema is not None and own.shape != self.schema.shape:
            do = "Read the data by the model's own schema: open it without schema=…, then read(…, schema=target.schema)"
            raise Problem(f"the schema the model was trained on, rows of shape {own.shape}", f"rows of shape {self.schema.shape}", do)
        named = self.classes or brought
        if not named or named == base.classes:
            return base, (), ()
        if len(set(named)) != len(named):
            raise Problem("class names that differ", ", ".join(named), "Name each class once")
        if set(named) == set(base.classes):
            note = f"The model's classes come as {', '.join(named)}; its scores were put in the schema's order."
            return base, tuple(named.index(c) for c in base.classes), (note,)
        theirs, ours = ", ".join(named[:10]), ", ".join(base.classes[:10])
        note = f"The model's classes are {theirs}; the data's {ours} were taken to be these in this order."
        return base.model_copy(update={"classes": named}), (), (note,) if len(named) == len(base.classes) else ()
