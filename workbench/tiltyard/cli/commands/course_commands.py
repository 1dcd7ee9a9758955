"""``tiltyard course``, with its options."""

from pathlib import Path
from typing import Annotated

import typer

from ..app import Overwrite, app

HOW = "The teacher's page in the documentation says how a class is run, from a roster to grades."
course = typer.Typer(help="A class: its accounts, its notebooks, its grades.", no_args_is_help=True, rich_markup_mode=None, epilog=HOW)
app.add_typer(course, name="course")

Roster = Annotated[Path, typer.Argument(metavar="ROSTER.csv", help="Columns login, name, and if you like group and role.")]
UsersFile = Annotated[Path | None, typer.Option("--users", metavar="FILE", help="The file of people; as of `tiltyard user`.")]


@course.callback()
def owner() -> None:
    """A class is run by whoever runs the server: its files are none of a shared login's."""
    from ...access.person import me
    from ...access.roles import Denied

    if me().shared:
        raise Denied("the account that runs the server", f"{me().name} behind a shared login", "Run it in that account's own shell")


@course.command("accounts")
def accounts(
    roster: Roster,
    out: Annotated[Path, typer.Option("--out", metavar="FILE.csv", help="The new file with first passwords, to hand out once.")],
    users: UsersFile = None,
) -> None:
    """Make an account with a first password for everybody on the roster who has none."""
    from . import course

    raise typer.Exit(course.accounts(roster, out, users))


@course.command("release")
def release(
    out: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the course, laid out as nbgrader does.")],
    source: Annotated[Path | None, typer.Option("--source", metavar="DIR", help="notebooks/labs of a checkout.")] = None,
    language: Annotated[str, typer.Option(metavar="LANGUAGE", help="en, or one that the labs are translated to.")] = "en",
    overwrite: Overwrite = False,
) -> None:
    """Write the students' notebooks (release/), the instructor's (source/) and slides."""
    from . import course

    raise typer.Exit(course.release(out, source, language, overwrite))


@course.command("collect")
def collect(
    roster: Roster,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the course, or of submissions (…lab.json).")],
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE.csv", help="Grades for a learning platform.")] = None,
    page: Annotated[Path | None, typer.Option("--page", metavar="FILE.html", help="The class on one page, without names.")] = None,
    group: Annotated[str, typer.Option(metavar="NAME", help="Only this group.")] = "",
    rerun: Annotated[bool, typer.Option("--rerun", help="Run again, here, what right answers rest on; two minutes a run at most.")] = False,
    overwrite: Overwrite = False,
) -> None:
    """Grade every submission anew from its records. Exit 1 where something speaks against one."""
    from . import course

    raise typer.Exit(course.collect(roster, folder, course.Wishes(out, page, group, overwrite, rerun)))


@course.command("reset")
def reset(
    login: Annotated[str, typer.Argument(metavar="LOGIN", help="Whose work.")],
    lab: Annotated[int | None, typer.Option(min=1, max=8, help="Only this lab.")] = None,
    work: Annotated[
        Path | None, typer.Option("--work", metavar="FILE", help="Their labs.json, where they have a home of their own.")
    ] = None,
) -> None:
    """Let a student begin anew; what was there is put aside, runs stay."""
    from . import course

    raise typer.Exit(course.reset(login, lab, work))
