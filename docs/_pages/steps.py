"""A page for each check and defense, and the table of all of them, from the catalogue."""

import json
import sys
from typing import Any

from tiltyard.catalogue import TOPICS, checks, defenses, topic_of
from tiltyard.check import Step
from tiltyard.defense import Defense
from tiltyard.needs import NEEDS
from tiltyard.parameters import Parameter, parameters, span
from tiltyard.standards.catalog import catalog

from .known import answers, planted
from .markdown import code, fenced, linked, page, prose, table
from .numbers import Numbers

FOLDER = "reference/checks"
SAFER = {"higher": "higher is safer", "lower": "lower is safer", "zero": "zero is safest", "none": ""}


def every() -> dict[str, type[Step]]:
    """All steps by id."""
    return {**checks(), **defenses()}


def kind(step: type[Step]) -> str:
    return "defense" if issubclass(step, Defense) else "check"


def pages(given: Numbers) -> dict[str, str]:
    """The text of every page by its name below the documentation's folder."""
    made = {f"{FOLDER}/{step.id}.md": step_page(step, given) for step in every().values()}
    return {f"{FOLDER}/index.md": overview(), **made}


def overview() -> str:
    """The table of all steps, a section for each topic."""
    parts = []
    for topic, title in TOPICS.items():
        mine = [step for step in every().values() if topic_of(step) == topic]
        rows = [(f"[{step.title}]({step.id}.md)", code(step.id), kind(step), step.question, needs(step)) for step in mine]
        if rows:
            parts.append(f"## {title}\n\n{table(('Step', 'Id', 'Kind', 'Asks', 'Needs'), rows)}")
    toc = "```{toctree}\n:hidden:\n\n" + "\n".join(every()) + "\n```"
    count = f"{len(checks())} checks and {len(defenses())} defenses"
    text = f"There are {count}. `tiltyard checks` lists them in a shell, `ty.checks()` in Python. What could not be measured is *incomplete*, never a pass."
    return page("Checks and defenses", text, *parts, toc, label="all-checks", depth=1)


def needs(step: type[Step]) -> str:
    """What model and data must offer, in words."""
    return ", ".join(NEEDS.get(need, need) for need in sorted(step.needs)) or "a model or data"


def step_page(step: type[Step], given: Numbers) -> str:
    """All that is known of one step."""
    parts = [
        f"**{step.question}**",
        facts(step),
        run(step),
        "## What it does\n\n" + prose(step.__doc__) + "\n\n" + prose(sys.modules[step.__module__].__doc__),
        "## Parameters\n\n" + parameter_table(step),
        "## Numbers\n\n" + numbers(step, given),
        "## What it is held to\n\n" + held(step),
        "## Sources\n\n" + "\n".join(f"- {linked(source)}" for source in step.sources) if step.sources else "",
        "## Standards\n\n" + standards(step) if step.standards else "",
    ]
    return page(step.title, *parts, label=step.id)


def facts(step: type[Step]) -> str:
    """Id, kind, topic, needs, cost."""
    answered = ", ".join(f"[`{id}`]({id}.md)" for id in getattr(step, "answers", ()) if id in every())
    rows = [
        ("Id", code(step.id)),
        ("Kind", kind(step)),
        ("Topic", TOPICS[topic_of(step)]),
        ("Needs", needs(step)),
        ("Takes", step.cost),
        ("Answers", answered),
        ("Attacker's goal", step.campaign_goal or ""),
    ]
    return "\n".join(f":{name}: {value}" for name, value in rows if value)


def run(step: type[Step]) -> str:
    """The same step in Python, in a shell and in an assessment's file."""
    call = "defend" if issubclass(step, Defense) else "check"
    python = f'import tiltyard as ty\n\nty.{call}("{step.id}", target, data)'
    tabs = {"Python": fenced(python, "python"), "Shell": fenced(f"tiltyard {call} {step.id} --config assessment.toml", "shell")}
    if call == "check":
        tabs["Assessment file"] = fenced(f'[[check]]\nid = "{step.id}"', "toml")
    return "::::{tab-set}\n" + "\n".join(f":::{{tab-item}} {name}\n{text}:::" for name, text in tabs.items()) + "\n::::"


def shown(value: Any) -> str:
    """A default as one writes it."""
    return code(json.dumps(value, ensure_ascii=False)) if value not in ("", None, []) else ""


def takes(p: Parameter) -> str:
    """What may be given: a kind, its bounds or choices, its unit."""
    if p.choices:
        return "one of " + ", ".join(map(code, p.choices))
    kind = {"int": "whole number", "float": "number", "yes/no": "yes or no", "json": "JSON"}.get(p.type, p.type)
    bounds = f"{kind}, {span(p)}" if span(p) else kind
    return f"{bounds} ({p.unit})" if p.unit else bounds


def row(p: Parameter, main: bool) -> tuple[str, ...]:
    name = f"**{code(p.name)}**" if main else code(p.name)
    return name, p.help, shown(p.default), takes(p)


def parameter_table(step: type[Step]) -> str:
    """Every parameter; those that people set most stand first and are bold."""
    ordered = sorted(parameters(step), key=lambda p: p.name not in step.main)
    rows = [row(p, p.name in step.main) for p in ordered]
    note = "Those that people set most are bold and stand first. What has no default here is empty, and its help says what that means.\n\n"
    return note + table(("Name", "What it is", "Default", "Takes"), rows)


def numbers(step: type[Step], given: Numbers) -> str:
    """The numbers that a result holds, with unit and safer direction, and the one that answers the question."""
    rows = [
        (code(m["name"]) + (" (headline)" if m["name"] == step.headline else ""), m["label"], m["unit"], SAFER[m["safer"]])
        for m in given.get(step.id, ())
    ]
    listed = table(("Name", "Label", "Unit", "Direction"), rows)
    note = "A policy names them as they stand here. They are those of a small run; other data and settings may give others, one a column or group.\n\n"
    lead = (
        f"The headline is {code(step.headline)}, or the first number whose name begins so."
        if step.headline
        else "It has no headline number."
    )
    return (note + listed if listed else "") + "\n" + lead


def held(step: type[Step]) -> str:
    """Planted faults, and the tests in a fold."""
    tests = answers(step)
    fold = f":::{{dropdown}} What its tests hold it to\n{tests}\n:::" if tests else ""
    return "\n\n".join(part for part in (planted(step), fold, LIMITS) if part)


LIMITS = "What an interval covers: [](../../coverage.md). What every check sees of planted faults: [](../../what_checks_see.md)."


def standards(step: type[Step]) -> str:
    """The ids that its findings map to, with titles and versions."""
    known = catalog()
    rows = [
        (code(id), known[id].title, f"{known[id].source} {known[id].version}") if id in known else (code(id), "", "")
        for id in step.standards
    ]
    return "They say what a finding is about; nothing here certifies.\n\n" + table(("Id", "Title", "Of"), rows)
