"""What a newcomer types into the search of the built site leads to a page: read from its index, as its script does it."""

import json
from functools import cache
from pathlib import Path

import pytest

INDEX = Path(__file__).parents[1] / "build" / "docs" / "html" / "searchindex.js"
ASKED = {
    "install": "how-to/install",
    "own model": "tutorials/",
    "scikit-learn pipeline": "tutorials/scikit-learn",
    "xgboost": "tutorials/xgboost",
    "onnx": "tutorials/onnx",
    "hugging face": "tutorials/hugging-face",
    "pickle safe": "scanner",
    "adversarial attack": "glossary",
    "pgd": "reference/checks/evasion.pgd",
    "membership inference": "reference/checks/privacy.membership_threshold",
    "differential privacy epsilon": "explanation/epsilon",
    "fairness groups": "reference/checks/fairness.groups",
    "backdoor": "reference/checks/poisoning.backdoor",
    "watermark": "reference/checks/theft.watermark",
    "confidence interval": "explanation/intervals",
    "robust accuracy": "explanation/robust-accuracy",
    "pytest": "how-to/ci",
    "junit": "how-to/ci",
    "pdf report": "how-to/report",
    "roles viewer analyst": "how-to/roles",
    "encrypt model": "how-to/sealing",
    "jupyterhub": "how-to/jupyterhub",
    "students grades": "teaching",
    "error code": "reference/errors",
    "dask": "how-to/dask",
}


@cache
def index() -> dict[str, object]:
    text = INDEX.read_text(encoding="utf-8")
    found: dict[str, object] = json.loads(text[text.index("(") + 1 : text.rindex(")")])
    return found


def pages_with(word: str) -> set[str]:
    """The pages whose text or title has the word's stem, or begins with what was typed."""
    from sphinx.search.en import SearchEnglish

    stem, names, found = SearchEnglish({}).stem(word.lower()), index()["docnames"], set[str]()
    for kind in ("terms", "titleterms"):
        for term, places in index()[kind].items():  # type: ignore[attr-defined]
            if term == stem or (len(word) > 2 and term.startswith(word.lower())):
                found |= {names[place] for place in ([places] if isinstance(places, int) else places)}  # type: ignore[index]
    return found


@pytest.mark.skipif(not INDEX.exists(), reason="the documentation was not built here: make docs")
@pytest.mark.parametrize("asked", ASKED)
def test_a_newcomers_words_lead_to_a_page(asked: str) -> None:
    from sphinx.search.en import SearchEnglish

    words = [word for word in asked.replace("-", " ").split() if word not in SearchEnglish({}).stopwords]  # as the script leaves them out
    found = set.intersection(*map(pages_with, words))
    assert any(page == ASKED[asked] or (ASKED[asked].endswith("/") and page.startswith(ASKED[asked])) for page in found), sorted(found)[:20]
