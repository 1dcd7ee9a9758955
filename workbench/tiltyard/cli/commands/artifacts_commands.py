"""``tiltyard artifacts``, with its options."""

from pathlib import Path
from typing import Annotated

import typer

from ..app import Json, app

HOW = (
    "With TILTYARD_STORE_KEY the store keeps them encrypted, as it does its records; `tiltyard verify STORE` holds each against its record."
)
artifacts = typer.Typer(
    help="Files that steps made, kept in the store: defended models, adversarial rows, guards.",
    no_args_is_help=True,
    rich_markup_mode=None,
    epilog=HOW,
)
app.add_typer(artifacts, name="artifacts")

RunName = Annotated[str, typer.Argument(metavar="RUN", help="The id of a run, or its beginning; `last` for the newest.")]
Which = Annotated[str, typer.Argument(metavar="NAME|SHA256", help="The file's name, or the first 8 digits or more of its SHA-256.")]


@artifacts.command("list", epilog=HOW)
def listed(run: RunName = "last", as_json: Json = False) -> None:
    """The files of a run of your own."""
    from .artifacts import show

    raise typer.Exit(show(run, as_json))


@artifacts.command("get")
def get(
    run: RunName, which: Which, out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where to write it; never overwritten.")]
) -> None:
    """Write a file of a run to FILE, which only you can read, once it was found true to its record."""
    from .artifacts import get

    raise typer.Exit(get(run, which, out))


@artifacts.command("delete")
def delete(run: RunName, which: Which) -> None:
    """Delete a file; its record stays and goes on naming its hash. `tiltyard forget RUN` deletes all of a run."""
    from .artifacts import delete

    raise typer.Exit(delete(run, which))
