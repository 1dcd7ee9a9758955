"""The picture of the risks as a chart for matplotlib: the share that says most of each topic, with its interval."""

from ..formatting.numbers import labeled
from ..reports.bundle import Bundle
from ..reports.overview import Risk, risks
from ..reports.scale import marks
from ..result import Axis, Chart, Series, Tone

TONES: tuple[tuple[str, Tone], ...] = (("finding", "bad"), ("passed", "good"), ("incomplete", "neither"))


def chart(bundle: Bundle) -> Chart | None:
    """A line a topic whose number is a share; None where no topic has such a number."""
    shown = [risk for risk in risks(bundle) if marks(risk)]
    if not shown:
        return None
    names = tuple(risk.topic.title for risk in shown)
    parts = [_series(state, tone, shown) for state, tone in TONES]
    alt = ". ".join(f"{risk.topic.title}: {labeled(risk.metric)}" for risk in shown if risk.metric is not None)
    return Chart(
        name="risks",
        title="Risks",
        kind="dot",
        x=Axis(label="The number that says most of it", unit="share", low=0.0, high=1.0),
        y=Axis(label="", categories=names),
        series=tuple(part for part in parts if part.x),
        alt=alt,
    )


def _series(state: str, tone: Tone, shown: list[Risk]) -> Series:
    mine = [(place, risk.metric) for place, risk in enumerate(shown) if risk.metric is not None and _stands(risk) == state]
    return Series(
        name=state,
        tone=tone,
        x=tuple(metric.value or 0.0 for _, metric in mine),
        y=tuple(float(place) for place, _ in mine),
        low=tuple(metric.low if metric.low is not None else metric.value for _, metric in mine),
        high=tuple(metric.high if metric.high is not None else metric.value for _, metric in mine),
    )


def _stands(risk: Risk) -> str:
    return risk.topic.state if risk.topic.state in ("finding", "passed") else "incomplete"
