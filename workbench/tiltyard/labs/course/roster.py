"""Who takes the course: a CSV with a login, a name, a group and a role for each, and the accounts that are made from it."""

import csv
import io
import secrets
from collections.abc import Sequence
from pathlib import Path

from ...access.places import opened
from ...access.roles import Role
from ...access.users import NAME, Users, role_of
from ...errors import Problem
from ...result import Frozen

COLUMNS = ("login", "name", "group", "role")
MOST_BYTES = 4 << 20
BYTES = 12  # of chance in a first password: 16 signs
RISKY = "=+-@\t\r"


class Student(Frozen):
    """One line of the roster."""

    login: str
    name: str
    group: str = ""
    role: Role = Role.ANALYST


def read_roster(path: Path) -> tuple[Student, ...]:
    """The students of a roster.

    Raises
    ------
    Problem
        It has no ``login`` and ``name`` column, a login is none or stands twice, or a role is unknown; with the line.
    """
    try:
        with opened(path, "a roster") as stream:
            content = stream.read(MOST_BYTES + 1)
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise Problem("a roster that can be read", f"{path}: {error.strerror or error}", "Correct the name") from None
    except UnicodeDecodeError:
        raise Problem(f"UTF-8 in {path.name}", "another encoding", "Save it as CSV UTF-8") from None
    if len(content) > MOST_BYTES:
        raise Problem(f"a roster of at most {MOST_BYTES >> 20} MB", "a larger one", "Give the list of one course")
    lines = csv.DictReader(io.StringIO(text), dialect=_dialect(text))
    heads = [head.strip().lower() for head in lines.fieldnames or ()]
    if not {"login", "name"} <= set(heads):
        raise Problem(f"the columns {', '.join(COLUMNS)} in {path.name} (group and role may lack)", f"{len(heads)} others", "Add them")
    lines.fieldnames = heads
    return _distinct([_student(line, number) for number, line in enumerate(lines, 2)], path)


def _dialect(text: str) -> type[csv.Dialect]:
    try:
        return csv.Sniffer().sniff(text.partition("\n")[0], delimiters=",;\t")
    except csv.Error:
        return csv.excel


def _student(line: dict[str, str | None], number: int) -> Student:
    login, name, group, role = ((line.get(key) or "").strip() for key in COLUMNS)
    if not NAME.fullmatch(login):
        raise Problem(f"a login of letters, digits and . _ @ - in line {number}", repr(login[:80]), "Correct it")
    return Student(login=login, name=" ".join(name.split()) or login, group=group, role=role_of(role or Role.ANALYST))


def _distinct(students: list[Student], path: Path) -> tuple[Student, ...]:
    seen: set[str] = set()
    for student in students:
        if student.login.lower() in seen:
            raise Problem(f"each login once in {path.name}", f"{student.login} twice", "Give one of them another")
        seen.add(student.login.lower())
    if not students:
        raise Problem(f"students in {path.name}", "none", "Add a line for each")
    return tuple(students)


class Made(Frozen):
    """An account that was made, with the password to hand out; it is kept nowhere else as text."""

    student: Student
    password: str


def make_accounts(students: tuple[Student, ...], users: Users) -> tuple[Made, ...]:
    """An account with a password drawn by chance, good for the first login, for each student who has none; who has one keeps it."""
    there = {user.name for user in users.all()}
    made = []
    for student in students:
        if student.login not in there:
            password = secrets.token_urlsafe(BYTES)
            users.add(student.login, student.role, password, once=True)
            made.append(Made(student=student, password=password))
    return tuple(made)


def plain(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell[:1] and cell[0] in RISKY else cell


def written(rows: Sequence[Sequence[str]]) -> bytes:
    """CSV for a spreadsheet or a learning platform."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows([plain(cell) for cell in row] for row in rows)
    return out.getvalue().encode("utf-8-sig")
