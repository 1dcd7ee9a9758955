"""One source for three papers: blanks, solutions, slides, other languages."""

import json
from pathlib import Path

import pytest

from tiltyard.errors import Problem
from tiltyard.labs import build
from tiltyard.labs.source import blanked, labs, read, solved
from tiltyard.labs.texts import catalog

SOURCE = """# %% [markdown] minutes=4
# # Lab 9: A try
#
# Words.

# %%
guess = 60  # blank: percent

# %%
# solution: write it
def f():
    return 1
# end
f

# %% [markdown] tags=["instructor"]
# Expected: 62.

# %% [markdown] tags=["slide"]
# # A slide
# | a | b |
# |---|---|
# | <script>alert(1)</script> | 2 |
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "lab9_try.py").write_text(SOURCE)
    return tmp_path / "in"


def test_a_student_sees_blanks_and_an_instructor_solutions(folder: Path) -> None:
    lab = read(folder / "lab9_try.py")
    assert (lab.title, lab.minutes) == ("Lab 9: A try", 4)
    assert [cell.text for cell in lab.student()] == ["# Lab 9: A try\n\nWords.", "guess = ...  # percent", "...  # write it\nf"]
    theirs = [cell.text for cell in lab.instructor()]
    assert theirs[0].startswith("# Lab 9: A try · 4 min")
    assert theirs[1:] == ["guess = 60  # percent", "# write it\ndef f():\n    return 1\nf", "Expected: 62."]


def test_only_marked_lines_are_blanks() -> None:
    kept = "x = 1  # a comment\nif x:\n    print(x)"
    assert blanked(kept) == solved(kept) == kept
    assert blanked("    y = f(1, 'a # b')  # blank: what") == "    y = ...  # what"
    assert blanked("# solution: words = your message\nwords = 'mine'\n# end") == "words = ...  # your message"


def test_slides_need_no_network_and_run_nothing(folder: Path) -> None:
    page = build.slides(read(folder / "lab9_try.py"))
    assert "<h1>A slide</h1>" in page and "<table>" in page
    assert "<script" not in page and "http" not in page


def test_the_same_source_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    one, other = (build.build(folder, tmp_path / name) for name in "ab")
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in other]
    book = json.loads(one[0].read_text())
    assert one[-1].name == "start.ipynb" and "lab9_try.ipynb" in one[-1].read_text()
    assert all(not cell.get("outputs") for cell in book["cells"])


def test_all_texts_are_translated_in_one_place(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tiltyard.labs import texts

    languages = tmp_path / "languages"
    languages.mkdir()
    (languages / "en.json").write_text(json.dumps(catalog("en")))
    monkeypatch.setattr(texts, "FOLDER", languages)
    monkeypatch.setattr(build, "FOLDER", languages)
    build.main([str(folder), str(languages / "de.json"), "--texts", "de"])
    words = json.loads((languages / "de.json").read_text())
    assert set(words) == {*catalog("en"), *(cell.text for cell in read(folder / "lab9_try.py").cells if cell.kind == "markdown")}
    words["# Lab 9: A try\n\nWords."] = "# Labor 9: Ein Versuch\n\nWorte."
    words["reason.blank"] = "noch nichts."
    (languages / "de.json").write_text(json.dumps(words))
    texts.languages.cache_clear()
    texts.catalog.cache_clear()
    try:
        assert "Labor 9" in build.build(folder, tmp_path / "out", "de")[0].read_text()
        monkeypatch.setenv("TILTYARD_LANGUAGE", "de_DE.UTF-8")
        assert (texts.text("reason.blank"), texts.text("named", who="Ada")[:5]) == ("noch nichts.", "Hello")
    finally:
        texts.languages.cache_clear()
        texts.catalog.cache_clear()


def test_a_folder_without_labs_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="the sources of labs"):
        labs(tmp_path)
