"""What ``tiltyard course`` does."""

from dataclasses import dataclass
from pathlib import Path

from ...access.person import me
from ...access.users import NAME, Users
from ...audit import notes as audit
from ...errors import Problem
from ...files.atomic import new_file, refuse_existing
from ...labs.course import collecting, dashboard, handout, resetting, roster
from ...labs.course.rerunning import Rerunner
from ...labs.work import place_of
from ..console import remark, say, show_table, unlogged


@dataclass(frozen=True)
class Wishes:
    """What ``course collect`` is to write, and of whom."""

    out: Path | None
    page: Path | None
    group: str
    overwrite: bool
    rerun: bool = False


def accounts(listed: Path, out: Path, users: Path | None) -> int:
    """Make accounts; the passwords stand in a file that only its owner reads."""
    me().must("users")
    audit.ready()
    students = roster.read_roster(listed)
    refuse_existing(out)
    people = Users(users)
    made = roster.make_accounts(students, people)
    rows = [
        ("login", "name", "group", "role", "password"),
        *((m.student.login, m.student.name, m.student.group, str(m.student.role), m.password) for m in made),
    ]
    with new_file(out) as stream:
        stream.write(roster.written(rows))
    for one in made:
        unlogged(audit.note("user added", parameters={"user": one.student.login, "role": str(one.student.role)}))
    say(f"✓ {len(made)} accounts made, {len(students) - len(made)} were there. Passwords: {out}", style="green")
    return 0


def release(out: Path, source: Path | None, language: str, overwrite: bool) -> int:
    """Write the notebooks."""
    written = handout.hand_out(source or handout.default_source(), out, language, overwrite)
    say(f"✓ {len(written)} files in {out}: release/ for students, source/ with solutions for you, slides/", style="green")
    return 0


def collect(listed: Path, folder: Path, wishes: Wishes) -> int:
    """Grade, show, and write what was asked for."""
    students = tuple(s for s in roster.read_roster(listed) if wishes.group in ("", s.group))
    if not students:
        raise Problem(f"a group of {listed.name}", repr(wishes.group), "Correct its name")
    for path in (wishes.out, wishes.page):
        if path is not None and not wishes.overwrite:
            refuse_existing(path)
    found = collecting.collect(folder, students, Rerunner() if wishes.rerun else None)
    _shown(found)
    _rerun(found)
    for path, content in ((wishes.out, collecting.grades_csv(found)), (wishes.page, dashboard.page(found).encode())):
        if path is not None:
            with new_file(path, replace=wishes.overwrite) as stream:
                stream.write(content)
            remark(f"Written: {path}")
    return _doubts(found)


def _shown(found: collecting.Collection) -> None:
    labs = collecting.labs_of(found)
    heads = ("Login", "Name", "Group", *(f"Lab {lab}" for lab in labs))
    rows = [
        (s.login, s.name, s.group, *(f"{p} %" if (p := collecting.percent(found.of(s, lab))) else "–" for lab in labs))
        for s in found.students
    ]
    show_table(heads, rows)


def _rerun(found: collecting.Collection) -> None:
    """Say how many runs gave the same again, and which were not run."""
    for one in found.handed_in.values():
        if one.rerun is not None:
            say(f"{one.login}, lab {one.submission.lab}: {one.rerun.same} runs give the same again, {len(one.rerun.doubts)} do not")
            for line in one.rerun.left:
                say(f"  {line}", style="dim")


def _doubts(found: collecting.Collection) -> int:
    """Say what speaks against submissions; 1 where anything does."""
    lines = [
        *found.unread,
        *(f"{one.login}, lab {one.submission.lab}: {doubt}" for one in found.handed_in.values() for doubt in one.doubts),
    ]
    for line in lines:
        say(f"▲ {line}", style="yellow")
    return 1 if lines else 0


def reset(login: str, lab: int | None, work: Path | None) -> int:
    """Let a student begin anew."""
    me().must("users")
    if not NAME.fullmatch(login):
        raise Problem("a login of letters, digits and . _ @ -", repr(login[:80]), "Correct it")
    audit.ready()
    aside = resetting.reset(work or place_of(login), lab)
    unlogged(audit.note("lab work reset", parameters={"user": login, "lab": lab or "all"}))
    say(f"✓ {login} begins {f'lab {lab}' if lab else 'all labs'} anew. What was there: {aside}", style="green")
    return 0
