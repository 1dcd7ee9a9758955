"""What noise promises one client of a federation: epsilon, what it rests on, and what is left of it where malicious clients leave theirs out."""

import math

from ...privacy_accounting.accountants import NAMES, default_delta, epsilon
from ...result import Column, Metric, Table
from ..malice import OMISSIONS
from .distributed_noise import NoiseShare
from .plan import Plan

SHOWN = 50


def spending(plan: Plan, delta: float, size: int) -> list[Metric]:
    """Epsilon of the whole run by the tightest bound that holds, over ``size`` weights; nothing without noise."""
    if plan.noise <= 0:
        return []
    delta = delta or default_delta(plan.clients)
    if (share := plan.noise_share) is not None:
        return _spending_in_sums(plan, share, delta, size)
    spent = epsilon(plan.noise, plan.share, plan.rounds, delta)
    return [
        Metric(
            name="epsilon",
            label=f"Epsilon spent for one client ({NAMES[spent.accountant]})",
            value=spent.epsilon,
            unit="epsilon",
            safer="lower",
        ),
        Metric(name="delta", label="Delta", value=delta, safer="lower"),
        Metric(name="noise_multiplier", label="Noise multiplier", value=plan.noise, safer="higher"),
    ]


def _spending_in_sums(plan: Plan, share: NoiseShare, delta: float, size: int) -> list[Metric]:
    """Epsilon for the server, for one of the clients, which knows its own share of the noise, and for a server in league with all malicious ones."""
    k = len(plan.malicious)
    asked = [
        ("epsilon", "Epsilon of one client for the server and all who see less (RDP)", plan.silent),
        ("epsilon_to_clients", "Epsilon of one client for another client (RDP)", plan.silent + 1),
        *(
            (("epsilon_in_league", f"Epsilon of an honest client if all {k} malicious ones add no noise or tell the server (RDP)", k),)
            if k
            else ()
        ),
    ]
    return [
        *(_left(name, label, share, (size, plan.rounds, delta), league) for name, label, league in asked),
        Metric(name="delta", label="Delta", value=delta, safer="lower"),
        Metric(name="noise_multiplier", label="Noise multiplier of a sum", value=plan.noise, safer="higher"),
    ]


def _left(name: str, label: str, share: NoiseShare, run: tuple[int, int, float], league: int) -> Metric:
    """Epsilon where ``league`` clients' noise does not count; no value where none is left."""
    value = share.epsilon(*run, league)
    note = f"no noise is promised: a sum is opened of {share.least} answers, and the noise of {league} of them does not count"
    bounded = math.isfinite(value)
    return Metric(name=name, label=label, value=value if bounded else None, unit="epsilon", safer="lower", note="" if bounded else note)


def noise_left(plan: Plan, delta: float, size: int) -> tuple[Table, ...]:
    """What is left by how many clients leave out their noise or give it away; nothing where the server adds it."""
    share = plan.noise_share
    if share is None:
        return ()
    delta = delta or default_delta(plan.clients)
    columns = (
        Column(name="clients whose noise does not count", kind="integer"),
        Column(name="share of the variance left", kind="percent"),
        Column(name="noise multiplier left", kind="number"),
        Column(name="epsilon of an honest client", unit="epsilon", kind="number"),
    )
    rows = tuple(
        (c, 1 - c / share.least, share.multiplier(size, c), share.epsilon(size, plan.rounds, delta, c) if c < share.least else None)
        for c in range(min(share.least, SHOWN) + 1)
    )
    note = f"For a server that opens a sum of {share.least} answers; one that answers itself, or is told what others added, counts them with it."
    title = "Noise that is left where clients leave theirs out"
    return (Table(name="noise_left", title=title, columns=columns, rows=rows, total=share.least + 1, note=note),)


def distributed(plan: Plan, share: NoiseShare, size: int, delta: float) -> tuple[str, ...]:
    """What noise that clients add promises, and what it rests on."""
    delta, k = delta or default_delta(plan.clients), len(plan.malicious)
    found = [
        f"Every client clips its update to {plan.clip:g} and adds its share of the noise, 1 / {share.least} of the variance: {share.least} answers "
        f"have the whole of it, more have more, and a sum of fewer is never opened; such a round leaves the weights as they were.",
        f"Epsilon counts whole clients (an update set to zero) in all {plan.rounds} rounds, for the server too, which knows who was drawn; the "
        f"multiplier that counts is {share.multiplier(size, plan.silent):.6g}, for rounding lengthens an update.",
        f"It assumes that {share.least - plan.silent} of any {share.least} clients that answer add their share and keep it to themselves: of c that "
        f"do not, it is c / {share.least} of the variance less, and one that does so costs epsilon "
        f"{share.epsilon(size, plan.rounds, delta, plan.silent + 1):.3g} (table noise_left). That a client clipped and noised cannot be seen from a sum.",
        f"Who does not clip takes nothing from the others' epsilon, for each clips its own, but moves every weight of a sum by up to {share.largest:.3g}.",
        "The number of rows does not weigh here: every client counts alike, whether it answered or not.",
    ]
    if k:
        found.append(f"The {k} malicious clients here {OMISSIONS[plan.omit]}.")
    return tuple(found)
