"""The cells that do what a click would, for "Insert as cells"."""

import inspect
from typing import Any

from tiltyard.catalogue import find
from tiltyard.defense import Defense
from tiltyard.errors import Problem

from ..panels.load_code import DOOR, OPEN_SAMPLE
from ..panels.workbench import PANELS
from .forms import Cell, CodeAsked, PanelFacts
from .refusals import Absent

STORED = """from tiltyard.store.opening import open_store

store = open_store()
run = store.run({run!r})
for record in store.records(run.id):
    print(record.title, record.result.status, record.result.summary, sep=": ")
"""


def cells(order: dict[str, Any]) -> list[Cell]:
    """The cells for what was asked; see `CodeAsked`."""
    asked = CodeAsked.model_validate({k: v for k, v in order.items() if k in CodeAsked.model_fields})
    if sum(map(bool, (asked.panel, asked.step, asked.run))) > 1:
        raise Problem("a panel, a step or a run", "several of them", "Name one")
    if asked.run:
        return [_code(STORED.format(run=asked.run))]
    if asked.step:
        return [*_opened(asked), _code(_step(asked.step))]
    if asked.panel and asked.panel != "Workbench" and asked.panel not in PANELS:
        facts = _panel(asked.panel)
        return [*_opened(asked), _code(f"from {facts.module} import {facts.name}\n\n{facts.name}(target, data)")]
    return _workbench(asked)


def panels() -> list[PanelFacts]:
    """Every panel that stands alone in a cell, with its title; read off the classes."""
    import importlib
    import pkgutil

    from tiltyard_widgets import panels as package
    from tiltyard_widgets.panels.panel import Panel
    from tiltyard_widgets.panels.topic_panel import TopicPanel

    names = [m.name for m in pkgutil.iter_modules(package.__path__) if not m.ispkg]
    modules = [importlib.import_module(f"tiltyard_widgets.panels.{name}") for name in names]
    kinds = {kind for module in modules for _, kind in inspect.getmembers(module, inspect.isclass) if issubclass(kind, Panel)}
    shown = sorted(kinds - {Panel, TopicPanel}, key=lambda kind: kind.__name__)
    return [PanelFacts(name=kind.__name__, title=_title(kind), module=kind.__module__) for kind in shown]


def _title(kind: type) -> str:
    from tiltyard.catalogue import TOPICS

    topic = getattr(kind, "topic", "")
    return str(TOPICS.get(topic, getattr(kind, "title", kind.__name__)))


def _panel(name: str) -> PanelFacts:
    known = {facts.name: facts for facts in panels()}
    if name not in known:
        raise Absent(f"a panel ({', '.join([*PANELS, *known])} or Workbench)", ascii(name), "Name one of these")
    return known[name]


def _code(source: str) -> Cell:
    return Cell(type="code", source=source.rstrip("\n"))


def _opened(asked: CodeAsked) -> list[Cell]:
    """A cell that opens the model and its data."""
    if not asked.model:
        return [_code(f"{DOOR}\n{OPEN_SAMPLE.format(name=asked.sample)}")]
    read = f"data = ty.read({asked.data!r})" if asked.data else 'data = ty.read("data.csv")  # your rows: .csv, .parquet or .npz'
    opened = f"target = ty.open({asked.model!r}, data=data)  # scanned first, never unpickled unseen"
    return [_code(f"{DOOR}\n{read}\n{opened}")]


def _workbench(asked: CodeAsked) -> list[Cell]:
    given = bool(asked.model) or "sample" in asked.model_fields_set
    lines = ["from tiltyard_widgets.panels.workbench import Workbench", "", f"bench = Workbench({'target, data' if given else ''})"]
    lines += [f'bench.go("{asked.panel}")'] if asked.panel in PANELS else []
    return [*(_opened(asked) if given else ()), _code("\n".join([*lines, "bench"]))]


def _step(name: str) -> str:
    try:
        step = find(name)
    except Problem as problem:
        raise Absent(problem.expected, problem.found, problem.do) from None
    spelling = step.spelling()
    if issubclass(step, Defense):
        made, last = f"outcome = {spelling.name}()(target, data)\nprint(outcome.record.result.summary)", "defended = outcome.target"
    else:
        made, last = f"record = {spelling.name}()(target, data)\nprint(record.result.summary)", "record.result"
    return f"{spelling.imports}\n\n{made}\n{last}"
