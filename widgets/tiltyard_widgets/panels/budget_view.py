"""The sliders of a privacy budget: what they show is what is passed on and trained."""

import math
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from tiltyard.errors import Cancelled, Problem
from tiltyard.formatting.numbers import number
from tiltyard.progress import Progress
from tiltyard.result import Axis, Chart, Series

from ..controls.fold import Fold
from ..controls.picker import Choice
from ..controls.slider import Slider
from ..theme import look
from ..views.chart import ChartView
from .step_runner import Bound

if TYPE_CHECKING:
    from tiltyard.privacy_accounting.accountants import Accountant
    from tiltyard.privacy_accounting.budget import Budget, Curve, Hold

Over = Literal["epochs", "noise_multiplier", "batch_size"]
OVERS: dict[str, str] = {"epochs": "Epochs", "noise_multiplier": "Noise multiplier", "batch_size": "Batch size"}
MEANING = "meaning"
FIRST = "epsilon is at most this (RDP; the tighter curve follows)"
LARGEST = 1000.0
REST = 0.6  # s without a move after which the tighter curve is reckoned: that costs more than all else that a move does


def chart_of(curve: "Curve", budget: "Budget") -> Chart:
    """Epsilon over one setting, with the present one marked."""
    now = float(getattr(budget, curve.over))
    label = OVERS[curve.over]
    return Chart(
        name="epsilon",
        title="Epsilon",
        kind="line",
        x=Axis(label=label),
        y=Axis(label="Epsilon", unit=f"at delta {number(budget.delta)}", scale="log"),
        series=(
            Series(name=FIRST if curve.first else "epsilon", x=tuple(curve.x), y=tuple(curve.epsilon)),
            Series(name="this setting", x=(now,), y=(budget.epsilon,)),
        ),
        alt=f"Epsilon against {label.lower()}; {budget.epsilon:.3g} at {now:g}.",
    )


