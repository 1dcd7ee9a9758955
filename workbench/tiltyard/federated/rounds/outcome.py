"""The result of federated training: accuracy before and after, the curve over rounds, attack success rate, epsilon spent."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...formatting.numbers import number, percent, points
from ...result import Axis, Chart, CheckResult, Column, Evidence, Finding, Metric, Series, Severity, Status, Table
from ...statistics.intervals import clopper_pearson, rate
from ...statistics.majority import Skill
from ...statistics.paired import rate_change
from ...statistics.ruling import Limit, ruling
from ...targets.decision import LargestScore
from ...targets.target import Target
from ..aggregation import RULES
from ..deployed.quantizing import CLIP, error
from ..malice import ATTACKS, SUCCESS
from ..watching import listening, tell
from .central import Central
from .plan import Plan
from .promise import distributed, noise_left, spending
from .server import Round

if TYPE_CHECKING:
    from .setting import Ran, Setting

THROUGH = 0.5
CLASSES = 10


@dataclass(frozen=True)
class Asked:
    """What is accepted of a federation: accuracy lost against the central model, and the attackers' success; shares."""

    loss: float
    success: float


def result(
    start: "Setting", ran: "Ran", before: Target, after: Target, delta: float, processes: bool, against: Central, asked: Asked
) -> CheckResult:
    """The result of a run: in this process, or in ``processes`` under Flower; epsilon is given at ``delta``, 0 for the usual one.

    It passes where the accuracy surely lost against the central model is within what is accepted, and the attackers' success too.
    """
    test, plan, last = start.parts.test, start.plan, ran.rounds[-1]
    right = int((before.labels(test.x) == test.y).sum())
    now = after.labels(test.x) == test.y
    loss = rate_change("accuracy_change", "Accuracy less that of the central model", against.right, now)
    got = success(plan, last)
    limits = [Limit(loss, -asked.loss, surely=True)]
    limits += [Limit(m, asked.success, surely=True) for m in got if plan.attack != "sign_flip"]
    # Of a model that attackers broke, its lack of skill is what they did, and no doubt about the rows.
    broken = any(limit.state == "broken" for limit in limits)
    ruled = ruling(limits, None if broken else Skill.of(test.y, now, after.classes))
    findings = (
        *_useless(last, int(np.bincount(test.y).max())),
        *_through(plan, got, asked.success),
        *_behind(loss, asked.loss, against.words),
    )
    metrics = [
        rate("accuracy_before", "Accuracy of the model before", right, len(test), "higher"),
        rate("accuracy_after", "Accuracy after federated training", last.right, last.rows, "higher"),
        rate("accuracy_central", "Accuracy of the central model", int(against.right.sum()), len(test), "higher"),
        loss,
        *got,
        Metric(name="rounds", label="Rounds", value=float(len(ran.rounds) - 1), unit="rounds"),
        *spending(plan, delta, len(ran.weights)),
    ]
    return CheckResult(
        status=Status.FINDING if findings else ruled.status,
        summary=f"{_summary(plan, against, last)} {ruled.sentence}",
        metrics=tuple(metrics),
        findings=findings,
        tables=(table(ran.rounds, bool(plan.malicious)), shards(start), *noise_left(plan, delta, len(ran.weights))),
        charts=charts(plan, ran.rounds, right / len(test)),
        notes=notes(start, ran, processes, delta),
    )


def success(plan: Plan, last: Round) -> list[Metric]:
    """How far the attackers got, in the measure of their attack; nothing where nobody attacks."""
    return [rate("attack_success", SUCCESS[plan.attack], last.hits, last.tries, "lower")] if plan.malicious else []


def _summary(plan: Plan, against: Central, last: Round) -> str:
    text = f"{plan.clients} clients, {plan.rounds} rounds of {RULES[plan.rule]}: {percent(last.right / last.rows)} right on {last.rows:,} held-out rows, {percent(against.right.mean())} of {against.words}"
    if plan.malicious and last.tries:
        text += f"; {len(plan.malicious)} malicious clients {ATTACKS[plan.attack]}, success {percent(last.hits / last.tries)}"
    return text + "."


