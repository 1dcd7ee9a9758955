"""Differential privacy by slider: move any of epsilon, noise, epochs, batch; the others follow. Then train."""

import threading
from typing import TYPE_CHECKING, Literal

import ipywidgets as w

from tiltyard.errors import Problem
from tiltyard.result import Axis, Chart, Series

from ..controls.picker import Choice
from ..controls.slider import Slider
from ..theme import look
from ..views.chart import ChartView
from .step_runner import Bound, StepRunner
from .topic_panel import TopicPanel

if TYPE_CHECKING:
    from tiltyard.privacy_accounting.budget import Budget, Curve

REST = 0.6
Over = Literal["epochs", "noise_multiplier", "batch_size"]
OVERS: dict[str, str] = {"epochs": "Epochs", "noise_multiplier": "Noise multiplier", "batch_size": "Batch size"}


def chart_of(curve: "Curve", budget: "Budget") -> Chart:
    """Epsilon over one setting, with the present one marked."""
    now = float(getattr(budget, curve.over))
    label = OVERS[curve.over]
    return Chart(
        name="epsilon",
        title=f"Epsilon by {curve.accountant.upper()}",
        kind="line",
        x=Axis(label=label),
        y=Axis(label="Epsilon", unit=f"at delta {budget.delta:.0e}", scale="log"),
        series=(
            Series(name="epsilon", x=tuple(curve.x), y=tuple(curve.epsilon)),
            Series(name="this setting", x=(now,), y=(budget.epsilon,)),
        ),
        alt=f"Epsilon against {label.lower()}; {budget.epsilon:.3g} at {now:g}.",
    )


