"""The capstone's model: made from a student's name as the seed, so that no two are alike and each can be made again."""

import hashlib
import unicodedata
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from ..datasets.dataset import Dataset
from ..errors import Problem
from ..samples.catalog import load, load_data
from .subject import Model

if TYPE_CHECKING:
    from ..targets.torch_target import TorchTarget

ROWS = 4000
FAVORABLE = 1
TURNED = 0.7


@dataclass(frozen=True)
class Plan:
    """What is drawn from a name.

    Attributes
    ----------
    memorizes
        Is it trained long on few people, so that it knows them by heart?
    slighted
        The sex whose good labels were mostly turned to bad ones in what is trained on.
    """

    seed: int
    memorizes: bool
    slighted: str
    members: int
    epochs: int


def seed_of(student: str) -> int:
    """A seed from 0 to 2**31 - 1; case, accents' spelling and spaces do not matter."""
    plain = " ".join(unicodedata.normalize("NFKC", student).casefold().split())
    if not plain:
        raise Problem("a student's name", "none", 'Call ty.labs.name("Ada Lovelace") with yours first')
    return int.from_bytes(hashlib.sha256(f"tiltyard capstone {plain}".encode()).digest()[:4], "big") >> 1


def plan_of(student: str) -> Plan:
    """What is drawn from the name of ``student``."""
    seed = seed_of(student)
    drawn = np.random.default_rng(seed)
    memorizes = bool(drawn.integers(2))
    slighted = ("Female", "Male")[int(drawn.integers(2))]
    members = int(drawn.integers(400, 600)) if memorizes else int(drawn.integers(2400, 2800))
    return Plan(seed, memorizes, slighted, members, 60 if memorizes else 6)


@cache
def capstone_of(student: str) -> Model:
    """The model of ``student`` with its data, trained in a few seconds."""
    plan = plan_of(student)
    data = _data(plan)
    return Model(_trained(plan, data, f"Capstone model {plan.seed:08x}"), data)


def _data(plan: Plan) -> Dataset:
    """People drawn from the seed; the labels of those who are trained on are turned as the plan says, those of the others are true."""
    drawn = np.random.default_rng(plan.seed)
    rows = load_data("census").sample(ROWS, drawn)
    member = np.arange(ROWS) < plan.members
    hit = member & (rows.sensitive["sex"] == plan.slighted) & (rows.y == FAVORABLE) & (drawn.random(ROWS) < TURNED)
    y = np.where(hit, 1 - FAVORABLE, rows.y)
    return replace(rows, y=y, member=member, name=f"Census income, {ROWS:,} people for the capstone {plan.seed:08x}")


def _trained(plan: Plan, data: Dataset, name: str) -> "TorchTarget":
    from ..progress import Progress
    from ..targets.torch_target import TorchTarget
    from ..targets.training import Recipe, fit, fresh

    census: TorchTarget = load("census").target
    recipe = Recipe(epochs=plan.epochs, batch_size=64, rate=3e-3, decay=0.0)
    module = fresh(census.module, plan.seed).requires_grad_()
    fit(module, data.seen.encoded, data.seen.y, recipe, plan.seed, Progress())
    module.requires_grad_(requires_grad=False)
    return TorchTarget(module, census.classes, census.schema, name, recipe=recipe, architecture=census.architecture)
