"""``tiltyard probe``, with its options."""

from pathlib import Path
from typing import Annotated

import typer

from ..app import Json, Overwrite, app

KeyEnv = Annotated[str, typer.Option("--key-env", metavar="VARIABLE", help="The environment variable that holds the key.")]


@app.command()
def probe(
    url: Annotated[str, typer.Argument(metavar="URL", help="Tiltyard's, KServe's (…/v2/models/NAME/infer) or MLflow's (…/invocations).")],
    key_env: KeyEnv = "",
    new_key: Annotated[
        bool, typer.Option("--new-key", help="The endpoint is mine: make a key for the probe, and revoke it after.")
    ] = False,
    keys: Annotated[
        Path | None, typer.Option(metavar="FILE", help="With --new-key: the endpoint's file of keys, else the usual one.")
    ] = None,
    request: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="A valid request, where the endpoint does not describe its rows.")
    ] = None,
    burst: Annotated[int, typer.Option(min=0, max=10_000, help="Requests at once to find a rate limit; 0 leaves that out.")] = 700,
    consent: Annotated[bool, typer.Option("--consent", help="It is mine to probe; asked for where it is not on this machine.")] = False,
    as_json: Json = False,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Folder for report.html and report.json.")] = None,
    unkept: Annotated[bool, typer.Option("--no-store", help="Do not keep the run in the store.")] = False,
    overwrite: Overwrite = False,
) -> None:
    """What does an endpoint let a stranger do? Exit 0 nothing found, 1 findings, 2 something could not be asked."""
    from .probe import KeyChoice, run

    raise typer.Exit(run(url, KeyChoice(key_env, new_key, keys), request, burst, consent, as_json, out, not unkept, overwrite))
