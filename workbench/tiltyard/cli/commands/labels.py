"""``tiltyard labels``: labels that came for answers of a guarded endpoint, from a CSV to it."""

import csv
import json
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..app import Json, app
from .endpoint_commands import KeyEnv

if TYPE_CHECKING:
    from ...monitoring.waiting import Learned

HEADS = ("request", "label")
WANTED = "a CSV with the columns request and label"
PART = 200_000


@app.command()
def labels(
    url: Annotated[str, typer.Argument(metavar="URL", help="A guarded endpoint that `tiltyard serve --monitor` started.")],
    path: Annotated[
        Path, typer.Argument(metavar="LABELS.csv", help="request, label: an answer's X-Request-Id and the true class, a line for each row.")
    ],
    key_env: KeyEnv = "",
    as_json: Json = False,
) -> None:
    """How many answers were right? Give labels to an endpoint once they are known; the key must have the scope admin. Exit 0 counted, 2 none."""
    raise typer.Exit(run(url, path, key_env, as_json))


def run(url: str, path: Path, key_env: str, as_json: bool) -> int:
    """Send all labels of ``path``; 2 where the endpoint waits for none of them."""
    from ...access.person import me
    from ...formatting.numbers import labeled
    from ...monitoring.waiting import Learned
    from ...statistics.intervals import rate
    from ..console import emit, remark, say

    me().must("run")
    parts = [sent(url, part, key_env) for part in portions(read(path))]
    found = Learned(right=sum(p.right for p in parts), n=sum(p.n for p in parts), unknown=sum(p.unknown for p in parts))
    if as_json:
        emit(found)
    elif found.n:
        accuracy = rate("accuracy", "Accuracy where labels came", found.right, found.n, "higher")
        say(labeled(accuracy))
    if found.unknown:
        remark(
            f"The endpoint waits for no labels of {found.unknown:,} requests: counted before, too old, or of another run.", style="yellow"
        )
    return 0 if found.n else 2


def read(path: Path) -> dict[str, list[str]]:
    """Labels by request, in the order of the lines.

    Raises
    ------
    Problem
        It cannot be read, has other columns, or a cell is empty.
    """
    from ...access.places import discreet, opened
    from ...errors import Problem

    found: dict[str, list[str]] = {}
    try:
        with opened(path, "a file of labels") as stream, discreet(path, WANTED):
            lines = csv.DictReader(TextIOWrapper(stream, "utf-8-sig", newline=""))
            if not set(HEADS) <= set(lines.fieldnames or ()):
                raise Problem(WANTED, ", ".join(lines.fieldnames or ("nothing",))[:100], "Name the columns so")
            for line in lines:
                request, label = ((line[head] or "").strip() for head in HEADS)
                if not request or not label:
                    raise Problem(WANTED, f"an empty cell in line {lines.line_num}", "Leave out the lines without a label")
                found.setdefault(request, []).append(label)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Problem(WANTED, f"{path.name}: {getattr(error, 'strerror', None) or type(error).__name__}", "Check the path") from None
    if not found:
        raise Problem(WANTED, "no line with a label", "Check the file")
    return found


def portions(found: dict[str, list[str]]) -> Iterator[dict[str, list[str]]]:
    """The same in requests' bodies of bounded size."""
    part: dict[str, list[str]] = {}
    size = 0
    for request, given in found.items():
        part[request] = given
        size += len(json.dumps([request, given]).encode())
        if size > PART:
            yield part
            part, size = {}, 0
    if part:
        yield part


def sent(url: str, part: dict[str, list[str]], key_env: str) -> "Learned":
    """What the endpoint counted of one body."""
    from pydantic import ValidationError

    from ...errors import Problem
    from ...monitoring.waiting import Learned
    from ...targets.http.address import address_of
    from ...targets.http.line import Key, Line, key_in
    from ...targets.http.target import words

    line = Line(address_of(url), Key(key_in(key_env)))
    try:
        reply = line.send(
            "POST", line.address.at("/v1/labels"), json.dumps({"labels": part}).encode(), {"Content-Type": "application/json"}
        )
    finally:
        line.close()
    wanted = f"{line.address.origin} to take labels"
    if not reply.good:
        raise Problem(wanted, f"{reply.status}: {words(reply, line)}", "Correct it and send them again; none is counted twice")
    try:
        return Learned.model_validate_json(reply.body)
    except ValidationError:
        raise Problem(wanted, "an answer of another form", "Give the address of a Tiltyard endpoint") from None
