"""Membership mathematics against counting by hand, and the checks against a memorizer and a coin."""

import csv
import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.errors import Cancelled, Problem
from tiltyard.privacy.lira import LiRA
from tiltyard.privacy.membership import auc, difference, halves, likelihood_ratio, logit_scaled, modified_entropy, paired, roc, tpr_at
from tiltyard.privacy.membership_gap import MembershipGap
from tiltyard.privacy.membership_report import Accepted, Attacked, report
from tiltyard.privacy.membership_threshold import MembershipThreshold, from_scores, read_scores
from tiltyard.privacy.shadow_attack import Shadows, halving
from tiltyard.progress import Progress, Report
from tiltyard.result import CheckResult, Severity, Status
from tiltyard.targets.target import Target

SCHEMA = Schema(features=(Feature(name="a", kind="continuous"), Feature(name="b", kind="continuous")), label="y", classes=("no", "yes"))


class Memorizer(Target):
    """Right and sure on the rows it was given; elsewhere a coin that is as sure as ``loud`` says."""

    def __init__(self, x: NDArray[np.float64], y: NDArray[np.int64], sure: float, seed: int = 0) -> None:
        super().__init__("memorizer", SCHEMA.classes, SCHEMA, frozenset({"labels", "scores", "training"}), f"{sure} {len(x)} {seed}")
        self.known = {row.tobytes(): int(label) for row, label in zip(x, y, strict=True)}
        self.sure = sure
        self.seed = seed
        self.trained = 0

    def _scores(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        out = np.empty((len(x), 2))
        for i, row in enumerate(x):
            rng = np.random.default_rng([self.seed, *row.view(np.uint32).tolist()])
            yes = rng.uniform(0.2, 0.8)
            if row.tobytes() in self.known and self.sure > 0:
                yes = self.sure if self.known[row.tobytes()] else 1 - self.sure
            out[i] = (1 - yes, yes)
        return out

    def retrain(self, x: NDArray[np.float64], y: NDArray[np.int64], seed: int, progress: Progress) -> Target:
        progress.step(0.5, "learning by heart")
        self.trained += 1
        return Memorizer(x, y, self.sure, seed)


def rows(n: int, seed: int = 0) -> Dataset:
    rng = np.random.default_rng(seed)
    sex = rng.choice(["Female", "Male"], n)
    x = rng.uniform(size=(n, 2))
    return Dataset(x, rng.integers(0, 2, n), SCHEMA, "rows", {"sex": sex}, np.arange(n) % 2 == 0)


def memorizer(data: Dataset, sure: float = 0.999) -> Memorizer:
    return Memorizer(data.seen.x, data.seen.y, sure)


def by_counting(scores: NDArray[np.float64], member: NDArray[np.bool_]) -> float:
    pairs = [(a > b) + 0.5 * (a == b) for a in scores[member] for b in scores[~member]]
    return float(np.mean(pairs))


@given(st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=4, max_size=40))
@settings(max_examples=60, deadline=None)
def test_auc_is_the_share_of_pairs_in_order(pairs: list[tuple[int, bool]]) -> None:
    scores, member = np.array([p[0] for p in pairs], np.float64), np.array([p[1] for p in pairs])
    if member.all() or not member.any():
        with pytest.raises(Problem):
            auc(scores, member)
        return
    found = auc(scores, member)
    assert found.value == pytest.approx(by_counting(scores, member))
    assert found.low is not None
    assert found.high is not None
    assert 0 <= found.low <= (found.value or 0) + 1e-12
    assert (found.value or 0) - 1e-12 <= found.high <= 1
    curve = roc(scores, member)
    assert np.trapezoid(curve.tpr, curve.fpr) == pytest.approx(found.value)


def test_auc_and_roc_agree_with_scikit_learn() -> None:
    from sklearn.metrics import roc_auc_score, roc_curve

    rng = np.random.default_rng(0)
    member = rng.random(500) < 0.3
    scores = rng.normal(size=500).round(1) + member
    assert auc(scores, member).value == pytest.approx(roc_auc_score(member, scores))
    fpr, tpr, _ = roc_curve(member, scores, drop_intermediate=False)
    mine = roc(scores, member)
    np.testing.assert_allclose(mine.fpr, fpr)
    np.testing.assert_allclose(mine.tpr, tpr)


