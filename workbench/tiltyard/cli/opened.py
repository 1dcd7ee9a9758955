"""From options to a target and its data; the same door as an assessment file."""

from pathlib import Path
from typing import TYPE_CHECKING

from ..assessment.config import Config, DataConfig, TargetConfig, read_config
from ..errors import Problem
from .console import remark

if TYPE_CHECKING:
    from ..datasets.dataset import Dataset
    from ..targets.target import Target

MOST_SHOWN = 12
STYLES = {"passed": "dim", "finding": "yellow", "failed": "red"}


def from_options(given: dict[str, str], seed: int) -> "tuple[Target, Dataset]":
    """Open what the options name, or what the assessment file ``config`` does (see ``step.COMMON``; an empty text is an option not given).

    Paths are relative to the working folder, ``sensitive`` is a list with commas.
    """
    if given["config"]:
        return _as_assessed(given)
    named = [f"--{name}" for name in ("sample", "model", "url") if given[name]]
    if len(named) != 1:
        found = " and ".join(named) or "none of them"
        raise Problem("either --sample NAME, or --model FILE or --url URL with --data FILE", found, "Try --sample census")
    if (given["key_env"] or given["judge_key_env"] or given["target_budget"]) and not given["url"]:
        raise Problem("--key-env, --judge-key-env and --target-budget with --url", named[0], "Leave them out")
    if given["positive"] and not given["threshold"]:
        raise Problem("--threshold with --positive", "the class alone", "Give the score too")
    rows, budget = _whole("--data-rows", given["data_rows"], 1), _whole("--target-budget", given["target_budget"], 0)
    if given["outputs"] not in ("", "logits", "probabilities", "labels"):
        raise Problem("--outputs logits, probabilities or labels", repr(given["outputs"]), "Choose one of these")
    target = TargetConfig(
        sample=given["sample"],
        file=given["model"],
        url=given["url"],
        key_env=given["key_env"],
        judge_key_env=given["judge_key_env"],
        budget=budget,
        architecture=given["architecture"],
        factory=given["factory"],
        classes=_listed(given["classes"]),
        threshold=_score("--threshold", given["threshold"]),
        positive=given["positive"],
        outputs=given["outputs"] or None,  # type: ignore[arg-type]
        behind=_listed(given["behind"]),
    )
    data = DataConfig(
        file=given["data"],
        label=given["label"] or None,
        sensitive=_listed(given["sensitive"]) or None,
        member=given["member"] or None,
        favorable=given["favorable"],
        rows=rows,
        leave_out=_listed(given["leave_out"]),
        take=_listed(given["take"]),
    )
    config = Config(target=target, data=data, seed=seed)
    config._folder = Path.cwd()
    return config.opened()


def _as_assessed(given: dict[str, str]) -> "tuple[Target, Dataset]":
    more = [f"--{name.replace('_', '-')}" for name, value in given.items() if value and name != "config"]
    if more:
        raise Problem("--config alone: it names model and data", f"also {', '.join(more)}", "Leave these out, or --config")
    return read_config(given["config"]).opened()


def describe_opened(target: "Target", data: "Dataset") -> list[str]:
    """What was assumed of model and data and what ten rows said, on stderr and returned; an endpoint is not asked for it."""
    from ..targets.probing import probe

    remark(f"{target.name} on {data.name}: {data.identity.detail}.")
    remark(f"It is given {target.given or 'its own columns'}, and decides by {target.rule}.")
    for doubt in target.doubts:
        remark(doubt, style="red")
    assumed = [*target.doubts, *data.assumed, *target.assumptions]
    more = f" And {len(assumed) - MOST_SHOWN} more." if len(assumed) > MOST_SHOWN else ""
    if assumed:
        remark(f"Assumed: {' '.join(assumed[:MOST_SHOWN])}{more}", style="dim")
    if "url" not in target.offers:
        found = probe(target, data)
        remark(f"Probe: {found.line}", style=STYLES[found.state])
        assumed.append(f"Probe: {found.line}")
    return assumed


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _score(option: str, text: str) -> float | None:
    """A score above 0 and below 1, or None where the option was not given."""
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < 1:
        raise Problem(f"{option} as a score above 0 and below 1", repr(text), "Correct it")
    return value


def _whole(option: str, text: str, least: int) -> int | None:
    """A count, or None where the option was not given."""
    if not text:
        return None
    if not text.isdecimal() or int(text) < least:
        raise Problem(f"{option} as a whole number of at least {least}", repr(text), "Correct it")
    return int(text)
