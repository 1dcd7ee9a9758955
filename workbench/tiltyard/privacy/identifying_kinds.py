"""Kinds of identifiers: how a column that holds them is called, and how their values look."""

import ipaddress
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .identifying_text import any_name, family_first, nhs_number, ordinary


@dataclass(frozen=True)
class Kind:
    """A sort of identifier: how such a column is called, how its values look, and whether both are needed.

    ``least`` is the share of values that must look so where the heading does not say it.
    """

    name: str
    called: str
    looks: Callable[[str], bool]
    both: bool = False
    least: float = 0.8


def _matches(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern)
    return lambda text: compiled.fullmatch(text) is not None


NO_PHONE = re.compile(
    r"-?\d+\.?\d*"  # a number
    r"|\d{1,4}[-./]\d{1,2}[-./]\d{1,4}([ T].*)?"  # a date
    r"|[1-9]\d{0,2}(\.\d{3})+|[1-9]\d?( \d{3}){2}"  # thousands apart
    r"|97[89][ -]\d.*"  # a book's
    r"|[1-9]\d*\s?/\s?\d+"  # one number over another
    r"|-?\d+\.\d+[ ,;/]+-?\d+\.\d+"  # a place
)
RANGE = re.compile(r"([1-9]\d{3,})\s?-\s?(\d{4,})")


def _phone(text: str) -> bool:
    text = re.sub(r"\s*(x|ext\.?)\s*\d{1,6}$", "", text, flags=re.IGNORECASE)
    digits = re.sub(r"\D", "", text)
    if not 7 <= len(digits) <= 15 or not re.fullmatch(r"\+?[\d\s()./-]+", text) or NO_PHONE.fullmatch(text):
        return False
    ends = RANGE.fullmatch(text)
    return ends is None or not 0 < int(ends[2]) - int(ends[1]) < 9 * int(ends[1])


def _card(text: str) -> bool:
    digits = re.sub(r"[\s-]", "", text)
    if not re.fullmatch(r"\d{13,19}", digits):
        return False
    doubled = [int(d) if i % 2 == 0 else sum(divmod(2 * int(d), 10)) for i, d in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0 and len(set(digits)) > 1


def _iban(text: str) -> bool:
    plain = text.replace(" ", "").upper()
    if not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", plain):
        return False
    return int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4])) % 97 == 1


def _address(text: str) -> bool:
    """Of the internet, version 4 or 6, or of a network card."""
    if re.fullmatch(r"[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}", text):
        return True
    if text.count(".") != 3 and text.count(":") < 2:
        return False
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _place(text: str) -> bool:
    """Latitude and longitude, to a hundred meters or finer."""
    found = re.fullmatch(r"[(\[]?(-?\d{1,3}\.\d{3,})[°\s,;/]+(-?\d{1,3}\.\d{3,})[)\]]?", text)
    return found is not None and abs(float(found[1])) <= 90 and abs(float(found[2])) <= 180


