"""The name is evidence: where it and the content disagree, one reader or another goes by the one that was not judged."""

from pathlib import PurePath

from .formats import FORMATS, Format
from .reason import Findings
from .sniffing import disagreement

DATA = frozenset(".csv .tsv .tab .txt .data .dat .psv .vocab .gz".split())
"""Suffixes of tables as text; of ``.gz`` the suffix before it counts."""
PROGRAMS = frozenset(
    ".py .pyw .pyc .pyo .pyd .pyz .pyx .sh .bash .zsh .fish .csh .ksh .bat .cmd .ps1 .psm1 .vbs .wsf .hta .js .mjs .cjs .ts .r .rprofile .rb .pl "
    ".php .lua .exe .dll .so .dylib .com .scr .msi .jar .class .war .apk .app .command .desktop .lnk .url .reg .awk .tcl .scala .go .ps".split()
)


def judge_name(name: str, found: Format, findings: Findings) -> None:
    """Say what the name promises that the content is not."""
    path = PurePath(name)
    suffix = path.suffix.lower()
    if mismatch := disagreement(name, found):
        findings.unproven("name", mismatch, "a reader that goes by the name reads something else than what was judged", rule="name-lies")
    elif suffix in PROGRAMS and FORMATS[found].suffixes[:1] != (suffix,):
        findings.unproven(
            "name",
            f"the name ends in {suffix}, as programs do, the content is {found}",
            "whoever runs it by its name runs what is in it",
            rule="name-lies",
        )
    elif found is Format.CSV and not _promises_data(path):
        ends = f"ends in {suffix}" if suffix else "has no suffix"
        findings.unproven("name", f"the name {ends}, the content reads as a table", "only a name that promises a table makes it one")


def _promises_data(path: PurePath) -> bool:
    ends = [s.lower() for s in path.suffixes[-2:]]
    return bool(ends) and (ends[-1] in DATA - {".gz"} or (ends[-1] == ".gz" and ends[0] in DATA - {".gz"}))
