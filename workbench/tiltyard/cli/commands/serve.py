"""What ``tiltyard serve`` does: opens a model and serves it until it is told to stop."""

from pathlib import Path
from typing import TYPE_CHECKING

from ...access.person import me
from ...assessment.config import Config, TargetConfig
from ...audit.notes import note
from ...errors import Problem
from ...serving.keys import KeyStore
from ...serving.settings import Settings, read_settings
from ..console import remark, say

if TYPE_CHECKING:
    from ...datasets.dataset import Dataset
    from ...datasets.schema import Rows
    from ...monitoring.monitor import Monitor
    from ...targets.target import Target

SAMPLE = "sample:"
ENOUGH = 5000


def run(
    model: str,
    config: Path | None,
    host: str,
    port: int | None,
    keys: Path | None,
    windows: Path | None = None,
    rows: int = 500,
    season: str = "",
    clock: str = "",
) -> int:
    """Serve; 0 once stopped."""
    me().must("run")
    settings = changed(read_settings(config), host, port)
    for note_of_name in settings.renaming_notes:
        remark(note_of_name, style="dim")
    from ...serving.app import keys_place
    from ...serving.binding import check_binding
    from ...serving.server import serve

    store = KeyStore(keys or keys_place(settings))
    check_binding(settings, store)
    target, data = opened(model, settings)
    if windows is not None and data is None:
        raise Problem("[data] in the settings to hold windows against", "none", 'Add [data] with file = "rows.csv", or leave --monitor out')
    if (season or clock) and windows is None:
        raise Problem("--season with --monitor", "no --monitor", "Add --monitor WINDOWS.jsonl, or leave the season out")
    watching = watched(target, data, windows, rows, season, clock) if windows is not None and data is not None else None
    if trouble := note("endpoint served", target.fingerprint, {"model": model, "host": settings.host, "policy": settings.output.kind}):
        remark(trouble, style="yellow")
    observers = (watching,) if watching else ()
    text = f"Guarded endpoint of {target.name} at"
    serve(target, settings, store, lambda url: say(f"{text} {url} (Ctrl-C stops it)"), _honest(data), observers, watching)
    if watching is not None:
        watching.flush()
    remark("Stopped; every request under way was answered.")
    return 0


def watched(target: "Target", data: "Dataset", windows: Path, rows: int, season: str = "", clock: str = "") -> "Monitor":
    """A monitor that goes on with the windows of a file; by the season that the column ``season`` or the ``clock`` says."""
    from ...monitoring import journal
    from ...monitoring.monitor import Monitor
    from ...monitoring.season import Season

    if clock not in ("", "hour", "weekday", "month"):
        raise Problem("hour, weekday or month as --clock", repr(clock), "Give one of these")
    if clock and not season:
        raise Problem("--season COLUMN, which has it of the reference's rows, with --clock", "none", "Name the column")
    held = Season(season, clock) if season else None  # type: ignore[arg-type]
    first = journal.read(windows)[-1].number + 1 if windows.exists() and windows.stat().st_size else 0
    return Monitor(target, data, rows, keep=lambda window: journal.append(window, windows), first=first, season=held)


def _config(model: str, settings: Settings) -> Config:
    file = str(Path(model).expanduser().absolute())
    config = Config(target=TargetConfig(file=file, **settings.model.model_dump()), data=settings.data)
    config._folder = settings._folder
    return config


def changed(settings: Settings, host: str, port: int | None) -> Settings:
    """The settings with what the command line says."""
    given_host = {"host": host} if host else {}
    return settings.model_copy(update={**given_host, **({} if port is None else {"port": port})})


def opened(model: str, settings: Settings) -> "tuple[Target, Dataset | None]":
    """The target that ``MODEL`` names, and the sample's data or those of ``[data]``, where there are any; ``[data]`` says what its columns mean where its file does not."""
    from ...targets.opening import open_target

    given = settings.model
    behind = [place for text in given.behind if (place := settings.path(text))]
    if model.startswith(SAMPLE):
        from ...samples.catalog import load

        sample = load(model.removeprefix(SAMPLE))
        return open_target(sample.target, behind=behind), sample.data
    if settings.data.file or settings.data.sample:
        return _config(model, settings).opened()
    from ...sealing.asking import key_for
    from ...sealing.sealing import is_sealed
    from ...targets.open_options import SchemaMissing

    sealed = key_for() if is_sealed(Path(model)) else None
    try:
        architecture = settings.path(given.architecture)
        target = open_target(
            Path(model),
            architecture=architecture,
            factory=given.factory or None,
            outputs=given.outputs,
            threshold=given.threshold,
            positive=given.positive,
            feeds=given.feeds,
            classes=given.classes or None,
            sealed=sealed,
            behind=behind,
        )
    except SchemaMissing as problem:
        raise Problem(problem.expected, problem.found, 'Add [data] with file = "rows.csv" to the settings') from None
    return target, None


def _honest(data: "Dataset | None") -> "Rows | None":
    """Rows that the extraction detector compares with; none where they are too few."""
    if data is None:
        return None
    import numpy as np

    from ...serving.extraction_detector import LEAST

    rows = data.unseen.sample(ENOUGH, np.random.default_rng(0)).x
    return rows if len(rows) >= LEAST else None
