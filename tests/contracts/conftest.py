"""The tiny table and the tiny images of `tiltyard.testing`, on which every check runs in about a second."""

from collections.abc import Callable

import pytest

from tiltyard.check import Step
from tiltyard.result import Record
from tiltyard.targets.target import Target
from tiltyard.testing import grounds as tiny
from tiltyard.testing.grounds import Ground


@pytest.fixture(scope="session")
def grounds() -> dict[str, Ground]:
    return tiny.grounds()


@pytest.fixture
def small() -> Callable[[type[Step], Ground], Step]:
    return tiny.smallest


@pytest.fixture
def call() -> Callable[..., tuple[Record, Target | None]]:
    return tiny.called
