"""What names people inside texts and without a telling heading: given names, and e-mail, phone and other numbers in parts of a text."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

GIVEN = frozenset(
    """
    aaron abdul abigail adam adele agnes ahmed aisha alan albert alejandro alex alexander alexandra alfred ali alice alicia alina amanda amelia
    amina amit amy ana anders andre andrea andreas andrew angela anita anja ann anna anne annie anthony antonio anton arjun arthur ashley astrid
    barbara beatrice ben benjamin bernard beth betty bianca bob boris brandon brenda brian bruno camila carl carla carlos carmen carol caroline
    catherine cecilia charles charlotte chen chiara chloe chris christian christina christine christopher claire clara claudia claus daniel
    daniela david deborah denise dennis diana diego dmitri donald dora doris dorothy edward elena eleanor elias elisa elizabeth ella ellen emil
    emily emma enrique eric erik ernest esther ethan eva evelyn fatima fatma felix fernando frances francesca francis francisco frank franz fred
    frederick gabriel george gerald gertrude gina giovanni giulia gloria gordon grace greg gregory greta gustav hana hanna hannah hans harold
    harry hassan heather heidi helen helena helga henry hugo ian ibrahim ida igor ines ingrid irene iris isaac isabel isabella ivan jack jacob
    jakob james jan jane janet jason javier jean jeffrey jennifer jens jeremy jerry jessica jesus jin joan joanna joao jochen joe johan johanna
    john jonas jonathan jorge jose joseph joshua juan judith judy julia julian julie juliette jun jurgen justin karen karin karl katarina kate
    katherine kathleen kathryn katja keith kelly kenji kenneth kevin khalid kim klaus kumar kurt kyle lars laura lauren laurent lea lena leo leon
    leonard leila li lin lina linda lisa liu lorenzo louis louise luca lucas lucia lucy luis luise luke magda manuel marc marco marcus margaret
    maria mariam marie marina mario marion mark markus marta martha martin martina mary mateo matilda matthew matthias maurice max maya mei
    melanie melissa mia michael michel michelle miguel mike mila milan min miriam mohamed mohammed monica monika muhammad nadia nancy naomi
    natalia natalie nathan neil nicholas nick nicola nicolas nicole nikolai nina noah noor nora norbert olga oliver olivia omar oscar oskar otto
    pablo pamela patricia patrick paul paula pedro peter petra philip philipp pierre priya rachel rafael rahul rajesh ralph ramon ravi raymond
    rebecca renate ricardo richard rita robert roberto roger roland roman ronald rosa rose ruth ryan sabine said salma sam samantha samuel sandra
    sanjay sara sarah sean sebastian sergei sergio sharon shirley silvia simon simone sofia sonia sophia sophie stefan stella stephanie stephen
    steven susan susanne suresh sven sylvia tanja tariq teresa theodor theresa thomas tim timothy tina tobias tom tomas tony tyler uma ursula
    valentina vanessa vera veronica victor victoria vincent viola virginia vladimir walter wang wei wendy werner wilhelm william wolfgang xavier
    yan yasmin yuki yusuf yvonne zara zhang zoe
    """.split()
)
LARGEST_NAME = 4


def given_name(text: str) -> bool:
    """A given name alone, or with others: the first or last of up to four capitalized words is a common given name."""
    words = [word.strip(".,") for word in text.split()]
    if not 0 < len(words) <= LARGEST_NAME or not all(word and word[0].isalpha() and word[0].isupper() for word in words):
        return False
    return words[0].lower() in GIVEN or words[-1].lower() in GIVEN


def nhs_number(text: str) -> bool:
    """Ten digits, together or as 3, 3 and 4, whose last checks the others modulo 11 (NHS Data Model, NHS NUMBER)."""
    if not re.fullmatch(r"\d{3}([ -]?)\d{3}\1\d{4}", text):
        return False
    digits = [int(d) for d in text if d.isdigit()]
    check = 11 - sum(d * weight for d, weight in zip(digits[:9], range(10, 1, -1), strict=True)) % 11
    return check % 11 == digits[9] and check != 10 and len(set(digits)) > 1


@dataclass(frozen=True)
class Part:
    """What stands in a part of a text, its pattern, and what else must hold of it."""

    kind: str
    pattern: re.Pattern[str]
    holds: Callable[[str], bool] = bool


PARTS = (
    Part("e-mail address", re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)*\.[A-Za-z]{2,}")),
    Part("NHS number", re.compile(r"(?<![\d-])\d{3}[ -]?\d{3}[ -]?\d{4}(?![\d-])"), nhs_number),
    Part("social security number", re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])")),
    Part("phone number", re.compile(r"(?<![\w+])(\+\d[\d ()-]{7,16}\d|0\d{2,4}[ /-]\d{3,4}[ -]?\d{3,4}|\(\d{3}\) ?\d{3}-\d{4})(?!\w)")),
    Part("person's name", re.compile(r"\b(Mr|Mrs|Ms|Miss|Dr|Prof)\.? [A-Z][\w'’-]+")),
    Part("person's name", re.compile(r"\b[A-Z][a-z]+ [A-Z][\w'’-]+"), lambda found: found.split()[0].lower() in GIVEN),
)


@dataclass(frozen=True)
class Inside:
    """The kind that stands in parts of texts, the share of texts that hold one, and one of them."""

    kind: str
    share: float
    example: str


def inside(texts: Sequence[str]) -> Inside | None:
    """The first of `PARTS` that is in any of the ``texts`` (an e-mail address), or in 1 % of them (the others); None where none is."""
    for part in PARTS:
        hits = [found for found in (_first(part, text) for text in texts) if found]
        least = 1 if part.kind == "e-mail address" else max(2, 0.01 * len(texts))
        if len(hits) >= least:
            return Inside(part.kind, len(hits) / len(texts), hits[0])
    return None


def _first(part: Part, text: str) -> str:
    return next((found[0] for found in part.pattern.finditer(text) if part.holds(found[0])), "")
