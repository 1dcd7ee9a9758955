"""Federated learning by slider: who takes part, who attacks, how the server combines; the curve grows with each round."""

from collections.abc import Sequence

import ipywidgets as w

from tiltyard.check import Step
from tiltyard.datasets.dataset import Dataset
from tiltyard.defense import Outcome
from tiltyard.formatting.numbers import number
from tiltyard.progress import Progress
from tiltyard.result import Chart, Record
from tiltyard.targets.target import Target

from ..controls.picker import Choice
from ..controls.slider import Slider
from ..theme import look
from ..views.chart import ChartView
from .session import Session
from .step_runner import Bound, StepRunner
from .topic_panel import TopicPanel

TRAINING = "federated.training"
SEEN = (
    "In this process the server sees every client's update. With processes and secure on (or: tiltyard federate --secure yes) it learns their "
    "sum alone, by SecAgg+: FedAvg, 3 clients or more. With noise besides, each client adds its share: the sum is private for the server too."
)


class RoundCharts(look.Stack):
    """The charts of a run while it runs; empty before and after."""

    def __init__(self) -> None:
        super().__init__()
        self.views = [ChartView() for _ in range(3)]

    def show(self, charts: Sequence[Chart]) -> None:
        for view, chart in zip(self.views, charts, strict=False):
            view.show(chart)
        self.children = tuple(self.views[: len(charts)])


class Watched:
    """Runs a step here and shows its rounds as they end."""

    def __init__(self, session: Session, charts: RoundCharts) -> None:
        self.session, self.charts = session, charts

    def call(self, step: Step, target: Target, data: Dataset, progress: Progress) -> Outcome:
        """The step's outcome; charts are set on the kernel's own thread."""
        from tiltyard.execution.executors import Local
        from tiltyard.federated.watching import watched

        with watched(lambda charts: self.session.on_main(lambda: self.charts.show(charts))):
            return Local().call(step, target, data, progress)


class Federation(Bound):
    """Sliders for clients, attackers, evenness, rounds and noise; the rule, and what attackers do. The line under them says what follows."""

    names = ("clients", "attackers", "attack", "alpha", "rule", "tolerate", "rounds", "noise_multiplier")

    def __init__(self, session: Session) -> None:
        from tiltyard.federated.aggregation import RULES
        from tiltyard.federated.malice import ATTACKS

        super().__init__()
        self.session = session
        self.clients = Slider(label="Clients", value=10, min=1, max=50, step=1, integer=True, help="Among them the rows are divided")
        self.attackers = Slider(
            label="Malicious clients", value=2, min=0, max=25, step=1, integer=True, help="They do what is chosen below"
        )
        self.attack = Choice(
            label="What they do", options=[(name.replace("_", " ").capitalize(), name) for name in ATTACKS], value="sign_flip"
        )
        self.rule = Choice(label="The server combines by", options=[(title, name) for name, title in RULES.items()], value="fedavg")
        self.alpha = Slider(
            label="Alpha", value=1, min=0.05, max=100, log=True, help="How even the classes are among clients: small is few classes each"
        )
        self.rounds = Slider(label="Rounds", value=5, min=1, max=50, step=1, integer=True, help="Times the server asks and combines")
        self.noise = Slider(
            label="Noise multiplier", value=0, min=0, max=5, step=0.05, help="Client-level differential privacy; 0 is none, and FedAvg only"
        )
        self.line = look.text("", kind="help")
        self.children = (
            self.clients,
            self.attackers,
            self.attack,
            self.rule,
            self.alpha,
            self.rounds,
            self.noise,
            self.line,
            look.text(SEEN, kind="help"),
        )
        for control in self.children[:-2]:
            control.observe(lambda _: self.say(), "value")
        self._turn = 0
        self.say()

    def values(self) -> dict[str, object]:
        attackers = int(self.attackers.right())
        return {
            "clients": int(self.clients.right()),
            "attackers": attackers,
            "attack": self.attack.value,
            "alpha": round(self.alpha.right(), 4),
            "rule": self.rule.value,
            "tolerate": attackers if self.rule.value not in ("fedavg", "fltrust") else 0,
            "rounds": int(self.rounds.right()),
            "noise_multiplier": round(self.noise.right(), 3),
        }

    def say(self) -> None:
        """What these settings mean: whether the rule can hold, and what privacy it costs."""
        self._turn += 1
        self.line.say(self._words())
        if self.noise.value > 0 and self.rule.value == "fedavg":
            turn, noise, rounds, clients = self._turn, float(self.noise.value), int(self.rounds.value), int(self.clients.value)
            self.session.aside(lambda: spent(noise, rounds, clients), lambda words: self._spent(turn, words), lambda _: None)

    def _spent(self, turn: int, words: str) -> None:
        if turn == self._turn:
            self.line.say(f"{self._words()} {words}")

    def _words(self) -> str:
        from tiltyard.federated.aggregation import RULES, needed

        clients, attackers, rule = int(self.clients.value), int(self.attackers.value), self.rule.value
        if attackers > clients:
            return f"At most {clients} malicious clients, as many as there are clients."
        if self.noise.value > 0 and rule != "fedavg":
            return "Noise is accounted for a mean of clipped updates: choose FedAvg, or no noise."
        least = needed(rule, attackers)  # type: ignore[arg-type]
        if least > clients:
            return f"{RULES[rule]} needs {least} clients to withstand {attackers}; there are {clients}."  # type: ignore[index]
        if rule == "fedavg":
            return "FedAvg withstands no attacker." if attackers else "FedAvg: the mean, weighted by rows."
        if rule == "fltrust":
            return "FLTrust: clients count by how alike their updates are to one of the server's own, on 100 clean rows that it keeps."
        return f"{RULES[rule]} is set to withstand {attackers}; it needs {least} clients."  # type: ignore[index]


def spent(noise: float, rounds: int, clients: int) -> str:
    """Epsilon of these settings, in words."""
    from tiltyard.privacy_accounting.accountants import default_delta, epsilon

    delta = default_delta(clients)
    found = epsilon(noise, 1.0, rounds, delta).epsilon
    return f"Epsilon {found:.3g} for one client at delta {number(delta)}, by the closed form, every client in every round."


class FederationPanel(TopicPanel):
    """Train among clients, let some attack, and see what a gradient gives away."""

    topic = "federated"
    first = TRAINING

    def bound(self, id: str) -> Bound | None:
        """Sliders in the place of eight form fields of the training."""
        return Federation(self.session) if id == TRAINING else None

    def runner(self, id: str) -> StepRunner:
        """The training's column shows its rounds as they end."""
        new = id not in self._runners
        found = super().runner(id)
        if new and id == TRAINING:
            self.round_charts = RoundCharts()
            found.executor = Watched(self.session, self.round_charts)
            found.shown = self._ended
        return found

    def before(self, id: str, runner: StepRunner) -> tuple[w.Widget, ...]:
        return (self.round_charts,) if id == TRAINING else ()

    def _ended(self, record: Record) -> None:
        self.round_charts.show(())
