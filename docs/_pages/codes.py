"""The codes at the end of an error, each under an anchor of its own, from the program's own list."""

from tiltyard.error_codes import CODES, VARIABLE, ErrorCode

from .markdown import code, page, table


def pages() -> dict[str, str]:
    rows = [(f"[{code(name)}](#{name.lower()})", one.title) for name, one in CODES.items()]
    parts = [INTRODUCTION, table(("Code", "What happened"), rows), *(part(name, one) for name, one in CODES.items())]
    return {"reference/errors.md": page("Error codes", *parts, label="errors")}


INTRODUCTION = f"""An error is one line: what was expected, what was found, what to do. Kinds that want more words end with a code in the shell and in a
cell; a panel explains its code where it stands. With {code(VARIABLE)} set to the address of this documentation the line ends with a link to its place here."""


def part(name: str, one: ErrorCode) -> str:
    """One code under an anchor of its own name."""
    return f"({name.lower()})=\n## {one.title}\n\n{code(name)}\n\n{one.meaning}\n\nMore: [{one.page.rpartition('/')[2].replace('-', ' ')}](/{one.page}.md)."
