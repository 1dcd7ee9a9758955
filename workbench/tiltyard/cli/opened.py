"""From options to a target and its data; the same door as an assessment file."""

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import Problem
from ..running.config import Config, DataConfig, TargetConfig

if TYPE_CHECKING:
    from ..datasets.dataset import Dataset
    from ..targets.target import Target


def from_options(given: dict[str, str], seed: int) -> "tuple[Target, Dataset]":
    """Open what the options name (see ``step.COMMON``; an empty text is an option not given).

    Paths are relative to the working folder, ``data_sensitive`` is a list with commas.
    """
    if bool(given["sample"]) == bool(given["model"]):
        found = "both" if given["sample"] else "neither"
        raise Problem("either --sample NAME or --model FILE with --data FILE", found, "Try --sample census")
    if (rows := given["data_rows"]) and (not rows.isdecimal() or int(rows) < 1):
        raise Problem("--data-rows as a whole number above 0", repr(rows), "Correct it")
    columns = tuple(part.strip() for part in given["data_sensitive"].split(",") if part.strip())
    target = TargetConfig(sample=given["sample"], file=given["model"], architecture=given["architecture"], factory=given["factory"])
    data = DataConfig(
        file=given["data"],
        label=given["data_label"] or None,
        sensitive=columns or None,
        member=given["data_member"] or None,
        rows=int(rows) if rows else None,
    )
    config = Config(target=target, data=data, seed=seed)
    config._folder = Path.cwd()
    return config.opened()
