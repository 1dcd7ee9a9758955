"""The code and the commands on the documentation's pages run, in this process; tutorials and gallery run when the site is built."""

import os
import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(
    [
        *DOCS.glob("how-to/*.md"),
        *DOCS.glob("explanation/*.md"),
        DOCS / "index.md",
        DOCS / "shared.md",
        DOCS / "teaching.md",
        ROOT / "README.md",
    ]
)
FENCE = re.compile(
    r"^(?:<!-- not run: (?P<why>[^\n]+) -->\n)?(?P<ticks>`{3,})(?P<language>\w+)\n(?P<body>.*?)^(?P=ticks)$", re.MULTILINE | re.DOTALL
)
FILE = re.compile(r"# file: (\S+)\n")
SHOWN = {"text", "sh", "yaml"}  # what is only shown says why
RUN = {"python", "shell", "toml"}


@dataclass(frozen=True)
class Block:
    """One block of a page: in which language, what stands in it, and why it is not run, where it is not."""

    language: str
    body: str
    why: str

    def run(self, names: dict[str, object]) -> None:
        """Do what it says: Python in ``names``, a command by the command line, TOML into a file where it names one."""
        if self.language == "python":
            exec(compile(self.body, "the page", "exec"), names)  # noqa: S102 (the page's own code)
        elif self.language == "shell":
            for line in filter(None, map(str.strip, self.body.splitlines())):
                commanded(line)
        else:
            tomllib.loads(self.body)
            if named := FILE.match(self.body):
                Path(named[1]).write_text(self.body, encoding="utf-8")


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [Block(found["language"], found["body"], found["why"] or "") for found in FENCE.finditer(text)]


def commanded(line: str) -> None:
    """Run ``tiltyard …    # exit N`` and hold it to that exit code; ``# any exit`` holds it to none."""
    from tiltyard.cli import main

    words, _, expected = line.partition("    # ")
    program, *arguments = shlex.split(words)
    assert program == "tiltyard", line
    code = main(arguments)
    assert expected == "any exit" or expected == f"exit {code}", f"{line}: it ended with {code}"


@pytest.fixture
def folder(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to work in, with a store of its own; what a page sets in the environment ends with it."""
    before = dict(os.environ)
    monkeypatch.chdir(tmp_path)
    os.environ["TILTYARD_USERS"] = str(tmp_path / "users.json")
    os.environ["TILTYARD_STORE"] = str(tmp_path_factory.mktemp("store") / "runs.sqlite")
    yield tmp_path
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.parametrize(
    "page", [page for page in PAGES if any(b.language in RUN and not b.why for b in blocks(page))], ids=lambda p: p.stem
)
def test_what_stands_on_a_page_runs(page: Path, folder: Path) -> None:
    names: dict[str, object] = {"__name__": "page"}
    for block in blocks(page):
        if block.language in RUN and not block.why:
            block.run(names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_does_not_run_says_why(page: Path) -> None:
    for block in blocks(page):
        assert block.language in RUN | SHOWN, block.language
        assert block.language in RUN or block.why, block.body


def test_a_block_that_breaks_and_another_exit_code_are_seen(folder: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        Block("python", "1 / 0", "").run({})
    with pytest.raises(AssertionError, match="it ended with 0"):
        commanded("tiltyard --version    # exit 1")
    with pytest.raises(tomllib.TOMLDecodeError):
        Block("toml", "[", "").run({})


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> None:
    """The makers of the reference's pages can be imported."""
    monkeypatch.syspath_prepend(DOCS)
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "_pages"]:
        del sys.modules[name]


def test_the_examples_of_files_are_files(made: None) -> None:
    from _pages import files

    from tiltyard.assessment.config import Config
    from tiltyard.assessment.policy import Policy
    from tiltyard.assessment.toml_file import checked
    from tiltyard.serving.settings import Settings

    for model, text in ((Config, files.ASSESSMENT), (Policy, files.POLICY), (Settings, files.GUARD)):
        checked(model, tomllib.loads(text), "the example")


def test_every_check_and_command_has_its_page(made: None) -> None:
    from _pages import shell, steps

    from tiltyard.catalogue import checks, defenses

    pages = steps.pages({})
    assert {f"reference/checks/{id}.md" for id in (*checks(), *defenses())} == set(pages) - {"reference/checks/index.md"}
    for id, step in {**checks(), **defenses()}.items():
        text = pages[f"reference/checks/{id}.md"]
        assert step.question in text
        assert all(f"`{name}`" in text for name in step.model_fields), id
    assert {"reference/shell/assess.md", "reference/shell/user-add.md"} <= set(shell.pages())
