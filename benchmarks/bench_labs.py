"""Walks the labs from the first cell to the last and reckons a student's minutes: ``python benchmarks/bench_labs.py [LAB …]``.

What is measured: the words that a student reads (text of the cells, and what they answer), and the processor's time of all cells with
their solutions. What is assumed, for nobody sat there: 200 words a minute; and minutes for thinking and typing by kind, see THINKING.
"""

import os
import re
import sys
import tempfile
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
WORDS_A_MINUTE = 200
THINKING = {"predict": 1.0, "check": 1.0, "decide": 2.0, "reflect": 4.0}  # minutes each
OWN_CODE = 5.0  # minutes for each cell that a student writes


@dataclass(frozen=True)
class Reckoned:
    """A lab in minutes: read, waited for (one core), thought, and what its source says."""

    number: int
    words: int
    read: float
    wait: float
    think: float
    stated: int

    @property
    def total(self) -> float:
        return self.read + self.wait + self.think


def reckoned(number: int) -> Reckoned:
    from tests.labs.walking import lab, walk

    one = lab(number)
    cells = one.student()
    with redirect_stdout(StringIO()) as printed:
        done = walk(one.instructor())
    shown = [printed.getvalue(), *(plain(answer) for answer in done.answers if answer is not None)]
    words = sum(len(text.split()) for text in [*shown, *(cell.text for cell in cells if cell.kind == "markdown")])
    code = "\n".join(cell.text for cell in cells if cell.kind == "code")
    think = sum(minutes * len(re.findall(rf"labs\.{kind}\(", code)) for kind, minutes in THINKING.items())
    think += OWN_CODE * len(re.findall(r"^# solution: (?!words)", (ROOT / f"notebooks/labs/{one.name}.py").read_text(), re.MULTILINE))
    return Reckoned(number, words, words / WORDS_A_MINUTE, sum(seconds for seconds, _ in done.cpu) / 60, think, one.minutes)


def plain(answer: object) -> str:
    """What a cell shows of it, as text."""
    bundle = getattr(answer, "_repr_mimebundle_", None)
    return str(bundle()["text/plain"]) if bundle is not None else repr(answer)


def main() -> None:
    numbers = [int(word) for word in sys.argv[1:]] or list(range(1, 9))
    print("| Lab | words | to read | to wait | to think and type | together | said in the lab |\n|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ |= {"TILTYARD_LABS": f"{folder}/labs.json", "TILTYARD_STORE": f"{folder}/runs.sqlite", "XDG_DATA_HOME": folder}
        for number in numbers:
            r = reckoned(number)
            print(f"| {number} | {r.words:,} | {r.read:.0f} | {r.wait:.1f} | {r.think:.0f} | {r.total:.0f} | {r.stated} |", flush=True)


if __name__ == "__main__":
    main()
