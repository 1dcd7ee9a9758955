"""What names people inside texts and without a telling heading: given names, and e-mail, phone and other numbers in parts of a text."""

import re
import unicodedata
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
MORE_GIVEN = frozenset(
    """
    ade adebayo agnieszka aiko akira aleksandra anil anjali ayesha babajide bilal bjork bogdan bronwyn chidi chinwe chukwuemeka dewi dilip dmitry ebru
    ekaterina elif emeka emre fadi farid folake gulsen habib halima haruto hiroshi huda ikenna imran ingeborg ioana itai joaquin kaori karim katarzyna
    khadija kofi krzysztof kwame lakshmi layla lukasz lucja magdalena malgorzata mamadou maryam mehmet mihai minh mustafa natalya nasser neha ngozi
    nikos nnamdi noura obinna olufemi oluwaseun ozlem pavel piotr pooja pranav priyanka quang radu rania rashid rohan ruslan sachin sakura salim
    samira sanjeev seamus selin seung shreya siobhan sinead sunita svetlana tadeusz takeshi tatiana thabo thorsten tomasz tuan tunde vikram wanjiru
    wojciech xin yael yetunde ying yousef yuri yusra zainab zanele zofia zsofia jurgen bjorn soren asa zoe thordur jozef istvan laszlo bela goran
    """.split()
)
ORDINARY = frozenset(
    """
    alexandria amber april august austin bob carmen charlotte chad christian claus dawn diego faith florence francisco frank franz george gloria grace
    guy heather iris israel jack jackson jean jersey jesus jordan jose joy juan kelly kim kitts lea leon lima lin lina lincoln louis luis lucia mark max
    may mercedes mia milan min miles olive paris ray rich robin roman rosa rose ruby ruth said salvador sofia sydney victor victoria viola virginia
    vincent walter will jade pearl penny summer lourdes angela regina
    """.split()
)
PLACE = re.compile(
    r"(st|saint|san|santa|santo|são|los|las|el|la|fort|port|mount|lake|new|north|south|east|west|king|queen|prince)\.? .*", re.I
)
# Family names that stand first, in the writing of their people; of Vietnamese ones, in any capitals.
FAMILY_FIRST = re.compile(
    r"[王李张張刘劉陈陳杨楊赵趙黄黃周吴吳徐孙孫胡朱高林何郭马馬罗羅梁宋郑鄭谢謝韩韓唐冯馮于董萧蕭程曹袁邓鄧许許傅沈曾彭吕呂苏蘇卢盧蒋蔣蔡贾賈丁魏薛叶葉阎余潘杜戴夏钟鍾汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文][\u4e00-\u9fff]{1,2}"
    r"|(佐藤|鈴木|高橋|田中|伊藤|渡辺|山本|中村|小林|加藤|吉田|山田|佐々木|山口|松本|井上|木村|清水|林|斎藤|山崎|森|池田|橋本|阿部|石川|前田|藤田|小川|後藤|岡田|長谷川|村上|近藤|石井)[ 　]?[\u3040-\u30ff\u4e00-\u9fff]{1,4}"
    r"|[김이박최정강조윤장임한오서신권황안송류전홍고문양손배백허유남심노하곽성차주우구민진지엄채원천방공현함변염여추도소석선설마길연위표명기반라왕금옥육인맹제모탁국][\uac00-\ud7a3]{2}"
    r"|(nguyễn|nguyen|trần|phạm|hoàng|huỳnh|phan|vũ|võ|đặng|bùi|đỗ|ngô|dương|lý|lê|hồ|đinh|trịnh) [^\W\d_]+( [^\W\d_]+){0,3}",
    re.IGNORECASE,
)
CYRILLIC_GIVEN = r"(иван|ольга|сергей|наталья|александр|александра|алексей|андрей|анна|анастасия|борис|вера|виктор|виктория|владимир|галина|дарья|дмитрий|евгений|екатерина|елена|игорь|ирина|константин|ксения|людмила|максим|мария|марина|михаил|надежда|николай|олег|павел|пётр|петр|роман|светлана|татьяна|юлия|юрий|оксана|тарас|богдан|марко|милош|драган|георги)"
ARABIC_GIVEN = r"(محمد|أحمد|احمد|علي|حسن|حسين|فاطمة|مريم|عمر|خالد|يوسف|إبراهيم|ابراهيم|عائشة|زينب|سارة|ليلى|محمود|مصطفى|عبد|نور|هدى|سعيد|طارق|كريم|أمينة|שרה|דוד|משה|יוסף|שרה|רחל|מרים|אברהם)"
OTHER_GIVEN = re.compile(rf"([^\W\d_]+ )?{CYRILLIC_GIVEN}( [^\W\d_]+){{0,2}}|{ARABIC_GIVEN}( [^\W\d_]+){{0,3}}", re.IGNORECASE)
NAME = re.compile(r"[A-Z][\w'’.-]*(?:[ ,]+[A-Z][\w'’.-]*){1,3}")
LARGEST_NAME = 4


def _folded(word: str) -> str:
    """In lower case and without accents."""
    plain = word.lower().translate(STROKES)
    return "".join(c for c in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(c))


STROKES = str.maketrans({"ł": "l", "ø": "o", "þ": "th", "ð": "d", "đ": "d", "ı": "i", "ß": "ss", "æ": "ae"})


def _given(word: str) -> bool:
    plain = _folded(word)
    return plain in GIVEN or plain in MORE_GIVEN


def given_name(text: str) -> bool:
    """A given name alone, or with others: the first or last of up to four capitalized words is a common given name."""
    words = [word.strip(".,") for word in text.split()]
    if not 0 < len(words) <= LARGEST_NAME or not all(word and word[0].isalpha() and word[0].isupper() for word in words):
        return False
    return _given(words[0]) or _given(words[-1])


def any_name(text: str) -> bool:
    """A given name as `given_name` has it, in lower case if it is alone, or one in Cyrillic, Arabic or Hebrew letters."""
    return given_name(text) or (text.isalpha() and _given(text)) or OTHER_GIVEN.fullmatch(text) is not None


def family_first(text: str) -> bool:
    """A Chinese, Japanese, Korean or Vietnamese name whose family name is a common one. Many other words begin so: one value alone says nothing."""
    return FAMILY_FIRST.fullmatch(text) is not None


def ordinary(text: str) -> bool:
    """A name that is as well a word or a place (Rose, San Jose): alone it says nothing."""
    if PLACE.fullmatch(text):
        return True
    words = text.split()
    return len(words) == 1 and _folded(words[0].strip(".,")) in ORDINARY


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
    Part(
        "person's name",
        re.compile(r"\b[A-Z][a-z]+ [A-Z][\w'’-]+"),
        lambda found: given_name(found) and _folded(found.split()[0]) in GIVEN - ORDINARY,
    ),
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