@pytest.mark.parametrize("shift", [0.0, 0.5, 1.5])
def test_delong_covers_the_truth(shift: float) -> None:
    """True AUC of two normals is Phi(shift / sqrt 2); 95 % intervals hold it in at least 90 % of 200 draws."""
    truth = 0.5 * (1 + math.erf(shift / 2))
    rng = np.random.default_rng(7)
    inside = 0
    for _ in range(200):
        scores = np.concatenate([rng.normal(shift, 1, 60), rng.normal(0, 1, 80)])
        found = auc(scores, np.arange(140) < 60)
        inside += (found.low or 0) <= truth <= (found.high or 0)
    assert inside >= 180


def test_a_perfect_attack_keeps_an_honest_interval() -> None:
    found = auc(np.array([2.0, 3.0, 4.0, 0.0, 1.0]), np.array([True, True, True, False, False]))
    assert found.value == 1.0
    assert found.high == 1.0
    assert (found.low or 1) < 0.2


def test_tpr_at_counts_and_refuses_what_it_cannot_resolve() -> None:
    others, members = np.arange(1000.0), np.array([995.5, 999.5, 500.0, 2000.0])
    scores, member = np.concatenate([members, others]), np.arange(1004) < 4
    metric, false = tpr_at(scores, member, 0.001)
    assert (metric.name, metric.value, false, metric.n) == ("tpr_at_0_1pct", 0.5, 1, 4)
    metric, false = tpr_at(scores, member, 0.01)
    assert (metric.value, false) == (0.75, 10)
    unresolved, _ = tpr_at(scores[:-1], member[:-1], 0.001)
    assert unresolved.value is None
    assert "999 non-members cannot resolve" in unresolved.note


def test_ties_never_exceed_the_false_alarms_allowed() -> None:
    member = np.arange(400) < 200
    metric, false = tpr_at(np.ones(400), member, 0.01)
    assert (metric.value, false) == (0.0, 0)


def test_differences_against_known_values() -> None:
    """Newcombe 1998, table II, 56/70 against 48/80: 0.0524 to 0.3339."""
    found = difference("d", "d", (56, 70), (48, 80))
    assert (round(found.value or 0, 4), round(found.low or 0, 4), round(found.high or 0, 4)) == (0.2, 0.0524, 0.3339)
    same = paired("p", "p", np.ones(50, bool), np.ones(50, bool), np.random.default_rng(0))
    assert (same.value, same.low, same.high) == (0.0, 0.0, 0.0)


def test_signals_by_hand() -> None:
    p = np.array([[0.7, 0.2, 0.1], [1.0, 0.0, 0.0]])
    y = np.array([0, 0])
    assert logit_scaled(p, y)[0] == pytest.approx(math.log(0.7 / 0.3), rel=1e-5)
    assert np.isfinite(logit_scaled(p, y)).all()
    by_hand = 0.3 * math.log(0.7) + 0.2 * math.log(0.8) + 0.1 * math.log(0.9)
    assert modified_entropy(p, y)[0] == pytest.approx(by_hand, rel=1e-5)


def test_halves_are_counted_apart() -> None:
    rng = np.random.default_rng(0)
    member = np.arange(400) < 200
    found = halves(rng.normal(size=400), member, rng)
    assert (found.members, found.others) == (100, 100)
    gain = found.advantage
    assert (gain.low or 0) < 0 < (gain.high or 0)
    assert halves(member.astype(float), member, rng).accuracy == 1.0


