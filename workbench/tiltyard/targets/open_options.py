"""What the caller says about a model that is opened: its schema, its classes, how it was built and what it gives."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..datasets.schema import Schema
from ..errors import Plain, Problem
from .class_names import class_order, few
from .decision import RuleFunction, Scores, threshold

if TYPE_CHECKING:
    from ..datasets.dataset import Dataset
    from ..sealing.keys import Key
    from .architecture import Architecture
    from .estimators import Feeds
    from .target import Target
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
        threshold: float | None = None,
        positive: str = "",
        decision: "Callable[[Scores], Any] | None" = None,
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
        self.threshold = threshold
        self.positive = positive
        self.decision = decision
        if threshold is not None and decision is not None:
            raise Problem("a threshold or a decision function", "both", "Give one of them")
        if positive and threshold is None:
            raise Problem("a threshold with the class that it is for", f"positive={positive!r} alone", "Give threshold=… too")

    def decided(self, target: "Target") -> "Target":
        """``target`` under the rule that the caller gives; as it is where none is given.

        Raises
        ------
        Problem
            For a target that offers no scores, or a threshold of a model of more than two classes.
        """
        if self.threshold is None and self.decision is None:
            return target
        if "scores" not in target.offers:
            raise Problem(f"scores from {target.name}, to apply a threshold to", "labels alone", "Leave the threshold out")
        own = threshold(self.threshold, target.classes, self.positive) if self.threshold is not None else None
        target.decide(own or RuleFunction(self.decision, target.classes))  # type: ignore[arg-type]
        return target

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

        Classes are the same by their names. Where the caller names them (``classes=``, in the model's order) that is what they are; names
        that differ are never matched by order.

        Parameters
        ----------
        own, brought
            Schema and classes that the model brings itself.

        Raises
        ------
        Problem
            Where the model's columns or classes are not those of the rows, naming both.
        """
        base = self.schema or own or (self.data.schema if self.data is not None else None)
        if base is None:
            raise SchemaMissing("a schema: what the model's columns mean", "none in the model", "Give schema=… or data=…")
        if own is not None and self.schema is not None and own.shape != self.schema.shape:
            do = "Read the data by the model's own schema: open it without schema=…, then read(…, schema=target.schema)"
            raise Problem(f"the schema the model was trained on, rows of shape {own.shape}", f"rows of shape {self.schema.shape}", do)
        if self.classes and brought and len(self.classes) != len(brought):
            found = f"{len(self.classes)} in classes=…: {few(self.classes)}"
            raise Problem(f"names for the model's {len(brought)} classes ({few(brought)})", found, "Name each of them, in that order")
        named = self.classes or brought
        if not named or named == base.classes:
            return base, (), ()
        if len(set(named)) != len(named):
            raise Problem("class names that differ", ", ".join(named), "Name each class once")
        if set(base.classes) < set(named):
            lacking = [c for c in named if c not in base.classes]
            note = f"The rows hold none of the model's class{'es' * (len(lacking) > 1)} {few(tuple(lacking))}."
            return base.model_copy(update={"classes": named}), (), (note,)
        if self.classes and set(named) != set(base.classes) and self._may_name(named, base):
            return base.model_copy(update={"classes": named}), (), ()
        order = class_order(named, base.classes)
        return base, order, (f"The model's classes come as {few(named)}; its scores were put in the schema's order.",)

    def _may_name(self, named: tuple[str, ...], base: Schema) -> bool:
        """May ``named`` take the place of the schema's own class names? Where no rows say otherwise."""
        rows = self.schema.classes if self.schema is not None else self.data.schema.classes if self.data is not None else ()
        return set(rows) <= set(named) if rows else len(named) == len(base.classes)
