"""Every term of the glossary has a help of one line, and labels find theirs."""

import pytest
from tests.test_glossary import TERMS as GLOSSARY

from tiltyard.formatting.terms import TERMS, help_of


def test_every_term_of_the_glossary_has_its_help() -> None:
    assert set(GLOSSARY) - set(TERMS) == set()


@pytest.mark.parametrize("term", TERMS)
def test_a_help_is_one_short_sentence(term: str) -> None:
    text = TERMS[term]
    assert text.endswith(".") and text.count(". ") == 0 and len(text) <= 150 and text[0].isupper()


@pytest.mark.parametrize(
    ("label", "term"),
    [
        ("Demographic parity difference by sex", "demographic parity"),
        ("Robust accuracy after", "robust accuracy"),
        ("TPR at 0.1 % FPR", "TPR at fixed FPR"),
        ("AUC of the attack", "AUC"),
        ("Epsilon spent (PRV)", "epsilon"),
        ("Eps", "eps"),
        ("Rows", ""),
        ("Stepsize", ""),
    ],
)
def test_a_label_finds_the_help_of_its_term(label: str, term: str) -> None:
    assert help_of(label) == TERMS.get(term, "")
