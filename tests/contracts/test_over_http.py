"""Every check that needs answers alone runs over a real guarded endpoint, says what it says of the model itself, and never overruns its budget."""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from tiltyard.catalogue import checks
from tiltyard.check import Check
from tiltyard.datasets.dataset import Dataset
from tiltyard.result import Status
from tiltyard.serving.keys import KeyStore
from tiltyard.serving.server import Served
from tiltyard.serving.settings import OutputSettings, RateSettings, Settings
from tiltyard.targets.http.target import HttpTarget
from tiltyard.targets.opening import open_target
from tiltyard.targets.restricted import RestrictedTarget
from tiltyard.targets.target import Target

Small = Callable[..., Any]
ASKS = {"labels", "scores", "table", "images", "sensitive", "member"}
BLACK_BOX = [cls for cls in checks().values() if cls.needs <= ASKS]
PICTURES = {"evasion.square", "privacy.membership_threshold", "theft.extraction", "validation.performance"}  # 784 numbers a row in JSON
PAIRS = [("table", cls) for cls in BLACK_BOX] + [("images", cls) for cls in BLACK_BOX if cls.id in PICTURES]
each = pytest.mark.parametrize(("ground", "cls"), PAIRS, ids=[f"{cls.id}-{ground}" for ground, cls in PAIRS])


@dataclass
class Yard:
    near: Target
    data: Dataset
    served: Served
    keys: KeyStore
    secrets: list[str]

    def far(self, name: str, budget: int | None = None) -> HttpTarget:
        made = self.keys.new(name)
        self.secrets.append(made.secret)
        target = open_target(self.served.url, data=self.data, key=made.secret, budget=budget)
        assert isinstance(target, HttpTarget)
        return target

    def answered(self, name: str) -> int:
        key = next(key for key in self.keys.all() if key.name == name)
        return self.served.guarded.quota.ledger.spent(key.id)


@pytest.fixture(scope="module")
def yards(grounds: dict[str, Any]) -> Iterator[dict[str, Yard]]:
    with ExitStack() as stack:
        made = {}
        for name, ground in grounds.items():
            keys = KeyStore()
            keys.new("operator")
            settings = Settings(port=0, output=OutputSettings(kind="scores"), rate=RateSettings(requests=""))
            made[name] = Yard(
                RestrictedTarget(ground.target, frozenset({"labels", "scores"})),
                ground.data,
                stack.enter_context(Served(ground.target, settings, keys)),
                keys,
                [],
            )
        yield made


def test_they_are_many() -> None:
    assert len(BLACK_BOX) >= 12, [cls.id for cls in BLACK_BOX]


@each
def test_it_runs_over_an_endpoint_as_on_the_model_itself(
    cls: type[Check], ground: str, yards: dict[str, Yard], grounds: dict[str, Any], small: Small, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    yard = yards[ground]
    step = small(cls, grounds[ground])
    here = step(yard.near, yard.data)
    if here.result.status is Status.NOT_APPLICABLE:
        pytest.skip(here.result.summary)
    far = yard.far(cls.id)
    there = step(far, yard.data)
    assert there.result.status is here.result.status, (there.result.summary, there.error)
    for a, b in zip(there.result.metrics, here.result.metrics, strict=True):
        assert a.value == (None if b.value is None else pytest.approx(b.value, rel=1e-2, abs=1e-2)), a.name
    assert far.queries == yard.answered(cls.id)
    assert there.queries <= far.queries
    shown = (there.model_dump_json(), repr(far), str(vars(far)), caplog.text, str(far.assumptions))
    assert not any(secret in text for secret in yard.secrets for text in shown)


@each
def test_a_small_budget_is_never_overrun(
    cls: type[Check], ground: str, yards: dict[str, Yard], grounds: dict[str, Any], small: Small
) -> None:
    yard = yards[ground]
    far = yard.far(f"{cls.id} in little", budget=20)
    record = small(cls, grounds[ground])(far, yard.data)
    assert record.result.status is not Status.FAILED, record.error
    assert yard.answered(f"{cls.id} in little") <= far.queries <= 20