def _useless(last: Round, majority: int) -> tuple[Finding, ...]:
    if clopper_pearson(last.right, last.rows)[0] > majority / last.rows:
        return ()
    advice = "Give more rounds or local epochs, less noise, a larger alpha, or a rule that withstands the attackers"
    title = "The federated model does no better than the majority-class baseline"
    return (
        Finding(
            title=title,
            severity=Severity.MEDIUM,
            evidence=Evidence(metrics=("accuracy_after",)),
            advice=advice,
            standards=("AI RMF MEASURE 2.5", "AML.T0031"),
        ),
    )


def _behind(loss: Metric, accepted: float, words: str) -> tuple[Finding, ...]:
    if Limit(loss, -accepted, surely=True).state != "broken":
        return ()
    return (
        Finding(
            title=f"{points(-(loss.value or 0.0))} points of accuracy are lost against {words}",
            severity=Severity.MEDIUM,
            evidence=Evidence(metrics=("accuracy_change", "accuracy_central", "accuracy_after")),
            advice="Give more rounds, less noise, a larger alpha, or a rule that withstands the attackers",
            standards=("AI RMF MEASURE 2.5", "AML.T0031"),
        ),
    )


def _through(plan: Plan, got: Sequence[Metric], accepted: float) -> tuple[Finding, ...]:
    if not got or got[0].low is None or got[0].low <= (THROUGH if plan.attack == "sign_flip" else accepted):
        return ()
    return (
        Finding(
            title=f"{len(plan.malicious)} of {plan.clients} clients got their way",
            severity=Severity.HIGH,
            evidence=Evidence(metrics=("attack_success",)),
            advice="Combine by median, trimmed mean or Krum, and let only clients with registered keys take part",
            standards=("OWASP ML10:2023", "AML.T0018.000", "NISTAML.026"),
            defense="federated.training",
        ),
    )


def _ruled(target: Target) -> tuple[str, ...]:
    """By what rule labels are decided, where that is not the largest score."""
    if isinstance(target.decision, LargestScore):
        return ()
    applied = target.decision is not None and target.decision.offsets is not None
    return (
        f"Labels are decided by {target.rule}{'' if applied else ', which cannot be followed between rounds: there the largest score counts'}.",
    )


def notes(start: "Setting", ran: "Ran", processes: bool, delta: float = 0.0) -> tuple[str, ...]:
    """What was assumed, and what is not protected."""
    plan = start.plan
    lost, refused = sum(len(r.lost) for r in ran.rounds), sum(len(r.refused) for r in ran.rounds)
    found = [
        "The intervals are over held-out rows, not over trainings.",
        *_ruled(start.target),
        *_seen(plan, processes),
    ]
    if (share := plan.noise_share) is not None:
        found += distributed(plan, share, len(ran.weights), delta)
    elif plan.noise > 0:
        found += [
            f"Epsilon counts whole clients (added or removed), each drawn by its own coin at {plan.share:g} a round, {plan.rounds} rounds, "
            f"updates clipped to {plan.clip:g}, by the tightest bound that holds.",
            "The server is trusted to clip and to add the noise: what it receives is not private, what it publishes is.",
            "The number of rows does not weigh here: every client counts alike, whether it answered or not.",
        ]
    if plan.noise > 0 and not plan.fresh_noise:
        found.append(
            "Coins and noise come from the seed, so that the run repeats; whoever knows it can undo them. To release, set fresh_noise."
        )
    found += _against_drift(plan)
    if start.root is not None:
        found.append(
            f"The server trained on {len(start.root.y):,} clean rows of its own, which no client has; FLTrust weighs clients by their likeness to that."
        )
    if processes:
        found.append(
            f"Ran as Flower's SuperLink and {plan.clients} SuperNodes by sockets of this account alone, with TLS and a registered key for each node."
        )
    if start.mark is not None:
        found.append(f"The backdoor's trigger: {start.mark.words}.")
    if lost:
        found.append(f"{lost} answer{'s' * (lost != 1)} did not come; the rounds went on without {'it' if lost == 1 else 'them'}.")
    if refused:
        found.append(f"{refused} answers were refused, for they were not finite or of another size; the rounds went on without them.")
    if len(plan.malicious) > plan.tolerate and plan.rule not in ("fedavg", "median", "fltrust"):
        found.append(f"{RULES[plan.rule]} was set to withstand {plan.tolerate} malicious clients; there are {len(plan.malicious)}.")
    return (*found, *((start.parts.note,) if start.parts.note else ()))


