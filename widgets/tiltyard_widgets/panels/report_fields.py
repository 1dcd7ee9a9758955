"""What a person says of a report and asks of it, as fields: who made it, for whom, which sections, in which language, since when."""

from collections.abc import Mapping

from tiltyard.assessment.about import About, about_of
from tiltyard.catalogue import TOPICS

from ..controls.fold import Fold
from ..controls.picker import Choice
from ..theme import look, plain

NEVER = ""
LANGUAGES = [("English", "en"), ("Deutsch", "de"), ("Français", "fr")]
TEXTS = {
    "title": ("Title", "Security report"),
    "author": ("Assessed by", "Ada Analyst"),
    "approver": ("To be approved by", "Carl Chief"),
    "recipient": ("For", "Credit risk committee"),
    "purpose": ("Purpose", "Release of version 3"),
    "scope": ("Scope", "The model behind /score; not its training pipeline"),
    "appetite": ("Risk appetite", "No finding above medium"),
}
OWNERS = "privacy = Ada; evasion = Bob"


class ReportFields(look.Stack):
    """*About this report* and *Sections*, folded; `about` reads them."""

    def __init__(self) -> None:
        self.texts = {name: look.entry(label, hint) for name, (label, hint) in TEXTS.items()}
        self.owners = look.entry("Owners of risks", OWNERS, help=f"Topics: {', '.join(TOPICS)}")
        self.topics = look.entry("Topics", "all", help=f"Of {', '.join(TOPICS)}; empty for all")
        self.annex = plain.Checkbox(value=True, description="Annex: every step, table and figure", indent=False)
        self.code = plain.Checkbox(value=True, description="The lines that repeat each step", indent=False)
        self.people = plain.Checkbox(value=False, description="Rows of single people, which are withheld else", indent=False)
        self.language = Choice(label="Language", options=LANGUAGES, value="en")
        self.since = Choice(label="Compare with", options=[("No earlier run", NEVER)], value=NEVER)
        lines = [*self.texts.values(), self.owners]
        about = Fold(lines, lines, "About this report")
        sections = Fold(
            [self.topics], [self.topics, self.annex, self.code, self.people, self.language, self.since], "Sections and language"
        )
        super().__init__()
        self.children = (about, sections)

    def about(self) -> About:
        """What the fields say; a `Problem` of one line where they are wrong."""
        given: dict[str, object] = {name: field.value.strip() for name, field in self.texts.items()}
        given |= {"annex": self.annex.value, "code": self.code.value, "people": self.people.value, "language": self.language.value}
        given |= {"topics": [one.strip() for one in self.topics.value.split(",") if one.strip()], "owners": _owners(self.owners.value)}
        return about_of(given)

    def offer(self, runs: Mapping[str, str]) -> None:
        """The earlier runs that it can be compared with: what each is called, by id."""
        self.since.offer([("No earlier run", NEVER), *((name, id) for id, name in runs.items())])


def _owners(text: str) -> dict[str, str]:
    pairs = [one.partition("=") for one in text.split(";") if one.strip()]
    return {topic.strip(): owner.strip() for topic, _, owner in pairs}
