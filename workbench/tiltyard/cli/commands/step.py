"""``tiltyard check ID``: one check or defense, its options made from its parameters."""

import inspect
import json
import shlex
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any

import typer

from ...assessment.assessment import finished
from ...catalogue import find
from ...check import Step, named
from ...datasets.dataset import Dataset
from ...defense import Defense
from ...execution.runner import Runner
from ...parameters import FieldFacts, Parameter, model_facts, parameters, span
from ...result import Status
from ...store.opening import open_store
from ...targets.target import Target
from ..console import emit, progress_bar, remark, show_record, unlogged
from ..opened import describe_opened, from_options

SAVES = "Where to write what the defense made: a model, or what a model stands behind (--behind)."
REPLACES = "Let the model take the place of a file that is there."
ANSWERED = (Status.PASSED, Status.FINDING)
COMMON = {
    "config": ("CONFIG.toml", "Model and data of this assessment file, instead of the options that follow."),
    "sample": ("NAME", "A shipped model with its data: census, digits, digits-robust."),
    "model": ("FILE", "A model file or a Hugging Face folder; give --data too."),
    "url": ("URL", "An endpoint; give --data too."),
    "key-env": ("VARIABLE", "The environment variable that holds the endpoint's key."),
    "judge-key-env": ("VARIABLE", "The one that holds another key, on which attacks are judged."),
    "target-budget": ("N", "Rows the endpoint may be sent in all."),
    "architecture": ("FILE", "JSON description of the layers, for weights alone."),
    "factory": ("PACKAGE.MODULE:FUNCTION", "What makes the module, for weights alone."),
    "classes": ("NAMES", "The classes in the order of the model's outputs, with commas."),
    "threshold": ("SCORE", "Decide from this score on, where that is not the model's own rule."),
    "positive": ("NAME", "The class that the threshold is for; else the second of two."),
    "outputs": ("KIND", "What the model returns: logits, probabilities or labels; else found out."),
    "behind": ("FILES", "Defenses that the model stands behind, as defend --save wrote them, with commas; the first one nearest to it."),
    "data": ("FILE", "Rows: CSV, Parquet, npz."),
    "label": ("COLUMN", "The column with the label."),
    "sensitive": ("COLUMNS", "Sensitive columns, with commas."),
    "favorable": ("NAME", "The class that people hope for, for fairness; else proposed by the words of label and classes."),
    "member": ("COLUMN", "The column that says whether a row was trained on."),
    "leave-out": ("COLUMNS", "Columns that are no features, with commas; a sensitive one still tells groups apart."),
    "take": ("COLUMNS", "Columns that are features although they look like an id or free text, with commas."),
    "data-rows": ("N", "Take this many rows at random, by the seed."),
}
# Other names, from before or where a parameter of the step has the first, taken where no parameter has them.
OLD = {
    **{name: f"data-{name}" for name in ("label", "sensitive", "member", "leave-out", "take")},
    "target-budget": "query-budget",
    "positive": "threshold-class",
}


def run(name: str, arguments: list[str], called: str = "") -> int:
    """Run the step called ``name``, by the command ``called`` where it has one of its own. Exit 0 where it gave an answer, 2 where it could not."""
    step = find(name)
    inner = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    inner.command(help=described(step))(_command(step, shlex.join(["tiltyard", "check", name, *arguments])))
    code = inner(args=arguments, prog_name=called or f"tiltyard check {name}", standalone_mode=False)
    return code if isinstance(code, int) else 0


def described(step: type[Step]) -> str:
    """What it asks, needs and costs."""
    needs = f"Needs: {', '.join(sorted(step.needs))}. " if step.needs else ""
    return f"{step.title}. {step.question} {needs}Cost: {step.cost}."


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _metavar(p: Parameter) -> str:
    return "|".join(p.choices) if p.choices else {"list": "A,B,…", "yes/no": "yes|no"}.get(p.type, p.type.upper())


def _help(p: Parameter) -> str:
    notes = [span(p) if not p.choices else "", p.unit]
    text = f" ({' '.join(note for note in notes if note)})" if any(notes) else ""
    default = ",".join(map(str, p.default)) if isinstance(p.default, list) else str(p.default)
    return f"{p.help.rstrip('.')}{text}. Default: {default or 'none'}."


def _command(step: type[Step], line: str) -> Any:
    """A function whose signature is the step's parameters and the options for target and data; ``line`` is what was typed."""
    own = parameters(step)
    taken = {_option(p.name) for p in own}
    words = [option(f"own_{p.name}", [_option(p.name)], _metavar(p), _help(p)) for p in own]
    words += [option(f"own_{old}", [called], "", "", hidden=True) for old in step.renamed if (called := _option(old)) not in taken]
    words += common_options(taken)
    if issubclass(step, Defense):
        words.append(option("save", ["--save"], "FILE.safetensors", SAVES))
    replaces = [] if "--overwrite" in taken or not issubclass(step, Defense) else [flag("overwrite", "--overwrite", REPLACES)]
    flags = [
        *replaces,
        flag("as_json", "--json", "The record as JSON, with a format number and a published schema."),
        flag("unkept", "--no-store", "Do not keep the run in the store."),
    ]

    def command(**given: Any) -> None:
        raise typer.Exit(_run(step, given, line))

    command.__signature__ = inspect.Signature([*words, *flags])  # type: ignore[attr-defined]
    command.__annotations__ = {word.name: word.annotation for word in (*words, *flags)}
    return command


