"""What `tiltyard app` gives each person and all of them together, and offers to all: by options, or in a file."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import Field, PrivateAttr, ValidationError

from ...access.offers import Offer
from ...access.places import opened
from ...errors import Problem
from ...result import Frozen

MINUTE = 60
MOST_BYTES = 1 << 20
TRAITS = {
    "pages_per_person": "OwnedKernels.most",
    "pages": "OwnedKernels.machine",
    "waiting": "OwnedKernels.waiting",
    "running": "OwnedKernels.running",
    "memory": "OwnedKernels.memory",
    "cores": "OwnedKernels.cores",
    "upload": "OwnedKernels.file",
    "processes": "OwnedKernels.processes",
    "starting": "App.at_once",
    "idle": "OwnedKernels.idle",
}


class Limits(Frozen):
    """Bounds; what is not given stays as the app has it."""

    pages_per_person: int | None = Field(default=None, ge=1, le=1000, description="Open pages of one person")
    pages: int | None = Field(
        default=None, ge=1, le=10_000, description="Open pages of all people; as many as memory holds where not given"
    )
    waiting: int | None = Field(default=None, ge=0, le=10_000, description="Pages that wait for a place where all are taken")
    memory: int | None = Field(default=None, ge=64, le=1 << 24, description="MiB a page may take beyond its start; with a shared login")
    cores: int | None = Field(default=None, ge=1, le=4096, description="Cores a page may use; with a shared login")
    upload: int | None = Field(default=None, ge=1, le=1 << 20, description="MiB of a file that is uploaded or written; with a shared login")
    processes: int | None = Field(
        default=None, ge=8, le=10_000, description="Processes a page may have at a time; 64 where not given; with a shared login"
    )
    running: int | None = Field(
        default=None, ge=1, le=1000, description="Checks of more than 5 s, of all people, that run at once; with a shared login"
    )
    starting: int | None = Field(default=None, ge=1, le=1000, description="Pages that start at the same time")
    idle: int | None = Field(
        default=None, ge=1, le=10_080, description="Minutes without a click after which an open page ends, told before"
    )

    offer: tuple[str, ...] = Field(default=(), description="Models with their data for everybody, each MODEL=DATA or an assessment file")
    _folder: Path = PrivateAttr(default_factory=Path)

    def words(self) -> list[str]:
        """The app's server's options."""
        given = self.model_dump(exclude_none=True, exclude={"offer"})
        return [f"--{TRAITS[name]}={value * (MINUTE if name == 'idle' else 1)}" for name, value in given.items()]


def limits(file: Path | None, options: Mapping[str, int | Sequence[str] | None]) -> Limits:
    """What a TOML file says, and over it what the options say.

    Raises
    ------
    Problem
        Where the file cannot be read, or names what is no limit or out of its bounds.
    """
    kept: dict[str, object] = {}
    if file is not None:
        try:
            with opened(file, "a TOML file of limits") as stream:
                kept = tomllib.loads(stream.read(MOST_BYTES).decode())
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise Problem("a TOML file of limits", f"{file}: {error}", f"Write lines such as pages = 30; there are {names()}") from None
    try:
        made = Limits.model_validate({**kept, **{name: value for name, value in options.items() if value is not None}})
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise Problem(f"limits within their bounds ({names()})", f"{field}: {first['msg']}", "Change it") from None
    if file is not None and options.get("offer") is None:
        made._folder = file.absolute().parent
    return made


def offers(bounds: Limits) -> tuple[Offer, ...]:
    """What ``bounds`` offer, looked at; a `Problem` where one is no model with its data, may not be opened, or bears another's name."""
    from ...assessment.offers import offer_of

    found = tuple(offer_of(text, bounds._folder) for text in bounds.offer)
    if twice := next((one.name for one in found if [other.name for other in found].count(one.name) > 1), ""):
        raise Problem("offers of different names", f"{twice!r} twice", "Give one an assessment file with a name of its own")
    return found


def names() -> str:
    """All limits there are."""
    return ", ".join(Limits.model_fields)
