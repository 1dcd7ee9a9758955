"""Keys: kept as hashes, shown once, and worth nothing once they are over."""

import json
import re
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tiltyard.errors import Problem
from tiltyard.serving.keys import LENGTH, Key, KeyStore, hashed
from tiltyard.serving.ledger import Ledger
from tiltyard.serving.quota import Quota
from tiltyard.serving.refusal import Refusal
from tiltyard.serving.settings import RateSettings

from .conftest import GOOD, until

Serve = Callable[..., Any]


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def test_a_key_has_256_random_bits_and_only_its_hash_is_kept(tmp_path: Path) -> None:
    store = KeyStore(tmp_path / "keys.json")
    made = [store.new(f"n{i}") for i in range(20)]
    text = (tmp_path / "keys.json").read_text()
    assert len({m.secret for m in made}) == 20
    for m in made:
        assert re.fullmatch(r"ty_[A-Za-z0-9_-]{43}", m.secret) and len(m.secret) == LENGTH
        assert m.secret not in text and m.secret[3:] not in text and hashed(m.secret) in text
        assert m.secret not in repr(m.key) and m.key.hash not in repr(m.key)
    assert stat.S_IMODE((tmp_path / "keys.json").stat().st_mode) == 0o600


def test_expiry_revocation_and_rotation() -> None:
    clock = Clock()
    store = KeyStore(clock=clock)
    short = store.new("short", lasts=timedelta(days=1))
    clock.now += timedelta(hours=23)
    found = store.find(short.secret)
    assert found is not None and found.state(clock.now) == "valid"
    clock.now += timedelta(hours=1)
    assert found.state(clock.now) == "expired"
    kept = store.new("kept", ("admin", "predict"), timedelta(days=9), budget=7)
    renewed = store.rotate("kept", timedelta(minutes=5))
    old, new = store.find(kept.secret), store.find(renewed.secret)
    assert old is not None and new is not None and (new.scopes, new.budget, new.name) == (("predict", "admin"), 7, "kept")
    assert new.expires is not None and new.expires - new.created == timedelta(days=9)
    assert (old.state(clock.now), old.state(clock.now + timedelta(minutes=5))) == ("valid", "expired")
    again = store.rotate(new.id)
    gone = store.find(renewed.secret)
    assert gone is not None and gone.state(clock.now) == "revoked"
    store.revoke(again.key.id)
    ended = store.find(again.secret)
    assert ended is not None and ended.state(clock.now) == "revoked"


@pytest.mark.parametrize("bad", ["", "ty_", "ty_" + "a" * 43, "ty_" + "ä" * 43, "\udcff" * LENGTH, "x" * 100_000])
def test_what_is_no_key_finds_none(bad: str) -> None:
    store = KeyStore()
    store.new("a")
    assert store.find(bad) is None


@pytest.mark.parametrize(
    ("name", "more"), [("", {}), ("a\nb", {}), ("x" * 81, {}), ("a", {"scopes": ()}), ("a", {"lasts": timedelta(days=-1)}), ("taken", {})]
)
def test_bad_wishes(name: str, more: Any) -> None:
    store = KeyStore()
    store.new("taken")
    with pytest.raises(Problem):
        store.new(name, **more)


def test_unknown_or_over(tmp_path: Path) -> None:
    store = KeyStore(tmp_path / "keys.json")
    store.new("a")
    store.revoke("a")
    for act in (store.revoke, store.rotate):
        with pytest.raises(Problem):
            act("nobody")
    with pytest.raises(Problem, match="revoked"):
        store.rotate("a")


@pytest.mark.parametrize("text", ["", "{", '{"format": 2}', '{"keys": [{"id": "a"}]}', "\x00\xff"])
def test_a_broken_file_opens_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "keys.json").write_text(text)
    with pytest.raises(Problem, match="a file of keys"):
        KeyStore(tmp_path / "keys.json").find("ty_" + "a" * 43)


def test_two_processes_lose_no_key(tmp_path: Path) -> None:
    one, two = KeyStore(tmp_path / "keys.json"), KeyStore(tmp_path / "keys.json")
    for i in range(10):
        (one if i % 2 else two).new(f"n{i}")
    assert len(one.all()) == len(two.all()) == 10
    secret = one.new("more").secret
    assert two.find(secret) is not None


def test_who_may_not_is_told_so_and_no_more(serving: Serve) -> None:
    asked = serving()
    url = asked.served.url + "/v1/predict"
    body = {"instances": [GOOD]}
    looks_on = asked.keys.new("admin", ("admin",)).secret
    ended = asked.keys.new("ended").secret
    asked.keys.revoke("ended")
    heads: list[tuple[dict[str, str], int]] = [
        ({}, 401),
        ({"Authorization": asked.secret}, 401),
        ({"Authorization": f"Basic {asked.secret}"}, 401),
        ({"Authorization": "Bearer"}, 401),
        ({"Authorization": f"Bearer {asked.secret[:-1]}"}, 401),
        ({"Authorization": f"Bearer {asked.secret}x"}, 401),
        ({"Authorization": f"Bearer {ended}"}, 401),
        ({"X-Api-Key": asked.secret}, 401),
        ({"Cookie": f"key={asked.secret}"}, 401),
        ({"Authorization": f"Bearer {looks_on}"}, 200),
        ({"Authorization": f"bearer {asked.secret}"}, 200),
    ]
    for head, status in heads:
        answer = httpx.post(url, json=body, headers=head)
        assert answer.status_code == status, head
        assert status != 401 or (answer.headers["www-authenticate"].startswith("Bearer") and "classes" not in answer.text)
    for query in (
        f"?key={asked.secret}",
        f"?api_key={asked.secret}",
        f"?access_token={asked.secret}",
        f"?Authorization=Bearer {asked.secret}",
    ):
        assert httpx.post(url + query, json=body).status_code == 401


