"""Forty kinds of identifying columns are found, forty honest ones that look like them are not; groups count as pandas does on odd frames."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tiltyard.privacy.identifying import Identifying
from tiltyard.privacy.identifying_columns import combination, of_dataset, of_frame
from tiltyard.privacy.identifying_groups import diversity
from tiltyard.progress import Progress
from tiltyard.result import Status

if TYPE_CHECKING:
    import pandas as pd

N = 120


class Drawn:
    """Columns of values drawn from a seed."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def pick(self, *values: str) -> list[str]:
        return [values[i] for i in self.rng.integers(0, len(values), N)]

    def digits(self, pattern: str) -> list[str]:
        """``pattern`` with each # a digit; the first of a row of them is not 0."""
        made = []
        for _ in range(N):
            text, before = "", ""
            for c in pattern:
                text += str(self.rng.integers(0 if before == "#" else 1, 10)) if c == "#" else c
                before = c
            made.append(text)
        return made


def with_luhn(body: str) -> str:
    doubled = [int(d) if i % 2 else sum(divmod(2 * int(d), 10)) for i, d in enumerate(reversed(body))]
    return body + str(-sum(doubled) % 10)


def iban(country: str, body: str) -> str:
    rest = int("".join(str(int(c, 36)) for c in f"{body}{country}00")) % 97
    return f"{country}{98 - rest:02d}{body}"


