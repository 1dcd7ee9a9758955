"""The report's own words in other languages: a JSON file a language in ``languages``, from the English sentence to its translation.

What checks say of themselves (titles, questions, summaries, advice) stays in English. A translator copies ``de.json`` and fills it in;
a test says which sentences are missing.
"""

import json
from collections.abc import Callable
from functools import cache
from importlib import resources

Say = Callable[[str], str]


@cache
def messages(language: str) -> dict[str, str]:
    """The translations of ``language``; none for English."""
    if language == "en":
        return {}
    text = resources.files("tiltyard.reports").joinpath(f"languages/{language}.json").read_text("utf-8")
    found: dict[str, str] = json.loads(text)
    return found


def sayer(language: str) -> Say:
    """Says a fixed English text in ``language``; one that has no translation stays as it is."""
    known = messages(language)
    return lambda text: known.get(text, text)
