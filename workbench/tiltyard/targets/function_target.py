"""A plain predict function as a target: which form of the rows it takes, and what its answers are, is found out on a few rows."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.class_places import names_of, place_of
from ..datasets.schema import Rows, Schema
from ..errors import Problem
from . import trying
from .class_names import by_name, column_names, few
from .estimators import WORDS, Feeds, FunctionTarget, Outputs, fed, own_form, texts_only
from .fingerprints import content_fingerprint
from .image_forms import AS_THEY_ARE, Arranged, ImageForm, image_forms

if TYPE_CHECKING:
    from ..datasets.dataset import Dataset

Predict = Callable[[Any], Any]
TRIED = 200


@dataclass(frozen=True)
class Form:
    """A form of the rows: what is fed, the dtype of encoded columns, and how images are arranged and scaled."""

    feeds: Feeds
    dtype: type[Any] = np.float64
    image: ImageForm | None = None

    @property
    def words(self) -> str:
        if self.image is not None:
            return self.image.words
        return WORDS[self.feeds] + (f" as {np.dtype(self.dtype)}" if self.feeds == "encoded" else "")


FORMS = (Form("frame"), Form("values"), Form("encoded"), Form("encoded", np.float32))


def function_target(
    predict: Predict,
    schema: Schema,
    *,
    name: str = "",
    outputs: Outputs | None = None,
    feeds: Feeds | None = None,
    named: tuple[str, ...] = (),
    data: "Dataset | None" = None,
) -> FunctionTarget:
    """A plain function from rows to probabilities, logits or labels.

    It is given the table as a DataFrame, its values as an array, the encoded columns as float64 and as float32; what is right most often
    on the rows of ``data`` is what it takes.

    Parameters
    ----------
    outputs
        None: found out. Whole numbers, text, true and false are labels, two-dimensional scores probabilities.
    named
        The classes in the function's own order, where the caller names them.

    Raises
    ------
    Problem
        When it takes none of the forms of the rows, or returns none of these.
    """
    name = name or getattr(predict, "__name__", "") or type(predict).__name__
    rows = _rows(schema, data)
    asked = Asked(predict, schema, name, outputs, named, content_fingerprint(predict))
    forms = _forms(schema, feeds)
    good: list[tuple[Form, FunctionTarget]] = []
    refused: list[Problem] = []
    for form in forms:
        if form.dtype is np.float32 and any(f.feeds == "encoded" for f, _ in good):
            continue
        try:
            good.append((form, asked.as_target(form, rows)))
        except Problem as problem:
            refused.append(problem)
    if not good:
        raise min(refused, key=lambda p: 0 if 'outputs="' in p.do else 1 if isinstance(p, Answer) else 2)
    form, made, more = _best(good, data)
    made.queries = 0
    made.given = form.words if form.image is not None or not schema.images else "float32 pixels"
    found = "It returns class names, so it offers labels only." if made.outputs == "labels" else "It returns probabilities."
    made.assumptions = (*(() if feeds else (f"It takes {form.words}.", *more)), *(() if outputs else (found,)))
    return made


def _forms(schema: Schema, feeds: Feeds | None) -> list[Form]:
    """The forms to try, likelier first."""
    if schema.images and feeds is None:
        return [Form("encoded", image=form) for form in image_forms(schema)]
    if schema.images:
        return [Form("encoded")]
    return [f for f in ((Form("texts"), *FORMS) if texts_only(schema) else FORMS) if feeds in (None, f.feeds)]


class Answer(Problem):
    """A function took the rows, but what it answered cannot be read."""

    code = "TY-ANSWER"


@dataclass(frozen=True)
class Asked:
    """A function with what its caller says of it."""

    predict: Predict
    schema: Schema
    name: str
    outputs: Outputs | None
    named: tuple[str, ...]
    fingerprint: str

    def as_target(self, form: Form, rows: Rows) -> FunctionTarget:
        """The function under one form of the rows.

        Raises
        ------
        Problem
            Where it does not take that form, or answers what cannot be read.
        """
        if form.image is not None and form.image != AS_THEY_ARE:
            arranged = replace(self, predict=Arranged(self.predict, form.image))
            return arranged.as_target(Form("encoded"), rows)
        texts = form.feeds == "texts"
        fed_rows = own_form(self.schema.decode(rows), "texts") if texts else fed(rows, self.schema, form.feeds, form.dtype)
        returned = trying.answer(lambda: self.predict(fed_rows), self.name, f"{self.name} to take rows like the schema's")
        if self._columns(returned):
            return replace(self, predict=ByName(self.predict, self.schema.classes), named=()).as_target(form, rows)
        answers = np.asarray(returned)
        outputs = self.outputs or self._outputs(answers, len(rows))
        predict = self._named(answers) if outputs == "labels" else self._ordered(outputs)
        target = FunctionTarget(
            predict, self.schema.classes, self.schema, self.name, form.feeds, outputs, self.fingerprint, dtype=form.dtype
        )
        trying.answer(lambda: target.scores(rows), self.name, f"{self.name} to take rows like the schema's")
        return target

    def _columns(self, returned: Any) -> bool:
        """Is it a table whose columns are named as the classes? Other names, where the caller says no order, are refused."""
        named, classes = column_names(returned), self.schema.classes
        if len(named) != len(classes) or len(named) < 2:
            return False
        if {place_of(name, named) for name in classes} == set(range(len(named))):
            return True
        if not self.named:
            do = "Name them as the classes, or say whose they are, in their order (classes=…)"
            raise Answer(f"columns named {few(classes)} from {self.name}", few(named), do)
        return False

    def _outputs(self, answers: NDArray[Any], n: int) -> Outputs:
        """What ``answers`` to n rows are: probabilities or labels."""
        k = len(self.schema.classes)
        wanted = f"a label or {k} scores a row from {self.name}, for {n} rows"
        if answers.dtype == object and answers.ndim == 0:
            raise Answer(wanted, f"{answers.tolist()!r}, no numbers and no labels"[:80], "Return an array")
        if answers.ndim == 0 or len(answers) != n:
            raise Answer(wanted, f"an answer of shape {answers.shape}", "Return one answer a row")
        if answers.ndim == 2 and answers.shape[1] == k and answers.dtype.kind in "uif":
            return self._probabilities(answers)
        if answers.ndim == 1 or answers.shape[1:] == (1,):
            return self._single(answers.ravel())
        found = f"an answer of shape {answers.shape} and dtype {answers.dtype}"
        raise Answer(wanted, found, "Check the classes, or return one answer a row")

    def _probabilities(self, answers: NDArray[Any]) -> Outputs:
        if not np.isfinite(answers.astype(np.float64)).all():
            raise Answer(f"finite scores from {self.name}", "NaN or inf", "Check the model on the rows it was trained on")
        if trying.head(answers, len(self.schema.classes), self.name) == "logits":
            found = f"scores from {answers.min():.3g} to {answers.max():.3g}, {answers.shape[1]} a row"
            raise Answer(f"probabilities from {self.name} that sum to 1 a row", found, 'If these are logits say outputs="logits"')
        return "probabilities"

    def _single(self, answers: NDArray[Any]) -> Outputs:
        """One answer a row: labels, or of two classes the probability of the last."""
        if answers.dtype.kind not in "uif":
            return "labels"
        if not np.isfinite(answers.astype(np.float64)).all():
            raise Answer(f"finite scores from {self.name}", "NaN or inf", "Check the model on the rows it was trained on")
        different = np.unique(answers)
        if len(different) <= len(self.schema.classes) and (different == different.round()).all() and self._are_labels(different):
            return "labels"
        if len(self.schema.classes) == 2 and (different != different.round()).any():
            if different[0] >= 0 and different[-1] <= 1:
                return "probabilities"
            found = f"numbers from {different[0]:.3g} to {different[-1]:.3g}"
            raise Answer(f"labels or probabilities from {self.name}", found, 'If these are logits say outputs="logits"')
        some = few(names_of(different))
        do = 'Name the classes in the order of these numbers (classes=…), return the names, or say outputs="probabilities"'
        raise Answer(f"labels among {few(self.schema.classes)} from {self.name}, or scores", f"one number a row: {some}", do)

    def _are_labels(self, different: NDArray[Any]) -> bool:
        return bool(self.named) or all(place_of(v, self.schema.classes) >= 0 for v in different.tolist())

    def _named(self, answers: NDArray[Any]) -> Predict:
        """The function with names for the numbers that it returns, where the caller names its classes and these numbers are none."""
        if not self.named or answers.dtype.kind not in "uifb":
            return self.predict
        different = np.unique(answers.ravel().astype(np.float64))
        if all(place_of(v, self.schema.classes) >= 0 for v in different.tolist()):
            return self.predict
        k = len(self.named)
        numbers = np.arange(k) if np.isin(different, np.arange(k)).all() else different
        if len(numbers) != k:
            do = "Return the names of the classes"
            raise Answer(f"{k} different labels from {self.name}, for {few(self.named)}", few(names_of(different)), do)
        return Numbered(self.predict, numbers, self.named)

    def _ordered(self, outputs: Outputs) -> Predict:
        """The function with its scores in the order of the schema's classes."""
        if not self.named:
            return self.predict
        order = [place_of(c, self.named) for c in self.schema.classes]
        if order == list(range(len(order))):
            return self.predict
        return Ordered(self.predict, order, outputs)


