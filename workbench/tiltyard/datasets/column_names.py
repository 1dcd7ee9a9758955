"""Column names as words."""

import re


def words(name: str) -> tuple[str, ...]:
    """The lower-case words of a column name: ``nativeCountry`` and ``native-country`` give (native, country)."""
    return tuple(re.findall(r"[a-z]+|[0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()))
