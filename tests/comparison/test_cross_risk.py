"""Which numbers the picture of a defense shows, where there are too many for one."""

from hypothesis import given
from hypothesis import strategies as st

from tiltyard.comparison.comparison import MetricChange
from tiltyard.comparison.cross_risk import _named, _picked
from tiltyard.statistics.intervals import rate


def test_every_risk_is_seen_and_what_is_settled_comes_first() -> None:
    risks = ["Fairness"] * 12 + ["Theft"] * 2
    settled = [i == 9 for i in range(12)] + [False, False]
    assert _picked(risks, settled, 4) == [0, 9, 12, 13]
    assert _picked(risks, settled, 14) == list(range(14))
    assert _picked([], []) == []


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=40), st.integers(3, 30))
def test_as_many_as_there_is_room_for_in_their_order(numbers: list[tuple[str, bool]], most: int) -> None:
    risks, settled = [r for r, _ in numbers], [s for _, s in numbers]
    picked = _picked(risks, settled, most)
    assert picked == sorted(set(picked))
    assert len(picked) == min(most, len(numbers))
    assert {risks[i] for i in picked} == set(risks)


def test_what_two_checks_measure_is_told_apart() -> None:
    def number(check: str, label: str) -> MetricChange:
        metric = rate("m", label, 1, 2)
        return MetricChange(check=check, title="T", name="m", label=label, unit="", before=metric, after=metric, verdict="same")

    numbers = [
        number("evasion.fgsm", "Robust accuracy"),
        number("evasion.hop_skip_jump", "Robust accuracy"),
        number("evasion.fgsm", "Other"),
    ]
    assert _named([("Robustness", n) for n in numbers]) == (
        "Robustness: Robust accuracy (fgsm)",
        "Robustness: Robust accuracy (hop skip jump)",
        "Robustness: Other",
    )
