"""The pytest plugin: ``assert_robust``, ``assert_private`` and ``assert_fair`` as fixtures, whose numbers go into the JUnit file.

What they hold against is the end of the interval on the unsafe side, never the point; *incomplete* is never a pass.
The same functions without pytest: ``from tiltyard.testing.assertions import assert_robust``. Loads nothing until a test asks for one.
"""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .result import Record

Assertion = Callable[..., "Record"]


@pytest.fixture
def assert_robust(request: pytest.FixtureRequest) -> Assertion:
    """``assert_robust(model, data, at_least=0.8, eps=0.05, label="y")``."""
    from .testing.assertions import assert_robust as asserted

    return _noted(asserted, request)


@pytest.fixture
def assert_private(request: pytest.FixtureRequest) -> Assertion:
    """``assert_private(model, data, at_most=0.6, label="y", member="trained_on")``."""
    from .testing.assertions import assert_private as asserted

    return _noted(asserted, request)


@pytest.fixture
def assert_fair(request: pytest.FixtureRequest) -> Assertion:
    """``assert_fair(model, data, at_most=0.1, label="y", sensitive="gender")``."""
    from .testing.assertions import assert_fair as asserted

    return _noted(asserted, request)


def _noted(asserted: Assertion, request: pytest.FixtureRequest) -> Assertion:
    """The assertion; what it measured stands beside the test in the JUnit file."""

    @wraps(asserted)
    def asserting(*given: object, **named: object) -> "Record":
        __tracebackhide__ = True
        record = asserted(*given, **named)
        from .formatting.numbers import measured

        request.node.user_properties.extend((f"{record.check}/{m.name}", measured(m)) for m in record.result.metrics)
        return record

    return asserting
