"""Federated training as a defense: the rows stay with their clients, a server combines what they learned."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import model_validator

from ..access.places import CHECKPOINT
from ..attacks.triggers import Goal, goal_class
from ..check import Estimate, kept_parameter, parameter
from ..datasets.dataset import Dataset
from ..defense import Defended, Defense
from ..formatting.numbers import about
from ..progress import Progress
from ..targets.target import Target
from .aggregation import RULES, Rule, needed
from .malice import Attack, Omission, loudness

if TYPE_CHECKING:
    from ..targets.training import Recipe
    from .rounds.checkpoint import Checkpoint
    from .rounds.plan import Plan
    from .rounds.server import Round, Weights
    from .rounds.setting import Ran, Setting

START, PLAIN, SECURE = 20.0, 20.0, 50.0
STANDARDS = ("OWASP ML10:2023", "OWASP ML02:2023", "AML.T0018.000", "NISTAML.026", "NISTAML.011", "EU AI Act Art. 15(5)")


class Training(Defense):
    """Train the target's architecture by rounds of FedAvg or a robust rule over simulated clients; attackers among them by choice.

    McMahan et al. 2017 (arXiv 1602.05629). Local training is the target's own recipe, with a new optimizer each round.
    With ``processes`` (``tiltyard federate``) the same client and server functions run under Flower's SuperLink and SuperNodes, which
    talk by sockets that this account alone can open, with TLS and a registered key for each node; equal seeds give equal weights.

    For uneven rows: FedProx (``mu``), SCAFFOLD (``scaffold``) and FedAdam at the server (``server_rate``), beside any rule. FLTrust weighs
    clients by a training of the server's own on ``root_rows``.

    With ``secure`` besides, the server learns the sum of the clients' updates and of their rows, and neither of one client: Flower's SecAgg+
    (Bell et al. 2020, eprint 2020/704) with the corrections of `deployed.summing`, against a server that keeps to the protocol. Updates are
    rounded at random for it (`deployed.quantizing`), so that equal seeds give weights equal up to that. One client can spoil the sum unseen:
    robust rules and refusing what is not finite need each client's update. FedAvg only, therefore. With ``noise_multiplier`` clients clip
    and noise by themselves (`rounds.distributed_noise`; Kairouz et al. 2021, arXiv 2102.06387), so that a sum is private for the server
    too; fewer answers than ``least`` stay closed. Malicious clients may ``omit`` either; without ``processes`` the same sums are made here.
    """

    id: ClassVar[str] = "federated.training"
    title: ClassVar[str] = "Federated training"
    question: ClassVar[str] = "How accurate is the model when no client gives its rows away, and what can malicious clients do?"
    needs: ClassVar[frozenset[str]] = frozenset({"gradients", "weights", "training"})
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = (
        "McMahan et al. 2017, arXiv 1602.05629",
        "Blanchard et al. 2017, arXiv 1703.02757",
        "El Mhamdi et al. 2018, arXiv 1802.07927",
        "Yin et al. 2018, arXiv 1803.01498",
        "Cao et al. 2020, arXiv 2012.13995",
        "Li et al. 2018, arXiv 1812.06127",
        "Karimireddy et al. 2019, arXiv 1910.06378",
        "Reddi et al. 2020, arXiv 2003.00295",
        "Bagdasaryan et al. 2018, arXiv 1807.00459",
        "McMahan et al. 2018, arXiv 1710.06963",
        "Bell et al. 2020, eprint 2020/704",
        "Kairouz et al. 2021, arXiv 2102.06387",
    )
    answers: ClassVar[tuple[str, ...]] = ("federated.gradient_leakage",)
    cost: ClassVar[str] = "one training, plus measuring after each round"
    main: ClassVar[tuple[str, ...]] = ("clients", "rounds", "rule", "attackers")
    seconds: ClassVar[float] = 30.0
    quick: ClassVar[Mapping[str, Any]] = {"rounds": 5, "rows": 4000}

    clients: int = parameter(10, "Among how many clients the rows are divided", "clients", ge=1, le=1000)
    rounds: int = parameter(10, "Times the server asks and combines", "rounds", ge=1, le=1000)
    local_epochs: int = parameter(1, "Passes of a client over its own rows in a round", "epochs", ge=1, le=100)
    alpha: float = parameter(1.0, "Evenness of the classes among clients (Dirichlet): 0.1 is few classes each, 100 is even", gt=0, le=1000)
    rule: Rule = parameter("fedavg", "How the server combines the clients' weights")
    mu: float = parameter(0.0, "FedProx: how strongly a client is held to the round's weights while it trains; 0 is FedAvg", ge=0, le=1000)
    scaffold: bool = parameter(False, "SCAFFOLD: correct clients' gradients by control variates, for uneven rows")
    server_rate: float = parameter(
        0.0, "FedAdam: learning rate of the server's own Adam on what a round changed; 0 takes the round as it is", ge=0, le=1000
    )
    root_rows: int = parameter(100, "FLTrust: clean rows that the server keeps and trains on itself", "rows", ge=1, le=100_000)
    tolerate: int = parameter(2, "Malicious clients that trimmed mean, Krum and Bulyan are to withstand", "clients", ge=0, le=499)
    attackers: int = parameter(0, "Malicious clients", "clients", ge=0, le=1000)
    attack: Attack = parameter("sign_flip", "What malicious clients do")
    boost: float = parameter(0.0, "Factor on what attackers send; 0: clients / attackers, and 1 for label flips", ge=0, le=1000)
    goal: Goal = parameter("", "Class that a planted backdoor gives; empty: the first", source="classes")
    share: float = parameter(1.0, "Chance of a client to take part in a round, each by its own coin", "probability", gt=0, le=1)
    noise_multiplier: float = parameter(0.0, "Client-level differential privacy: noise over the clipping norm; 0 is none", ge=0, le=1000)
    clip: float = parameter(1.0, "With noise: largest norm of one client's update; larger ones are cut down to it", "norm", gt=0, le=1000)
    delta: float = parameter(0.0, "Chance that the promise fails; 0 takes one well below 1 / clients", "probability", ge=0, lt=1)
    fresh_noise: bool = parameter(False, "Draw coins and noise from the operating system, not the seed: for release; not repeatable")
    loss: float = parameter(
        0.05, "Accuracy that it may lose against a model trained in one place, by the end of its interval", "share", ge=0, le=1
    )
    success: float = parameter(0.2, "Success of malicious clients that is accepted, by the end of its interval", "share", ge=0, le=1)
    warm: bool = parameter(False, "Start from the model's weights instead of fresh ones")
    rows: int = parameter(20_000, "Training rows divided among the clients", "rows", ge=1, le=10_000_000)
    resume: str = kept_parameter(
        "File (safetensors) written after every round and gone on from if it is there; "
        "a bare name stands in the user's data folder; empty for none",
        CHECKPOINT,
    )

    processes: bool = parameter(
        False, "Run server and clients as processes of their own under Flower (extra federated); some half a minute a round"
    )
    patience: float = parameter(120.0, "In processes: a client that has not answered by then is lost for the round", "s", ge=5, le=86_400)

    secure: bool = parameter(
        False,
        "In processes: mask the clients' updates so that the server learns their sum alone (SecAgg+); FedAvg, 3 clients or more. "
        "Without processes, with noise: the same sums, made here and not masked",
    )
    least: int = parameter(
        0,
        "With secure and noise: answers without which a round's sum stays closed, which have the whole noise; 0 takes seven tenths of those drawn",
        "clients",
        ge=0,
        le=1000,
    )

    omit: Omission = parameter(
        "nothing", "With secure and noise: what malicious clients leave out of what each should do to its own update"
    )

    @model_validator(mode="after")
    def _possible(self) -> "Training":
        if self.attackers > self.clients:
            raise ValueError(f"at most {self.clients} attackers, as many as there are clients; found {self.attackers}")
        if self.noise_multiplier > 0 and self.rule != "fedavg":
            raise ValueError(f"noise is accounted for a sum of clipped updates, so rule must be fedavg; found {self.rule}")
        if self.noise_multiplier == 0 and (least := needed(self.rule, self.tolerate)) > self.clients:
            raise ValueError(f"{RULES[self.rule]} needs {least} clients to withstand {self.tolerate}; found {self.clients}")
        if self.processes and (self.scaffold or self.rule == "fltrust"):
            found = "scaffold" if self.scaffold else "rule fltrust"
            raise ValueError(f"{found} runs in this process alone: variates and the server's rows are kept here; found processes")
        if self.scaffold and self.noise_multiplier > 0:
            raise ValueError("noise is accounted for updates alone, and SCAFFOLD's variates give more away; found scaffold")
        if self.processes and self.resume:
            raise ValueError("resume is for runs in this process; found processes")
        if self.secure and (reason := self._exposed()):
            raise ValueError(f"secure {reason}")
        if self.omit != "nothing" and not (self.secure and self.noise_multiplier > 0 and self.attackers):
            raise ValueError(
                f"omit is of malicious clients that should noise by themselves: secure, a noise multiplier and attackers; found {self.omit}"
            )
        return self

    def _exposed(self) -> str:
        """Why a server that learns sums alone cannot run this; empty where it can."""
        if not self.processes and self.noise_multiplier == 0:
            return "masks what processes send one another, so processes must be on; found off"
        if self.rule != "fedavg":
            return f"hides each client's update, which {RULES[self.rule]} needs, so rule must be fedavg; found {self.rule}"
        if self.noise_multiplier > 0 and self.least and not 2 <= self.least <= self.clients:
            return f"opens a sum of least answers, 2 to {self.clients}, as many as there are clients; found {self.least}"
        return f"needs 3 clients or more, for of two each could subtract its own; found {self.clients}" if self.clients < 3 else ""

    def plan(self, recipe: "Recipe", goal: int, offsets: tuple[float, ...] = ()) -> "Plan":
        """What every process of this federation agrees on; ``offsets`` are those of the decision rule."""
        import numpy as np

        from .rounds.plan import Plan

        who = np.random.default_rng([self.seed, 6]).permutation(self.clients)[: self.attackers]
        return Plan(
            clients=self.clients,
            rounds=self.rounds,
            rule=self.rule,
            tolerate=self.tolerate if self.rule != "fedavg" else 0,
            recipe=recipe.model_copy(update={"epochs": self.local_epochs}),
            seed=self.seed,
            share=self.share,
            noise=self.noise_multiplier,
            clip=self.clip,
            fresh_noise=self.fresh_noise,
            attack=self.attack,
            malicious=tuple(sorted(int(i) for i in who)),
            boost=self.boost or loudness(self.attack, self.clients, self.attackers),
            goal=goal,
            secure=self.secure,
            least=self._least() if self.secure and self.noise_multiplier > 0 else 0,
            omit=self.omit,
            offsets=offsets,
            mu=self.mu,
            scaffold=self.scaffold,
            server_rate=self.server_rate,
        )

    def _least(self) -> int:
        """The answers that have the whole noise: those asked for, else seven tenths of the clients drawn, and three at least."""
        return self.least or max(3, math.ceil(0.7 * self.share * self.clients))

    def setting(self, target: Target, data: Dataset) -> "Setting":
        """Weights, shards and held-out rows this run starts from."""
        from .rounds.setting import parts, setting, trainable

        torch_target, recipe = trainable(target)
        goal = goal_class(self.goal, target.classes) if self.goal else 0
        rule = target.decision.offsets if target.decision is not None else None
        root = self.root_rows if self.rule == "fltrust" else 0
        return setting(self.plan(recipe, goal, rule or ()), torch_target, parts(data, self.rows, self.seed), self.alpha, self.warm, root)

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        """From one client's round, timed here."""
        import time

        from .rounds.local import Local
        from .rounds.weights import flat

        if reason := self.unmet(target, data):
            return Estimate(note=reason)
        start = self.setting(target, data)
        clock = time.perf_counter()
        Local(start.start, start.plan, start.shards)(1, flat(start.start), (0,), Progress())
        share = len(start.shards[0].y) / max(sum(len(s.y) for s in start.shards), 1)
        if self.processes:
            return self._slow()
        seconds = (time.perf_counter() - clock) / max(share, 1e-6) * self.rounds * self.share
        return Estimate(seconds=seconds, note="measured on one client's round here")

    def _slow(self) -> Estimate:
        """A process starts at each message: one a round, and four under SecAgg+."""
        each = SECURE if self.secure else PLAIN
        return Estimate(seconds=each * self.rounds + START, note=f"{about(each)} a round, for a process starts at each message")

    def apply(self, target: Target, data: Dataset, progress: Progress) -> Defended:
        """Run all rounds, here or in processes; the made target, and what each round showed."""
        from .rounds.outcome import show

        progress.step(0.0, "dividing the rows")
        start = self.setting(target, data)
        if self.processes:
            from .deployed.deployment import ran

            over = ran(start, self.patience, progress.part(0.85), on_round=lambda rounds: show(start.plan, rounds))
            return self.made(start, over, target, progress.part(0.1))
        checkpoint = self._kept(target, data)
        weights, done, memory = checkpoint.read() if checkpoint else (None, (), {})

        def kept(now: "Weights", rounds: "list[Round]") -> None:
            show(start.plan, tuple(rounds))
            if checkpoint is not None:
                checkpoint.write(now, rounds, memory)

        return self.made(start, start.run(progress.part(0.85), done, weights, kept, memory), target, progress.part(0.1))

    def _kept(self, target: Target, data: Dataset) -> "Checkpoint | None":
        """The checkpoint of this very run, of which more rounds may be asked for than before; None where none is wanted."""
        from ..targets.checkpoints import key_of, place
        from .rounds.checkpoint import Checkpoint

        path = place(self.resume)
        if path is None:
            return None
        facts = self.model_dump(mode="json", exclude={"resume", "rounds", "loss", "success"})
        return Checkpoint(path, key_of(facts, target.fingerprint, data.fingerprint))

    def made(self, start: "Setting", ran: "Ran", target: Target, progress: Progress) -> Defended:
        """The target and the result of a run, wherever it ran."""
        from .rounds.central import central
        from .rounds.outcome import Asked, result
        from .rounds.weights import put

        put(start.start, ran.weights)
        text = f"{target.name} (federated, {self.clients} clients, {RULES[self.rule]})"
        module = start.target.made(start.start, text)
        against = central(start, target, progress)
        asked = Asked(self.loss, self.success)
        return Defended(module, result(start, ran, target, module, self.delta, self.processes, against, asked))
