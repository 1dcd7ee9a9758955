"""The words of the field: the glossary defines them, labels spell them so, and words that need two readings stand nowhere."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOTS = {"tiltyard": ROOT / "workbench" / "tiltyard", "tiltyard_widgets": ROOT / "widgets" / "tiltyard_widgets"}
GLOSSARY = ROOT / "docs" / "glossary.md"
MADE = tuple(
    line.strip("/\n") for line in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines() if line.startswith("/docs/")
)  # of the program's own words
PAGES = sorted(path for path in (ROOT / "docs").glob("**/*.md") if not str(path.relative_to(ROOT)).startswith(MADE))
READ = (ROOT / "README.md", *PAGES)
REQUIRED = """
    target; evasion; adversarial example; attack success rate; clean accuracy; robust accuracy; eps; query budget; zero-gradient rows;
    membership inference; TPR at fixed FPR; epsilon; delta; noise multiplier; DP-SGD; model extraction; fidelity; watermark; extraction detector;
    demographic parity; equalized odds; mitigation; correlation remover; majority-class baseline; calibration error; poisoning; backdoor; trigger;
    gradient inversion; secure aggregation; version skew; latency per row; drift; threat model; successful attacks; manual attack; full assessment
"""

# Words that need two readings. As a part of a name none stands at all; of these, what is a common English word may stand in a sentence.
NAMES = frozenset("told said fell robbed loot leash tour abreast house blind mend mends mended mending".split())
SENTENCES = NAMES - {"told", "said"}
INSTEAD = {
    "accuracy without attack": "clean accuracy",
    "commonest class": "majority-class baseline",
    "commonest label": "majority-class baseline",
    "commonest value": "majority-class baseline",
    "gradient leak": "gradient inversion",
    "time a row": "latency per row",
    "time per row": "latency per row",
}

# Names of before by which stored records are read, and keys that `--json` prints.
OLD = frozenset({"blind_rows", "blind_accuracy", "blind_fidelity", "fell", "mend", "told_before", "told_after", "told_difference"})


def cells() -> list[list[str]]:
    """The rows of the glossary's table: term, meaning, where, source."""
    lines = [line for line in GLOSSARY.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


TERMS = {row[0]: row for row in cells()}


def words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text).lower()))


def names(tree: ast.AST) -> Iterator[str]:
    """Every identifier of a module."""
    for node in ast.walk(tree):
        for field in ("id", "attr", "arg", "name", "asname"):
            if isinstance(value := getattr(node, field, None), str):
                yield value


def sentences(tree: ast.AST) -> Iterator[str]:
    """Every text of a module but its docstrings."""
    scopes = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docs = {id(n.body[0].value) for n in ast.walk(tree) if isinstance(n, scopes) and n.body and isinstance(n.body[0], ast.Expr)}
    yield from (n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str) and id(n) not in docs)


@cache
def rooms() -> dict[str, list[ast.Module]]:
    """The modules of both source roots by room: ``evasion``, ``tiltyard_widgets.panels``."""
    found: dict[str, list[ast.Module]] = {}
    for root, folder in ROOTS.items():
        for path in sorted(folder.rglob("*.py")):
            room = path.relative_to(folder).parts[0].removesuffix(".py")
            tree = ast.parse(path.read_text(encoding="utf-8"))
            found.setdefault(room if root == "tiltyard" else f"{root}.{room}", []).append(tree)
    return found


def standing(forbidden: frozenset[str], texts: dict[str, list[str]], but: frozenset[str] = frozenset()) -> dict[str, set[str]]:
    """The forbidden words that stand in each room, ``but`` for these texts."""
    found = {room: {word for text in mine if text not in but for word in words(text) & forbidden} for room, mine in texts.items()}
    return {room: left for room, left in found.items() if left}


def test_every_term_of_the_list_is_defined_once() -> None:
    required = {term.strip() for term in REQUIRED.split(";")}
    assert required <= set(TERMS), required - set(TERMS)
    assert [term for term, n in Counter(row[0] for row in cells()).items() if n > 1] == []
    assert list(TERMS) == sorted(TERMS, key=str.lower)


@pytest.mark.parametrize("term", TERMS)
def test_a_term_is_told_in_two_sentences_at_most_and_its_places_exist(term: str) -> None:
    _, meaning, where, source = TERMS[term]
    assert meaning.endswith(".") and 1 <= len(re.findall(r"[.?!](?: |$)", meaning)) <= 2
    places = re.findall(r"`([\w.]+)`", where)
    assert places
    for place in places:
        root, _, rest = place.partition(".")
        base, parts = (ROOTS[root], rest) if root in ROOTS else (ROOTS["tiltyard"], place)
        assert base.joinpath(*parts.split(".")).with_suffix(".py").is_file(), place
    assert not source or re.fullmatch(r"\[[^\]]+\]\(https://[^)]+\)", source)


def test_no_identifier_needs_two_readings() -> None:
    found = standing(NAMES, {room: [name for tree in trees for name in names(tree)] for room, trees in rooms().items()}, OLD)
    assert found == {"store": {"told"}}  # a column of the store's table of jobs, and the key that its JSON has


def test_no_text_that_users_read_needs_two_readings() -> None:
    texts = {room: [text for tree in trees for text in sentences(tree)] for room, trees in rooms().items()}
    assert standing(SENTENCES, texts, OLD) == {"datasets": {"blind"}}  # of people who do not see, in the names of columns


@pytest.mark.parametrize("path", READ, ids=lambda path: path.name)
def test_no_page_needs_two_readings(path: Path) -> None:
    assert words(path.read_text(encoding="utf-8")) & SENTENCES == set()


def labels() -> Iterator[str]:
    """The labels of metrics: the second argument of ``rate``, the keyword ``label``."""
    for tree in (tree for trees in rooms().values() for tree in trees):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                made = [node.args[1]] if getattr(node.func, "id", "") in ("rate", "rate_by_row", "averaged") and len(node.args) > 1 else []
                made += [word.value for word in node.keywords if word.arg == "label"]
                yield from (text for one in made for text in sentences(one))


def plain(text: str) -> str:
    return re.sub(r"[\s-]+", " ", text.lower())


def test_labels_spell_the_terms_as_the_glossary_does() -> None:
    found = list(labels())
    assert len(found) > 200 and "Attack success rate" in found
    for label in found:
        for term in TERMS:
            if re.search(rf"\b{re.escape(plain(term))}\b", plain(label)):
                assert term.lower() in label.lower(), f"{label!r} spells {term!r} otherwise"
        for phrase, term in INSTEAD.items():
            assert phrase not in label.lower(), f"{label!r}: say {term!r}"


def test_a_name_that_needs_two_readings_is_seen() -> None:
    tree = ast.parse('"""It fell."""\ndef _mendedLayer(x):\n    told.said = f(blind=1)\n    return "Mend that first"')
    texts = {"room": [*names(tree)]}
    assert standing(NAMES, texts) == {"room": {"mended", "told", "said", "blind"}}
    assert standing(SENTENCES, {"room": [*sentences(tree)]}) == {"room": {"mend"}}
