"""A request that gets no answer, and why: a status, and the three clauses of a `Problem`."""

from ..errors import Problem


class Refusal(Exception):
    """A refusal of a request, raised anywhere below a route; `app` turns it into the answer.

    Attributes
    ----------
    status
        The HTTP status, 4xx or 503.
    problem
        What was expected, what was found, what to do. Says nothing of the model's insides.
    headers
        Sent along, as ``Retry-After``.
    column, row
        Where in the request it is, under 422.
    """

    def __init__(
        self, status: int, problem: Problem, headers: dict[str, str] | None = None, column: str | None = None, row: int | None = None
    ) -> None:
        super().__init__(status, str(problem))
        self.status = status
        self.problem = problem
        self.headers = headers or {}
        self.column = column
        self.row = row

    @property
    def body(self) -> dict[str, dict[str, str | int]]:
        """The answer's JSON."""
        error: dict[str, str | int] = {"expected": self.problem.expected, "found": self.problem.found, "do": self.problem.do}
        if self.column is not None:
            error["column"] = self.column
        if self.row is not None:
            error["row"] = self.row
        return {"error": error}


def refuse(status: int, expected: str, found: str, do: str, after: float | None = None) -> Refusal:
    """A refusal; ``after`` are the seconds for ``Retry-After``."""
    headers = {} if after is None else {"Retry-After": str(max(1, int(-(-after // 1))))}
    return Refusal(status, Problem(expected, found, do), headers)
