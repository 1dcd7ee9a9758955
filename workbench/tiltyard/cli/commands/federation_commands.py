"""``tiltyard federate``: federated training under Flower, server and clients as processes of their own."""

import typer

from ..app import app


@app.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}, add_help_option=False)
def federate(context: typer.Context) -> None:
    """Federated training in real processes under Flower, by sockets that this account alone can open. Options: those of check federated.training."""
    from .step import run

    raise typer.Exit(run("federated.training", ["--processes", "yes", *context.args], "tiltyard federate"))