@dataclass(frozen=True)
class ByName:
    """A function that answers with a table, of which a column named as a class is that class's, whatever its place."""

    predict: Predict
    classes: tuple[str, ...]

    def __call__(self, x: Any) -> NDArray[Any]:
        """Scores (n, k) in the order of ``classes``."""
        return by_name(self.predict(x), self.classes)


@dataclass(frozen=True)
class Numbered:
    """A function whose numbers are ``names``."""

    predict: Predict
    numbers: NDArray[Any]
    names: tuple[str, ...]

    def __call__(self, x: Any) -> Any:
        """The names of what the function returns, (n,)."""
        found = np.asarray(self.predict(x)).ravel().astype(np.float64)
        places = np.clip(np.searchsorted(self.numbers, found), 0, len(self.numbers) - 1)
        if (self.numbers[places] != found).any():
            wrong = found[self.numbers[places] != found][0]
            raise Problem(f"labels among {few(names_of(self.numbers))}", f"{wrong:g}", "Return the names of the classes")
        return np.array(self.names, object)[places]


@dataclass(frozen=True)
class Ordered:
    """A function whose scores are put in another ``order``; a single one of two classes is turned around."""

    predict: Predict
    order: list[int]
    outputs: Outputs

    def __call__(self, x: Any) -> Any:
        """Scores (n, k) in that order, or (n,)."""
        out = np.asarray(self.predict(x))
        if out.ndim == 2 and out.shape[1] == len(self.order):
            return out[:, self.order]
        return -out if self.outputs == "logits" else 1 - out


