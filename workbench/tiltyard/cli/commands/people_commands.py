"""``tiltyard user``, with its options."""

from pathlib import Path
from typing import Annotated

import typer

from ..app import Json, app

HOW = "A password is asked for, or read from TILTYARD_USER_PASSWORD; it never stands in the command line."
user = typer.Typer(help="The people who may log in to the app, with their roles.", no_args_is_help=True, rich_markup_mode=None, epilog=HOW)
app.add_typer(user, name="user")

UsersFile = Annotated[
    Path | None, typer.Option("--users", metavar="FILE", help="The file of people; TILTYARD_USERS, or one in your settings folder.")
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The name somebody logs in with.")]
RoleName = Annotated[str, typer.Option("--role", metavar="viewer|analyst|admin", help="What they may do.")]
Once = Annotated[bool, typer.Option("--once", help="It is for the first login alone: the app then asks for a password of their own.")]


@user.command("add", epilog=HOW)
def add(name: Name, role: RoleName = "analyst", once: Once = False, users: UsersFile = None) -> None:
    """Let somebody log in: a viewer looks and downloads, an analyst runs, an admin has keys, people and deletion too."""
    from . import people

    raise typer.Exit(people.add(name, role, users, once))


@user.command("list")
def listed(as_json: Json = False, users: UsersFile = None) -> None:
    """Who may log in; never a password or its hash."""
    from . import people

    raise typer.Exit(people.show(as_json, users))


@user.command("role")
def role(
    name: Name,
    to: Annotated[str, typer.Argument(metavar="viewer|analyst|admin", help="What they may do from now on.")],
    users: UsersFile = None,
) -> None:
    """Give somebody another role; it ends their logins."""
    from . import people

    raise typer.Exit(people.give(name, to, users))


@user.command("password", epilog=HOW)
def password(name: Name, once: Once = False, users: UsersFile = None) -> None:
    """Give somebody another password; it ends their logins."""
    from . import people

    raise typer.Exit(people.renew(name, users, once))


@user.command("remove")
def remove(name: Name, users: UsersFile = None) -> None:
    """Take somebody away: their logins end, their runs stay."""
    from . import people

    raise typer.Exit(people.remove(name, users))
