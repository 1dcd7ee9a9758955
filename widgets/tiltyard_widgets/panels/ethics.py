"""Ethical guidelines: the checklist with its evidence, a person's answers, model card and datasheet as files."""

import base64
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets as w

from tiltyard.datasets.dataset import Dataset
from tiltyard.errors import Problem
from tiltyard.targets.target import Target

from ..controls.download import Download
from ..controls.picker import Choice
from ..controls.upload import Upload
from ..theme import look, plain
from ..theme.markup import Markup, Node, div, el, span
from ..views.cards import outcome
from .checklist import ID, checklist, state_of
from .panel import Panel

if TYPE_CHECKING:
    from tiltyard.guidelines.answers import Answered, Desk
    from tiltyard.standards.ethics import Checklist, Item, MeasuredEvidence

OPEN = "open"  # no answer stands there before a person has chosen one
STATE = {"measured": "measured", "answered": "answered", "open": "open"}
FILES = {
    "checklist": ("tiltyard-checklist.json", "application/json"),
    "model": ("model-card.md", "text/markdown"),
    "data": ("datasheet.md", "text/markdown"),
}
LARGEST = 10_000_000
WORDS = ["yes", "partly", "no", "not applicable"]


class EthicsPanel(Panel):
    """Eleven principles: what was measured answers by itself, and a person answers the rest by name."""

    title = "Ethical guidelines"

    def build(self) -> Sequence[w.Widget]:
        self.list: Checklist | None = None
        self.sentence = outcome()
        self.which = Choice(label="Question", options=[("–", "–")], value="–")
        self.which.observe(lambda _: self._chosen(), "value")
        self.asked = look.text("", kind="lead")
        self.word = Choice(label="Answer", options=[(word.capitalize(), word) for word in (OPEN, *WORDS)], value=OPEN, kind="segments")
        self.words = look.labelled(plain.Textarea(description="In words", placeholder="In a sentence or two", rows=4))
        person = self.session.person
        self.by = look.entry("By", "Your name", person.name, help="The name you logged in with" if person.shared else "")
        self.by.disabled = person.shared
        self.on = look.labelled(plain.DatePicker(description="On", value=datetime.now(UTC).date()))
        denied = self.session.denied("run")
        self.save = look.button("Save the answer", kind="primary", denied=denied)
        self.save.on_click(lambda _: self.answer())
        self.withdraw = look.button("Withdraw", denied=denied)
        self.withdraw.on_click(lambda _: self.take_back())
        self.kind = Choice(
            label="File",
            options=[("Checklist (JSON)", "checklist"), ("Model card (Markdown)", "model"), ("Datasheet (Markdown)", "data")],
        )
        self.fetch = look.button("Prepare a download")
        self.fetch.on_click(lambda _: self.download())
        self.link = Download()
        self.keep = look.button("Put it in the report", title="Adds the checklist as it stands to the run and the report", denied=denied)
        self.keep.on_click(lambda _: self.put())
        self.open = Upload("Open a checklist …", (".json",))
        self.open.on_file(self._brought)
        self.shown = Markup()
        self.shown.on_event("answer", self._pick)
        controls = [
            self.which,
            self.asked,
            self.word,
            self.words,
            self.by,
            self.on,
            look.row([self.save, self.withdraw]),
            self.kind,
            look.row([self.fetch, self.keep]),
            self.link,
            self.open,
        ]
        return [look.heading(self.title), self.message, look.split(controls, [self.sentence, self.shown])]

    def refresh(self) -> None:
        self._hold(checklist(self.session))
        self._draw()

    def forget(self) -> None:
        self.link.offer("", "", "")

    def _hold(self, found: "Checklist") -> None:
        self.list = found
        self.session.checklists[found.target.fingerprint if found.target else ""] = found

    def _draw(self) -> None:
        from tiltyard.guidelines.checklist import summary

        assert self.list is not None
        found = self.list
        self.sentence.say(state_of(found), summary(found))
        options = [(f"{STATE_SIGN[i.state]} {i.question}", i.id) for i in found.items]
        self.which.offer(options)
        if self.which.value not in {i.id for i in found.items} or self.which.value == "–":
            self.which.value = next((i.id for i in found.items if i.state == "open"), found.items[0].id)
        self._chosen(keep=True)
        self.shown.show_tree(div("ty-findings", *(_principle(p.id, p.title, p.about, found) for p in _principles())))
        nothing = self.session.target is None or self.session.data is None
        self.fetch.disabled = self.keep.disabled = nothing

    def _pick(self, id: str) -> None:
        """Put the question into the form and go there, for the list is long."""
        self.which.value = id
        self.words.focus()

    def _chosen(self, keep: bool = False) -> None:
        """Show the chosen question; ``keep`` leaves what is being typed."""
        if self.list is None or self.which.value == "–":
            return
        item = self.list.item(self.which.value)
        self.asked.say(item.question)
        self.withdraw.disabled = item.answer is None
        if keep:
            return
        self.words.value = item.answer.text if item.answer else ""
        self.word.value = item.answer.word if item.answer else OPEN
        if item.answer:
            self.by.value, self.on.value = self._desk().name(item.answer.by), item.answer.on

    def answer(self) -> None:
        """Save what was typed, with name and date, and go on to the next open question."""
        self.message.clear()
        assert self.list is not None
        try:
            on = self.on.value
            if not isinstance(on, date):
                raise Problem("the date of the answer", "none", "Choose a date")
            if self.word.value == OPEN:
                raise Problem("an answer", "none chosen", f"Choose {', '.join(WORDS[:-1])} or {WORDS[-1]}")
            answered = self._desk().answer(self.list, self.which.value, self.word.value, self.words.value, self.by.value, on)  # type: ignore[arg-type]
            self._took(answered)
        except Problem as problem:
            self.message.say(problem)
            return
        self._draw()
        order = [i.id for i in self.list.items]
        place = order.index(self.which.value)
        after = [id for id in (*order[place:], *order[:place]) if self.list.item(id).state == "open"]
        if after:
            self.which.value = after[0]

    def take_back(self) -> None:
        """Without the answer to the chosen question."""
        self.message.clear()
        assert self.list is not None
        try:
            self._took(self._desk().withdraw(self.list, self.which.value))
        except Problem as problem:
            self.message.say(problem)
            return
        self.words.value = ""
        self._draw()

    def download(self) -> None:
        """Hand the chosen file to the browser."""
        self.message.clear()
        try:
            name, kind = FILES[self.kind.value]
            self.link.offer(name, kind, base64.b64encode(self.text().encode()).decode())
        except Problem as problem:
            self.message.say(problem)

    def text(self) -> str:
        """The chosen file."""
        target, data, found = self.session.target, self.session.data, self.list
        if target is None or data is None or found is None:
            raise Problem("a model and data", "none yet", "Load them first")
        if self.kind.value == "checklist":
            return found.text()
        return self._documents(found, target, data)["Model card" if self.kind.value == "model" else "Datasheet"]

    def _documents(self, found: "Checklist", target: Target, data: Dataset) -> dict[str, str]:
        from tiltyard.guidelines.checklist import documents

        return documents(found, target.identity, data, list(self.session.latest.values()))

    def put(self) -> None:
        """Add the checklist as it stands to the run."""
        self.message.clear()
        target, data = self.session.target, self.session.data
        if target is None or data is None or self.list is None:
            return
        try:
            record, unlogged = self._desk().report(self.list, target.identity, data, list(self.session.latest.values()))
            self.session.add(record)
        except Problem as problem:
            self.message.say(problem)
            return
        self.message.say("The checklist as it stands is in the report, with model card and datasheet.", level="info")
        if unlogged:
            self.message.say(unlogged, level="warning")

    def _desk(self) -> "Desk":
        from tiltyard.guidelines.answers import Desk

        store = self.session.store
        return Desk(self.session.person, store.url if store is not None else None)

    def _took(self, answered: "Answered") -> None:
        self._hold(answered.checklist)
        self.session.version += 1
        if answered.unlogged:
            self.message.say(answered.unlogged, level="warning")

    def _brought(self, path: str) -> None:
        self.message.clear()
        try:
            self.adopt(self._text(Path(path)))
        except Problem as problem:
            self.message.say(problem)

    def _text(self, path: Path) -> str:
        from tiltyard.access.places import opened

        with opened(path, "a checklist", self.session.person) as stream:
            content = stream.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise Problem("a checklist that was exported here, 10 MB at most", "a larger file", "Choose the exported JSON file")
        return content.decode("utf-8", "replace")

    def adopt(self, text: str) -> None:
        """Take the answers of an exported checklist; those given here to the same questions give way."""
        from tiltyard.standards.ethics import fill, read

        given = read(text)
        assert self.list is not None
        desk = self._desk()
        brought = desk.bring(self.list, given)
        target, data = self.session.target, self.session.data
        records = [r for r in self.session.latest.values() if r.check != ID]
        identities = {"target": target.identity, "data": data.identity} if target and data else {}
        self._took(desk.brought(self.list, fill(records, before=brought, **identities)))
        self._draw()
        if target and given.target and given.target.fingerprint != target.fingerprint:
            self.message.say(f"These answers were given about {given.target.name}, another model: read them again.", level="warning")


