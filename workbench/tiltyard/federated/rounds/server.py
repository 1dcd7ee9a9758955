"""The server's rounds: ask clients, drop what is broken, combine, measure. ``ask`` is the one seam between here and Flower."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ...errors import Problem
from ...formatting.numbers import percent
from ...progress import Progress
from ...result import Frozen
from ..aggregation import Trusted, combine, needed
from .client import ClientUpdate
from .measuring import Loss, Seen
from .plan import Plan
from .server_optimizer import FedAdam

Weights = NDArray[np.float32]
Ask = Callable[[int, Weights, Sequence[int], Progress], list[ClientUpdate]]
Watch = Callable[[Weights], Seen]
Own = Callable[[int, Weights, Progress], Weights]


class Round(Frozen):
    """What was seen of one round; round 0 is the model before training.

    ``lost`` clients did not answer; what ``refused`` ones sent was not finite or of another size. ``note`` says why the weights stayed.
    """

    number: int
    asked: int
    answered: int
    lost: tuple[int, ...] = ()
    refused: tuple[int, ...] = ()
    right: int
    rows: int
    hits: int = 0
    tries: int = 0
    loss: Loss | None = None
    clipped: int = 0
    note: str = ""


def unusable(answer: ClientUpdate, size: int) -> bool:
    """Of another size than float32 (size,), with a number that is not finite, or of no rows."""
    return answer.weights.shape != (size,) or not np.isfinite(answer.weights).all() or answer.rows <= 0


def usable(answers: Sequence[ClientUpdate], size: int) -> list[ClientUpdate]:
    """Answers of the right size whose every number is finite, in the clients' order; a client cannot break the sum with a NaN."""
    return sorted((a for a in answers if not unusable(a, size)), key=lambda a: a.client)


def combined(
    plan: Plan, weights: Weights, answers: Sequence[ClientUpdate], number: int, trusted: Trusted | None = None
) -> tuple[Weights, int]:
    """The next weights by the plan's rule or, with noise, by private averaging; and how many updates were clipped."""
    if plan.noise_share is not None:
        return _opened(plan, weights, answers), 0
    if plan.noise > 0:
        return _private(plan, weights, answers, number)
    found = combine(plan.rule, [a.weights for a in answers], [a.rows for a in answers], plan.tolerate, trusted)
    return found.astype(np.float32), 0


def _private(plan: Plan, weights: Weights, answers: Sequence[ClientUpdate], number: int) -> tuple[Weights, int]:
    """DP-FedAvg (McMahan et al. 2018, arXiv 1710.06963): every update clipped, summed with equal weight, noised, over a fixed count."""
    total, clipped = np.zeros(len(weights)), 0
    for one in answers:
        update = one.weights.astype(np.float64) - weights
        norm = float(np.linalg.norm(update))
        clipped += norm > plan.clip
        total += update * min(1.0, plan.clip / max(norm, 1e-12))
    total += plan.drawn(number, len(total))
    return (weights + total / (plan.share * plan.clients)).astype(np.float32), clipped


def _opened(plan: Plan, weights: Weights, answers: Sequence[ClientUpdate]) -> Weights:
    """The next weights from a sum that clients clipped and noised: each answer is the mean of all; over a fixed count, as `_private`."""
    mean = answers[0].weights.astype(np.float64) - weights
    return np.asarray(weights + mean * len(answers) / (plan.share * plan.clients), np.float32)


def train(
    plan: Plan,
    weights: Weights,
    ask: Ask,
    watch: Watch,
    progress: Progress,
    rounds: Sequence[Round] = (),
    kept: "Kept | None" = None,
    own: Own | None = None,
    memory: dict[str, Tensor] | None = None,
) -> tuple[Weights, list[Round]]:
    """All rounds from ``weights``, float32 (d,); the final weights and what was seen of each round.

    Parameters
    ----------
    ask
        Sends weights to the clients named and gives the answers that came; who does not answer is lost for the round, no more.
    rounds
        Those already done, where a run is gone on with.
    kept
        Called with weights and rounds after each round, so that a run can be resumed.
    own
        The server's training by rows of its own, for FLTrust: of a round's number and weights the weights it makes.
    memory
        FedAdam's moments by name, of a run that is gone on with; brought up to date after each round, before ``kept``.
    """
    done = list(rounds) or [_round(0, (), (), weights, watch(weights))]
    adam = FedAdam(plan.server_rate) if plan.server_rate > 0 else None
    if adam is not None and memory is not None:
        adam.restore(memory)
    while len(done) <= plan.rounds:
        number = len(done)
        asked = plan.sampled(number)
        progress.step((number - 1) / plan.rounds, f"round {number} of {plan.rounds}")
        came = ask(number, weights, asked, progress.part(1 / plan.rounds)) if asked else []
        trusted = Trusted(weights, own(number, weights, progress.part(0.0))) if own is not None else None
        after, clipped, note = _next(plan, weights, usable(came, len(weights)), number, trusted)
        weights = adam.step(weights, after) if adam is not None and not note else after
        done.append(_round(number, asked, came, weights, watch(weights), clipped, note))
        if adam is not None and memory is not None:
            memory |= adam.written()
        if kept is not None:
            kept(weights, done)
        progress.step(number / plan.rounds, f"round {number} of {plan.rounds}: {percent(done[-1].right / max(done[-1].rows, 1))} right")
    return weights, done


Kept = Callable[[Weights, list[Round]], None]


def _next(plan: Plan, weights: Weights, came: Sequence[ClientUpdate], number: int, trusted: Trusted | None) -> tuple[Weights, int, str]:
    """A round without enough answers leaves the weights as they were; with noise of the server's it is still noised, for silence gives something away too."""
    least = plan.least if plan.noise_share else 0 if plan.noise > 0 else max(1, needed(plan.rule, plan.tolerate))
    if len(came) < least:
        return weights, 0, f"{len(came)} answers, {least} needed: the weights stayed"
    after, clipped = combined(plan, weights, came, number, trusted)
    if not np.isfinite(after).all():
        raise Problem("finite weights after a round", "overflow", "Lower the boost, the rate or the noise")
    return after, clipped, ""


def _round(
    number: int, asked: Sequence[int], came: Sequence[ClientUpdate], weights: Weights, seen: Seen, clipped: int = 0, note: str = ""
) -> Round:
    refused = {a.client for a in came if unusable(a, len(weights))}
    lost = set(asked) - {a.client for a in came}
    return Round(
        number=number,
        asked=len(asked),
        answered=len(came) - len(refused),
        lost=tuple(sorted(lost)),
        refused=tuple(sorted(refused)),
        right=seen.right,
        rows=seen.rows,
        hits=seen.hits,
        tries=seen.tries,
        loss=seen.loss,
        clipped=clipped,
        note=note,
    )
