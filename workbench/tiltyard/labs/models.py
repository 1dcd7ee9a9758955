"""The models of the labs by name, each with its data; made once a process, equal everywhere, so that records of them are found again."""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from ..datasets.dataset import Dataset
from ..errors import Problem
from ..samples.catalog import load, load_data
from .subject import Model

if TYPE_CHECKING:
    pass

FEW = 1200
MEMBERS = 400


def model(name: str, student: str = "") -> Model:
    """The model ``name`` of the labs.

    Parameters
    ----------
    student
        Whose capstone it is, for the name ``"capstone"``.

    Raises
    ------
    Problem
        There is none of this name.
    """
    if name == "capstone":
        from .capstone import capstone_of

        return capstone_of(student)
    if name.startswith("broken:"):
        return _broken(name.removeprefix("broken:"))
    if name not in MAKERS:
        raise Problem(f"a model of the labs ({', '.join(MAKERS)})", repr(name), "Choose one of these")
    return _made(name)


@cache
def _made(name: str) -> Model:
    return MAKERS[name]()


@cache
def _broken(rung: str) -> Model:
    from ..samples.broken import load_broken

    return Model(load_broken(rung).target, load_data("digits"))


def _sample(name: str) -> Model:
    sample = load(name)
    return Model(sample.target, sample.data)


def _seen(name: str, *offers: str) -> Model:
    """The sample as somebody sees it who has only this much access."""
    from ..targets.restricted import RestrictedTarget

    whole = _made(name)
    return Model(RestrictedTarget(whole.target, frozenset(offers), label=f"{' and '.join(offers)} only"), whole.data)


def _memorizer() -> Model:
    """The census network trained fifty times over on four hundred people: it knows them by heart."""
    from ..progress import Progress
    from ..targets.torch_target import TorchTarget
    from ..targets.training import Recipe, fit, fresh

    census: TorchTarget = load("census").target
    data = _half(load_data("census"))
    recipe = Recipe(epochs=50, batch_size=64, rate=3e-3, decay=0.0)
    module = fresh(census.module, 0).requires_grad_()
    fit(module, data.seen.encoded, data.seen.y, recipe, 0, Progress())
    module.requires_grad_(requires_grad=False)
    made = TorchTarget(module, census.classes, census.schema, "Census MLP of 400 people", recipe=recipe, architecture=census.architecture)
    return Model(made, data)


def _half(data: Dataset) -> Dataset:
    """`FEW` people drawn from seed 0, the first `MEMBERS` trained on."""
    from dataclasses import replace

    drawn = data.unseen.sample(FEW, np.random.default_rng(0))
    member = np.arange(FEW) < MEMBERS
    return replace(drawn, member=member, name="Census income, 1,200 people")


MAKERS: dict[str, Callable[[], Model]] = {
    "digits": lambda: _sample("digits"),
    "digits-robust": lambda: _sample("digits-robust"),
    "census": lambda: _sample("census"),
    "memorizer": _memorizer,
    "census:labels": lambda: _seen("census", "labels"),
    "census:scores": lambda: _seen("census", "scores"),
}
