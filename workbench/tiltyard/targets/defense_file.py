"""Defenses as files: what stands before or behind a model, without the model and without code. `opening.open_target` puts a model behind them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..access.places import discreet
from ..datasets.schema import Schema
from ..errors import Problem
from .made_rows import MADE, answers_to_made_rows, is_far
from .target import Target
from .wrapper import FORMAT, KEY, Own, Wrapper

GUARD = "tiltyard_guard"
WANTED = "a defense as `tiltyard defend … --save` writes it"
NEAR = 1e-4
WRONG = (LookupError, ValueError, TypeError, AttributeError, ArithmeticError)  # what a part of a file that is missing or wrong raises
WRAPPERS = {
    "thresholds": "fairness.threshold_optimizer:ThresholdTarget",
    "mixture": "fairness.exponentiated_gradient:MixtureTarget",
    "guard": "validation.input_guard:InputGuardedTarget",
    "output policy": "theft._guarded:GuardedTarget",
    "misinformation": "theft._misinforming:MisinformingTarget",
    "smoothing": "evasion._smoothed:SmoothedTarget",
}
"""The kinds of wrapper, and the class of each."""


@dataclass(frozen=True)
class DefenseFile:
    """A defense that was read, and what is said of the model that it was made for: name, fingerprint, and what it answers to made rows."""

    path: Path
    kind: str
    own: Own
    schema: Schema | None = None
    model: str = ""
    fingerprint: str = ""
    labels: NDArray[Any] | None = None
    scores: NDArray[Any] | None = None


def read_defense(path: str | Path) -> DefenseFile:
    """The defense in the file at ``path``, which is scanned before it is read.

    Raises
    ------
    Problem
        It is missing, not safe, or no defense.
    """
    from ..artifacts.formats import Format
    from .model_file import scan_and_read

    place = Path(path).expanduser()
    file = scan_and_read(place)
    with discreet(place, WANTED):
        if file.format is not Format.SAFETENSORS:
            raise Problem(WANTED, f"{place.name}, a {file.format} file", "Give the model itself as the model, and the defense here")
        return unpacked_defense(file.content, place)


def defenses_in(paths: str | Path | Sequence[str | Path]) -> list[DefenseFile]:
    """Each of the files, in their order; one path is one file."""
    return [read_defense(path) for path in ([paths] if isinstance(paths, str | Path) else paths)]


def unpacked_defense(content: bytes, place: Path) -> DefenseFile:
    """As `read_defense`, of bytes that were scanned."""
    from safetensors.numpy import load

    from ..artifacts.headers import read_safetensors

    metadata = read_safetensors(BytesIO(content)).metadata
    if KEY not in metadata and GUARD not in metadata:
        raise Problem(WANTED, f"{place.name}, a safetensors file without one", "Give the model itself as the model, and the defense here")
    try:
        arrays = load(content)
        if KEY not in metadata:
            return DefenseFile(place, "guard", Own({GUARD: metadata[GUARD]}, arrays))
        facts = json.loads(metadata[KEY])
        if facts["format"] != FORMAT:
            raise Problem(f"a defense of format {FORMAT}", f"{facts['format']!r:.20} in {place.name}", "Upgrade Tiltyard")
        if facts["kind"] not in WRAPPERS:
            raise Problem(f"a defense ({', '.join(WRAPPERS)})", f"{facts['kind']!r:.40} in {place.name}", "Upgrade Tiltyard")
        own = {name.removeprefix("own."): value for name, value in arrays.items() if name.startswith("own.")}
        return DefenseFile(
            place,
            facts["kind"],
            Own(dict(facts["settings"]), own, int(facts["rows"])),
            Schema.model_validate(facts["schema"]),
            str(facts["model"]["name"]),
            str(facts["model"]["fingerprint"]),
            arrays.get("model.labels"),
            arrays.get("model.scores"),
        )
    except Problem:
        raise
    except WRONG as error:
        raise Problem(WANTED, f"{place.name}, of which a part is missing or wrong ({_line(error)})", "Save the defense again") from None


def put_behind(target: Target, files: Sequence[DefenseFile]) -> Target:
    """``target`` behind the defenses of ``files``, the first one nearest to it.

    Raises
    ------
    Problem
        One was made for another model, other columns or other classes, or is damaged.
    """
    for file in files:
        notes = _meets(file, target)
        module, _, name = WRAPPERS[file.kind].partition(":")
        wrapper: type[Wrapper] = getattr(import_module(f"tiltyard.{module}"), name)
        try:
            made = wrapper.around(target, file.own)
        except Problem:
            raise
        except (*WRONG, RuntimeError) as error:
            found = f"{file.path.name}, of which a part is missing or wrong ({_line(error)})"
            raise Problem(WANTED, found, "Save the defense again") from None
        made.origin, made.trained_with = target.origin, target.trained_with
        made.parent = target
        made.assumptions = (*target.assumptions, *notes)
        target = made
    return target


def _meets(file: DefenseFile, target: Target) -> tuple[str, ...]:
    """What is to be said of a defense that stands around ``target``; a `Problem` where it was made for another model."""
    name = file.path.name
    if file.schema is not None:
        same_columns(file.schema, target.schema, name)
    if not file.fingerprint or file.fingerprint == target.fingerprint:
        return ()
    do = f"Give the model that it was made for ({file.model}), or apply the defense to this one"
    if file.labels is None or is_far(target):
        found = f"{target.name} ({target.fingerprint[:12]}), which cannot be compared with it"
        raise Problem(f"the model of {name}, {file.fingerprint[:12]}", found, do)
    answers = answers_to_made_rows(target)
    if answers is None or not _alike(file, answers):
        found = f"{target.name} ({target.fingerprint[:12]}), which answers {MADE} made rows otherwise"
        raise Problem(f"the model of {name}, {file.fingerprint[:12]}", found, do)
    how = "the same scores" if file.scores is not None else "the same classes, which is little to tell it by"
    return (f"The defense in {name} was made for a model of another fingerprint, which gave {MADE} made rows {how}.",)


def same_columns(made: Schema, here: Schema, name: str) -> None:
    """A `Problem` where the columns or classes that a defense was ``made`` for are not those that are ``here``."""
    do = f"Read the rows by the defense's own schema: open the model with behind={name!r} first, then read(…, schema=target.schema)"
    if made.classes != here.classes:
        raise Problem(f"the classes of {name}, {', '.join(made.classes)}", ", ".join(here.classes), do)
    if made.shape != here.shape or made.columns != here.columns:
        raise Problem(f"the {len(made.columns)} columns of {name}", f"{len(here.columns)} others", do)
    for ours, theirs in zip(made.features, here.features, strict=True):
        if (ours.kind, ours.values) != (theirs.kind, theirs.values):
            raise Problem(
                f"{ours.name!r} as {name} knows it: {ours.kind}, {len(ours.values)} values", f"{theirs.kind}, {len(theirs.values)}", do
            )


def _alike(file: DefenseFile, answers: dict[str, NDArray[Any]]) -> bool:
    """Does a model answer as the one of ``file`` did? By scores where both have them: two rules that differ on no made row differ there."""
    assert file.labels is not None
    if file.scores is None or "scores" not in answers:
        return file.labels.shape == answers["labels"].shape and bool((file.labels == answers["labels"]).all())
    if file.scores.shape != answers["scores"].shape:
        return False
    near = np.sort(file.scores, 1)[:, -1] - np.sort(file.scores, 1)[:, -2] > NEAR
    same = (file.labels == answers["labels"])[near].all() if file.labels.shape == answers["labels"].shape else False
    return bool(same) and bool(np.abs(file.scores - answers["scores"]).max() <= NEAR)


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]
