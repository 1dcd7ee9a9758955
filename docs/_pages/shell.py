"""A page for each command of the shell, from typer."""

from collections.abc import Iterator
from typing import Any

import typer.main
from click import Argument, Command, Context, Group, Option, Parameter

from .markdown import code, fenced, page, table

FOLDER = "reference/shell"


def top() -> Group:
    """All commands, as `tiltyard` has them when it runs."""
    from tiltyard import cli
    from tiltyard.cli.app import app

    cli._register()
    made: Any = typer.main.get_command(app)
    return made


def commands(group: Group, above: str = "tiltyard") -> Iterator[tuple[str, Command]]:
    """Every command with its whole name, groups before what is in them; hidden ones are left out."""
    for name, command in group.commands.items():
        if command.hidden:
            continue
        yield f"{above} {name}", command
        if hasattr(command, "commands"):
            yield from commands(command, f"{above} {name}")


def file_of(name: str) -> str:
    return name.removeprefix("tiltyard ").replace(" ", "-")


def pages() -> dict[str, str]:
    """The text of every page by its name."""
    found = dict(commands(top()))
    made = {f"{FOLDER}/{file_of(name)}.md": command_page(name, command) for name, command in found.items()}
    return {f"{FOLDER}/index.md": overview(found), **made}


def overview(found: dict[str, Command]) -> str:
    rows = [(f"[`{name}`]({file_of(name)}.md)", first(command)) for name, command in found.items()]
    toc = "```{toctree}\n:hidden:\n\n" + "\n".join(file_of(name) for name in found) + "\n```"
    return page("The shell", INTRODUCTION, table(("Command", "Does"), rows), toc, label="shell", depth=1)


INTRODUCTION = """Everything of this reference is also under `--help`. `--json`, where a command has it, prints one document with a
format number and [a published schema](../schemas.md). Bad input is one line on standard error that says what was expected, what was
found and what to do, with exit code 2; `--debug` adds the traceback."""


def first(command: Command) -> str:
    """The first paragraph of a command's help."""
    return " ".join((command.help or "").split("\n\n")[0].split())


def command_page(name: str, command: Command) -> str:
    """What a command takes and does."""
    context = Context(command, info_name=name)
    usage = command.get_usage(context).removeprefix("Usage: ")
    arguments = [p for p in command.params if isinstance(p, Argument)]
    options = [p for p in command.params if isinstance(p, Option) and not p.hidden]
    parts = [
        (command.help or "").replace("\b", "").strip(),
        fenced(usage, "text"),
        "## Arguments\n\n" + table(("Argument", "What it is"), [argument(p, context) for p in arguments]) if arguments else "",
        "## Options\n\n" + table(("Option", "What it does", "Default"), [option(p, context) for p in options]) if options else "",
        "## More\n\n" + fenced(command.epilog.replace("\b\n", "").replace("\b", ""), "text") if command.epilog else "",
        LISTED.get(name, ""),
    ]
    return page(name, *parts, label=f"shell-{file_of(name)}")


LISTED = {
    "tiltyard check": "The parameters of each check are its own options: see [](../checks/index.md).",
    "tiltyard defend": "The parameters of each defense are its own options: see [](../checks/index.md).",
    "tiltyard scan": "What each rule means: [](../scan-rules.md).",
    "tiltyard assess": "Every key of both files: [](../files.md).",
}


def argument(p: Parameter, context: Context) -> tuple[str, str]:
    return code(p.make_metavar(context)), getattr(p, "help", "") or ""


def option(p: Option, context: Context) -> tuple[str, str, str]:
    names = ", ".join(code(name) for name in (*p.opts, *p.secondary_opts))
    kind = "" if p.is_flag else " " + code(p.metavar or p.type.name.upper())
    default = (
        "" if p.is_flag or callable(p.default) or p.default in (None, "", ()) or repr(p.default).startswith("Sentinel") else str(p.default)
    )
    return names + kind, p.help or "", code("" if default == "." else default)
