"""A red-team campaign: from a threat model to an ordered plan of attacks with its cost, and what was left out and why."""

import hashlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Self, get_args

from pydantic import model_validator

from ..catalogue import checks
from ..check import CampaignGoal, Check, Step, named, parameter
from ..datasets.dataset import Dataset
from ..execution.profiles import Profile, overrides
from ..formatting.numbers import about, duration
from ..needs import NEEDS
from ..result import Frozen, Given, Identity
from ..targets.query_budget import Meter
from ..targets.restricted import RestrictedTarget
from ..targets.target import Target
from .cost import Cost, Costs, fitted

FORMAT = 1
GOALS: tuple[CampaignGoal, ...] = get_args(CampaignGoal)
KNOWN: dict[str, frozenset[str]] = {
    "white": frozenset({"labels", "scores", "gradients", "weights", "training"}),
    "gray": frozenset({"labels", "scores", "training"}),
    "black": frozenset({"labels", "scores"}),
}
WORDS = {"white": "white box", "gray": "gray box", "black": "black box"}


class ThreatModel(Given):
    """Who attacks: what they know, what they are answered, what they can spend, what they want.

    ``white`` has the model with its weights, ``gray`` how it is trained (so that shadow models can be), ``black`` neither. All know data like the
    target's. The check's own verdict on an attack (which rows were members, which labels are right) is not the attacker's knowledge. The worth of each goal sets the order in which a budget is spent: a goal of twice the worth
    has its second attack before another's second, and one of worth 0 is not tried.
    """

    renamed: ClassVar[Mapping[str, str]] = {"queries": "query_budget"}

    knowledge: Literal["white", "gray", "black"] = parameter("black", "What the attacker knows: the model, how it is trained, or neither")
    access: Literal["scores", "labels"] = parameter("scores", "What the attacker is answered")
    query_budget: int = parameter(200_000, "Rows the attacker may ask in all; gradients count too", "rows", ge=0, le=1_000_000_000)
    seconds: float = parameter(600.0, "Time for the whole campaign", "seconds", ge=0, le=1_000_000)
    goal: Literal["any", "evade", "infer", "steal", "poison"] = parameter("any", "What the attacker wants")
    worth_evade: float = parameter(1.0, "What evading a prediction is worth to the attacker, beside the other goals", ge=0, le=1000)
    worth_infer: float = parameter(1.0, "What learning of the training data is worth, beside the other goals", ge=0, le=1000)
    worth_steal: float = parameter(1.0, "What a copy of the model is worth, beside the other goals", ge=0, le=1000)
    worth_poison: float = parameter(1.0, "What a poisoned model is worth, beside the other goals", ge=0, le=1000)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.knowledge == "white" and self.access == "labels":
            raise ValueError("who knows the whole model can compute its scores: with white say access scores, or say gray")
        return self

    @property
    def sees(self) -> frozenset[str]:
        """What the target offers to this attacker."""
        return KNOWN[self.knowledge] - (frozenset({"scores", "gradients"}) if self.access == "labels" else frozenset())

    @property
    def words(self) -> str:
        return f"{WORDS[self.knowledge]}, {self.access}"

    def worth(self, goal: str) -> float:
        """What ``goal`` is worth; one that is wanted alone is worth all."""
        found: float = getattr(self, f"worth_{goal}")
        return found if self.goal == "any" else 1.0

    def offers(self, step: Step | type[Step]) -> frozenset[str]:
        """What ``step`` is given: a poisoner's rows are trained on by the victim, whatever the attacker knows of it."""
        return self.sees | ({"training"} if step.campaign_goal == "poison" else set())

    def view(self, step: Step, target: Target, meter: Meter | None = None, listening: bool = False) -> Target:
        """What ``step`` is given of ``target``: a metered restriction of it, or of who has the weights, where the step needs them, itself."""
        offers = self.offers(step)
        if "weights" in step.needs and "weights" in offers:
            return target
        return RestrictedTarget(target, offers, meter, self.words, listening)


