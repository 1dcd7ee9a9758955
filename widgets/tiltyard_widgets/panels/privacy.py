"""Differential privacy by slider: move any of epsilon, noise, epochs, batch, delta; the others follow. Then train."""

import ipywidgets as w

from .budget_view import BudgetView
from .step_runner import Bound, StepRunner
from .topic_panel import TopicPanel


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
        from tiltyard.privacy.dp_sgd import training_rows

        return training_rows(self.session.data) if self.session.data is not None else 1000

    def refresh(self) -> None:
        for runner in self._runners.values():
            if isinstance(runner.bound, BudgetView):
                runner.bound.resize(self._rows())
        super().refresh()