def test_a_key_ended_by_another_process_ends_at_once(tmp_path: Path) -> None:
    from tiltyard.serving.server import Served
    from tiltyard.serving.settings import Settings

    from .conftest import linear

    file = tmp_path / "keys.json"
    secret = KeyStore(file).new("a").secret
    with Served(linear(), Settings(port=0), KeyStore(file)) as served:
        head = {"Authorization": f"Bearer {secret}"}
        assert httpx.get(served.url + "/v1/model", headers=head).status_code == 200
        KeyStore(file).revoke("a")
        assert httpx.get(served.url + "/v1/model", headers=head).status_code == 401
        file.write_text("{")
        assert httpx.get(served.url + "/v1/model", headers=head).status_code == 500


def test_a_query_string_never_stands_in_the_log(serving: Serve, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    asked = serving(log=str(log))
    httpx.get(asked.served.url + f"/v1/model?key={asked.secret}")
    httpx.get(asked.served.url + f"/{asked.secret}")
    asked.predict(GOOD)
    until(lambda: log.read_text().count('"event":"request"') == 3)
    lines = [line for line in map(json.loads, log.read_text().splitlines()) if line["event"] == "request"]
    assert [(line["route"], line["status"], line["rows"]) for line in lines] == [
        ("/v1/model", 401, 0),
        ("", 404, 0),
        ("/v1/predict", 200, 1),
    ]
    assert asked.secret not in log.read_text() and stat.S_IMODE(log.stat().st_mode) == 0o600
    assert lines[2]["key"] == asked.keys.all()[0].id


def test_a_rotated_key_goes_on_with_the_budget_and_rate_of_the_one_before(tmp_path: Path) -> None:
    """Old, new and newer key ask at once through a restart: together they get their one budget, to the row."""
    store = KeyStore(tmp_path / "keys.json")
    settings = RateSettings(requests="5/day", budget=100)
    first = store.new("a", budget=100).key
    second = store.rotate("a", timedelta(minutes=5)).key
    third = store.rotate(second.id, timedelta(minutes=5)).key
    assert {k.account for k in KeyStore(tmp_path / "keys.json").all()} == {first.id}
    assert store.new("b").key.account != first.id

    def answered(quota: Quota, key: Key) -> int:
        try:
            quota.spend(key, 3)
        except Refusal:
            return 0
        return 3

    quota = Quota(settings, Ledger(tmp_path / "usage.json", 3600))
    with ThreadPoolExecutor(8) as pool:
        got = sum(pool.map(lambda i: answered(quota, (first, second)[i % 2]), range(20)))
    quota.ledger.close()
    quota = Quota(settings, Ledger(tmp_path / "usage.json", 3600))
    with ThreadPoolExecutor(8) as pool:
        got += sum(pool.map(lambda i: answered(quota, (second, third)[i % 2]), range(60)))
    assert got == 99
    for key in (first, second, third, first, second):
        quota.admit(key)
    with pytest.raises(Refusal):
        quota.admit(third)
    store.revoke(second.id)
    assert store.rotate(third.id).key.account == first.id


def test_keys_of_before_lines_are_read(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    made = KeyStore(path).new("a")
    assert "line" not in path.read_text(), "older servers refuse what they do not know"
    found = KeyStore(path).find(made.secret)
    assert found is not None and found.account == made.key.id


def test_a_whole_line_of_keys_ends_at_once(tmp_path: Path) -> None:
    store = KeyStore(tmp_path / "keys.json")
    first, other = store.new("a"), store.new("b")
    second = store.rotate("a", timedelta(days=5))
    third = store.rotate(second.key.id, timedelta(days=5))
    over = store.revoke(second.key.id)
    ended = KeyStore(tmp_path / "keys.json").revoke_line(second.key.id)
    assert {key.id for key in ended} == {first.key.id, third.key.id}
    states = {key.id: key.state(store.clock()) for key in store.all()}
    assert states == {k.key.id: "revoked" for k in (first, second, third)} | {other.key.id: "valid"}
    assert next(k for k in store.all() if k.id == second.key.id).revoked == over.revoked, "the first time is kept"
    assert store.revoke_line("a") == () and store.find(other.secret) == other.key
    renamed = store.new("a")
    with pytest.raises(Problem, match="2 accounts"):
        store.revoke_line("a")
    assert store.revoke_line(renamed.key.id)[0].id == renamed.key.id


def test_an_operator_ends_a_line_of_keys_while_it_is_asked(serving: Serve) -> None:
    asked = serving()
    head = {"Authorization": f"Bearer {asked.keys.new('admin', ('admin',)).secret}"}
    renewed = asked.keys.rotate("tester", timedelta(days=1))
    heads = [{"Authorization": f"Bearer {secret}"} for secret in (asked.secret, renewed.secret)]
    assert [asked.predict(GOOD, headers=one).status_code for one in heads] == [200, 200]
    told = asked.client.get("/v1/keys", headers=head).json()["keys"]
    assert {k["id"]: k["account"] for k in told if k["name"] == "tester"} == dict.fromkeys((told[0]["id"], renewed.key.id), told[0]["id"])
    path = f"/v1/keys/{renewed.key.id}/revoke-line"
    assert asked.client.post(path).status_code == 403
    assert asked.client.post(path, headers=head).json()["state"] == "revoked"
    assert [asked.predict(GOOD, headers=one).status_code for one in heads] == [401, 401]
    assert asked.client.get("/v1/keys", headers=head).status_code == 200