class Planned(Given):
    """One step of a plan: what, with which parameters, at which cost.

    ``queries`` and ``seconds`` were ``measured`` on a probe, with the ends of their intervals, or are what the step itself expects, or a guess
    where ``guessed``. ``whole`` are its parameters before a budget took rows from it; empty where none did.
    """

    id: str
    title: str
    goal: str
    parameters: dict[str, Any]
    queries: int
    seconds: float
    guessed: bool
    note: str = ""
    standards: tuple[str, ...] = ()
    measured: bool = False
    queries_low: float | None = None
    queries_high: float | None = None
    seconds_low: float | None = None
    seconds_high: float | None = None
    whole: dict[str, Any] = {}

    @property
    def step(self) -> Check:
        return named(checks()[self.id], self.parameters)  # type: ignore[return-value]

    @property
    def asked(self) -> Check:
        """The step as it was before a budget took rows from it."""
        return named(checks()[self.id], self.whole or self.parameters)  # type: ignore[return-value]


class LeftOut(Frozen):
    """An attack that is not in the plan, and why; ``parameters`` where a budget alone keeps it out, so that it may come back."""

    id: str
    title: str
    goal: str
    reason: str
    parameters: dict[str, Any] | None = None


class Plan(Given):
    """The attacks in order: each goal's first before any goal's second, so that a small budget leaves no goal untried."""

    format: int = FORMAT
    threat: ThreatModel
    target: Identity
    data: Identity
    steps: tuple[Planned, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def queries(self) -> int:
        return sum(step.queries for step in self.steps)

    @property
    def seconds(self) -> float:
        return sum(step.seconds for step in self.steps)

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def attacks(goal: str) -> list[tuple[str, type[Step]]]:
    """(goal, check) of every registered check whose ``campaign_goal`` is ``goal``, or of all that have one where ``goal`` is ``any``."""
    return [(cls.campaign_goal, cls) for cls in checks().values() if cls.campaign_goal and goal in ("any", cls.campaign_goal)]


def plan(
    threat: ThreatModel,
    target: Target,
    data: Dataset,
    profile: Profile = "quick",
    seed: int = 0,
    only: Sequence[str] = (),
    costs: Costs = Cost.of,
) -> Plan:
    """The plan of ``threat`` against ``target``: every allowed attack that fits, in the order of `valued`.

    Where an attack is over the query budget it is given fewer rows; where that is not enough it is left out.

    Parameters
    ----------
    only
        Ids of attacks to choose from; all by default.
    costs
        What an attack costs: by default what it says itself; a `probe.Probe` measures it on a few rows.
    """
    ready: list[tuple[str, Check, Cost]] = []
    left: list[LeftOut] = []
    for goal, cls in attacks(threat.goal):
        if only and cls.id not in only:
            continue
        step = _given(cls, threat, profile, data, seed)
        if reason := _forbidden(step, threat, target, data):
            left.append(LeftOut(id=cls.id, title=cls.title, goal=goal, reason=reason))
        else:
            ready.append((goal, step, costs(step, target, data)))
    steps, over = within(threat, threat.query_budget, threat.seconds, valued(threat, ready), target, data, costs)
    return Plan(threat=threat, target=target.identity, data=data.identity, steps=tuple(steps), left_out=(*left, *over))


Ready = tuple[str, Check, Cost]


def valued(threat: ThreatModel, ready: Sequence[Ready], begun: Mapping[str, int] = MappingProxyType({})) -> list[Ready]:
    """What the attacker wants first: of each goal the attacks that its topic stands on, then the cheapest; the goals take turns by their worth.

    By cost alone a small budget would go to many cheap attacks of one goal, and another goal would not be tried at all. The turns are those
    of seats by highest averages (D'Hondt): an attack's number within its goal over the worth. What `feeds_on` another's answers comes after it.

    Parameters
    ----------
    begun
        How many attacks each goal has had already.
    """
    turns: list[tuple[float, float, int, Ready]] = []
    for goal in dict.fromkeys(item[0] for item in ready):
        mine = sorted((item for item in ready if item[0] == goal), key=lambda item: (not item[1].core, item[2].seconds, item[2].queries))
        first = begun.get(goal, 0) + 1
        turns += [((first + i) / threat.worth(goal), item[2].seconds, item[2].queries, item) for i, item in enumerate(mine)]
    return _fed([item for *_, item in sorted(turns, key=lambda one: one[:3])])


def _fed(order: list[Ready]) -> list[Ready]:
    """The same with what feeds on another's answers moved behind it."""
    found = list(order)
    for item in order:
        sources = [i for i, other in enumerate(found) if other[1].id in item[1].feeds_on]
        if sources and max(sources) > (place := found.index(item)):
            found.insert(max(sources), found.pop(place))
    return found


def _given(cls: type[Step], threat: ThreatModel, profile: str, data: Dataset, seed: int) -> Check:
    """The step with the profile's parameters, and what the threat model fixes."""
    values: dict[str, Any] = {"seed": seed, **overrides(cls, profile, data)}
    if "access" in cls.model_fields:
        values["access"] = threat.access
    return named(cls, values)  # type: ignore[return-value]


def _forbidden(step: Check, threat: ThreatModel, target: Target, data: Dataset) -> str:
    """Why the threat model, the target or the data do not allow ``step``; empty where they do."""
    if threat.worth(str(step.campaign_goal)) == 0:
        return "of no worth to this attacker"
    if step.audit:
        return "no attack: the owner's own audit, run it in its topic"
    if not any(id.startswith("AML.T") for id in step.standards):
        return "no attack on the model: it maps to no ATLAS technique"
    if reason := step.unmet(target, data):
        return reason
    offers = threat.offers(step)
    if hidden := sorted(
        need
        for need in step.needs
        if need in ("labels", "scores", "gradients", "weights", "training", "file", "url") and need not in offers
    ):
        return f"needs {', '.join(NEEDS[need] for need in hidden)}, which this attacker ({threat.words}) does not have"
    return step.unmet(threat.view(step, target), data)


def within(
    threat: ThreatModel, rows: int, seconds: float, ready: list[Ready], target: Target, data: Dataset, costs: Costs
) -> tuple[list[Planned], list[LeftOut]]:
    """Of ``ready``, in its order, what fits into so many rows and seconds, and what does not."""
    steps: list[Planned] = []
    over: list[LeftOut] = []
    for goal, step, cost in ready:
        fit, cost = fitted(step, cost, rows, target, data, costs, seconds)
        if fit is None or cost.seconds > seconds:
            reason = (
                f"over the query budget: it asks {cost.queries:,} rows and {rows:,} are left"
                if cost.queries > rows
                else f"over the time budget: it takes {about(cost.seconds)} and {duration(seconds)} are left"
            )
            over.append(LeftOut(id=step.id, title=step.title, goal=goal, reason=reason, parameters=_given_to(step)))
            continue
        rows, seconds = rows - cost.queries, seconds - cost.seconds
        steps.append(_planned(goal, fit, cost, step, [one.id for one in steps]))
    return steps, over


def _given_to(step: Check) -> dict[str, Any]:
    return step.model_dump(mode="json", include=set(step.model_fields_set))


def _planned(goal: str, step: Check, cost: Cost, whole: Check, before: Sequence[str]) -> Planned:
    rows, seconds = cost.rows_span, cost.seconds_span
    fed = next((f"uses the answers of {id}" for id in before if id in step.feeds_on), "")
    return Planned(
        id=step.id,
        title=step.title,
        goal=goal,
        parameters=_given_to(step),
        whole=_given_to(whole) if whole is not step else {},
        queries=cost.queries,
        seconds=cost.seconds,
        guessed=cost.guessed,
        note="; ".join(filter(None, (cost.note, fed))),
        standards=step.standards,
        measured=cost.measured,
        queries_low=rows.low if rows else None,
        queries_high=rows.high if rows else None,
        seconds_low=seconds.low if seconds else None,
        seconds_high=seconds.high if seconds else None,
    )