def identifying() -> dict[str, tuple[list[Any], str]]:
    """Columns by heading, each with the kind it is."""
    d = Drawn(5)
    name, phone, card, born = "person's name", "phone number", "payment card number", "date of birth"
    day, month, year = d.rng.integers(1, 29, N), d.rng.integers(1, 13, N), d.rng.integers(1930, 2010, N)
    dates = list(zip(day, month, year, strict=True))
    there = [(52.5 + a, 13.4 + b) for a, b in d.rng.normal(0, 0.05, (N, 2))]
    cards = [with_luhn(body) for body in d.digits("4##############")]
    banks = [iban("GB", "WEST" + body) for body in d.digits("##############")]
    return {
        "a1": (d.pick("Nguyễn Văn An", "Trần Thị Bình", "Phạm Quang Dũng", "Lê Hoàng Yến"), name),
        "a2": (d.pick("王伟", "李娜", "张敏", "刘洋", "陈静"), name),
        "a3": (d.pick("Иван Петров", "Ольга Смирнова", "Сергей Иванов"), name),
        "a4": (d.pick("محمد علي", "فاطمة حسن", "أحمد إبراهيم"), name),
        "a5": (d.pick("Oluwaseun Adeyemi", "Chinwe Okafor", "Ngozi Eze", "Emeka Nwosu"), name),
        "a6": (d.pick("Siobhán O'Brien", "Łukasz Kowalski", "Agnieszka Wiśniewska", "Zoë Müller"), name),
        "a7": (d.pick("SMITH JOHN", "JONES MARY", "BROWN PETER"), name),
        "a8": (d.pick("john", "mary", "peter", "anna"), name),
        "a9": (d.pick("佐藤 健", "鈴木花子", "田中太郎"), name),
        "b1": (d.pick("김민준", "이서연", "박지훈", "최수빈"), name),
        "b2": (d.pick("Mehmet Yılmaz", "Özlem Kaya", "Emre Şahin"), name),
        "Surname": (d.pick("Olsen", "de la Cruz", "Okafor"), name),
        "p1": (d.digits("+49 15# ########"), phone),
        "p2": (d.digits("(2##) ###-####"), phone),
        "p3": (d.digits("2##-###-####"), phone),
        "p4": (d.digits("0#.##.##.##.##"), phone),
        "p5": (d.digits("2##.###.#### x###"), phone),
        "phone_number": ([int(v) for v in d.digits("2#########")], phone),
        "i1": ([iban("DE", body) for body in d.digits("##################")], "IBAN"),
        "i2": ([" ".join(bank[i : i + 4] for i in range(0, 22, 4)) for bank in banks], "IBAN"),
        "c1": (cards, card),
        "c2": ([int(v) for v in cards], card),
        "c3": (["-".join(v[i : i + 4] for i in range(0, 16, 4)) for v in cards], card),
        "s1": (d.digits("2##-##-####"), "social security number"),
        "s2": (d.digits("2## ## ####"), "social security number"),
        "ssn": ([int(v) for v in d.digits("2########")], "social security number"),
        "mrn": (d.digits("MRN#######")[: N // 2] * 2, "identifier (by its heading)"),
        "customer_id": ([f"C{i % 40:05d}" for i in range(N)], "identifier (by its heading)"),
        "notes": (["no complaints" + (" but write to jo.d@mail.example.org" if i % 25 == 0 else "") for i in range(N)], "e-mail address"),
        "m1": ([f"user{i}@münchen.example" for i in range(N)], "e-mail address"),
        "h1": (
            [f"{int(v):x}".rjust(32, "a") for v in d.digits("############################")[:30] * 4],
            "hash or key (hexadecimal digits)",
        ),
        "latitude": ([round(a, 5) for a, _ in there], "coordinate"),
        "position": ([f"{a:.5f}, {b:.5f}" for a, b in there], "pair of coordinates"),
        "dob": ([int(f"{y}{m:02d}{t:02d}") for t, m, y in dates], born),
        "geboren am": ([f"{t:02d}.{m:02d}.{y}" for t, m, y in dates], born),
        "birth date": ([f"{w} {t}, {y}" for (t, _, y), w in zip(dates, d.pick("March", "Apr"), strict=True)], born),
        "x1": ([f"{i} {s}" for i, s in enumerate(d.pick("High Street", "Elm Avenue", "Main St"))], "street address"),
        "x2": ([f"{s} {i}, 10115 Berlin" for i, s in enumerate(d.pick("Hauptstraße", "Lindenweg"))], "street address"),
        "n1": ([f"2001:db8::{i:x}" for i in range(N)], "network address"),
        "n2": ([f"00:1b:44:11:3a:{i:02x}" for i in range(N)], "network address"),
    }


def honest() -> dict[str, Any]:
    """Columns that name nobody, though they look a little as if they did."""
    d = Drawn(6)
    rng = d.rng
    low = rng.integers(10, 90, N) * 1000
    return {
        "weekday": d.pick("Monday", "Tuesday", "Friday"),
        "month": d.pick("April", "May", "June", "August"),
        "city": d.pick("San Francisco", "New York", "Los Angeles", "St. Louis", "Santa Maria", "San Jose", "Charlotte"),
        "city2": d.pick("Paris", "Charlotte", "Florence", "Victoria", "Austin", "Lincoln"),
        "state": d.pick("Virginia", "Georgia", "Texas"),
        "flower": d.pick("Rose", "Iris", "Lily", "Violet"),
        "ward": d.pick("St Mary", "St Thomas", "King George"),
        "religion": d.pick("Christian", "Muslim", "None"),
        "name": d.pick("Widget", "Gadget", "Sprocket"),
        "file_name": d.pick("train", "test", "dev"),
        "salary": [f"{a}-{a + 10000}" for a in low],
        "book": d.pick(*(f"978-3-16-1484{i}-{i % 10}" for i in range(10, 30))),
        "hotel_revenue": rng.integers(1_000_000, 1_000_020, N),
        "store_id": d.pick(*(f"S{i:04d}" for i in range(25))),
        "lat_bin": rng.normal(52, 1, N).round(1),
        "latency": rng.lognormal(0, 1, N).round(4),
        "tax": rng.integers(1000, 1040, N),
        "color": d.pick("黄色", "白色", "红色", "蓝色"),
        "city3": d.pick("Москва", "Казань", "Владимир", "Пермь"),
        "gem": d.pick("ruby", "pearl", "jade", "amber"),
        "word": d.pick("may", "will", "mark", "rose"),
        "user_type": d.pick("admin", "guest", "editor"),
        "visit": d.pick(*(f"2020-01-{i:02d}" for i in range(1, 29))),
        "dose": d.pick("10 mg", "20 mg", "40 mg"),
        "icd": d.pick("E11.9", "I10", "J45.909"),
        "time": d.pick("10:15:00", "11:30:00", "12:45:00"),
        "via": d.pick("web", "phone", "mail"),
        "comments": d.pick("Great service at the New York branch", "Grace period applied", "May be late by 10 minutes"),
    }


def found(columns: dict[str, Any]) -> dict[str, str]:
    import pandas as pd

    result = Identifying(combined=2).look(pd.DataFrame(columns))
    return {str(row[0]): str(row[1]) for row in result.tables[0].rows}


def test_each_kind_is_found() -> None:
    planted = identifying()
    assert found({name: values for name, (values, _) in planted.items()}) == {name: kind for name, (_, kind) in planted.items()}


def test_what_only_looks_like_it_is_not() -> None:
    assert found(honest()) == {}


@pytest.mark.parametrize("shape", ["#/#", "## ### ###", "#.###.###", "####/####"])
def test_numbers_written_in_parts_are_no_phones(shape: str) -> None:
    kind = found({"x": Drawn(1).digits(shape)}).get("x", "")
    assert kind != "phone number"


def test_texts_of_a_data_set_are_read_and_not_their_numbers() -> None:
    import pandas as pd

    from tiltyard.datasets.dataset import Dataset
    from tiltyard.datasets.schema import Schema
    from tiltyard.datasets.texts import text_feature

    texts = [f"came on day {i % 9} for the usual look" + (" write to jo@mail.example.org" if i == 7 else "") for i in range(N)]
    frame = pd.DataFrame({"remark": texts})
    schema = Schema(features=(text_feature(frame["remark"], "remark"),), label="y", classes=("no", "yes"))
    result = Identifying().screen(of_dataset(Dataset(schema.encode(frame), np.arange(N) % 2, schema)), Progress())
    assert [row[:2] for row in result.tables[0].rows] == [("remark", "e-mail address")]


def odd(n: int = 400) -> "pd.DataFrame":
    """Missing values, unused levels, mixed types, dates, booleans, and numbers that first come out of order."""
    import pandas as pd

    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "age": np.where(rng.random(n) < 0.1, np.nan, rng.integers(20, 24, n)),
            "sex": pd.Categorical(rng.choice(["F", "M"], n), categories=["F", "M", "X"]),
            "mixed": np.array([(1, "1", True, None, 2.0, "x")[i] for i in rng.integers(0, 6, n)], object),
            "date": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 3, n), unit="D"),
            "flag": pd.array(rng.choice(np.array([True, False, None], object), n), dtype="boolean"),
            "count": pd.array([(0, 1, 2, None)[i] for i in rng.integers(0, 4, n)], dtype="Int64"),
            "income": rng.choice([30.0, 10.5, 99.0, 20.0], n, p=[0.4, 0.3, 0.2, 0.1]),
            "written": rng.choice(["100,5", "9,5", "20,5"], n),
            "lost": np.where(rng.random(n) < 0.3, np.nan, rng.choice([30.0, 10.5, 99.0], n)),
            "ill": np.array([("flu", "cold", None)[i] for i in rng.integers(0, 3, n)], object),
        }
    )


