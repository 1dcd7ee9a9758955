"""``tiltyard watermark``, with its options."""

from pathlib import Path
from typing import Annotated

import typer

from ..app import app

HOW = "The sealed key goes under TILTYARD_KEY, or under a passphrase in a file made beside it."
watermark = typer.Typer(
    help="Commit to a watermark's key before a model is trained, and show later that it was so.",
    no_args_is_help=True,
    rich_markup_mode=None,
    epilog=HOW,
)
app.add_typer(watermark, name="watermark")

KeyFile = Annotated[Path, typer.Argument(metavar="KEY", help="The sealed key, a .key file.")]


@watermark.command("commit", epilog=HOW)
def commit(
    key: KeyFile,
    owner: Annotated[str, typer.Option(metavar="NAME", help="Who will claim what carries the mark; bound into the key.")],
    config: Annotated[
        Path | None, typer.Option(metavar="CONFIG.toml", help="Its [data] says columns and classes; the model need not be there.")
    ] = None,
    data: Annotated[Path | None, typer.Option(metavar="FILE", help="Rows to take columns and classes from, in place of --config.")] = None,
    label: Annotated[str, typer.Option(metavar="COLUMN", help="With --data: the column of the label.")] = "",
    count: Annotated[int, typer.Option(min=32, max=2000, help="Secret trigger rows.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Seed that the defense theft.watermark is given too.")] = 0,
) -> None:
    """Draw a key for models that are not trained yet, seal it, and write its hash to the audit log; prints the anchor to keep elsewhere."""
    from . import watermark as act

    raise typer.Exit(act.commit(key, act.Layout(config, data, label), owner, count, seed))


@watermark.command("order")
def order(
    key: KeyFile,
    anchor: Annotated[str, typer.Option(metavar="COUNT:HASH", help="The log's anchor, as it was kept elsewhere.")] = "",
    suspect_since: Annotated[str, typer.Option(metavar="YYYY-MM-DD", help="Day from which the suspect model is known.")] = "",
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.jsonl", help="Write the log's records from commitment to anchor, for others to check.")
    ] = None,
) -> None:
    """Did commitment, training and claim come in that order? Exit 0 by the log and its anchor, 1 they did not, 2 not proven."""
    from . import watermark as act

    raise typer.Exit(act.order(key, anchor, suspect_since, out))
