"""The words of the labs: ``languages/en.json`` has all of them, and a file beside it for each other language."""

import json
import os
from functools import cache
from pathlib import Path

from ..errors import Problem

FOLDER = Path(__file__).parent / "languages"
VARIABLE = "TILTYARD_LANGUAGE"


def language() -> str:
    """The language that TILTYARD_LANGUAGE names and that there is; else English."""
    wanted = os.environ.get(VARIABLE, "").strip().lower()[:2]
    return wanted if wanted in languages() else "en"


@cache
def languages() -> tuple[str, ...]:
    """The languages there are."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.json")))


@cache
def catalog(language: str) -> dict[str, str]:
    """The texts of a language by key; the English one where it has none."""
    english: dict[str, str] = json.loads((FOLDER / "en.json").read_text("utf-8"))
    if language == "en":
        return english
    if language not in languages():
        raise Problem(f"a language of the labs ({', '.join(languages())})", repr(language[:40]), "Choose one of these")
    own: dict[str, str] = json.loads((FOLDER / f"{language}.json").read_text("utf-8"))
    return {**english, **{key: words for key, words in own.items() if words}}


def text(key: str, **values: object) -> str:
    """The text ``key`` with ``values`` in their places."""
    return catalog(language())[key].format_map(values)


def has(key: str) -> bool:
    """Is there such a text?"""
    return key in catalog("en")