def _against_drift(plan: Plan) -> list[str]:
    """What was done for uneven rows."""
    found = [f"FedProx: clients are held to the round's weights by mu = {number(plan.mu)}."] if plan.mu > 0 else []
    if plan.scaffold:
        found.append("SCAFFOLD: clients' gradients are corrected by control variates, which attackers, too, are taken to report honestly.")
    if plan.server_rate > 0:
        found.append(f"FedAdam: each round is a step of the server's Adam at rate {number(plan.server_rate)}.")
    return found


def _seen(plan: Plan, processes: bool) -> tuple[str, ...]:
    """What the server learned of one client."""
    if plan.secure and not processes:
        return (
            "The sums were made in this process, of the numbers that clients would mask, and nothing was masked: in processes SecAgg+ hides all "
            "but the sums from the server.",
            "The server cannot tell who spoils a sum, and cannot refuse one client's update.",
        )
    if not plan.secure:
        return ("The server sees every client's update; see federated.gradient_leakage. In processes, secure lets it see their sum alone.",)
    return (
        "SecAgg+: the server learned the sums of updates and of rows, and neither of one client. That holds against a server that keeps to "
        f"the protocol and fewer than {plan.clients // 2 + 1} clients in league with it, not against one that hands out keys in clients' names.",
        *(() if plan.noise > 0 else (_rounded(plan),)),
        "The server cannot tell who spoils a sum, and cannot refuse one client's update.",
    )


def _rounded(plan: Plan) -> str:
    return (
        f"Each number of an update, weighted by the client's share of the rows, is cut to ±{CLIP:g} and rounded at random: a weight of a "
        f"round's mean is off by at most {number(error(plan.clients), 1)}, and equal seeds give weights equal up to that."
    )


def chart(runs: dict[str, tuple[Round, ...]], last: int, before: float | None = None) -> Chart:
    """Accuracy by round up to ``last``, a line with its band for each run."""
    ends = ", ".join(f"{name} {percent(r[-1].right / r[-1].rows)}" for name, r in runs.items())
    return Chart(
        name="accuracy_by_round",
        title="Accuracy on held-out rows by round",
        kind="line",
        x=Axis(label="Round", low=0, high=float(last)),
        y=Axis(label="Accuracy", unit="share", low=0.0, high=1.0),
        series=tuple(_line(name, [(r.number, r.right, r.rows) for r in _thinned(rounds)]) for name, rounds in runs.items()),
        reference=(("model before", before),) if before is not None else (),
        alt=f"Accuracy after the last round: {ends}.",
    )


def charts(plan: Plan, rounds: tuple[Round, ...], before: float | None = None) -> tuple[Chart, ...]:
    """Accuracy, loss and, where somebody attacks, the attack's success, by round."""
    return (chart({RULES[plan.rule]: rounds}, plan.rounds, before), loss_chart(rounds, plan.rounds), *_attack_chart(plan, rounds))


def show(plan: Plan, rounds: tuple[Round, ...]) -> None:
    """The charts so far, to who watches."""
    if listening():
        tell(charts(plan, rounds))


def loss_chart(rounds: tuple[Round, ...], last: int) -> Chart:
    """Mean loss on held-out rows by round, with its band; a gap where it was not a number."""
    kept, ended = _thinned(rounds), rounds[-1].loss
    series = Series(
        name="Loss",
        x=tuple(float(r.number) for r in kept),
        y=tuple(r.loss.mean if r.loss else None for r in kept),
        low=tuple(r.loss.low if r.loss else None for r in kept),
        high=tuple(r.loss.high if r.loss else None for r in kept),
    )
    return Chart(
        name="loss_by_round",
        title="Loss on held-out rows by round",
        kind="line",
        x=Axis(label="Round", low=0, high=float(last)),
        y=Axis(label="Cross-entropy", unit="nats", low=0.0),
        series=(series,),
        alt=f"Loss after the last round: {ended.mean:.3f}." if ended else "After the last round the loss is not a number.",
    )


