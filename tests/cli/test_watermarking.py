"""tiltyard watermark: commit before training, show the order, hand out what others can check."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tiltyard.audit.notes import note
from tiltyard.sealing.chained import stretch
from tiltyard.theft.watermark_key import read, write

Tiltyard = Callable[..., Any]
MODEL = "a" * 64


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TILTYARD_KEY", "a passphrase of the tests")
    path = tmp_path / "rows.csv"
    path.write_text("weight,height,ill\n" + "".join(f"{50 + i % 37}.2,{150 + i % 40}.5,{'yes' if i % 3 else 'no'}\n" for i in range(60)))
    return path


def test_a_key_is_committed_to_and_its_order_shown(tiltyard: Tiltyard, rows: Path, tmp_path: Path) -> None:
    done = tiltyard("watermark", "commit", "mark.key", "--owner", "Ada", "--data", rows, "--label", "ill", "--count", 32)
    assert done.code == 0, done.err
    anchor = done.out.strip()
    key, sealed = read(Path("mark.key"))
    assert sealed.commitment in done.err and key.layout.classes == ("no", "yes") and key.owner == "Ada"
    assert tiltyard("watermark", "order", "mark.key", "--anchor", anchor).code == 2  # no model yet
    write(Path("mark.key"), key, (MODEL,), sealed.committed)
    note("defense applied", MODEL, {"defense": "theft.watermark"})
    assert tiltyard("watermark", "order", "mark.key").code == 2
    found = tiltyard("watermark", "order", "mark.key", "--anchor", anchor, "--out", "order.jsonl")
    assert found.code == 0 and stretch(Path("order.jsonl").read_bytes()).anchor == anchor
    assert tiltyard("watermark", "order", "mark.key", "--anchor", anchor, "--suspect-since", "2001-01-01").code == 1
    assert "watermark committed" in next(tmp_path.glob("*.audit.jsonl")).read_text()


def test_a_config_says_the_layout_before_there_is_a_model(tiltyard: Tiltyard, rows: Path) -> None:
    Path("c.toml").write_text('[target]\nfile = "later.safetensors"\n[data]\nfile = "rows.csv"\nlabel = "ill"\n')
    assert tiltyard("watermark", "commit", "mark.key", "--owner", "Ada", "--config", "c.toml").code == 0
    assert [f.name for f in read(Path("mark.key"))[0].layout.features] == ["weight", "height"]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("commit", "a.key", "--owner", "Ada"), "--data"),
        (("commit", "a.key", "--owner", "", "--data", "rows.csv", "--label", "ill"), "owner"),
        (("order", "none.key"), "none.key"),
    ],
)
def test_bad_wishes_are_one_line(tiltyard: Tiltyard, rows: Path, words: tuple[str, ...], found: str) -> None:
    said = tiltyard("watermark", *words)
    assert said.code == 2 and found in said.line and not Path("a.key").exists()


def test_an_order_that_is_not_written_says_why(tiltyard: Tiltyard, rows: Path) -> None:
    done = tiltyard("watermark", "commit", "mark.key", "--owner", "Ada", "--data", rows, "--label", "ill")
    assert "jsonl" in tiltyard("watermark", "order", "mark.key", "--out", "x.txt").err and not Path("x.txt").exists()
    changed = f"{done.out.strip()[:-1]}{'0' if done.out.strip()[-1] != '0' else '1'}"
    assert tiltyard("watermark", "order", "mark.key", "--anchor", changed).code == 1
    assert tiltyard("watermark", "order", "mark.key", "--suspect-since", "soon").code == 2
