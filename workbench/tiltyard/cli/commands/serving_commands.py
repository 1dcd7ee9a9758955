"""``tiltyard serve`` and ``tiltyard key``, with their options."""

from pathlib import Path
from typing import Annotated

import typer

from ..app import Json, app

key = typer.Typer(help="API keys of guarded endpoints: made, listed, revoked, rotated.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(key, name="key")

KeysFile = Annotated[
    Path | None, typer.Option("--keys", metavar="FILE", help="The file of keys; TILTYARD_KEYS, or one in your data folder.")
]
Name = Annotated[str, typer.Argument(metavar="KEY", help="Id or name of a key; see `tiltyard key list`.")]


@app.command()
def serve(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model file, or sample:NAME.")],
    config: Annotated[Path | None, typer.Option(metavar="GUARD.toml", help="Settings; the safe ones where it is not given.")] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; beyond this machine only with TLS.")] = "",
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port; 0 for a free one.")] = None,
    keys: KeysFile = None,
    monitor: Annotated[
        Path | None, typer.Option(metavar="WINDOWS.jsonl", help="Keep a summary of each window of rows, held against the model's own data.")
    ] = None,
    window: Annotated[int, typer.Option(min=30, max=1_000_000, help="With --monitor: rows of a window.")] = 500,
    season: Annotated[
        str,
        typer.Option(metavar="COLUMN", help="With --monitor: an input, or with --clock a column beside them; like is compared with like."),
    ] = "",
    clock: Annotated[
        str, typer.Option(metavar="hour|weekday|month", help="With --season: rows asked have the season of the time they are asked (UTC).")
    ] = "",
) -> None:
    """A model behind a guarded endpoint: keys, TLS, limits, rates, budgets, validated input, an output policy and a log."""
    from .serve import run

    raise typer.Exit(run(model, config, host, port, keys, monitor, window, season, clock))


@key.command("new")
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who gets it.")],
    scope: Annotated[list[str] | None, typer.Option(metavar="predict|admin", help="What it may do; predict. May be repeated.")] = None,
    days: Annotated[float, typer.Option(help="Days it is valid; 0 for no end.")] = 90.0,
    budget: Annotated[int | None, typer.Option(min=1, help="Rows it may ask in a period; the endpoint's setting where not given.")] = None,
    keys: KeysFile = None,
) -> None:
    """Make a key and show it, this once. Only its hash is kept."""
    from .keys import make

    raise typer.Exit(make(name, tuple(scope or ["predict"]), days, budget, keys))


@key.command("list")
def listed(as_json: Json = False, keys: KeysFile = None) -> None:
    """The keys there are, never the secrets."""
    from .keys import show

    raise typer.Exit(show(as_json, keys))


@key.command("revoke")
def revoke(
    name: Name,
    line: Annotated[bool, typer.Option("--line", help="All keys of its account: those that were rotated into one another.")] = False,
    keys: KeysFile = None,
) -> None:
    """End a key; a running endpoint refuses it from its next request on."""
    from .keys import end

    raise typer.Exit(end(name, line, keys))


@key.command("rotate")
def rotate(
    name: Name,
    grace: Annotated[float, typer.Option(metavar="MINUTES", min=0, max=525_600, help="Minutes the old one stays valid beside it.")] = 0.0,
    keys: KeysFile = None,
) -> None:
    """A new key with the same name, scopes and budget in the place of an old one; shown this once. What is left of the budget goes on."""
    from .keys import renew

    raise typer.Exit(renew(name, grace, keys))
