"""Lab 6: whom the model turns down, what an explanation says of it, and what closing one gap does to another."""

from ..evidence import Evidence, Wanted
from ..question import Chosen, Computed, Measured, Question, metric_of
from ..words import Decided, Reflection

GROUPS = Wanted("fairness.groups", "census", {"columns": ("sex",)})
SHAP = Wanted("explanation.shap", "census")
FIXED = Wanted("fairness.threshold_optimizer", "census", {"column": "sex", "constraint": "demographic_parity"})
AFTER = Wanted("fairness.groups", "census", {"columns": ("sex",)}, after=FIXED)
PARITY, ODDS = "demographic_parity_difference_sex", "equalized_odds_difference_sex"


def odds_moved(evidence: Evidence) -> str | None:
    """What the fix of one gap did to the other: larger, smaller, or nothing that the intervals could tell."""
    before, after = (metric_of(evidence.of(run)[-1], ODDS) for run in (GROUPS, AFTER))
    if before is None or after is None or before.low is None or before.high is None or after.low is None or after.high is None:
        return None
    return "larger" if after.low > before.high else "smaller" if after.high < before.low else "cannot tell"


def top_feature(evidence: Evidence) -> str | None:
    """The feature with the largest mean absolute attribution."""
    table = next((t for t in evidence.of(SHAP)[-1].result.tables if t.name == "importance"), None)
    if table is None:
        return None
    place = next(i for i, column in enumerate(table.columns) if column.name == "mean |value|")
    return str(max(table.rows, key=lambda row: float(row[place] or 0))[0])


def closed(evidence: Evidence) -> float | None:
    """Points by which the gap between the sexes shrank."""
    before, after = (metric_of(evidence.of(run)[-1], PARITY) for run in (GROUPS, AFTER))
    return None if before is None or after is None or before.value is None or after.value is None else 100 * (before.value - after.value)


QUESTIONS: tuple[Question, ...] = (
    Measured("6a", "points", GROUPS, PARITY),
    Chosen(
        "6b",
        options=("age", "sex", "marital-status", "relationship", "education", "capital-gain", "occupation"),
        truth=lambda e, w: top_feature(e),
        needs=(SHAP,),
    ),
    Measured("6c", "points", AFTER, PARITY),
    Computed("6d", run=GROUPS, also=(AFTER,), value=closed),
    Chosen("6e", options=("larger", "smaller", "cannot tell"), truth=lambda e, w: odds_moved(e), needs=(GROUPS, AFTER)),
    Decided("6f", options=("as-is", "demographic-parity", "equalized-odds", "do-not-deploy"), needs=(GROUPS, AFTER)),
    Reflection("6g", to="to_ombud", run=GROUPS, metric=PARITY),
)
