"""A cohort in the making: one condition after the other, all of which hold."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import traitlets

from tiltyard.datasets.cohorts import Cohort
from tiltyard.datasets.conditions import Answers, Condition, Labelled, Predicted, RowNumbers
from tiltyard.datasets.dataset import Dataset
from tiltyard.errors import Problem

from ..controls.picker import Choice
from ..theme import look, plain
from ..theme.markup import Markup, div, el, span
from .cohort_conditions import Editor, Fixed, RightOrWrong, Score, class_editor, editor_of, group_editor

Maker = Callable[[], Editor]


class CohortBuilder(look.Stack):
    """Choose what a condition is about, say what must hold, add another. Observe ``version`` to hear of any change."""

    version = traitlets.Int(0)

    def __init__(self) -> None:
        super().__init__()
        self.conditions: list[Condition] = []
        self.data: Dataset | None = None
        self.answers: Answers | None = None
        self._makers: dict[str, Maker] = {}
        self._editor: Editor | None = None
        self.list = Markup(live="polite")
        self.list.on_event("drop", self.drop)
        self.about = Choice(label="Condition on", options=[("—", "")], value="")
        self.about.observe(lambda _: self._edit(), "value")
        self.place = plain.VBox()
        self.more = look.button("And another condition", title="Keep this condition and add one more, both of which must hold")
        self.more.on_click(lambda _: self.add())
        self.wrong = look.text("", kind="help")
        self.children = (self.list, self.about, self.place, self.wrong, self.more)
        self._list()

    def offer(self, data: Dataset | None, answers: Answers | None, fooled: Mapping[str, RowNumbers] | None = None) -> None:
        """The columns, classes and rows that there are; conditions of other data are dropped."""
        if data is not self.data:
            self.conditions = []
            self.about.value = ""
        self.data, self.answers = data, answers
        self._makers = {} if data is None else dict(self._offered(data, answers, fooled or {}))
        self.about.offer([("Choose …", ""), *((key.partition(" ")[2], key) for key in self._makers)])
        self._list()

    def _offered(self, data: Dataset, answers: Answers | None, fooled: Mapping[str, RowNumbers]) -> Sequence[tuple[str, Maker]]:
        changed = self._changed
        features = data.schema.features if not data.schema.images else ()
        columns: list[tuple[str, Maker]] = [(f"column {f.name}", partial(editor_of, data, f, changed)) for f in features]
        known = {f.name for f in features}
        groups: list[tuple[str, Maker]] = [
            (f"group {name} (sensitive)", partial(group_editor, data, name, changed))
            for name in sorted(data.sensitive)
            if name not in known
        ]
        return [
            *self._of_answers(data, answers),
            *columns,
            *groups,
            *((f"rows {why}", partial(Fixed, rows)) for why, rows in fooled.items()),
        ]

    def _of_answers(self, data: Dataset, answers: Answers | None) -> list[tuple[str, Maker]]:
        changed, k = self._changed, len(data.schema.classes)
        truth = np.bincount(data.y, minlength=k).tolist()
        found: list[tuple[str, Maker]] = [("answers True class", lambda: class_editor("Is one of", data, Labelled, truth, changed))]
        if answers is None:
            return found
        predicted = np.bincount(answers.labels, minlength=k).tolist()
        found += [
            ("answers Right or wrong", lambda: RightOrWrong(changed)),
            ("answers Predicted class", lambda: class_editor("Is one of", data, Predicted, predicted, changed)),
        ]
        return [*found, ("answers Score of a class", lambda: Score(data.schema.classes, changed))] if answers.scores.shape[1] else found

    def _edit(self) -> None:
        maker = self._makers.get(self.about.value)
        self._editor = maker() if maker else None
        self.place.children = (self._editor.widget,) if self._editor else ()
        self._changed()

    def _changed(self) -> None:
        self.wrong.say("")
        try:
            self.more.disabled = self.draft() is None
        except Problem as problem:
            self.wrong.say(" ".join(str(problem).split()))
            self.more.disabled = True
        self.version += 1

    def draft(self) -> Condition | None:
        """The condition that is being edited; None where nothing is said yet."""
        return self._editor.condition() if self._editor else None

    @property
    def stated(self) -> tuple[Condition, ...]:
        """All conditions, that being edited too; a wrong one is left out, and said beside its field."""
        try:
            draft = self.draft()
        except Problem:
            draft = None
        return (*self.conditions, *((draft,) if draft else ()))

    def add(self) -> None:
        """Take the edited condition up and begin another."""
        draft = self.draft()
        if draft is not None:
            self.conditions = [*self.conditions, draft]
            self.about.value = ""
            self._list()
            self._changed()

    def drop(self, place: str) -> None:
        """Take the condition at ``place`` away."""
        self.conditions = [c for i, c in enumerate(self.conditions) if str(i) != place]
        self._list()
        self.version += 1

    def fill(self, cohort: Cohort) -> None:
        """Begin with the conditions of ``cohort``."""
        self.conditions = list(cohort.conditions)
        self.about.value = ""
        self._list()
        self._changed()

    def clear(self) -> None:
        """No condition."""
        self.conditions = []
        self.about.value = ""
        self._list()
        self._changed()

    def _list(self) -> None:
        self.more.disabled = not self._editor
        lines = [
            el("li", None, span("", ("and " if i else "") + c.words + " "), _remove(i, c.words)) for i, c in enumerate(self.conditions)
        ]
        self.list.tree = [div("ty-block", el("h3", None, "Rows where"), el("ul", None, *lines))] if lines else []


def _remove(place: int, words: str) -> list[object]:
    about = {"type": "button", "class": "ty-link", "data-send": "drop", "data-value": str(place), "data-key": f"drop {words}"}
    made = el("button", {**about, "aria-label": f"Remove the condition: {words}"}, "Remove")
    assert isinstance(made, list)
    return made
