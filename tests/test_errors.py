"""Every kind of problem reaches another process as what it was."""

import pickle

import pytest

from tiltyard.access.roles import Denied
from tiltyard.endpoint.site import Limited, Overdrawn, Silent
from tiltyard.errors import Problem, Trouble, Unavailable
from tiltyard.sealing.broken import Broken
from tiltyard.store.troubles import Locked
from tiltyard.targets.http.line import Unreached
from tiltyard.targets.http.target import Refused
from tiltyard.targets.open_options import SchemaMissing
from tiltyard.targets.query_budget import BudgetSpent

KINDS = (Problem, Unavailable, Denied, Limited, Overdrawn, Silent, Trouble, Locked, Broken, Refused, Unreached, SchemaMissing, BudgetSpent)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_same_after_a_journey(kind: type[Problem]) -> None:
    sent = kind("a number", "a word", "Give a number")
    came = pickle.loads(pickle.dumps(sent))
    assert type(came) is kind and str(came) == str(sent) == "Expected a number; found a word. Give a number."
    assert vars(came) == vars(sent)


def test_what_only_some_know_is_kept() -> None:
    assert pickle.loads(pickle.dumps(Refused("a", "b", "c", 429))).status == 429
    came = pickle.loads(pickle.dumps(Unreached("a", "b", "c", sent=False, late=True)))
    assert (came.sent, came.late) == (False, True)


def test_a_quoted_message_brings_no_second_full_stop() -> None:
    assert str(Problem("five columns.", "Expected 5 fields, saw 6.", "Fix that line.")) == (
        "Expected five columns; found Expected 5 fields, saw 6. Fix that line."
    )
