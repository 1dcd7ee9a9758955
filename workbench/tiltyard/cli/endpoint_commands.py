"""``tiltyard probe``, with its options."""

from pathlib import Path
from typing import Annotated

import typer

from .commands import Json, app

KeyEnv = Annotated[str, typer.Option("--key-env", metavar="VARIABLE", help="The environment variable that holds the key.")]


@app.command()
def probe(
    url: Annotated[str, typer.Argument(metavar="URL", help="Tiltyard's, KServe's (…/v2/models/NAME/infer) or MLflow's (…/invocations).")],
    key_env: KeyEnv = "",
    request: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="A valid request, where the endpoint does not describe its rows.")
    ] = None,
    burst: Annotated[int, typer.Option(min=0, max=10_000, help="Requests at once to find a rate limit; 0 leaves that out.")] = 700,
    consent: Annotated[bool, typer.Option("--consent", help="It is mine to probe; asked for where it is not on this machine.")] = False,
    as_json: Json = False,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Folder for report.html and report.json.")] = None,
    unkept: Annotated[bool, typer.Option("--no-store", help="Do not keep the run in the store.")] = False,
) -> None:
    """What does an endpoint let a stranger do? Exit 0 nothing found, 1 findings, 2 something could not be asked."""
    from .probe import run

    raise typer.Exit(run(url, key_env, request, burst, consent, as_json, out, not unkept))