def _rows(schema: Schema, data: "Dataset | None") -> Rows:
    """Rows to try it on, not as many as there are columns: an answer a column is then not taken for an answer a row."""
    rows = trying.rows(schema, data, TRIED if data is not None else trying.ROWS)
    return rows[:-1] if len(rows) > 2 and len(rows) in (len(schema.columns), int(np.prod(schema.shape))) else rows


def _choice(form: Form) -> str:
    return "" if form.image is not None else f"; feeds={form.feeds!r} says that it is to be given those"


def _best(good: list[tuple[Form, FunctionTarget]], data: "Dataset | None") -> tuple[Form, FunctionTarget, tuple[str, ...]]:
    """The form that is right most often on up to 500 rows, the first of equal ones; and where another is answered differently, a sentence."""
    if len(good) == 1 or data is None:
        return *good[0], ()
    part = data.sample(500, np.random.default_rng(0)).classed(good[0][1].classes)
    answers = [target.labels(part.x) for _, target in good]
    hits = [int((found == part.y).sum()) for found in answers]
    best = max(range(len(good)), key=lambda i: (hits[i], -i))
    form, target = good[best]
    more = tuple(
        f"Given {good[i][0].words} it answers {int((found != answers[best]).sum())} of {len(part)} rows otherwise "
        f"({hits[i]} right, not {hits[best]}){_choice(good[i][0])}."
        for i, found in enumerate(answers)
        if (found != answers[best]).any()
    )
    return form, target, more
