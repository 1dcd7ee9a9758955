"""The cohorts that a person keeps of a data set, in a small file of their own data folder."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from ..access.person import Person
from ..access.places import home
from ..errors import Problem
from ..files.atomic import replace_file
from ..files.locking import locked
from ..files.reading import opened
from ..result import Frozen
from .cohorts import Cohort

FOLDER, DRAFTS = "cohorts", "drafts"
MOST = 500


def kept(data: str, name: str) -> Cohort:
    """The cohort called ``name`` that this person keeps of the data set with the fingerprint ``data``; a `Problem` where there is none."""
    cohorts = KeptCohorts.of(data).all()
    return cohorts[_place(cohorts, name)]


def _place(cohorts: Sequence[Cohort], name: str) -> int:
    names = [cohort.name for cohort in cohorts]
    if name not in names:
        raise Problem(f"a kept cohort of this data ({', '.join(names[:8]) or 'there is none'})", repr(name), "Correct its name")
    return names.index(name)


class CohortFile(Frozen):
    """What the file holds."""

    format: Literal[1] = 1
    data: str
    cohorts: tuple[Cohort, ...] = ()


class KeptCohorts:
    """The cohorts of the data set whose fingerprint is ``data``, each under a name of its own.

    Parameters
    ----------
    folder
        Where the files lie; `of` finds a person's own.
    """

    def __init__(self, folder: Path, data: str) -> None:
        self.data = data
        self.path = folder / f"{data}.json"

    @classmethod
    def of(cls, data: str, person: Person | None = None) -> "KeptCohorts":
        """Those of ``person``, in their data folder."""
        return cls(home(person) / FOLDER, data)

    @classmethod
    def draft_of(cls, data: str, person: Person) -> "KeptCohorts":
        """What ``person`` began and has neither kept nor used: one cohort at most, beside those that are kept."""
        return cls(home(person) / DRAFTS, data)

    def all(self) -> tuple[Cohort, ...]:
        """The cohorts in the order they were kept; none where there is no file.

        Raises
        ------
        Problem
            The file is not one of ours.
        """
        if not self.path.is_file():
            return ()
        try:
            with opened(self.path) as stream:
                return CohortFile.model_validate_json(stream.read()).cohorts
        except (ValidationError, ValueError):
            raise Problem("a file of cohorts", f"another content in {self.path.name}", f"Move {self.path} away") from None

    def keep(self, cohort: Cohort) -> None:
        """Add ``cohort``; a `Problem` where its name is in use."""
        with self._changing() as held:
            held.put([*held.now, cohort])

    def put_alone(self, cohort: Cohort | None) -> None:
        """Keep ``cohort`` in the place of all that are there; None for nothing."""
        if cohort is None and not self.path.is_file():
            return
        with self._changing() as held:
            held.put([] if cohort is None else [cohort])

    def rename(self, name: str, new: str) -> Cohort:
        """Give the cohort ``name`` the name ``new``; the renamed one."""
        with self._changing() as held:
            place = held.place(name)
            renamed = Cohort(name=_worded(new), conditions=held.now[place].conditions)
            held.put([*held.now[:place], renamed, *held.now[place + 1 :]])
        return renamed

    def remove(self, name: str) -> Cohort:
        """Forget the cohort ``name``; what it was, to be kept again where that was a mistake."""
        with self._changing() as held:
            place = held.place(name)
            held.put([*held.now[:place], *held.now[place + 1 :]])
        return held.now[place]

    @contextmanager
    def _changing(self) -> "Iterator[_Held]":
        """The file while one writer alone has it."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(self.path):
            yield _Held(self, self.all())


class _Held:
    """The file while it is changed; ``now`` is what it held."""

    def __init__(self, kept: KeptCohorts, now: tuple[Cohort, ...]) -> None:
        self.kept, self.now = kept, now

    def place(self, name: str) -> int:
        """Where the cohort ``name`` stands."""
        return _place(self.now, name)

    def put(self, cohorts: Sequence[Cohort]) -> None:
        """Write ``cohorts`` in the place of what was there."""
        names = [cohort.name.casefold() for cohort in cohorts]
        twice = next((c.name for c in cohorts if names.count(c.name.casefold()) > 1), "")
        if twice:
            raise Problem("a name that no kept cohort has", repr(twice), "Choose another name")
        if len(cohorts) > MOST:
            raise Problem(f"at most {MOST} kept cohorts", f"{len(cohorts)}", "Delete some first")
        content = CohortFile(data=self.kept.data, cohorts=tuple(cohorts)).model_dump(mode="json")
        replace_file(self.kept.path, json.dumps(content, indent=1, ensure_ascii=False).encode())


def _worded(name: str) -> str:
    """The name without blanks around it; a `Problem` where nothing is left or it is too long."""
    found = " ".join(name.split())
    if not 0 < len(found) <= 120:
        raise Problem("a name of 1 to 120 characters", f"{len(found)}", "Write another name")
    return found
