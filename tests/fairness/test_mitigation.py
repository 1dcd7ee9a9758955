"""A defense that makes a model say the same to everybody reaches parity, and has mitigated nothing."""

import numpy as np

from tiltyard.fairness.favorable import favorable
from tiltyard.fairness.groups import Judged
from tiltyard.fairness.mitigation import Mitigated, compared
from tiltyard.result import Status


def test_parity_by_one_answer_for_all_is_no_pass(hiring):
    groups = hiring.sensitive["sex"]
    truth = hiring.y == 1
    rng = np.random.default_rng(7)
    before = Judged(hiring, truth, truth & (groups == "M"))
    after = {
        Status.INCOMPLETE: np.ones(len(truth), bool),
        Status.PASSED: rng.random(len(truth)) < 0.5,
    }
    for status, said in after.items():
        mitigated = Mitigated(
            "sex", groups, before, Judged(hiring, truth, said), 30, 4000, favorable(hiring.schema), ("its own predict",) * 2
        )
        result = compared(mitigated, "demographic_parity", 0.05, np.random.default_rng(0), ())
        assert result.status is status
        assert ("same answer" in result.summary) == (status is Status.INCOMPLETE)