class BudgetView(Bound):
    """Five bound sliders and the live curve. ``budget`` is the present `Budget`, which the sliders show and `values` passes on.

    A setting that no accountant reaches is put back; the reason stays, and nothing runs, until a slider is moved to one that is.
    """

    names = ("epsilon", "noise_multiplier", "epochs", "batch_size", "delta", "accountant")

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.rows = rows
        self.budget: Budget | None = None
        self.refused: Problem | None = None
        self._shower = 0
        self._lock = threading.RLock()
        self._finer = Progress()
        self._next: Callable[[], None] | None = None
        self._due = 0.0
        self._refiner: threading.Thread | None = None
        self._make_sliders(rows)
        self._make_choices()
        self.chart = ChartView()
        self.line = look.text("Loading the accountant …", kind="help")
        more = Fold([], [self.delta, self.hold, self.accountant, self.over], title="Delta, accountant, curve")
        self.children = (self.epsilon, self.noise, self.epochs, self.batch, more)
        for name in ("epsilon", "noise", "epochs", "batch", "delta", "accountant"):
            getattr(self, name).observe(lambda _, name=name: self.moved(name), "value")
        self.over.observe(lambda _: self._draw(), "value")
        self._soon()

    def _make_sliders(self, rows: int) -> None:
        help = "How much one person's row may matter; less is more private"
        self.epsilon = Slider(label="Epsilon", value=4, min=0.01, max=100, step=0.01, log=True, help=help)
        help = "Noise added to each step, in clip norms"
        self.noise = Slider(label="Noise multiplier", value=1, min=0.1, max=50, step=0.01, log=True, help=help)
        self.epochs = Slider(label="Epochs", value=5, min=1, max=60, step=1, help="Passes over the training rows", integer=True)
        most = max(2, rows)
        self.batch = Slider(
            label="Batch size",
            value=min(512, most),
            min=1,
            max=most,
            step=1,
            log=True,
            unit="rows",
            help="Expected rows in a step",
            integer=True,
        )
        help = "Chance that the promise fails; well below 1 / rows"
        self.delta = Slider(label="Delta", value=1e-5, min=1e-12, max=0.5, log=True, help=help)

    def _make_choices(self) -> None:
        self.hold = Choice(
            label="When epochs, batch size or delta move, hold",
            options=[("epsilon; noise follows", "epsilon"), ("noise; epsilon follows", "noise")],
            value="epsilon",
        )
        self.accountant = Choice(
            label="Accountant", options=[("the tightest bound that holds", "tightest"), ("RDP", "rdp")], value="tightest"
        )
        shown = [(f"Epsilon over {label.lower()}", name) for name, label in OVERS.items()]
        self.over = Choice(label="Show", options=[*shown, ("What epsilon means", MEANING)], value="epochs")

    def _soon(self) -> None:
        threading.Thread(target=self._settled, daemon=True, name="tiltyard accountant").start()

    def _settled(self) -> "Budget | None":
        """The present budget; the first is made of what the sliders show, at the usual delta."""
        from tiltyard.privacy_accounting.accountants import default_delta
        from tiltyard.privacy_accounting.budget import Budget

        with self._lock:
            if self.budget is None:
                try:
                    rest = self.rows, min(int(self.batch.value), self.rows), int(self.epochs.value), default_delta(self.rows)
                    self._took(Budget.of(*rest, epsilon=float(self.epsilon.value), accountant=self._who()))
                except Problem as problem:
                    self._refuse(problem)
            return self.budget

    def _who(self) -> "Accountant":
        return "rdp" if self.accountant.value == "rdp" else "tightest"

    def resize(self, rows: int) -> None:
        """Another data set: the same settings for its number of training rows, at the usual delta."""
        if rows == self.rows:
            return
        with self._lock:
            self.rows, self.budget = rows, None
            self._shower = threading.get_ident()
            try:
                self.batch.max = float(max(2, rows))
                self.batch.value = min(self.batch.value, float(max(1, rows)))
            finally:
                self._shower = 0
        self._soon()

    @property
    def settled(self) -> bool:
        """Is there a budget, or a reason why there is none?"""
        return self.budget is not None or self.refused is not None

    def values(self) -> dict[str, object]:
        """What is trained: the very budget that is shown. A `Problem` where a setting was refused, or a box holds no number."""
        for slider in (self.epsilon, self.epochs, self.batch, self.noise, self.delta):
            slider.right()
        budget = self._settled()
        if self.refused is not None:
            raise self.refused
        assert budget is not None
        return {
            "epsilon": max(budget.epsilon, 1e-6),
            "noise_multiplier": budget.noise_multiplier,
            "epochs": budget.epochs,
            "batch_size": budget.batch_size,
            "delta": budget.delta,
            "accountant": budget.accountant,
        }

    def moved(self, name: str) -> None:
        """One slider moved: the others follow, the curve is drawn anew; or it is put back, and the reason stays."""
        if self._shower == threading.get_ident():
            return  # it is this thread that shows what followed
        value = getattr(self, name).value
        with self._lock:
            if (budget := self._settled()) is None:
                return
            try:
                self._took(self._followed(budget, name, value))
            except Problem as problem:
                self._show()
                self._refuse(problem)

    def _took(self, budget: "Budget") -> None:
        if budget.epsilon > LARGEST:
            raise Problem(f"an epsilon of at most {LARGEST:g}", f"{budget.epsilon:.4g}", "Give more noise, fewer epochs or smaller batches")
        self.budget, self.refused = _tidy(budget), None
        self._show()
        self._draw()

    def _refuse(self, problem: Problem) -> None:
        self.refused = problem
        back = (
            "The sliders stand as they stood before; move one to go on." if self.budget is not None else "Nothing can be trained on this."
        )
        self.line.say(f"{str(problem).rstrip('.')}. {back}")

    def _followed(self, budget: "Budget", name: str, value: Any) -> "Budget":
        hold: Hold = "noise" if self.hold.value == "noise" else "epsilon"
        if name == "epsilon":
            return budget.with_epsilon(float(value))
        if name == "noise":
            return budget.with_noise(float(value))
        if name == "epochs":
            return budget.with_epochs(int(value), hold)
        if name == "delta":
            return budget.with_delta(float(value), hold)
        if name == "accountant":
            return budget.with_accountant("rdp" if value == "rdp" else "tightest", hold)
        return budget.with_batch_size(int(value), hold)

    def _show(self) -> None:
        """The budget on the sliders, whose ends make room for what followed."""
        budget = self.budget
        assert budget is not None
        self._shower = threading.get_ident()
        try:
            put(self.epsilon, rounded_up(budget.epsilon, 4))
            put(self.noise, budget.noise_multiplier)
            put(self.delta, budget.delta)
            self.accountant.value = budget.accountant
            self.epochs.value, self.batch.value = budget.epochs, budget.batch_size
        finally:
            self._shower = 0

    def _draw(self) -> None:
        """The curve at once by RDP, and once the sliders rest by the tightest bound, from a thread of its own; a later move cancels that."""
        from tiltyard.privacy_accounting.budget import first_curve
        from tiltyard.privacy_accounting.meaning import picture

        self._finer.cancel()

        budget = self.budget
        if budget is None:
            return
        if self.over.value == MEANING:
            self.chart.show(picture(budget.epsilon, budget.delta))
        else:
            over: Over = self.over.value  # type: ignore[assignment]
            try:
                first = first_curve(budget, over=over)
                self.chart.show(chart_of(first, budget))
                self._finer = Progress()
                self._finer_soon(partial(self._refine, budget, over, self._finer))
            except Problem:  # the curve reaches where no epsilon is finite: the number stands without it
                self.chart.show(None)
        if self.refused is None:
            self.line.say(words(budget))

    def _finer_soon(self, refine: Callable[[], None]) -> None:
        """Have the curve refined once nothing has moved for `REST`; what stood here before is forgotten."""
        with self._lock:
            self._next = refine
            self._due = time.monotonic() + REST
            if self._refiner is None:
                self._refiner = threading.Thread(target=self._refined, daemon=True, name="tiltyard curve")
                self._refiner.start()

    def _refined(self) -> None:
        try:
            while (refine := self._rested()) is not None:
                refine()
        finally:
            with self._lock:
                if self._refiner is threading.current_thread():  # it broke; the next move has another
                    self._refiner = None

    def _rested(self) -> Callable[[], None] | None:
        """What is to be refined, once the sliders rest; the thread ends where there is nothing."""
        while True:
            with self._lock:
                left = self._due - time.monotonic()
                if left <= 0:
                    refine, self._next = self._next, None
                    if refine is None:
                        self._refiner = None
                    return refine
            time.sleep(left)

    def _refine(self, budget: "Budget", over: Over, progress: Progress) -> None:
        """The curve by the tightest bound, shown where nothing has moved since."""
        from tiltyard.privacy_accounting.budget import curve

        try:
            found = chart_of(curve(budget, over=over, progress=progress), budget)
        except (Cancelled, Problem):
            return
        with self._lock:
            if not progress.cancelled:
                self.chart.show(found)


