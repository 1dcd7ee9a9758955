"""The questions of the eight labs, a file each, in the order in which they are asked."""

from ..question import Question
from . import capstone, evaluations, evasion, fairness, membership, poisoning, theft, threats

ALL: tuple[Question, ...] = (
    *threats.QUESTIONS,
    *evasion.QUESTIONS,
    *evaluations.QUESTIONS,
    *membership.QUESTIONS,
    *theft.QUESTIONS,
    *fairness.QUESTIONS,
    *poisoning.QUESTIONS,
    *capstone.QUESTIONS,
)
