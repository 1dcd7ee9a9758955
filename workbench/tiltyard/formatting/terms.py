"""Words of the field in one line each, as a student understands them: the help that stands with a term wherever it is shown.

Every term of the glossary is here (`tests/formatting/test_terms.py`), and a few more that stand on cards and in forms.
"""

import re
from functools import cache

TERMS = {
    "adversarial example": "A row changed by little, and still valid, that the model now answers wrongly.",
    "attack success rate": "Of the rows the attack could win, the share it did win.",
    "AUC": "How well a score tells two kinds of rows apart: 0.5 is guessing, 1 is perfect.",
    "backdoor": "A hidden rule planted in training: rows with a secret pattern get the attacker's class.",
    "balanced accuracy": "The share of rows that are right, counted for each class alone and then averaged, so that a rare class counts as much as a common one.",
    "calibration error": "How far the model's confidence is from how often it is right.",
    "clean accuracy": "The share of rows that are right when nobody attacks.",
    "Brier score": "How far the scores lie from what was true, squared and averaged: 0 is perfect.",
    "correlation remover": "Takes out of every column what it tells about a sensitive column.",
    "delta": "The small chance that the promise of differential privacy does not hold.",
    "demographic parity": "Every group gets the favorable answer equally often; the difference is the largest gap between two groups.",
    "DP-SGD": "Training with noise, so that no single row can show much in the model.",
    "drift": "The rows that come now are not like those the model was made for.",
    "equal opportunity": "Of those who deserve the favorable answer, every group gets it equally often.",
    "eps": "How far an attack may change a row, as a share of each feature's range.",
    "epsilon": "How much one person's row can change what the model shows: the smaller, the more private.",
    "equalized odds": "The model errs equally often in every group; the difference is the largest gap between two groups.",
    "evasion": "Changing a row so that the model answers it wrongly.",
    "extraction detector": "Watches an endpoint for clients whose questions look like copying the model.",
    "favorable outcome": "The answer that a person hopes for, such as being given the loan.",
    "fidelity": "How often a copy gives the same answer as the model it was copied from.",
    "full assessment": "Every check, every defense with its side effects, a campaign and the ethics checklist in one run.",
    "gradient inversion": "Reading training rows back from the gradients that a client sends.",
    "gradient masking": "The model hides its gradient, so that attacks by gradient fail where others succeed.",
    "k-anonymity": "The smallest number of people who look alike in the columns that could name them.",
    "latency per row": "How long the model takes to answer one row.",
    "majority-class baseline": "What you would score by always answering the commonest class.",
    "manual attack": "Changing a row by hand to see when the model turns.",
    "membership inference": "Finding out whether somebody's row was in the training data.",
    "mitigation": "What makes the gap between groups smaller.",
    "model extraction": "Copying a model by asking it many questions.",
    "model inversion": "Drawing what a class looks like to a model, which can show the people it was trained on.",
    "noise multiplier": "How much noise private training adds at each step.",
    "norm": "How the size of a change is measured: linf by the largest change of one feature, l2 by the straight-line distance, l1 by the sum.",
    "poisoning": "Changing the training data so that the model learns what an attacker wants.",
    "PSNR": "How like the original a recovered picture is, in decibels: above 20 it can be recognized.",
    "query budget": "How many rows may be asked of the model.",
    "robust accuracy": "The share of rows that stay right under the attack; a stronger attack can only lower it.",
    "secure aggregation": "The server learns only the sum of what clients send, never what one of them sent.",
    "selection rate": "The share of a group that gets the favorable answer.",
    "shadow model": "A model an attacker trains in the same way, to learn how rows behave that were trained on.",
    "successful attacks": "How many attacks of a campaign found something, of those that ended with an answer.",
    "target": "The model under test, as it is used.",
    "threat model": "Who attacks: what they know, may ask and want.",
    "TPR at fixed FPR": "The share of training rows found while at most a fixed share of others is accused wrongly.",
    "trigger": "The secret pattern that sets off a backdoor or carries a watermark.",
    "version skew": "The model runs on other library versions than it was trained with.",
    "watermark": "Secret questions with answers that only a copy of the marked model knows.",
    "zero-gradient rows": "Rows where the gradient says nothing although the model does react.",
}


@cache
def _known() -> tuple[tuple[re.Pattern[str], str], ...]:
    """The longest term first, so that robust accuracy is not taken for another; names in capitals as they stand."""
    ordered = sorted(TERMS, key=len, reverse=True)
    return tuple((re.compile(rf"\b{re.escape(term)}\b", 0 if term.isupper() else re.IGNORECASE), TERMS[term]) for term in ordered)


def help_of(label: str) -> str:
    """The help of the longest term that stands in ``label``, or nothing: of ``Demographic parity difference by sex`` that of demographic parity."""
    if "TPR at" in label:
        return TERMS["TPR at fixed FPR"]
    return next((help for pattern, help in _known() if pattern.search(label)), "")
