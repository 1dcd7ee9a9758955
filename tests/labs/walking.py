"""Walks a lab from its first cell to its last as a student would, in this process: cell by cell, what a cell answers beside it."""

import ast
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tiltyard.labs.source import Cell, Lab, read

SOURCES = Path(__file__).parents[2] / "notebooks" / "labs"


@dataclass
class Walk:
    """What a walk through a lab met."""

    answers: list[Any] = field(default_factory=list)
    problems: list[tuple[str, Exception]] = field(default_factory=list)
    cpu: list[tuple[float, str]] = field(default_factory=list)


def lab(number: int) -> Lab:
    """The lab of this number."""
    (path,) = SOURCES.glob(f"lab{number}_*.py")
    return read(path)


def walk(cells: Iterable[Cell], going_on: bool = False) -> Walk:
    """Run the code cells in order, in one namespace; ``going_on`` as a student does after a red cell."""
    done, names = Walk(), {"__name__": "__main__"}
    for cell in cells:
        if cell.kind == "code":
            _run(cell.text, names, done, going_on)
    return done


def _run(code: str, names: dict[str, Any], done: Walk, going_on: bool) -> None:
    begun = sum(os.times()[:4])
    try:
        done.answers.append(_value(code, names))
    except Exception as problem:
        if not going_on:
            raise
        done.problems.append((code, problem))
    done.cpu.append((sum(os.times()[:4]) - begun, code))


def _value(code: str, names: dict[str, Any]) -> Any:
    """Run a cell; the value of its last line where that is an expression."""
    tree = ast.parse(code)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)  # noqa: S102 (our own lab, as a kernel runs it)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names) if isinstance(last, ast.Expr) else None  # noqa: S307


def timed(cells: Iterable[Cell]) -> None:
    """Print what each cell took of a processor; for whoever writes a lab."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for cell in cells:
        if cell.kind == "code":
            done, wall = Walk(), time.perf_counter()
            _run(cell.text, names, done, going_on=True)
            words = [repr(one)[:900] for one in done.answers if one is not None] + [f"!! {problem!r}"[:400] for _, problem in done.problems]
            print(  # noqa: T201 (for the shell)
                f"{done.cpu[0][0]:6.1f} s  {time.perf_counter() - wall:6.1f} s  {cell.text.splitlines()[-1][:90]}",
                *words,
                sep="\n      ",
                flush=True,
            )