def rounded_up(value: float, digits: int) -> float:
    """The least number of so many digits that is not below ``value``, which is 0 or above."""
    if value <= 0:
        return 0.0
    places = digits - 1 - math.floor(math.log10(value))
    return math.ceil(value * 10.0**places * (1 - 1e-12)) / 10.0**places


def _tidy(budget: "Budget") -> "Budget":
    """With noise of five digits, as the box shows it, and epsilon accounted for that."""
    noise = rounded_up(budget.noise_multiplier, 5)
    if noise == budget.noise_multiplier:
        return budget
    return budget.with_noise(noise).model_copy(update={"target": budget.target, "held": budget.held})


def put(slider: Slider, value: float) -> None:
    """Set a slider; its range grows where the value lies outside, so that nothing is clamped."""
    if value <= 0:
        value = slider.min
    slider.min, slider.max = min(slider.min, value), max(slider.max, value)
    slider.value = value


def words(budget: "Budget") -> str:
    """The budget, by whom it is accounted, and what it means."""
    from tiltyard.privacy_accounting.accountants import NAMES
    from tiltyard.privacy_accounting.meaning import meaning
    from tiltyard.privacy_accounting.rdp import rdp

    name = NAMES[budget.by]
    spent = f"Epsilon {budget.epsilon:.4g} at delta {number(budget.delta)} by {name}"
    plan = f"noise multiplier {budget.noise_multiplier:.4g}, {budget.epochs} epochs of {budget.batch_size:,} of {budget.n:,} rows"
    other = ""
    if budget.by != "rdp":
        other = f"By RDP alone it would be {rdp(budget.noise_multiplier, budget.sample_rate, budget.steps, budget.delta).epsilon:.4g}"
    parts = (f"{spent}: {plan}", budget.warning.rstrip("."), meaning(budget.epsilon, budget.delta).words.rstrip("."), budget.note, other)
    return ". ".join(part for part in parts if part) + "."
