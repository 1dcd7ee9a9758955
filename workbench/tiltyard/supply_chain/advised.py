"""What the sources of advisories answered, as a result: a finding, a pass where each package was looked up, else incomplete."""

from collections.abc import Mapping, Sequence

from ..result import CheckResult, Column, Evidence, Finding, Metric, Severity, Table, key_of
from ..statistics.ruling import status_of
from .cvss import Rating, newest_first
from .environment import Package
from .known import Answers, Known, merged
from .sources import STANDARDS

SHOWN = 200
COUNTED = "counted over all packages, not sampled"
UNRATED = Severity.MEDIUM  # what an unrated one counts as among a package's others
SETTLE = "What settles it: a service that can be reached (both says most), or a recent export of all that OSV has about PyPI."
OURS = "A Tiltyard that was installed from its sources is left out: it is no package of an index."


def advised(
    installed: Sequence[Package], answers: Sequence[Answers], doubts: Sequence[str], metrics: Sequence[Metric], unasked: Mapping[str, str]
) -> CheckResult:
    """The result. ``unasked`` are those whom no source's answer is about, with the reason; ``doubts`` say why no pass follows."""
    known = merged(k for a in answers for k in a.known)
    named = {p.name for p in installed} | set(unasked)
    silent = _silent(named, answers, unasked)
    bad = {k.package for k in known}
    passed = bool(answers and named) and not silent and not doubts
    return CheckResult(
        status=status_of(bool(known), not passed),
        summary=_summary(known, bad, named, silent, answers, doubts),
        metrics=(_vulnerable(bad, len(named - set(silent) | bad)), _asked(named, silent), _unrated(known), *_worst(known), *metrics),
        findings=tuple(_finding(name, [k for k in known if k.package == name]) for name in sorted(bad)),
        tables=(*_known_table(known), *_silent_table(silent)),
        notes=(*doubts, *(f"Asked: {a.source}." for a in answers), *((SETTLE,) if silent or doubts else ()), OURS),
    )


def _silent(named: set[str], answers: Sequence[Answers], unasked: Mapping[str, str]) -> dict[str, str]:
    """Packages of which no source has an answer, with a reason."""
    if not answers:
        return dict.fromkeys(sorted(named), "no source of advisories was given")
    left = named.difference(*(a.heard for a in answers)) | set(unasked)
    reasons: dict[str, str] = {name: value for a in answers for name, value in a.unanswered.items()} | dict(unasked)
    return {name: reasons.get(name) or reasons.get("*") or "the source does not mention it" for name in sorted(left)}


def _vulnerable(bad: set[str], n: int) -> Metric:
    label, note = "Packages with a known vulnerability", COUNTED if n else "no package was looked up"
    value = float(len(bad)) if n else None
    return Metric(name="vulnerable", label=label, unit="packages", value=value, n=n, safer="lower", note=note)


def _unrated(known: Sequence[Known]) -> Metric:
    schemes = sorted({k.unread for k in known if k.severity is None and k.unread})
    note = f"rated by {' and '.join(schemes)}, which is not read" if schemes else COUNTED if known else "none is known"
    value = float(sum(k.severity is None for k in known)) if known else None
    return Metric(
        name="unrated",
        label="Known vulnerabilities without a rating",
        unit="vulnerabilities",
        value=value,
        n=len(known),
        safer="lower",
        note=note,
    )


def _worst(known: Sequence[Known]) -> tuple[Metric, ...]:
    """The worst score of each CVSS standard that a known vulnerability is rated by: none where none is."""
    rated = [k.ratings for k in known if k.ratings]
    return tuple(
        Metric(
            name=f"worst_{one.standard.lower().replace(' ', '_').replace('.', '_')}",
            label=f"Worst score by {one.standard}",
            unit="of 10",
            value=one.score,
            n=sum(one.standard in {r.standard for r in ratings} for ratings in rated),
            safer="lower",
            note=f"{one.vector}, as the advisory rates the package; how much it weighs here, nobody measured",
        )
        for one in newest_first(r for ratings in rated for r in ratings)
    )


def _asked(named: set[str], silent: dict[str, str]) -> Metric:
    share = 1 - len(silent) / len(named) if named else 0.0
    return Metric(name="asked", label="Packages looked up", value=share, unit="share", n=len(named), safer="higher", note=COUNTED)


def _summary(
    known: Sequence[Known], bad: set[str], named: set[str], silent: dict[str, str], answers: Sequence[Answers], doubts: Sequence[str]
) -> str:
    if not answers:
        return f"None of {len(named)} packages was looked up: give an OSV export, or choose a service that may be asked."
    unheard = f" {len(silent)} of {len(named)} packages have no answer ({next(iter(silent.values()))})." if silent else ""
    if known:
        return f"{len(bad)} of {len(named)} packages have {len(known)} known vulnerabilities.{unheard}"
    if silent:
        return f"No service or export answered for {len(silent)} of {len(named)} packages ({next(iter(silent.values()))}): this is no pass."
    if doubts:
        return f"Nothing was found against {len(named)} packages, but: {doubts[0]}"
    return f"No known vulnerability of {len(named)} packages in {' and '.join(a.source for a in answers)}."


def _finding(name: str, known: Sequence[Known]) -> Finding:
    fixes = [k.fixed for k in known if k.fixed]
    count = sum(k.severity is None for k in known)
    unrated = f", {count} of them unrated, counted as {UNRATED}" if count else ""
    scored = "".join(f", worst {one} ({one.vector})" for one in newest_first(r for k in known for r in k.ratings))
    return Finding(
        key=key_of(name),
        title=f"{name} {known[0].version}: {', '.join(k.names[0] for k in known[:4])}{' …' if len(known) > 4 else ''}",
        severity=max((k.severity or UNRATED for k in known), key=list(Severity).index),
        evidence=Evidence(
            tables=("known",), sentence=f"{len(known)} known{'' if len(known) == 1 else ' vulnerabilities'}{unrated}{scored}"
        ),
        advice=f"Upgrade {name} to {_highest(fixes)} or later." if fixes else f"No fixed version is named; see whether {name} is needed.",
        standards=STANDARDS,
    )


def _highest(versions: Sequence[str]) -> str:
    from packaging.version import InvalidVersion, Version

    def key(text: str) -> Version:
        try:
            return Version(text)
        except InvalidVersion:
            return Version("0")

    return max(versions, key=key)


def _known_table(known: Sequence[Known]) -> tuple[Table, ...]:
    if not known:
        return ()
    columns = tuple(Column(name=n) for n in ("Package", "Installed", "Advisory", "Severity", "CVSS", "Fixed in", "Summary"))
    rows = tuple(
        (
            k.package,
            k.version,
            ", ".join(k.names[:3]),
            str(k.severity or f"unrated{f' ({k.unread})' if k.unread else ''}"),
            _rated(k.ratings),
            k.fixed or "not stated",
            k.summary,
        )
        for k in known[:SHOWN]
    )
    return (Table(name="known", title="Known vulnerabilities", columns=columns, rows=rows, total=len(known)),)


def _rated(ratings: Sequence[Rating]) -> str:
    return "; ".join(f"{one.standard.removeprefix('CVSS ')}: {one.score:.1f}" for one in ratings) or "not rated"


def _silent_table(silent: dict[str, str]) -> tuple[Table, ...]:
    if not silent:
        return ()
    rows = tuple(sorted(silent.items())[:SHOWN])
    columns = (Column(name="Package"), Column(name="Why"))
    return (Table(name="unanswered", title="Packages without an answer", columns=columns, rows=rows, total=len(silent)),)