class BudgetView(Bound):
    """Four bound sliders and the live curve. ``budget`` is the present `Budget`.

    RDP answers while a slider moves, PRV once it rests; the line under the chart names the accountant.
    """

    names = ("epsilon", "noise_multiplier", "epochs", "batch_size", "delta")

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.rows = rows
        self.budget: Budget | None = None
        self._quiet = False
        self._timer: threading.Timer | None = None
        self._turn = 0
        self.epsilon = Slider(
            label="Epsilon",
            value=4,
            min=0.1,
            max=50,
            step=0.01,
            log=True,
            help="How much one person's row may matter; less is more private",
        )
        self.noise = Slider(
            label="Noise multiplier", value=1, min=0.3, max=20, step=0.01, log=True, help="Noise added to each step, in clip norms"
        )
        self.epochs = Slider(label="Epochs", value=5, min=1, max=60, step=1, help="Passes over the training rows")
        self.batch = Slider(label="Batch size", value=min(512, rows), min=8, max=max(16, min(4096, rows)), step=8, log=True, unit="rows")
        self.hold = Choice(
            label="When epochs or batch size move, hold",
            options=[("epsilon; noise follows", "epsilon"), ("noise; epsilon follows", "noise")],
            value="epsilon",
        )
        self.over = Choice(label="Curve over", options=[(v, k) for k, v in OVERS.items()], value="epochs")
        self.chart = ChartView()
        self.line = look.text("Loading the accountant …", kind="help")
        self.children = (self.epsilon, self.noise, self.epochs, self.batch, self.hold, self.over)
        for name in ("epsilon", "noise", "epochs", "batch"):
            getattr(self, name).observe(lambda _, name=name: self.moved(name), "value")
        self.over.observe(lambda _: self._draw(), "value")
        threading.Thread(target=self._first, daemon=True, name="tiltyard accountant").start()

    def _first(self) -> None:
        from tiltyard.privacy_accounting.budget import Budget

        try:
            self.budget = Budget.of(self.rows, int(self.batch.value), int(self.epochs.value), epsilon=float(self.epsilon.value))
        except Problem as problem:
            self.line.say(str(problem))
            return
        self._show()

    def resize(self, rows: int) -> None:
        """Another data set: the same settings for its number of training rows."""
        if rows != self.rows:
            self.rows = rows
            threading.Thread(target=self._first, daemon=True, name="tiltyard accountant").start()

    def values(self) -> dict[str, object]:
        b = self.budget
        epsilon, epochs, batch, _ = (s.right() for s in (self.epsilon, self.epochs, self.batch, self.noise))
        if b is None:
            return {"epsilon": epsilon, "epochs": int(epochs), "batch_size": min(int(batch), self.rows)}
        return {"epsilon": round(b.epsilon, 6), "epochs": b.epochs, "batch_size": b.batch_size, "delta": b.delta}

    def moved(self, name: str) -> None:
        """One slider moved: the others follow, the curve is drawn anew."""
        if self._quiet or self.budget is None:
            return
        try:
            self.budget = self._followed(self.budget, name)
        except Problem as problem:
            self.line.say(str(problem))
            return
        self._show()

    def _followed(self, budget: "Budget", name: str) -> "Budget":
        hold: Literal["epsilon", "noise"] = "noise" if self.hold.value == "noise" else "epsilon"
        if name == "epsilon":
            return budget.with_epsilon(float(self.epsilon.value))
        if name == "noise":
            return budget.with_noise(float(self.noise.value))
        if name == "epochs":
            return budget.with_epochs(int(self.epochs.value), hold=hold)
        return budget.with_batch_size(int(self.batch.value), hold=hold)

    def _show(self) -> None:
        budget = self.budget
        assert budget is not None
        self._quiet = True
        try:
            self.epsilon.value = round(min(max(budget.epsilon, self.epsilon.min), self.epsilon.max), 3)
            self.noise.value = round(min(max(budget.noise_multiplier, self.noise.min), self.noise.max), 3)
            self.epochs.value, self.batch.value = budget.epochs, budget.batch_size
        finally:
            self._quiet = False
        self._draw()
        self._later()

    def _draw(self) -> None:
        from tiltyard.privacy_accounting.budget import curve

        if self.budget is None:
            return
        over: Over = self.over.value  # type: ignore[assignment]
        try:
            self.chart.show(chart_of(curve(self.budget, over=over), self.budget))
        except Problem as problem:
            self.line.say(str(problem))
            return
        self.line.say(self._words(self.budget))

    def _words(self, budget: "Budget") -> str:
        name = budget.accountant.upper()
        spent = f"epsilon {budget.epsilon:.3f} at delta {budget.delta:.0e} by {name}"
        plan = f"noise multiplier {budget.noise_multiplier:.3f}, {budget.epochs} epochs of {budget.batch_size} rows of {budget.n:,}"
        return ". ".join(part for part in (f"{spent}: {plan}", budget.held, budget.note) if part)

    def _later(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._turn += 1
        turn = self._turn
        self._timer = threading.Timer(REST, lambda: self._rested(turn))
        self._timer.daemon = True
        self._timer.start()

    def _rested(self, turn: int) -> None:
        budget = self.budget
        if budget is None or turn != self._turn:
            return
        exact = budget.exact()
        if turn == self._turn:
            self.line.say(
                f"{self._words(budget)}. At rest: epsilon {exact.epsilon:.3f} by {exact.accountant.upper()}. {exact.note}".strip()
            )


class PrivacyPanel(TopicPanel):
    """Tune the budget, train with DP-SGD, and measure what leaks."""

    topic = "privacy"
    first = "privacy.dp_sgd"

    def bound(self, id: str) -> Bound | None:
        """DP-SGD gets bound sliders in the place of four form fields."""
        return BudgetView(self._rows()) if id == "privacy.dp_sgd" else None

    def before(self, id: str, runner: StepRunner) -> tuple[w.Widget, ...]:
        tuned = isinstance(runner.bound, BudgetView) and not runner.settings.folded
        return (runner.bound.chart, runner.bound.line) if tuned else ()  # type: ignore[union-attr]

    def _rows(self) -> int:
        return len(self.session.data.seen) if self.session.data is not None else 1000

    def refresh(self) -> None:
        for runner in self._runners.values():
            if isinstance(runner.bound, BudgetView):
                runner.bound.resize(self._rows())
        super().refresh()
