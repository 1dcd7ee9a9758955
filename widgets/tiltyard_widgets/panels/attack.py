"""Adversarial attacks: eps is shown in each feature's own unit beside its range."""

import ipywidgets as w

from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema

from ..theme import look
from .step_runner import StepRunner
from .topic_panel import TopicPanel


def in_units(schema: Schema, eps: float, norm: str = "linf", flips: int = 1, most: int = 6) -> str:
    """What an eps means, feature by feature: a share of each range in linf, all that one may take alone in l2 and l1, a count in l0."""
    numbers = [f for f in schema.features if not f.grouped and f.mutable]
    fixed = [f.name for f in schema.features if not f.mutable]
    groups = [f.name for f in schema.features if f.grouped and f.mutable]
    kept = f" Kept: {', '.join(fixed)}." if fixed else ""
    flipped = f" Categories that may change: {', '.join(groups)}." if groups and flips else ""
    if not numbers:
        return f"No numeric feature may change.{flipped}{kept}"
    if norm == "l0":
        return f"An eps of {eps:g} means that at most {eps:g} of {len(numbers)} numbers may change, each within its range.{flipped}{kept}"
    sizes = "; ".join(_one(f, eps if norm == "linf" else min(eps, 1.0)) for f in numbers[:most])
    more = f"; and {len(numbers) - most} more" if len(numbers) > most else ""
    alone = "" if norm == "linf" else ", each where it alone is moved"
    return f"An eps of {eps:g} means {sizes}{more}{alone}.{flipped}{kept}"


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
            given = runner.form.values() if schema else {}
            eps, norm, flips = given.get("eps"), str(given.get("norm", "linf")), int(given.get("flips", 1))
            units.say(in_units(schema, float(eps), norm, flips) if schema and isinstance(eps, (int, float)) else "")

        runner.form.observe(say, "given")
        self.session.observe(say, "version")
        say()
        return units
