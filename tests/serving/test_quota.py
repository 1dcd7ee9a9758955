"""What was used of a rate outlives a restart, while its window lasts."""

from pathlib import Path

import pytest

from tiltyard.serving.keys import KeyStore
from tiltyard.serving.ledger import Ledger
from tiltyard.serving.quota import Quota
from tiltyard.serving.refusal import Refusal
from tiltyard.serving.settings import RateSettings


def test_a_restart_gives_no_rate_back(tmp_path: Path) -> None:
    key, settings = KeyStore().new("tester").key, RateSettings(requests="5/hour", rows="100/day")
    for part in (2, 3):
        quota = Quota(settings, Ledger(tmp_path / "usage", 1000.0))
        for _ in range(part):
            quota.admit(key)
        quota.spend(key, 40)
        quota.close()
        quota.ledger.close()
    quota = Quota(settings, Ledger(tmp_path / "usage", 1000.0))
    with pytest.raises(Refusal, match="5 requests"):
        quota.admit(key)
    with pytest.raises(Refusal, match="100 rows"):
        quota.spend(key, 40)
    quota.spend(key, 20)
    quota.ledger.close()


def test_what_is_no_file_of_rates_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "usage.rates").write_text("{")
    quota = Quota(RateSettings(requests="5/hour"), Ledger(tmp_path / "usage", 1000.0))
    quota.admit(KeyStore().new("tester").key)
    quota.ledger.close()
