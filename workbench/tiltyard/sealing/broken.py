"""What was sealed, signed or logged is no longer what it was."""

from ..errors import Problem


class Broken(Problem):
    """Bytes that were protected have been changed, cut, or are opened with another key; said in one line."""

    def __reduce__(self) -> tuple[type[Problem], tuple[str, str, str]]:
        return Broken, (self.expected, self.found, self.do)