def test_a_memorizer_is_found_by_every_attack() -> None:
    data = rows(2400)
    target = memorizer(data)
    for check in (MembershipThreshold(), LiRA(shadow_models=4), LiRA(shadow_models=4, mode="offline")):
        record = check(target, data)
        result = record.result
        assert result.status is Status.FINDING, result.summary
        assert result.metric("auc").value == 1.0, (check, result.summary)
        assert (result.metric("auc").low or 0) > 0.99
        assert result.metric("tpr_at_0_1pct").value == 1.0
        assert result.metric("tpr_at_1pct").n == 1200
        assert result.metric("advantage").value == 1.0
        assert result.findings[0].severity is Severity.CRITICAL
        assert "(DP-SGD) cannot be applied here" in result.findings[0].advice  # this target is a function
        assert {t.name for t in result.tables} == {"records", "groups"}
        assert all(len(s.x) <= 200 for c in result.charts for s in c.series)
        assert CheckResult.model_validate_json(result.model_dump_json()) == result
    gap = MembershipGap()(target, data).result
    assert gap.metric("accuracy_seen").value == 1.0
    assert (gap.metric("gap").low or 0) > 0.4
    assert gap.status is Status.FINDING


def test_a_coin_is_a_coin() -> None:
    data = rows(2400)
    target = memorizer(data, sure=0.0)
    for check in (
        MembershipThreshold(accepted_tpr=0.05),
        LiRA(shadow_models=4, accepted_tpr=0.05),
        MembershipThreshold(signal="top_class", accepted_tpr=0.05),
        MembershipThreshold(per_class=True, accepted_tpr=0.05),
    ):
        result = check(target, data).result
        assert result.status is Status.PASSED, (check, result.summary)
        area = result.metric("auc")
        assert (area.low or 1) <= 0.5 <= (area.high or 0)
        gain = result.metric("advantage")
        assert (gain.low or 0) <= 0
    assert MembershipGap(accepted=0.1)(target, data).result.status is Status.PASSED