def common_options(taken: Collection[str] = ()) -> list[inspect.Parameter]:
    """The options that name target and data, less those that are ``taken`` by parameters of the step."""
    return [option(name.replace("-", "_"), called, *rest) for name, rest in COMMON.items() if (called := _called(name, taken))]


def _called(name: str, taken: Collection[str]) -> list[str]:
    """What a common option is called: as the key of an assessment file, and as before, where no parameter of the step has that name."""
    return [called for called in (f"--{name}", f"--{OLD.get(name, name)}") if called not in taken]


def option(name: str, options: list[str], metavar: str, help: str, hidden: bool = False) -> inspect.Parameter:
    """An option with a text, as a parameter of the function that typer reads."""
    kind = Annotated[str | None, typer.Option(*dict.fromkeys(options), metavar=metavar, help=help, show_default=False, hidden=hidden)]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)


def flag(name: str, option: str, help: str) -> inspect.Parameter:
    """An option without a value."""
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Annotated[bool, typer.Option(option, help=help)]
    )


def parsed(field: FieldFacts, text: str) -> Any:
    """An option's text as the parameter wants it; pydantic has the last word."""
    for choice in field.choices if field.item is None else ():
        if str(choice) == text:
            return choice
    if text.lower() == "none" and field.optional:
        return None
    if field.item is not None:
        return [part.strip() for part in text.split(",") if part.strip()]
    if text[:1] in "[{":
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _run(step: type[Step], given: dict[str, Any], line: str) -> int:
    given = as_before(step, given)
    own = {name.removeprefix("own_"): text for name, text in given.items() if name.startswith("own_") and text is not None}
    fields = {field.name: field for field in model_facts(step)}
    made = named(step, {name: parsed(fields[step.renamed.get(name, name)], text) for name, text in own.items()})
    overwrite = bool(given.get("overwrite") or getattr(made, "overwrite", False))
    place = place_to_save(given.get("save"), overwrite)
    target, data = opened(given, made.seed)
    assumed = describe_opened(target, data)
    with progress_bar(not given["as_json"]) as tell:
        runner = Runner(None if given["unkept"] else open_store())
        job = runner.start([made], target, data, config={"command": line, "assumed": assumed}, on_progress=tell)
        finished(job)
    if job.error is not None:
        raise job.error
    record = job.records[0]
    emit(record) if given["as_json"] else show_record(record)
    if place is not None and job.targets:
        save_model(job.targets[0], place, overwrite)
    if job.run is not None and job.problem is None:
        remark(f"Kept as run {job.run.short}.", style="dim")
    if job.problem is not None:
        remark(str(job.problem), style="red")
    unlogged(job.unlogged)
    return 0 if record.result.status in ANSWERED else 2


def opened(given: dict[str, Any], seed: int) -> tuple[Target, Dataset]:
    """Target and data as `common_options` name them."""
    return from_options({name: str(given.get(name) or "") for name in (name.replace("-", "_") for name in COMMON)}, seed)


def as_before(step: type[Step], given: dict[str, Any]) -> dict[str, Any]:
    """``given``, with ``--query-budget`` as what the endpoint may be sent where the step's own budget has its old name, as then."""
    asked = given.get("own_query_budget")
    if asked is None or not given["url"] or given["target_budget"] is not None:
        return given
    if any(given.get(f"own_{old}") is not None for old, new in step.renamed.items() if new == "query_budget"):
        return given | {"own_query_budget": None, "target_budget": asked}
    remark("--query-budget is the attacker's; for all that the endpoint may be sent, say --target-budget.", style="dim")
    return given


def place_to_save(text: str | None, overwrite: bool) -> Path | None:
    """The file of ``--save``, or a `Problem` before any work is done for it; None where nothing is to be saved."""
    if not text:
        return None
    from ...targets.saving import place_of

    return place_of(text, overwrite)


def save_model(target: Target, path: Path, overwrite: bool) -> None:
    """Write what a defense made, and say what it is and how it is opened."""
    from ...targets.saving import not_within, save
    from ...targets.wrapper import Wrapper

    save(target, path, overwrite)
    if not isinstance(target, Wrapper):
        remark(f"Wrote {path}. {not_within(target)}".strip())
        return
    rows = target.own().rows
    remark(f"Wrote {path}: the defense alone, without the model. Open both with --model MODEL --behind {path}.")
    if rows:
        remark(f"It holds {rows:,} rows that the model was trained on: guard it as you guard them.", style="yellow")
