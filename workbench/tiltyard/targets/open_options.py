"""What the caller says about a model that is opened: its schema, its classes, how it was built and what it gives."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..datasets.class_places import place_of
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
    """Neither the model nor the caller says what the model's columns mean; a schema or data would.

    Attributes
    ----------
    columns, classes
        The names that the model itself knows, for whoever reads the data next (``read(…, wanted=columns)``).
    texts
        Whether it takes one column of text (``read(…, texts=True)``).
    size
        Height and width that it makes of a picture (``read(…, fit=size)``); None where it takes none, or any.
    """

    code = "TY-SCHEMA"

    def __init__(
        self,
        expected: str,
        found: str,
        do: str,
        columns: tuple[str, ...] = (),
        classes: tuple[str, ...] = (),
        texts: bool = False,
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(expected, found, do)
        self.columns = columns
        self.classes = classes
        self.texts = texts
        self.size = size

    def __reduce__(self) -> tuple[type[Problem], tuple[Any, ...]]:
        return type(self), (self.expected, self.found, self.do, self.columns, self.classes, self.texts, self.size)


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
        if feeds not in (None, "encoded", "frame", "values", "texts"):
            raise Problem('feeds "encoded", "frame", "values" or "texts"', repr(feeds), "Correct it")
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

    def ordered(self, target: "Target") -> None:
        """The order of classes that the caller gives decides what an answer means, so it is part of the fingerprint.

        That of the schema is none of its own: it says nothing that the data do not say.
        """
        if self.classes and (self.classes != target.classes or (self.schema is None and self.data is None)):
            target.fingerprint = hashlib.sha256(f"{target.fingerprint} answers {list(self.classes)}".encode()).hexdigest()

    @property
    def ruled(self) -> bool:
        """Does the caller give a rule?"""
        return self.threshold is not None or self.decision is not None

    def decided(self, target: "Target") -> "Target":
        """``target`` under the rule that the caller gives; as it is where none is given.

        Raises
        ------
        Problem
            For a target that offers no scores, or a threshold of one of more than two classes that names none.
        """
        if not self.ruled:
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

    def meaning(
        self, own: Schema | None = None, brought: tuple[str, ...] = (), columns: tuple[str, ...] = ()
    ) -> "tuple[Schema, tuple[int, ...], tuple[str, ...]]":
        """The schema in force, which output is each of its classes (empty: in that order), and what was assumed.

        Classes are the same by their names: never by order, but for those that the caller names (``classes=``, in the model's order) where
        the model has no names, or numbers that the rows do not know.

        Parameters
        ----------
        own, brought, columns
            Schema, classes and names of columns that the model brings itself.

        Raises
        ------
        Problem
            Where the model's columns or classes are not those of the rows, naming both.
        """
        base = self.schema or own or (self.data.schema if self.data is not None else None)
        if base is None:
            do = "Give schema=… or data=…"
            raise SchemaMissing("a schema: what the model's columns mean", "none in the model", do, columns, self.classes or brought)
        if own is not None and self.schema is not None and own.shape != self.schema.shape:
            do = "Read the data by the model's own schema: open it without schema=…, then read(…, schema=target.schema)"
            raise Problem(f"the schema the model was trained on, rows of shape {own.shape}", f"rows of shape {self.schema.shape}", do)
        named, notes = self._named(brought)
        if not named or named == base.classes:
            return base, (), notes
        base = self._with_rows(base, named)
        places = tuple(place_of(name, named) for name in base.classes)
        if len(named) > len(base.classes) and min(places) >= 0 and len(set(places)) == len(places):
            return self._wider(base, named, places, notes)
        if (
            self.classes
            and base is own
            and len(named) == len(base.classes)
            and set(places) != set(range(len(places)))
            and self._of_rows(named)
        ):
            return base.model_copy(update={"classes": named}), (), notes
        self._count_unknown(named)
        order = class_order(named, base.classes)
        if order == tuple(range(len(order))):
            return base, (), notes
        return base, order, (*notes, f"The model's classes come as {few(named)}; its scores were put in the schema's order.")

    def _named(self, brought: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The classes in the model's order, and what was assumed of them: its own names, else those that the caller gives."""
        given = self.classes
        if len(set(given)) != len(given):
            raise Problem("class names that differ", ", ".join(given), "Name each class once")
        if len(set(brought)) != len(brought):
            do = "Write each class in one way in the labels, and fit the model again"
            raise Problem("classes of the model that differ in more than the blanks around them", few(brought), do)
        if not given or not brought or given == brought:
            return given or brought, ()
        if len(given) != len(brought):
            found = f"{len(given)} in classes=…: {few(given)}"
            raise Problem(f"names for the model's {len(brought)} classes ({few(brought)})", found, "Name each of them, in that order")
        if {place_of(name, brought) for name in given} == set(range(len(brought))):
            return brought, (
                f"The model itself names its classes {few(brought)}, in that order, so the order of classes=… was not needed.",
            )
        return given, (f"The model's classes {few(brought)} are {few(given)}, as classes=… says.",)

    def _wider(
        self, base: Schema, named: tuple[str, ...], places: tuple[int, ...], notes: tuple[str, ...]
    ) -> "tuple[Schema, tuple[int, ...], tuple[str, ...]]":
        """The model's classes, of which the rows have only some; those are called as the rows call them."""
        written = dict(zip(places, base.classes, strict=True))
        classes = tuple(written.get(i, name) for i, name in enumerate(named))
        lacking = tuple(name for i, name in enumerate(named) if i not in written)
        note = f"The rows hold none of the model's class{'es' * (len(lacking) > 1)} {few(lacking)}."
        return base.model_copy(update={"classes": classes}), (), (*notes, note)

    def _with_rows(self, base: Schema, named: tuple[str, ...]) -> Schema:
        """``base`` without classes that the model lacks and no row has, such as an empty level of a pandas category."""
        if self.data is None or base is not self.data.schema:
            return base
        found = set(self.data.y.tolist())
        kept = tuple(name for i, name in enumerate(base.classes) if i in found or place_of(name, named) >= 0)
        return base if kept == base.classes or len(kept) < 2 else base.model_copy(update={"classes": kept})

    def _of_rows(self, named: tuple[str, ...]) -> bool:
        """Are the classes of the rows among ``named``, or are there none?"""
        return self.data is None or all(place_of(name, named) >= 0 for name in self.data.schema.classes)

    def _count_unknown(self, named: tuple[str, ...]) -> None:
        """Refuse rows of a class that the model lacks, with their number, where it knows the others."""
        if self.data is not None and any(place_of(name, named) >= 0 for name in self.data.schema.classes):
            self.data.classed(named)
