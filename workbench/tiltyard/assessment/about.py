"""What a person says of a report and asks of it: who made it, for whom, which parts, in which language, with or without people's rows."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, field_validator

from ..catalogue import TOPICS
from ..result import Given
from .policy import Rule
from .toml_file import checked

Language = Literal["en", "de", "fr"]


class About(Given):
    """The ``[report]`` of an assessment file; the panel's *About this report*; keywords of ``ty.report``. Each is optional.

    ``topics``, ``annex`` and ``code`` choose what is written to be read; JSON, SARIF and JUnit hold all that was found.
    """

    title: str = Field(default="", description="title of the report")
    author: str = Field(default="", description="who made the assessment")
    approver: str = Field(default="", description="who is to sign it")
    recipient: str = Field(default="", description="for whom it is")
    purpose: str = Field(default="", description="what it is for: the decision that rests on it")
    scope: str = Field(default="", description="what is within it and what is not, in words")
    appetite: str = Field(default="", description="the risk that is accepted, in words; limits hold it to numbers")
    limits: tuple[Rule, ...] = Field(default=(), description="limits of numbers, as the rules of a policy")
    owners: dict[str, str] = Field(default={}, description="who owns a risk, by topic: privacy = Ada")
    topics: tuple[str, ...] = Field(default=(), description="topics that have a page; empty: all")
    annex: bool = Field(default=True, description="with the annex: every step, table and figure")
    code: bool = Field(default=True, description="with the lines that repeat each step")
    people: bool = Field(default=False, description="with tables and pictures that show a single person's row")
    language: Language = Field(default="en", description="language of the report's own words: en, de, fr")

    @field_validator("topics")
    @classmethod
    def _known_topics(cls, topics: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_topic(name) for name in topics)

    @field_validator("owners")
    @classmethod
    def _known_risks(cls, owners: dict[str, str]) -> dict[str, str]:
        return {_topic(name): owner for name, owner in owners.items()}

    def owner(self, topic: str) -> str:
        """Who owns the risk of this topic, or an empty string."""
        return self.owners.get(topic, "")

    def shows(self, topic: str) -> bool:
        """Has the topic a page?"""
        return not self.topics or topic in self.topics


def about_of(values: Mapping[str, Any]) -> About:
    """An `About` of what a shell, a cell or a panel named; one line where it is wrong."""
    return checked(About, dict(values), "the report's fields")


def _topic(name: str) -> str:
    if name not in TOPICS:
        raise ValueError(f"no topic {name!r}; there are {', '.join(TOPICS)}")
    return name