@pytest.mark.parametrize("known", [["age", "sex"], ["mixed", "flag"], ["date", "count"], ["age", "flag", "count"]])
def test_groups_of_odd_columns_equal_pandas(known: list[str]) -> None:
    frame = odd()
    columns = {c.name: c for c in of_frame(frame)}
    sizes = frame.groupby(known, dropna=False, observed=True).size()
    it = combination([columns[name] for name in known], 5)
    assert (it.smallest, it.alone, it.below) == (sizes.min(), (sizes == 1).sum(), sizes[sizes < 5].sum())


@pytest.mark.parametrize("secret", ["income", "written", "lost", "ill"])
def test_diversity_of_odd_columns_equals_pandas(secret: str) -> None:
    frame, known = odd(), ["age", "sex"]
    columns = {c.name: c for c in of_frame(frame)}
    it = diversity([columns[name] for name in known], columns[secret], 5)
    held = frame[frame[secret].notna()]
    values = held[secret].str.replace(",", ".").astype(float) if secret == "written" else held[secret]
    order = sorted(values.unique())
    groups = [values[part.index] for _, part in held.groupby(known, dropna=False, observed=True)]
    apart = [(g.value_counts(normalize=True).reindex(order, fill_value=0) - values.value_counts(normalize=True)[order]) for g in groups]
    if secret == "ill":
        distances = [float(a.abs().sum() / 2) for a in apart]
    else:
        distances = [float(a.cumsum().abs()[:-1].sum() / (len(order) - 1)) for a in apart]
    assert it.fewest == min(g.nunique() for g in groups)
    assert it.t == pytest.approx(max(t for t, g in zip(distances, groups, strict=True) if len(g) >= 5))
    assert (it.n, it.lacking) == (len(held), len(frame) - len(held))


def test_numbers_equal_up_to_rounding_are_one() -> None:
    import pandas as pd

    dose = of_frame(pd.DataFrame({"dose": [0.1 + 0.2, 0.3, 1e-20, 1.1 - 1, 0.1, np.nan]}))[0]
    assert dose.codes.tolist() == [2, 2, 0, 1, 1, 3]
    assert dose.empty == (3,)


def test_a_column_that_is_empty_gives_nothing_away() -> None:
    import pandas as pd

    frame = pd.DataFrame({"age": [30, 40] * 50, "sex": ["F", "M"] * 50, "illness": [None] * 100})
    result = Identifying(secret="illness").look(frame)
    assert (result.status, result.metric("l").value) == (Status.INCOMPLETE, None)
    assert any("100 rows have no value of illness" in note for note in result.notes)
