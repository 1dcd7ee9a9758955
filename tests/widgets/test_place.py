"""What an address may say, and nothing else of it."""

import pytest

from tiltyard_widgets.place import PLACE, Place, own_place, place_of


def test_a_place_is_written_and_read():
    place = Place("1a2b3c4d", "evasion", "evasion.pgd")
    assert place.query == "run=1a2b3c4d&topic=evasion&step=evasion.pgd"
    assert place_of({"run": [b"1a2b3c4d"], "topic": [b"evasion"], "step": ["evasion.pgd"]}) == place
    assert Place().query == ""


@pytest.mark.parametrize("word", ["<script>", "../..", "1a2b3c4d' or 1", "x" * 200, "", "\xff"])
def test_what_cannot_be_one_is_as_good_as_none(word):
    assert place_of({"run": [word], "topic": [word], "step": [word], "token": ["secret"]}) in (Place(), Place(topic="x" * 0))


def test_the_servers_word_comes_before_voilas(monkeypatch):
    monkeypatch.setenv("QUERY_STRING", "run=11111111&token=secret")
    monkeypatch.delenv(PLACE, raising=False)
    assert own_place() == Place("11111111")
    monkeypatch.setenv(PLACE, "topic=privacy")
    assert own_place() == Place(topic="privacy")
