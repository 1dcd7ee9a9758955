"""What a check or defense must say of itself before it runs."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from typing import get_args

from ..catalogue import TOPICS, checks, defenses
from ..check import Step, named
from ..errors import Problem
from ..needs import NEEDS
from ..parameters import FieldFacts, model_facts
from ..standards.catalog import known

HEAVY = frozenset({"torch", "shap", "opacus", "fairlearn", "sklearn"})
LOADED = "import json, sys; {}; print(json.dumps(sorted(sys.modules)))"
REGISTERED = "from tiltyard.catalogue import checks, defenses; checks(), defenses()"


def facts_broken(cls: type[Step]) -> Iterator[str]:
    """What is wrong with the facts of ``cls``, a sentence each."""
    yield from _words(cls)
    if strange := sorted(cls.needs - NEEDS.keys()):
        yield f"nobody knows what it needs: {', '.join(strange)}; a target or a data set offers {', '.join(NEEDS)}"
    if unknown := [id for id in cls.standards if not known(id)]:
        yield f"these standards are not in the catalog of standards: {', '.join(unknown)}"
    if cls.headline in cls.context:
        yield f"its headline {cls.headline} is said to be mere context, so that the cross-risk table would leave it out"
    if not cls.seconds > 0:
        yield f"its typical seconds are {cls.seconds:g}, not above 0"
    for field in model_facts(cls):
        yield from _parameter(field)
    yield from _profiles(cls)
    if heavy := sorted(HEAVY & loaded_with(cls)):
        yield f"importing its module imports {', '.join(heavy)}: import inside run or apply"


def _words(cls: type[Step]) -> Iterator[str]:
    for fact in ("id", "title", "question", "cost"):
        text = getattr(cls, fact, "")
        if not isinstance(text, str) or not text or text != text.strip():
            yield f"its {fact} is no text: {text!r}"
            return
    topic, _, name = cls.id.partition(".")
    if topic not in TOPICS or not name:
        yield f"its id {cls.id!r} is not a topic ({', '.join(TOPICS)}), a dot and a name"
    if len(cls.title) >= 60:
        yield f"its title has {len(cls.title)} letters, 59 is the most"
    if not cls.question.endswith(("?", ".")):
        yield f"its question is no sentence: {cls.question!r}"


def _parameter(field: FieldFacts) -> Iterator[str]:
    if not field.help:
        yield f"parameter {field.name} has no help"
    elif len(field.help) >= 200:
        yield f"the help of parameter {field.name} has {len(field.help)} letters, 199 is the most"
    if "unit" not in field.extra:
        yield f"parameter {field.name} says nothing of its unit: make it with parameter(default, help, unit)"
    if {field.kind, field.item, *get_args(field.kind)} & {int, float}:
        if field.bounds.least is None and field.bounds.above is None:
            yield f"parameter {field.name} has no lower bound"
        if field.bounds.most is None and field.bounds.below is None:
            yield f"parameter {field.name} has no upper bound"


def _profiles(cls: type[Step]) -> Iterator[str]:
    """The defaults and what each profile sets must be within the bounds."""
    profiles = {"defaults": {}, "quick": cls.quick, "quick_table": cls.quick_table, "quick_images": cls.quick_images, "tiny": cls.tiny}
    for profile, values in profiles.items():
        given = {**cls.quick, **values} if profile.startswith("quick_") else dict(values)
        try:
            made = named(cls, given)
        except Problem as problem:
            yield f"its {profile} parameters are refused: {problem}"
            continue
        if type(made).model_validate(made.model_dump()) != made:
            yield f"made again from its own {profile} parameters it is another"


def loaded_with(cls: type[Step]) -> frozenset[str]:
    """The modules that a new Python has once the module of ``cls`` is imported."""
    ours = any(cls is one for one in (*checks().values(), *defenses().values()))
    return _loaded(REGISTERED if ours else f"import {cls.__module__}")


@cache
def _loaded(code: str) -> frozenset[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run([sys.executable, "-c", LOADED.format(code)], capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise AssertionError(f"a new Python cannot run {code!r}: {done.stderr.strip().splitlines()[-1]}")
    return frozenset(json.loads(done.stdout))
