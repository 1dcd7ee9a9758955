"""A check as a score of scikit-learn: ``cross_validate(model, x, y, scoring=ty.scorer("evasion.fgsm", eps=0.05))``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .catalogue import step_of
from .check import Check, Step
from .datasets.dataset import Dataset
from .datasets.reading import read
from .errors import Problem
from .result import Metric
from .targets.meeting import meet


@dataclass(frozen=True)
class Scorer:
    """What scikit-learn calls as ``scorer(estimator, x, y)``: one number of a check, made so that more is safer.

    A number of which less is safer counts negatively, as in scikit-learn's ``neg_…`` scores; one that is safest at zero by minus its size.
    """

    check: Check
    metric: str = ""
    like: Dataset | None = None
    sensitive: str | Sequence[str] | None = None

    def __call__(self, estimator: Any, x: Any, y: Any) -> float:
        """The score on the rows of one fold.

        Raises
        ------
        Problem
            The number was not measured; scikit-learn then scores NaN and warns, or fails with ``error_score="raise"``.
        """
        rows = read((x, y), schema=None if self.like is None else self.like.schema, sensitive=self.sensitive)
        record = self.check(*meet(estimator, rows))
        metric = self._metric(record.result.metrics)
        names = [m.name for m in record.result.metrics]
        if metric is None and self.metric and names:
            raise Problem(f"a number of {self.check.id} ({', '.join(names)})", repr(self.metric), "Name one of these")
        if metric is None or metric.value is None:
            why = metric.note if metric is not None else record.result.summary
            raise Problem(
                f"{self.metric or 'the number'} of {self.check.id} on this fold", why.removesuffix("."), "Give more rows, or another check"
            )
        return oriented(metric)

    def _metric(self, metrics: Sequence[Metric]) -> Metric | None:
        if self.metric:
            return next((m for m in metrics if m.name == self.metric), None)
        name = type(self.check).headline
        return next((m for m in metrics if m.name == name or (name and m.name.startswith(f"{name}_"))), None)


def scorer(
    which: str | type[Step] | Step,
    *,
    metric: str = "",
    like: Any = None,
    label: str | None = None,
    sensitive: str | Sequence[str] | None = None,
    **parameters: Any,
) -> Scorer:
    """A score for scikit-learn's ``cross_validate``, ``cross_val_score`` and ``GridSearchCV``, from a check; more is safer.

    Parameters
    ----------
    which
        The id of a check, or its class, with ``parameters`` its own by name; or a check that is made.
    metric
        The name of its number; empty for the one that answers its question.
    like
        A table or data set, best the whole one: each fold's rows are then read by what its columns mean. An ``eps`` is a share of each
        feature's range, and without it every fold would have a range of its own.
    label, sensitive
        Of the table: its label column, and its sensitive column or columns.

    Examples
    --------
    >>> robust = ty.scorer("evasion.fgsm", eps=0.05, like=frame, label="churned")
    >>> GridSearchCV(model, {"C": [0.1, 1, 10]}, scoring={"accuracy": "accuracy", "robust": robust}, refit="robust")
    """
    made = step_of(which, parameters, scorer)
    if not isinstance(made, Check):
        raise Problem("a check", f"{made.id!r}, which is a defense", "See ty.checks()")
    rows = like if like is None or isinstance(like, Dataset) else read(like, label=label, sensitive=sensitive)
    return Scorer(made, metric, rows, sensitive)


def oriented(metric: Metric) -> float:
    """Its value where more is safer, minus it where less is, minus its size where zero is safest."""
    value = metric.value if metric.value is not None else float("nan")
    signs: Mapping[str, float] = {"higher": value, "lower": -value, "zero": -abs(value)}
    if metric.safer not in signs:
        raise Problem("a number of which more or less is safer", f"{metric.name!r}, which says neither", "Name another metric")
    return signs[metric.safer]
