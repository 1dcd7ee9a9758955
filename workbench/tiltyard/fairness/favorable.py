"""Which class is the favorable outcome for the person judged: named, or proposed from the names of classes and label with the reason."""

import re
from dataclasses import dataclass
from typing import Literal

from ..datasets.column_names import words
from ..datasets.schema import Schema
from ..errors import Problem

Found = Literal["named", "proposed", "assumed"]

GOOD = frozenset(
    """
    accept accepted admission admit admitted alive approval approve approved benign compliant creditworthy earnings eligible employed
    genuine good graduate graduated graduation grant granted healthy hire hired income insured interview interviewed invited legit
    legitimate loyal paid pass passed promoted promotion qualified released repaid repay retained safe salary selected shortlisted show
    stay stayed success successful survival survive survived wage wages win won
    """.split()
)
BAD = frozenset(
    """
    abuse anomaly arrest arrested attack attrition bad bankrupt bankruptcy banned canceled cancelled cancer charged cheat cheating churn
    churned convicted dead death deceased declined default defaulted defaulter defaults delinquency delinquent denial denied deny diabetes
    diabetic died disease diseased dismissed dlqin dropout dropped exited fail failed failure fired foreclosure fraud fraudulent guilty hate
    ill infected intrusion late malicious malignant malware mortality overdue phishing readmission readmitted rearrest rearrested recid
    recidivate recidivated recidivism recidivist refused reject rejected rejection relapse relapsed reoffend reoffended risk risky sepsis sick spam
    stroke suspicious terminated theft toxic toxicity unemployed
    """.split()
)
NOT = frozenset("less low lower no non not never un without".split())
YES = frozenset(("1", "1.0", "high", "pos", "positive", "t", "true", "y", "yes"))
NO = frozenset(("-1", "-1.0", "0", "0.0", "f", "false", "low", "n", "neg", "negative", "no"))
CODES = {"diagnosis": {"b": "benign", "m": "malignant"}}
ABOVE, BELOW = (">", "over ", "above "), ("<", "<=", "≤", "under ", "below ", "up to ")


@dataclass(frozen=True)
class Favorable:
    """The class that is the favorable outcome, and why."""

    index: int
    name: str
    found: Found
    why: str

    @property
    def assumed(self) -> bool:
        """Does nothing say that it is this one?"""
        return self.found == "assumed"

    @property
    def note(self) -> str:
        """The class and the reason as a sentence."""
        return f"The favorable outcome is {self.name!r}: {self.why}."

    @property
    def beside(self) -> str:
        """What stands beside each number."""
        return f"favorable: {self.name!r}" + (", which is assumed" if self.assumed else "")

    @property
    def headline(self) -> str:
        """What stands before every summary where it is an assumption; else nothing."""
        return f"Assumed, for nothing says so, that {self.name!r} is the favorable outcome (name it: positive=…). " if self.assumed else ""


def favorable(schema: Schema, name: str = "") -> Favorable:
    """The class called ``name``, or the schema's, or the one that the names of classes and label point to.

    Where nothing tells it is the last class, and ``assumed``.

    Raises
    ------
    Problem
        There is no class called ``name``.
    """
    classes = schema.classes
    if name and name not in classes:
        raise Problem(f"a class ({', '.join(classes)})", repr(name), "Correct the name of the positive class")
    given = name or (schema.favorable if schema.favorable in classes else "")
    if given:
        return Favorable(classes.index(given), given, "named", "it was named")
    found = proposed(classes, schema.label)
    if found is not None:
        return found
    return Favorable(len(classes) - 1, classes[-1], "assumed", "it is the last class, and neither classes nor label say which is favorable")


def proposed(classes: tuple[str, ...], label: str = "") -> Favorable | None:
    """The class that names point to; None where they do not, or point to several."""
    return _by_class_words(classes, label) or _by_label(classes, label) or _by_amount(classes, label)


def tone(name: str) -> int:
    """Do the words of a name wish somebody well (1), ill (-1), or neither, or both (0)? ``not``, ``no`` and ``low`` turn them round."""
    found = [letters for word in words(name) for letters in re.findall("[a-z]+", word)]
    sides = {(1 if word in GOOD else -1) for word in found if word in GOOD or word in BAD}
    if len(sides) != 1:
        return 0
    turned = sum(word in NOT for word in found) % 2 == 1
    return -sides.pop() if turned else sides.pop()


def _pick(classes: tuple[str, ...], index: int, why: str) -> Favorable:
    return Favorable(index, classes[index], "proposed", why)


def _by_class_words(classes: tuple[str, ...], label: str) -> Favorable | None:
    codes = next((CODES[word] for word in words(label) if word in CODES), {})
    tones = [tone(codes.get(name.strip().lower(), name)) for name in classes]
    if tones.count(1) == 1:
        index = tones.index(1)
        return _pick(classes, index, f"{codes.get(classes[index].lower(), classes[index])!r} is a word for what people hope for")
    if len(classes) == 2 and sorted(tones) == [-1, 0]:
        bad = codes.get(classes[tones.index(-1)].lower(), classes[tones.index(-1)])
        return _pick(classes, tones.index(0), f"the other class, {bad!r}, is a word for what nobody wishes for")
    return None


def _by_label(classes: tuple[str, ...], label: str) -> Favorable | None:
    """Of yes and no, or 1 and 0, the one that the label's own words make favorable."""
    says = [1 if c.strip().lower() in YES else -1 if c.strip().lower() in NO else 0 for c in classes]
    side = tone(label)
    if len(classes) != 2 or sorted(says) != [-1, 1] or not side:
        return None
    wish = "hope for" if side > 0 else "do not wish for"
    return _pick(classes, says.index(side), f"the label {label!r} names what people {wish}")


def _by_amount(classes: tuple[str, ...], label: str) -> Favorable | None:
    """Of two sides of an amount the upper one, unless the label names what nobody wishes for."""
    above = [c.strip().lower().startswith(ABOVE) for c in classes]
    below = [c.strip().lower().startswith(BELOW) for c in classes]
    money = any(c.strip(" .").lower().endswith(("k", "000")) or any(sign in c for sign in "$€£") for c in classes)
    if len(classes) != 2 or sum(above) != 1 or sum(below) != 1 or tone(label) < 0 or not (money or tone(label) > 0):
        return None
    return _pick(classes, above.index(True), "it is the larger amount")
