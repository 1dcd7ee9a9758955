"""Our own guarded endpoint under the probe: nothing is found that it guards against, and what is switched off is found."""

import logging
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tiltyard.cli import main
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.endpoint.posture import Posture
from tiltyard.endpoint.probing import probe
from tiltyard.result import Record, Status
from tiltyard.serving.keys import KeyStore
from tiltyard.serving.server import Served
from tiltyard.serving.settings import LimitSettings, OutputSettings, RateSettings, Settings
from tiltyard.targets.estimators import FunctionTarget

SCHEMA = Schema(features=(Feature(name="size", kind="continuous", low=-4, high=4),), label="y", classes=("no", "yes"))
QUICK = Posture(burst=120, oversize=2, rows=2000)


def answered(x: NDArray[np.float32]) -> NDArray[np.float32]:
    p = 1 / (1 + np.exp(-x[:, 0]))
    return np.column_stack([1 - p, p])


def probed(settings: Settings, posture: Posture = QUICK) -> Record:
    keys = KeyStore()
    key = keys.new("prober").secret
    with Served(FunctionTarget(answered, SCHEMA.classes, SCHEMA), settings, keys) as served:
        record = probe(served.url, key, posture)
    assert key not in record.model_dump_json()
    return record


def test_the_guarded_endpoint_is_found_guarded(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    record = probed(Settings(port=0, rate=RateSettings(requests="100/minute")))
    assert record.result.status is Status.PASSED, record.result.tables[0].rows
    assert record.result.findings == ()
    states = [row[1] for row in record.result.tables[0].rows]
    assert (states.count("passed"), states.count("not applicable")) == (12, 1)
    assert "ty_" not in caplog.text
    assert "?key=" not in caplog.text


def test_a_guard_that_is_loosened_is_found_loose() -> None:
    loose = Settings(
        port=0,
        rate=RateSettings(requests=""),
        output=OutputSettings(kind="scores"),
        limits=LimitSettings(body=2**25, rows=100_000, seconds=60, body_seconds=60),
    )
    titles = {finding.title for finding in probed(loose).result.findings}
    assert titles == {
        "No rate limit",
        "Scores in full precision",
        "No limit on the size of a request",
        "No limit on the rows of a request",
    }


def test_checks_of_the_command_line_and_of_a_file_ask_an_endpoint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    size = rng.uniform(-4, 4, 200)
    rows = "".join(f"{v},{'yes' if v > 0 else 'no'}\n" for v in size)
    (tmp_path / "rows.csv").write_text("size,y\n" + rows)
    keys = KeyStore()
    monkeypatch.setenv("ENDPOINT_KEY", secret := keys.new("me").secret)
    with Served(FunctionTarget(answered, SCHEMA.classes, SCHEMA), Settings(port=0), keys) as served:
        spent = served.guarded.quota.ledger.spent
        asked = ["--url", served.url, "--key-env", "ENDPOINT_KEY", "--data", str(tmp_path / "rows.csv"), "--label", "y"]
        assert main(["check", "validation.performance", *asked, "--rows", "100", "--target-budget", "150", "--json"]) == 0
        record = Record.model_validate_json(capsys.readouterr().out)
        assert record.result.metric("accuracy").value == 1
        assert spent(keys.all()[0].id) == 8 + record.queries
        assert main(["check", "validation.performance", *asked, "--rows", "100", "--query-budget", "20", "--json"]) == 2
        assert Record.model_validate_json(capsys.readouterr().out).result.status is not Status.PASSED
        toml = f'[target]\nurl = "{served.url}"\nkey_env = "ENDPOINT_KEY"\nbudget = 500\n[data]\nfile = "rows.csv"\n'
        (tmp_path / "assess.toml").write_text(toml + '[[check]]\nid = "validation.performance"\nrows = 50\n')
        assert main(["assess", str(tmp_path / "assess.toml"), "--out", str(tmp_path / "report")]) == 0
    said = capsys.readouterr()
    written = [path.read_text() for path in (tmp_path / "report").iterdir()]
    assert not any(secret in text for text in (said.out, said.err, *written))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--url", "http://127.0.0.1:9/", "--sample", "census"), "--sample and --url"),
        (("--sample", "census", "--key-env", "X"), "with --url"),
        (("--url", "http://127.0.0.1:9/", "--target-budget", "-1", "--data", "x.csv"), "--target-budget as a whole number"),
        (("--url", "http://127.0.0.1:9/", "--key-env", "NO_SUCH_KEY", "--data", "x.csv"), "environment variable NO_SUCH_KEY"),
        (("--url", "http://127.0.0.1:9/"), "data for a model"),
    ],
)
def test_options_of_an_endpoint_that_are_refused_in_one_line(words: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "validation.performance", *words]) == 2
    said = capsys.readouterr().err.strip()
    assert says in said
    assert "\n" not in said