STATE_SIGN = {"measured": "◆", "answered": "✓", "open": "○"}


def _principles() -> Sequence[Any]:
    from tiltyard.standards.ethics import principles

    return principles()


def _principle(id: str, title: str, about: str, found: "Checklist") -> Node:
    items = found.under(id)
    left = sum(i.state == "open" for i in items)
    state = "nothing open" if not left else f"{left} of {len(items)} open"
    head = el("summary", None, el("b", None, title), f" · {state}")
    body = div("ty-findings", el("p", {"class": "ty-help"}, about), *map(_item, items))
    return el("details", {"open": True, "data-key": f"principle {id}"}, head, body)


def _item(item: "Item") -> Node:
    from tiltyard.standards.ethics import sources

    known = sources()
    parts: list[Node] = [el("b", None, item.question)]
    parts += [el("p", {"class": "ty-help"}, _traced(one)) for one in item.evidence]
    if item.answer:
        a = item.answer
        parts.append(el("p", None, el("b", None, f"{a.word.capitalize()}. "), a.text, span("ty-muted", f" — {a.by}, {a.on.isoformat()}")))
    if item.state == "open" and item.lacking:
        parts.append(el("p", {"class": "ty-help"}, f"Could be measured by {'; '.join(item.lacking)}."))
    tags = [el("span", {"class": "ty-tag", "title": known[s].title if s in known else ""}, s) for s in item.standards]
    word = "Change the answer" if item.answer else "Answer"
    button = el(
        "button",
        {"type": "button", "class": "ty-link", "data-send": "answer", "data-value": item.id, "data-key": f"answer {item.id}"},
        word,
    )
    parts.append(div("ty-top", span("ty-severity", f"{STATE_SIGN[item.state]} {STATE[item.state]}"), button, el("p", None, *tags)))
    return el("div", {"class": "ty-finding", "role": "group", "aria-label": item.question}, *parts)


def _traced(one: "MeasuredEvidence") -> str:
    if one.metric == "seed":
        return f"{one.text}, in every record; here that of {one.title} (record {one.record[:8]}, metric seed)."
    return f"{one.text}. {one.ended.capitalize()} by {one.title} (record {one.record[:8]}, metric {one.metric})."