MONTH = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
DATE = (
    r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}([ T].*)?"
    r"|(18|19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])"
    rf"|(?i:{MONTH} \d{{1,2}}(st|nd|rd|th)?,? \d{{4}}|\d{{1,2}}(st|nd|rd|th|\.)?[ -]{MONTH}[ -]\d{{2,4}})"
)
STREET = (
    r"(?i:\d+[a-z]?,? .*\b(street|st|avenue|ave|road|rd|lane|ln|drive|dr|court|ct|boulevard|blvd|way|terrace|crescent)\b\.?.*"
    r"|[\w' .-]*(straße|strasse|str\.|weg|platz|allee|gasse|straat|laan|vej|gatan) ?\d+.*"
    r"|(\d+,? )?(rue|boulevard|via|viale|piazza|calle|avenida|rua|ulica|ul\.) [^\d]+.*)"
)
RECORD = re.compile(r"(^|[^a-z])(nhs|mrn|patient|record|hospital|account|order|case|id|no|number)([^a-z]|$)")  # digits, but not a phone's
PERSON = (
    r"(.*[^a-z])?((mrn|patient|subject|member|customer|client|person|employee|student|passport)\d?|"
    r"(mrn|patient|subject|member|customer|client|person|people|user|employee|student|policy ?holder|passport|driver'?s? ?licen[cs]e|tax|"
    r"national)[ _.-]*(id|identifier|no|nr|num|number|code|ref|key)\d?)"
)
CALLED_NAME = r"(first|last|full|given|family|middle|maiden|patient|customer|client|person|employee|student)[ _.-]*names?|sur[ _.-]?names?"
CALLED_PHONE = r"(\w+[ _-])?(phone|telephone|telefon|mobile|cell|cellphone|fax|tel)[ _-]?(number|num|no|nr)?"
CALLED_BIRTH = r".*(birth|dob|geboren|geburt|naissance|nacimiento|nascimento|nascita).*"
KINDS = (
    Kind("e-mail address", r".*e-?mail.*", _matches(r"[^@\s]+@[^@\s]+\.[^\W\d_]{2,}")),
    Kind("IBAN", r".*iban.*", _iban),
    Kind("payment card number", r".*(card|pan).*", _card),
    Kind("social security number", r".*(ssn|social).*", _matches(r"\d{3}([- ])\d{2}\1\d{4}")),
    Kind("social security number", r"(.*[^a-z])?ssn([^a-z].*)?|social[ _-]?security.*", _matches(r"\d{8,9}"), both=True),
    Kind("network address", r".*(^|_)ip(_|$).*", _address),
    Kind("unique id (UUID)", r".*(id|uuid|guid).*", _matches(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")),
    Kind(
        "hash or key (hexadecimal digits)",
        r".*hash.*",
        _matches(r"(?=.*\d)(?=.*[a-fA-F])([0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64})"),
    ),
    Kind("NHS number", r".*nhs.*", nhs_number),
    Kind("pair of coordinates", r".*(coord|position|location|gps|latl(on|ng)).*", _place),
    Kind("coordinate", r"(.*[^a-z])?(lat|latitude|lon|long|lng|longitude)([^a-z].*)?", _matches(r"-?\d{1,3}\.\d{3,}"), both=True),
    Kind("phone number", r".*(phone|mobile|fax|tel).*", _phone),
    Kind("phone number", CALLED_PHONE, _matches(r"\d{9,15}"), both=True),
    Kind("date of birth", CALLED_BIRTH, _matches(DATE), both=True),
    Kind("postal code", r".*(zip|postal|postcode|plz).*", _matches(r"[A-Za-z0-9]{2,5}[- ]?[A-Za-z0-9]{2,5}"), both=True),
    Kind("street address", r".*(address|street|addr).*", _matches(r"(?=.*\d)(?=.*[A-Za-z]).{6,}"), both=True),
    Kind("street address", r".*(address|street|addr).*", _matches(STREET)),
    Kind("person's name", CALLED_NAME, _matches(r"[^\W\d_][^\d]{0,60}"), both=True),
    Kind("person's name", r"(user[ _.-]*)?names?", _matches(r"[^\W\d_][^\d]{0,60}"), both=True),
    Kind("person's name", CALLED_NAME, any_name, least=0.5),
    Kind("person's name", CALLED_NAME, family_first),
)
FEWEST_NAMES = 10  # of a column that is called a name and nothing more: names of three products are no people's


def kind_of(values: Sequence[str], heading: str, distinct: int) -> tuple[str, float] | None:
    """The first of `KINDS` that the ``values`` look like, and the share that does; None where they are none.

    Parameters
    ----------
    values
        Distinct ones, each as it is written; ``distinct`` is how many there are in the column.
    heading
        Of the column, in lower case.
    """
    if distinct < 3:
        return None
    for kind in KINDS:
        called = re.fullmatch(kind.called, heading) is not None
        if (kind.both and not called) or (kind.name == "phone number" and RECORD.search(heading) and not called):
            continue
        share = sum(map(kind.looks, values)) / len(values)
        if share >= (min(0.5, kind.least) if called and not kind.both else kind.least) and not _other(kind, values, distinct):
            return kind.name, share
    return None


def _other(kind: Kind, values: Sequence[str], distinct: int) -> bool:
    """Names of things, not of people: few and none of them known, or words of which most are ordinary ones too."""
    if kind.name != "person's name":
        return False
    known = [v for v in values if any_name(v) or family_first(v)]
    if kind.both:
        return kind.called != CALLED_NAME and distinct < FEWEST_NAMES and len(known) < 0.2 * len(values)
    return sum(map(ordinary, known)) > 0.5 * len(known)


def repeats(distinct: int, rows: int, values: Sequence[str], heading: str) -> bool:
    """Do people have several rows each, under an id by which the heading calls them?"""
    code = sum(re.fullmatch(r"(?=.*\d)[\w./-]{4,40}", v) is not None for v in values) >= 0.8 * len(values)
    return code and distinct >= 20 and 20 * distinct >= rows and re.fullmatch(PERSON, heading) is not None
