"""What was sealed, signed or logged is no longer what it was."""

from ..errors import Problem


class Broken(Problem):
    """Bytes that were protected have been changed, cut, or are opened with another key; an error of one line."""

    code = "TY-SEAL"

    quotes = False
