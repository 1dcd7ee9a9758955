"""Every refusal of the API with its status: by class, in the server and from its workers alike."""

from tiltyard.access.roles import Denied
from tiltyard.errors import Problem, Trouble
from tiltyard.store.troubles import Locked


class Malformed(Problem):
    """Not a path that a file browser would show."""


class Outside(Problem):
    """A path that leads out of the contents root."""


class Absent(Problem):
    """Nothing there."""


class Shut(Problem):
    """Something that this server may not read."""


class Unequipped(Problem):
    """This server has not what it takes."""


class Unknown(Problem):
    """No such run."""


class Conflict(Problem):
    """It cannot be done as things stand."""


class WrongType(Problem):
    """A body that is no JSON by its own words."""


class TooLarge(Problem):
    """More than anyone needs to ask, or work that took more memory than it may."""


class Late(Problem):
    """It took longer than it may."""


STATUS: dict[type[Problem], int] = {
    Denied: 403,
    Malformed: 400,
    Outside: 403,
    Absent: 404,
    Shut: 403,
    Unknown: 404,
    Conflict: 409,
    WrongType: 415,
    TooLarge: 413,
    Unequipped: 501,
    Late: 503,
    Trouble: 503,
}
KINDS: dict[str, type[Problem]] = {kind.__name__: kind for kind in (*STATUS, Locked)}
MEANT = {
    401: ("a login", "none", "Log in"),
    403: ("leave to do this", "none", "Log in, or ask an admin"),
    404: ("an address of this API", "another", "See openapi.json"),
    405: ("a method this address has", "another", "See openapi.json"),
}
UNKNOWN_ERROR = ("an answer", "an error, which the server's log tells", "Report it where it comes back")


def status_of(problem: Problem) -> int:
    """The HTTP status that goes with a problem."""
    return next((status for kind, status in STATUS.items() if isinstance(problem, kind)), 400)