def seen_surer(n: int, shift: float, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Scores (2 n,) at normal quantiles, which no draw moves, higher by ``shift`` for members, and their marks."""
    from scipy.stats import norm

    quantiles = norm.ppf((np.arange(n) + 0.5) / n)
    order = np.random.default_rng(seed).permutation(2 * n)
    return np.concatenate([quantiles + shift, quantiles])[order], (np.arange(2 * n) < n)[order]


@pytest.mark.parametrize(
    ("n", "shift", "accepted", "status"),
    [
        (5000, 0.0, Accepted(), Status.PASSED),
        (200, 0.0, Accepted(), Status.INCOMPLETE),
        (5000, 0.1, Accepted(tpr=0.03), Status.PASSED),
        (5000, 0.1, Accepted(above=0.01, tpr=0.03), Status.FINDING),
        (5000, 0.1, Accepted(above=0.028, tpr=0.03), Status.INCOMPLETE),
        (5000, 0.4, Accepted(), Status.FINDING),
        (150, 0.4, Accepted(), Status.INCOMPLETE),
    ],
)
def test_a_pass_is_earned_by_the_upper_ends_and_a_finding_by_a_lower_one(n: int, shift: float, accepted: Accepted, status: Status) -> None:
    scores, member = seen_surer(n, shift)
    result = report(Attacked(scores, member), "By hand", np.random.default_rng(1), accepted=accepted)
    assert result.status is status, result.summary
    assert bool(result.findings) is (status is Status.FINDING)
    ends = [(result.metric(m), 0.5 + accepted.above) for m in ("auc", "attack_accuracy")] + [(result.metric("tpr_at_1pct"), accepted.tpr)]
    if status is Status.PASSED:
        assert all((m.high or 1) <= most for m, most in ends)
    if status is Status.FINDING:
        assert any((m.low or 0) > most for m, most in ends)
    if status is Status.INCOMPLETE:
        assert "rows would tell" in result.summary


def test_a_few_rows_at_risk_do_not_pass_for_an_auc_near_guessing() -> None:
    scores, member = seen_surer(3000, 0.0)
    scores[np.flatnonzero(member)[:120]] += 20.0
    result = report(Attacked(scores, member), "By hand", np.random.default_rng(1))
    assert (result.metric("auc").high or 1) < 0.55
    assert result.status is Status.FINDING, result.summary


def test_the_rows_that_would_settle_do() -> None:
    scores, member = seen_surer(400, 0.1)
    found = report(Attacked(scores, member), "By hand", np.random.default_rng(1), accepted=Accepted(tpr=0.03))
    assert found.status is Status.INCOMPLETE
    rows = max(int(v.replace(",", "")) for v in re.findall(r"about ([\d,]+) rows", found.summary))
    scores, member = seen_surer(rows, 0.1)
    assert report(Attacked(scores, member), "By hand", np.random.default_rng(1), accepted=Accepted(tpr=0.03)).status is Status.PASSED


class Forgetful(Target):
    """Right on a share of the rows by their own number, ``seen`` of those trained on and ``unseen`` of others."""

    def __init__(self, right: NDArray[np.bool_], data: Dataset) -> None:
        super().__init__("forgetful", SCHEMA.classes, SCHEMA, frozenset({"labels"}), f"forgetful {right.sum()}")
        answers = np.where(right, data.y, 1 - data.y)
        self.answers = {row.tobytes(): int(v) for row, v in zip(data.x, answers, strict=True)}

    def _scores(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.eye(2)[[self.answers[row.tobytes()] for row in x]]


@pytest.mark.parametrize(
    ("n", "gap", "accepted", "status"),
    [
        (8000, 0.02, 0.05, Status.PASSED),  # surely above 0, and surely within what is accepted
        (8000, 0.02, 0.002, Status.FINDING),
        (600, 0.02, 0.05, Status.INCOMPLETE),
        (600, 0.09, 0.05, Status.INCOMPLETE),
        (8000, 0.09, 0.05, Status.FINDING),
        (8000, -0.1, 0.05, Status.PASSED),
    ],
)
def test_the_gap_is_held_against_what_is_accepted(n: int, gap: float, accepted: float, status: Status) -> None:
    data = rows(n)
    right = np.zeros(n, bool)
    for side, share in ((data.member, 0.8 + gap), (~data.member, 0.8)):  # type: ignore[operator]
        here = np.flatnonzero(side)
        right[here[: round(share * len(here))]] = True
    result = MembershipGap(accepted=accepted)(Forgetful(right, data), data).result
    assert result.status is status, result.summary
    assert result.metric("gap").value == pytest.approx(gap)
    assert ("rows would tell" in result.summary) is (status is Status.INCOMPLETE)


def test_too_few_rows_are_never_a_pass() -> None:
    data = rows(60)
    for check in (MembershipThreshold(), MembershipGap()):
        result = check(memorizer(data, sure=0.0), data).result
        assert result.status is Status.INCOMPLETE
        assert "too few" in result.summary
    assert MembershipThreshold()(memorizer(data), data).result.status is Status.FINDING


def test_without_marks_it_is_not_applicable() -> None:
    data = rows(60)
    unmarked = Dataset(data.x, data.y, SCHEMA)
    for check in (MembershipGap(), MembershipThreshold(), LiRA()):
        assert check(memorizer(data), unmarked).result.status is Status.NOT_APPLICABLE


def published(observed: NDArray[np.float64], shadow: NDArray[np.float64], inside: NDArray[np.bool_], offline: bool) -> list[float]:
    """Algorithm 1 of 2112.03570 row by row, with the global variance of its section 6.2.2."""
    from scipy.stats import norm

    ins = [[float(v) for v, k in zip(shadow[:, i], inside[:, i], strict=True) if k] for i in range(shadow.shape[1])]
    outs = [[float(v) for v, k in zip(shadow[:, i], inside[:, i], strict=True) if not k] for i in range(shadow.shape[1])]

    def pooled(rows: list[list[float]]) -> float:
        squares = sum((v - sum(r) / len(r)) ** 2 for r in rows for v in r)
        return math.sqrt(squares / sum(len(r) - 1 for r in rows))

    found = []
    for i, value in enumerate(observed):
        out = norm(sum(outs[i]) / len(outs[i]), pooled(outs))
        if offline:
            found.append(math.log(1 - out.sf(value)))
        else:
            found.append(norm(sum(ins[i]) / len(ins[i]), pooled(ins)).logpdf(value) - out.logpdf(value))
    return found


@pytest.mark.parametrize("offline", [False, True])
def test_lira_equals_the_published_formula(offline: bool) -> None:
    rng = np.random.default_rng(3)
    inside = halving(8, 30, rng)
    shadow = rng.normal(size=(8, 30)) + 2 * inside
    observed = rng.normal(size=30) + 1
    np.testing.assert_allclose(likelihood_ratio(observed, shadow, inside, offline), published(observed, shadow, inside, offline), rtol=1e-9)


def test_lira_with_a_variance_for_each_row() -> None:
    inside = np.array([[True], [True], [False], [False]])
    shadow = np.array([[3.0], [5.0], [0.0], [2.0]])
    variance = 2.0
    by_hand = (-((4.5 - 4.0) ** 2) + (4.5 - 1.0) ** 2) / (2 * variance)
    assert likelihood_ratio(np.array([4.5]), shadow, inside, shrinkage=0.0)[0] == pytest.approx(by_hand)


@pytest.mark.parametrize(("models", "n"), [(4, 10), (5, 11), (16, 7)])
def test_every_row_is_in_half_of_the_models(models: int, n: int) -> None:
    counts = halving(models, n, np.random.default_rng(0)).sum(0)
    assert counts.min() >= models // 2
    assert counts.max() <= (models + 1) // 2


def test_lira_goes_on_where_it_was_cut_off(tmp_path: Path) -> None:
    data = rows(200)
    step = LiRA(shadow_models=6, folder=str(tmp_path))
    whole = LiRA(shadow_models=6)(memorizer(data), data).result
    target, progress = memorizer(data), Progress()

    def stop(report: Report) -> None:
        if target.trained == 4:
            progress.cancel()

    progress.listener = stop
    assert step(target, data, progress).result.status is Status.CANCELLED
    kept = len(list(tmp_path.glob("*.npy")))
    assert 3 <= kept < 6
    again = memorizer(data)
    result = step(again, data).result
    assert again.trained == 6 - kept
    assert result.metrics == whole.metrics
    assert not list(tmp_path.glob("*.part"))


def test_shadow_task_survives_pickling() -> None:
    import pickle

    data = rows(40)
    inside = halving(4, 40, np.random.default_rng(0))
    task = Shadows(memorizer(data), data, np.arange(10), inside, (1, 2, 3, 4), None, "k", Progress())
    copy = pickle.loads(pickle.dumps(task))
    assert copy.progress is None
    np.testing.assert_array_equal(copy(1), task(1))


def test_equal_seeds_equal_answers_and_cost_told() -> None:
    data = rows(400)
    one, two = (LiRA(shadow_models=4, seed=5)(memorizer(data, 0.8), data).result for _ in range(2))
    assert one == two
    cost = LiRA(shadow_models=4).estimate(memorizer(data), data)
    assert cost.seconds is not None
    assert "4 shadow models" in cost.note
    small = LiRA(shadow_models=4, pool=100)(memorizer(data), data).result
    assert any("50 of 100 rows" in note for note in small.notes)


def test_threshold_cancels() -> None:
    data, progress = rows(100), Progress()
    progress.cancel()
    with pytest.raises(Cancelled):
        MembershipThreshold().run(memorizer(data), data, progress)


def write(path: Path, head: list[str], lines: list[list[object]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([head, *lines])
    return path


def test_scores_from_a_file(tmp_path: Path) -> None:
    path = write(tmp_path / "s.csv", ["id", "score", "member"], [[i, i + 500 * (i % 2), i % 2] for i in range(400)])
    result = from_scores(path)
    assert result.metric("auc").value == 1.0
    assert result.metric("tpr_at_0_1pct").value is None
    assert result.metric("tpr_at_1pct").value == 1.0
    words = write(tmp_path / "w.csv", ["member", "score"], [["yes", 1.0], ["no", 0.5], ["True", 2], ["OUT", 0]])
    assert from_scores(words).metric("auc").n == 4


@pytest.mark.parametrize(
    "text",
    [
        "Score, MEMBER \n0.9,1\n0.1,0\n",
        "score;member\n0,9;yes\n0,1;no\n",
        "note\tmember\tscore\n1,5\tin\t0.9\n-\tout\t0.1\n",
        "score;member\n0.9;1\n.1;0\n",
    ],
)
def test_scores_as_other_programs_write_them(tmp_path: Path, text: str) -> None:
    path = tmp_path / "s.csv"
    path.write_text(text)
    found = read_scores(path)
    assert (found.scores.tolist(), found.member.tolist()) == ([0.9, 0.1], [True, False])


@pytest.mark.parametrize(
    ("head", "lines", "said"),
    [
        (["score"], [[1]], "no member"),
        (["score", "member"], [[0, 1, 1], [0, 9, 0]], "more in line 2"),  # 0,1 by a program that writes decimal commas
        (["score", "member"], [["1_000", 1], [2, 0]], "line 2"),
        (["score", "member", "Score"], [[1, 1, 2], [2, 0, 1]], "score more than once"),
        (["score", "member"], [[1, 1], ["x", 0]], "line 3"),
        (["score", "member"], [[1, 1], ["nan", 0]], "line 3"),
        (["score", "member"], [[1, 1], [2, "maybe"]], "'maybe' in line 3"),
        (["score", "member"], [[1, 1], [2, 1]], "only members"),
        (["score", "member"], [], "no rows"),
    ],
)
def test_bad_files_are_one_line(tmp_path: Path, head: list[str], lines: list[list[object]], said: str) -> None:
    with pytest.raises(Problem, match=said):
        from_scores(write(tmp_path / "s.csv", head, lines))


def test_missing_and_binary_files(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="nothing at"):
        from_scores(tmp_path / "none.csv")
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(Problem):
        from_scores(tmp_path / "b.csv")
    (tmp_path / "e.csv").write_bytes(b"")
    with pytest.raises(Problem, match="empty file"):
        from_scores(tmp_path / "e.csv")


def test_a_tuned_threshold_is_judged_by_what_it_decides() -> None:
    from tiltyard.testing.grounds import deployed

    ground = deployed()
    target, data = ground.target, ground.data
    own = target.labels(data.x) == data.y
    assert data.member is not None
    gap = MembershipGap()(target, data).result
    assert gap.metric("accuracy_seen").value == own[data.member].mean()
    assert gap.metric("accuracy_unseen").value == own[~data.member].mean()
    assert MembershipThreshold()(target, data).result.metric("auc").n == 480
    assert LiRA(shadow_models=4)(target, data).result.metric("auc").n == 480


def test_a_model_without_probabilities_has_the_gap_attack() -> None:
    from sklearn.svm import SVC

    from tiltyard.targets.estimators import SklearnTarget

    data = rows(600)
    names = np.array(SCHEMA.classes)
    target = SklearnTarget(SVC(gamma=1e6).fit(data.seen.x, names[data.seen.y]), SCHEMA, feeds="values")
    result = MembershipGap()(target, data).result
    assert result.metric("accuracy_seen").value == 1.0
    assert result.status is Status.FINDING
    assert MembershipThreshold()(target, data).result.status is Status.NOT_APPLICABLE


def test_a_class_without_rows_is_no_crash() -> None:
    schema = SCHEMA.model_copy(update={"classes": ("no", "yes", "never", "seen")})
    some = rows(600)
    data = Dataset(some.x, some.y + 2 * (some.y == 1), schema, member=some.member)

    class Three(Memorizer):
        def __init__(self, x: NDArray[np.float64], y: NDArray[np.int64], sure: float, seed: int = 0) -> None:
            super().__init__(x, y, sure, seed)
            self.schema, self.classes = schema, schema.classes

        def _scores(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
            found = super()._scores(x)
            return np.stack([found[:, 0], np.zeros(len(x)), np.zeros(len(x)), found[:, 1]], 1)

    target = Three(data.seen.x, data.seen.y, 0.999)
    for check in (MembershipGap(), MembershipThreshold(per_class=True), MembershipThreshold(signal="modified_entropy")):
        assert check(target, data).result.status is Status.FINDING


def test_infinite_scores_stand_beyond_all_others() -> None:
    rng = np.random.default_rng(0)
    member = np.arange(400) < 200
    scores = rng.normal(size=400) + member
    scores[:20], scores[390:] = np.inf, -np.inf
    finite = np.clip(scores, -1e6, 1e6)
    ended, plain = (report(Attacked(v, member), "x", np.random.default_rng(1)) for v in (scores, finite))
    for name in ("auc", "tpr_at_1pct", "attack_accuracy"):
        assert ended.metric(name).value == plain.metric(name).value
