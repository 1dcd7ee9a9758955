"""What the codes at the end of an error mean, and which page goes further: a code is the same in the shell, in a cell and in a panel."""

import os
from typing import NamedTuple

VARIABLE = "TILTYARD_DOCS"
PAGE = "reference/errors.html"


class ErrorCode(NamedTuple):
    """One kind of error.

    ``title`` says what happened, ``meaning`` why and what helps, in a few sentences; ``page`` is the page of the documentation that
    goes further, without its ending.
    """

    title: str
    meaning: str
    page: str


CODES: dict[str, ErrorCode] = {
    "TY-ACCEPT": ErrorCode(
        "The model file waits to be accepted",
        "It is a pickle that makes allow-listed classes of usual libraries alone. Opening it runs their code, so that somebody has to accept "
        "its SHA-256 first: in the load panel, or by `tiltyard scan --accept`.",
        "scanner",
    ),
    "TY-FILE": ErrorCode(
        "There is no such file, or it is none",
        "The path names nothing, a folder, a device or a pipe, or the file's ending does not fit what is written. Paths are read from where "
        "the program was started; a kernel's folder is that of its notebook.",
        "tutorials/index",
    ),
    "TY-SCHEMA": ErrorCode(
        "What the columns mean is not known",
        "A model alone does not say what its inputs are. Open it together with data that has its columns (`ty.check(model, frame, label=…)`), "
        "or give `schema=`.",
        "tutorials/index",
    ),
    "TY-ANSWER": ErrorCode(
        "The answer of a function cannot be read",
        "A predict function gives one label a row, or scores of shape (rows, classes). Try it on two rows, and name `outputs=` where it "
        "gives logits.",
        "tutorials/endpoint",
    ),
    "TY-BUDGET": ErrorCode(
        "The questions that were allowed are used up",
        "A target counts what it is asked. Give a larger `budget=`, or fewer rows or a smaller `query_budget` to the check. What was measured "
        "until then is kept.",
        "tutorials/endpoint",
    ),
    "TY-NEED": ErrorCode(
        "This model or data lacks what the question needs",
        "Gradients, scores, sensitive columns, rows that were trained on: each check says what it needs. *Not applicable* is no pass; "
        "`ty.checks()` shows the needs of all.",
        "explanation/deployed-model",
    ),
    "TY-REACH": ErrorCode(
        "The endpoint does not answer",
        "No connection, or no answer in time. Check that it runs, the address with its port, and that nothing between the two refuses. "
        "`tiltyard probe` says how it stands.",
        "how-to/serve",
    ),
    "TY-REFUSED": ErrorCode(
        "The endpoint answers and refuses",
        "A key that is missing or has ended, a rate that is used up, or a request of another form. The status in the message says which.",
        "how-to/serve",
    ),
    "TY-ROLE": ErrorCode(
        "Your role does not allow it",
        "Viewers look, analysts run, admins manage; behind a shared login some things are nobody's. Ask an admin, or see which role may what.",
        "how-to/roles",
    ),
    "TY-SEAL": ErrorCode(
        "What was sealed, signed or logged is not what it was",
        "Bytes were changed or cut, or the key is another one. Fetch the file again and try the key it was made with; where neither helps, "
        "do not use it.",
        "how-to/sealing",
    ),
    "TY-STORE": ErrorCode(
        "The store of runs does not answer",
        "It is read-only, full, damaged, gone, or from a newer version. TILTYARD_STORE names another; `tiltyard doctor` looks at it.",
        "how-to/install",
    ),
    "TY-LOCKED": ErrorCode(
        "Another program holds the store",
        "Two programs wrote at once for longer than the wait. Try again; for many people take PostgreSQL.",
        "shared",
    ),
}


def address(code: str) -> str:
    """Where the code is explained: an address where TILTYARD_DOCS says where the documentation is, else an empty string."""
    home = os.environ.get(VARIABLE, "").strip().rstrip("/")
    return f"{home}/{PAGE}#{code.lower()}" if home.startswith(("https://", "http://")) and code in CODES else ""


def with_code(line: str, code: str) -> str:
    """The line of an error with its code, and the address of its page where that is known."""
    return f"{line} [{' '.join(filter(None, (code, address(code))))}]" if code else line
