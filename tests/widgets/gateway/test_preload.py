"""Scripts that one page wanted are named in the next, and nothing else that a browser may ask for."""

from importlib.metadata import version
from pathlib import Path

import pytest

from tiltyard_widgets.gateway.preload import MOST, Preload

CHUNK, REMOTE = "voila/static/4135.voila.js", "voila/labextensions/@jupyter-widgets/manager/static/7.2a0c.js?v=2a0c"


def test_what_a_page_wanted_is_named_in_the_next_but_for_what_its_head_has() -> None:
    preload = Preload()
    for place in (CHUNK, "voila/static/voila.js", REMOTE, CHUNK):
        preload.sent(place)
    assert preload.links("/user/ada/", '<script src="/user/ada/voila/static/voila.js">') == (
        f'<link rel="preload" as="script" href="/user/ada/{CHUNK}">\n<link rel="preload" as="script" href="/user/ada/{REMOTE}">\n'
    )


@pytest.mark.parametrize(
    "place",
    [
        "voila/static/../../x.js",
        "voila/static/theme.css",
        "voila/static/1.js?x=1",
        "voila/static/1.abc.js?v=abd",
        'voila/static/1.js"><script>',
        "voila/static/%22.js",
        "voila/templates/tiltyard/static/page.js",
        "/voila/static/1.js",
        "https://voila/static/1.js",
        "voila/static/1.js\n",
    ],
)
def test_what_is_no_script_of_ours_by_its_plain_name_is_not(place: str) -> None:
    preload = Preload()
    preload.sent(place)
    assert preload.links("/", "") == ""


def test_nothing_is_added_once_a_page_is_shown_nor_past_so_many() -> None:
    preload = Preload()
    preload.settle()  # of a page without scripts: nothing is known yet
    preload.sent(CHUNK)
    preload.settle()
    preload.sent(REMOTE)
    assert REMOTE not in preload.links("/", "") and CHUNK in preload.links("/", "")
    many = Preload()
    for n in range(MOST + 9):
        many.sent(f"voila/static/{n}.js")
    assert many.links("/", "").count("<link") == MOST


def test_the_next_server_knows_what_the_first_page_of_this_one_wanted(tmp_path: Path) -> None:
    place = tmp_path / "data" / "preload.json"
    before = Preload(place)
    before.sent(CHUNK)
    before.settle()
    after = Preload(place)
    assert CHUNK in after.links("/", "")
    after.sent(REMOTE)  # what this page wants is what counts from now on
    after.settle()
    assert CHUNK not in after.links("/", "") and REMOTE in Preload(place).links("/", "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"voila": "0.0", "scripts": ["voila/static/1.js"]}',
        '{"scripts": 3}',
        "\x00",
        '{"voila": "VERSION", "scripts": ["/x.js", 3]}',
    ],
)
def test_a_list_that_is_none_names_nothing(text: str, tmp_path: Path) -> None:
    (tmp_path / "preload.json").write_text(text.replace("VERSION", version("voila")))
    assert Preload(tmp_path / "preload.json").links("/", "") == ""
