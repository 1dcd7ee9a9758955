"""Adversarial attacks: eps is shown in each feature's own unit beside its range."""

import ipywidgets as w

from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema

from ..theme import look
from .step_runner import StepRunner
from .topic_panel import TopicPanel


def in_units(schema: Schema, eps: float, most: int = 6) -> str:
    """What an eps (share of each range) means, feature by feature."""
    numbers = [f for f in schema.features if not f.grouped and f.mutable]
    fixed = [f.name for f in schema.features if not f.mutable]
    groups = [f.name for f in schema.features if f.grouped and f.mutable]
    sizes = "; ".join(_one(f, eps) for f in numbers[:most])
    more = f"; and {len(numbers) - most} more" if len(numbers) > most else ""
    kept = f" Kept: {', '.join(fixed)}." if fixed else ""
    flips = f" Categories that may change: {', '.join(groups)}." if groups else ""
    return f"An eps of {eps:g} means {sizes}{more}.{flips}{kept}" if numbers else f"No numeric feature may change.{flips}{kept}"


def _one(f: Feature, eps: float) -> str:
    if f.kind == "pixels":
        return f"each pixel ±{eps * (f.high - f.low):g} in {f.low:g} to {f.high:g}"
    most = eps * (f.high - f.low)
    size = f"{most:,.0f}" if most >= 1000 else f"{most:.4g}"
    return f"{f.name} ±{size} {f.unit} ({f.low:,g} to {f.high:,g})"


class AttackPanel(TopicPanel):
    """Launch adversarial examples against the target and see what happened to the rows."""

    topic = "evasion"
    first = "evasion.strong"

    def dress(self, id: str, runner: StepRunner) -> tuple[w.Widget, ...]:
        """The form, and under it eps in units where the step has one."""
        if "eps" in runner.step.model_fields and runner.settings.children[-1:] == (runner.form,):
            runner.settings.children = (*runner.settings.children, self._units(runner))
        return (runner,)

    def _units(self, runner: StepRunner) -> w.Widget:
        units = look.text("", kind="help")

        def say(_: object = None) -> None:
            schema = self.session.data.schema if self.session.data else None
            eps = runner.form.values().get("eps") if schema else None
            units.say(in_units(schema, float(eps)) if schema and isinstance(eps, (int, float)) else "")

        runner.form.observe(say, "given")
        self.session.observe(say, "version")
        say()
        return units
