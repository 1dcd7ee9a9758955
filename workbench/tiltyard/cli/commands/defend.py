"""``tiltyard defend ID MODEL``: apply a defense, and measure every risk before and after it."""

import inspect
import shlex
from typing import Annotated, Any

import typer

from ...assessment.full_assessment import FullAssessment, remeasured
from ...catalogue import find
from ...check import named
from ...comparison.remeasure import Remeasured
from ...defense import Defense
from ...errors import Cancelled, Problem
from ...execution.profiles import chosen
from ...execution.runner import Runner
from ...parameters import model_facts
from ...published.listing import DefenseResult
from ...result import Record
from ...store.opening import open_store
from ..console import emit, progress_bar, remark, say, show_record, show_table, unlogged
from ..opened import describe_opened
from .step import REPLACES, SAVES, common_options, described, flag, opened, option, parsed, place_to_save, save_model

MODEL = "A model file, as --model; give --data too."
SET = "A parameter of the defense; may be given several times. `tiltyard check ID --help` lists them."
CHECKS = "Checks to run before and after, with commas. Default: {}."
PROFILE = "How deep these checks go. Default: quick."
AS_JSON = "Defense, records before and after and the cross-risk record as JSON, with a format number and a published schema."


def run(name: str, arguments: list[str]) -> int:
    """Exit 0 where every risk was measured before and after, 2 where that could not be, 130 where it was cancelled."""
    defense = find(name)
    if not issubclass(defense, Defense):
        raise Problem("the id of a defense", f"{name!r}, which is a check", "See `tiltyard checks`")
    inner = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    inner.command(help=f"{described(defense)} Every risk is measured before and after it.")(
        _command(defense, shlex.join(["tiltyard", "defend", name, *arguments]))
    )
    code = inner(args=arguments, prog_name=f"tiltyard defend {name}", standalone_mode=False)
    return code if isinstance(code, int) else 0


def _command(defense: type[Defense], line: str) -> Any:
    """A function whose signature is the options; ``line`` is what was typed."""
    kind = inspect.Parameter.KEYWORD_ONLY
    file = Annotated[str | None, typer.Argument(metavar="MODEL", help=MODEL, show_default=False)]
    settings = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help=SET, show_default=False)]
    words = [
        inspect.Parameter("file", kind, default=None, annotation=file),
        inspect.Parameter("settings", kind, default=None, annotation=settings),
        option("checks", ["--checks"], "IDS", CHECKS.format(", ".join(remeasured()))),
        option("profile", ["--profile"], "quick|full", PROFILE),
        *common_options(),
        option("save", ["--save"], "FILE.safetensors", SAVES),
        flag("overwrite", "--overwrite", REPLACES),
        flag("as_json", "--json", AS_JSON),
        flag("unkept", "--no-store", "Do not keep the runs in the store."),
    ]

    def command(**given: Any) -> None:
        raise typer.Exit(_run(defense, given, line))

    command.__signature__ = inspect.Signature(words)  # type: ignore[attr-defined]
    command.__annotations__ = {word.name: word.annotation for word in words}
    return command


def _run(defense: type[Defense], given: dict[str, Any], line: str) -> int:
    made = named(defense, _settings(defense, given["settings"] or []))
    if given["file"] and given["model"]:
        raise Problem("the model file once", f"{given['file']} and --model {given['model']}", "Leave one out")
    place = place_to_save(given["save"], given["overwrite"])
    target, data = opened({**given, "model": given["file"] or given["model"]}, made.seed)
    ids = [id.strip() for id in given["checks"].split(",")] if given["checks"] else list(remeasured())
    before = chosen(ids, given["profile"] or "quick", made.seed, data)
    config = {"command": line, "assumed": describe_opened(target, data)}
    with progress_bar(not given["as_json"]) as tell:
        runner = Runner(None if given["unkept"] else open_store())
        assessment = FullAssessment(target, data, runner, f"{made.title} on {target.name}", config, tell)
        assessment.check(before)
        found = assessment.defend(made, ids)  # type: ignore[arg-type]
        assessment.end()
    if found is None:
        raise Cancelled
    emit(_published(found)) if given["as_json"] else _show(found)
    if place is not None and found.made is not None:
        save_model(found.made, place, given["overwrite"])
    if assessment.run is not None:
        remark(f"Kept as run {assessment.run.short}.", style="dim")
    unlogged(assessment.unlogged)
    return 130 if found.cancelled else 0 if found.crossed is not None else 2


def _settings(defense: type[Defense], lines: list[str]) -> dict[str, Any]:
    """Each ``key=value`` as the parameter's type wants it."""
    fields = {field.name: field for field in model_facts(defense)}
    values: dict[str, Any] = {}
    for text in lines:
        key, sign, value = text.partition("=")
        key = key.strip().replace("-", "_")
        if not sign:
            raise Problem("--set KEY=VALUE", repr(text), "Put = between them")
        field = fields.get(defense.renamed.get(key, key))
        values[key] = parsed(field, value) if field is not None else value
    return values


def _published(found: Remeasured) -> DefenseResult:
    return DefenseResult(defense=found.defense, before=found.before, after=found.after, cross_risk=found.crossed, cancelled=found.cancelled)


def _show(found: Remeasured) -> None:
    show_record(found.defense)
    if found.crossed is not None:
        _show_crossed(found.crossed)


def _show_crossed(crossed: Record) -> None:
    say()
    for table in crossed.result.tables:
        show_table([column.name for column in table.columns], [[str(cell) for cell in row] for row in table.rows])
        say(table.note, style="dim")
    show_record(crossed)
