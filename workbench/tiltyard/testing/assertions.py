"""Assertions for tests of a model: they hold where the end of the interval on the unsafe side does, and the check itself has passed."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..catalogue import find
from ..check import Check, named
from ..datasets.building import Member
from ..errors import Problem
from ..formatting.numbers import labeled, number
from ..result import Metric, Record, Status
from ..targets.meeting import meet
from ..targets.target import Target


def assert_robust(
    model: Any,
    data: Any,
    *,
    at_least: float,
    check: str = "",
    label: str | None = None,
    sensitive: str | Sequence[str] | None = None,
    **parameters: Any,
) -> Record:
    """The model keeps at least this share of rows right under attack, by the low end of the interval of its robust accuracy.

    Parameters
    ----------
    model, data, label, sensitive
        As ``ty.check`` takes them.
    at_least
        Robust accuracy, 0 to 1.
    check
        Which attack; by default the strongest that the model can be asked with: ``"evasion.strong"`` where it has gradients,
        ``"evasion.square"`` where it gives scores, else ``"evasion.hop_skip_jump"``. What an attacker who sees more could do, the
        latter two do not say.
    parameters
        Of the check, by name: ``eps=0.05``.

    Returns
    -------
    Record
        What was measured.

    Raises
    ------
    AssertionError
        The low end is below, or the check is *incomplete*, failed or does not apply: that is no pass.
    """
    share("at_least", at_least)
    target, rows = meet(model, data, label, sensitive)
    record = measured(check or _strongest(target), target, rows, {"accept": 1.0, **parameters})
    return held(record, ["robust_accuracy"], at_least=at_least)


def assert_private(
    model: Any,
    data: Any,
    *,
    at_most: float,
    check: str = "privacy.membership_ladder",
    label: str | None = None,
    sensitive: str | Sequence[str] | None = None,
    member: Member = None,
    **parameters: Any,
) -> Record:
    """Nobody tells the model's training rows from others better than this, by the high end of the interval of the attack's AUC.

    Parameters
    ----------
    at_most
        AUC of the attack, above 0.5 (guessing) to 1.
    member
        Of a table: the column or the mask (n,) that says which rows were trained on.

    Raises
    ------
    AssertionError
        The high end is above, or the check is *incomplete*, failed or does not apply: that is no pass.
    """
    if share("at_most", at_most) <= 0.5:
        raise Problem("an AUC above 0.5, which is guessing, to 1", repr(at_most), "Correct at_most")
    limits = {"accepted": min(max(at_most - 0.5, 0.001), 0.5), "accepted_tpr": 1.0}
    record = measured(check, model, data, {**limits, **parameters}, label, sensitive, member)
    return held(record, ["auc"], at_most=at_most)


def assert_fair(
    model: Any,
    data: Any,
    *,
    at_most: float,
    metric: str = "demographic_parity_difference",
    check: str = "fairness.groups",
    label: str | None = None,
    sensitive: str | Sequence[str] | None = None,
    **parameters: Any,
) -> Record:
    """The gap between groups is at most this for every sensitive column, by the end of its interval that is farther from zero.

    Parameters
    ----------
    at_most
        The gap, 0 to 1 (a difference of shares).
    metric
        Which gap, or how the names of such gaps begin: ``"equalized_odds_difference"``.

    Raises
    ------
    AssertionError
        An end is beyond, or the check is *incomplete*, failed or does not apply: that is no pass.
    """
    share("at_most", at_most)
    record = measured(check, model, data, {"difference": 1.0, "ratio": 0.0, **parameters}, label, sensitive)
    names = [m.name for m in record.result.metrics if m.name == metric or m.name.startswith(f"{metric}_")]
    return held(record, names or [metric], at_most=at_most)


def share(name: str, value: float) -> float:
    """``value`` where it is a share from 0 to 1; `Problem` where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise Problem(f"{name} as a share from 0 to 1", repr(value), "Write 0.8 for 80 %")
    return float(value)


def _strongest(target: Target) -> str:
    return next((id for need, id in ATTACKS.items() if need in target.offers), "evasion.hop_skip_jump")


def measured(
    check: str,
    model: Any,
    data: Any,
    parameters: Mapping[str, Any],
    label: str | None = None,
    sensitive: str | Sequence[str] | None = None,
    member: Member = None,
) -> Record:
    """The record of a check whose own limits are out of the way: the assertion judges the number, the check whether it was earned."""
    kind = find(check)
    own = {name: value for name, value in parameters.items() if name in kind.model_fields or name not in LIMITS}
    made = named(kind, own)
    if not isinstance(made, Check):
        raise Problem("a check", f"{check!r}, which is a defense", "See ty.checks()")
    return made(*meet(model, data, label, sensitive, member))


ATTACKS = {"gradients": "evasion.strong", "scores": "evasion.square"}
LIMITS = frozenset({"accept", "accepted", "accepted_tpr", "difference", "ratio"})


def held(record: Record, names: Sequence[str], at_least: float | None = None, at_most: float | None = None) -> Record:
    """The record, where its check passed and the unsafe end of each of these numbers is within the limit; else AssertionError."""
    __tracebackhide__ = True
    if record.result.status is not Status.PASSED:
        raise AssertionError(f"{record.check} is {record.result.status.value.replace('_', ' ')}, which is no pass: {record.result.summary}")
    known = {m.name: m for m in record.result.metrics}
    if lacking := [name for name in names if name not in known]:
        raise AssertionError(f"{record.check} did not measure {lacking[0]}; there are {', '.join(known)}")
    for metric in (known[name] for name in names):
        if reason := _beyond(metric, at_least, at_most):
            raise AssertionError(f"{record.check}: {labeled(metric)}: {reason}")
    return record


def _beyond(metric: Metric, at_least: float | None, at_most: float | None) -> str:
    """Why the metric is not within the limit, or an empty string."""
    if metric.value is None or metric.low is None or metric.high is None:
        return "it has no interval, so that it says nothing for sure"
    if at_least is not None and metric.low < at_least:
        return f"the low end {number(metric.low)} is below {number(at_least)}"
    far = max(abs(metric.low), abs(metric.high)) if metric.safer == "zero" else metric.high
    if at_most is not None and far > at_most:
        return f"the end {number(far)} is above {number(at_most)}"
    return ""