def success_chart(plan: Plan, runs: dict[str, tuple[Round, ...]]) -> Chart:
    """Attack success by round."""
    ends = ", ".join(f"{name} {percent(r[-1].hits / max(r[-1].tries, 1))}" for name, r in runs.items())
    return Chart(
        name="success_by_round",
        title=f"{SUCCESS[plan.attack]}, by round",
        kind="line",
        x=Axis(label="Round", low=0, high=float(plan.rounds)),
        y=Axis(label="Attack success rate", unit="share", low=0.0, high=1.0),
        series=tuple(_line(name, [(r.number, r.hits, r.tries) for r in _thinned(rounds)]) for name, rounds in runs.items()),
        alt=f"Attack success rate after the last round: {ends}.",
    )


def _attack_chart(plan: Plan, rounds: tuple[Round, ...]) -> tuple[Chart, ...]:
    return (success_chart(plan, {RULES[plan.rule]: rounds}),) if plan.malicious and rounds[-1].tries else ()


def _thinned(rounds: tuple[Round, ...]) -> list[Round]:
    """At most 200 rounds, evenly, first and last among them."""
    return [rounds[i] for i in sorted({int(i) for i in np.linspace(0, len(rounds) - 1, 200)})]


def _line(name: str, points: list[tuple[int, int, int]]) -> Series:
    bands = [clopper_pearson(hits, n) for _, hits, n in points]
    return Series(
        name=name,
        x=tuple(float(number) for number, _, _ in points),
        y=tuple(hits / n if n else None for _, hits, n in points),
        low=tuple(low for low, _ in bands),
        high=tuple(high for _, high in bands),
    )


def table(rounds: tuple[Round, ...], attacked: bool) -> Table:
    """The rounds, the last 200 of them."""
    heads = [Column(name="Round", kind="integer"), Column(name="Asked", kind="integer"), Column(name="Answered", kind="integer")]
    heads += [
        Column(name="Accuracy", kind="percent"),
        Column(name="from", kind="percent"),
        Column(name="to", kind="percent"),
        Column(name="Loss", unit="nats", kind="number"),
    ]
    heads += [Column(name="Attack success rate", kind="percent")] if attacked else []
    heads += [Column(name="Note")]
    rows: list[tuple[str | float | int | None, ...]] = [
        (
            r.number,
            r.asked,
            r.answered,
            r.right / r.rows,
            *clopper_pearson(r.right, r.rows),
            r.loss.mean if r.loss else None,
            *((r.hits / r.tries if r.tries else None,) if attacked else ()),
            r.note,
        )
        for r in rounds[-200:]
    ]
    return Table(name="rounds", title="Round by round", columns=tuple(heads), rows=tuple(rows), total=len(rounds))


def shards(start: "Setting") -> Table:
    """Rows of each client by class, the first 50 clients; attackers are marked by a word."""
    names = start.target.classes[:CLASSES]
    columns = (
        Column(name="Client"),
        Column(name="Rows", kind="integer"),
        *(Column(name=name, kind="integer") for name in names),
    )
    rows: list[tuple[str | float | int | None, ...]] = []
    for client, shard in enumerate(start.shards[:50]):
        counts = np.bincount(shard.y, minlength=start.classes)[:CLASSES]
        text = f"{client} (malicious)" if client in start.plan.malicious else str(client)
        rows.append((text, len(shard.y), *(int(c) for c in counts)))
    note = "Labels as the client trains on them." + (f" The first {CLASSES} classes." if start.classes > CLASSES else "")
    return Table(name="shards", title="Who has what", columns=columns, rows=tuple(rows), total=len(start.shards), note=note)
