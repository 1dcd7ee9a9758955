"""``tiltyard bom``: the bill of materials as a file."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from ..app import Overwrite, app
from ..console import remark


@app.command()
def bom(
    config: Annotated[
        Path | None, typer.Argument(metavar="[CONFIG.toml]", help="Target and data, as for assess; without it the environment alone.")
    ] = None,
    run: Annotated[str, typer.Option(metavar="RUN", help="Put this run's numbers into the model card.")] = "",
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to write it; standard output where it is not given.")] = None,
    reproducible: Annotated[
        bool, typer.Option("--reproducible", help="No time and no serial number: equal materials give equal bytes.")
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """The bill of materials of model, data and environment, in CycloneDX 1.6."""
    from ...access.person import me
    from ...assessment.config import read_config
    from ...reports.writing import place
    from ...store.opening import open_store
    from ...supply_chain.bom import bill, encoded
    from ...supply_chain.environment import packages

    me().must("export")
    if out is not None:
        me().must("write")
    target, data = read_config(config).opened() if config else (None, None)
    store = open_store() if run else None
    records = store.records(store.run(run).id) if store else []
    content = encoded(bill(packages(), target, data, records, stamped=not reproducible))
    if out is None:
        sys.stdout.buffer.write(content)
        return
    remark(f"Wrote {place(content, out, ('.json',), overwrite)}.")
