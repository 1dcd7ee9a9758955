"""The functions of the public door: what a cell or a script calls as ``ty.check``, ``ty.assess``, ``ty.defend`` …"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .access.person import me
from .arguments import Found, Kept, cohort_of, compared, listener_of, names_of, path_of, records_of, store_of
from .assessment.about import About, about_of
from .assessment.assessment import Assessment
from .assessment.assessment import assess as assess_steps
from .assessment.full_assessment import FullAssessment, remeasured
from .assessment.two_models import measure_models, refuse_unlike
from .catalogue import checks as registered_checks
from .catalogue import defenses as registered_defenses
from .catalogue import step_of, topic_of
from .check import Check, Step
from .comparison.comparison import Comparison
from .comparison.remeasure import Remeasured
from .datasets.building import Label, Member
from .datasets.cohorts import Cohort
from .datasets.dataset import Dataset
from .datasets.reading import several
from .defense import Defense
from .display.following import following
from .display.steps import Steps
from .errors import Cancelled, Problem
from .execution.profiles import Profile, chosen, steps
from .execution.runner import Runner
from .keywords import spelled
from .progress import Progress, Report
from .reports.bundle import make
from .reports.difference import difference
from .reports.writing import write
from .result import Record
from .targets.meeting import meet
from .targets.target import Target


@spelled
def checks(topic: str = "") -> Steps:
    """Every check and defense by id, or those of one topic, as ``tiltyard checks`` lists them; in a cell, what each asks, needs and takes.

    Parameters
    ----------
    topic
        The first word of the ids, for instance ``"fairness"``; empty for all.

    Raises
    ------
    Problem
        There is no such topic.
    """
    every = (registered_checks(), registered_defenses())
    topics = sorted({topic_of(id) for steps in every for id in steps})
    if topic and topic not in topics:
        raise Problem(f"a topic ({', '.join(topics)})", repr(topic), "Choose one of these, or leave it out for all")
    one, other = ({id: step for id, step in steps.items() if topic in ("", topic_of(id))} for steps in every)
    return Steps(one, other)


def check(
    which: str | type[Check] | Check,
    target: Any,
    data: Any,
    *,
    label: Label = None,
    sensitive: str | Sequence[str] | None = None,
    member: Member = None,
    progress: Progress | None = None,
    where: Cohort | None = None,
    **parameters: Any,
) -> Record:
    """Run one check: ``ty.check("evasion.pgd", target, data, steps=100)``, or ``ty.check("fairness.groups", model, frame, label="y")``.

    Parameters
    ----------
    which
        Its id or its class, or a check that is made: ``ty.evasion.PGD(steps=100)``.
    target, data
        A target and its data set; or a model as `ty.open` opens it, and a table as `ty.read` reads it.
    label, sensitive, member
        Of a table: its label column or the labels themselves (n,), its sensitive column or columns, and the column or mask (n,) that says which rows were trained on.
    where
        A cohort: the check then sees its rows alone, as a data set of their own.
    progress
        Who hears how far it is; by default a bar in the notebook's cell, or a line in the terminal.
    parameters
        Its parameters by name; ``help`` of its class lists them.

    Raises
    ------
    Problem
        There is no such check, or a parameter is wrong. What goes wrong in the check itself is said by the record's status.
    """
    made = step_of(which, parameters, check)
    if not isinstance(made, Check):
        raise Problem("a check", f"{made.id!r}, which is a defense", "Call ty.defend")
    opened, rows = meet(target, data, label, sensitive, member)
    cohort = cohort_of(where)
    rows = rows if cohort is None else rows.cohort(cohort, opened)
    if progress is not None:
        return made(opened, rows, progress)
    with following() as listener:
        return made(opened, rows, Progress(listener=listener))


def defend(
    which: str | type[Defense] | Defense,
    target: Any,
    data: Any,
    *,
    label: Label = None,
    sensitive: str | Sequence[str] | None = None,
    member: Member = None,
    before: Record | Assessment | Sequence[Record] = (),
    checks: Sequence[str] | None = None,
    profile: Profile = "quick",
    store: Kept = None,
    on_progress: Callable[[Report], None] | None = None,
    **parameters: Any,
) -> Remeasured:
    """Apply a defense and measure every risk before and after it, as ``tiltyard defend`` does.

    Parameters
    ----------
    which
        Its id or its class, with ``parameters`` its own by name; or a defense that is made.
    target, data, label, sensitive, member
        As of `check`.
    before
        What `assess` or `check` gave of ``target``, where it was measured already: these checks are run again, with the same parameters.
    checks
        Without ``before``: ids of the checks that are run before and after, with the parameters of ``profile``; by default those
        that are remeasured, as their classes say.
    store
        As of `assess`.

    Returns
    -------
    Remeasured
        In a cell, every number before and after. Its ``made`` is the defended model, a target as `check` and `assess` take it.

    Raises
    ------
    Problem
        There is no such defense or check, or a parameter is wrong.
    Cancelled
        By Ctrl-C before the defense was applied; once it is, the result says that it was cancelled.
    """
    defense = step_of(which, parameters, defend)
    if not isinstance(defense, Defense):
        raise Problem("a defense", f"{defense.id!r}, which is a check", "Call ty.check")
    measured = records_of(before)
    target, data = meet(target, data, label, sensitive, member)
    ids = remeasured() if checks is None else several(checks)
    with following(listener_of(on_progress)) as listener:
        assessment = FullAssessment(target, data, Runner(store_of(store)), f"{defense.title} on {target.name}", on_progress=listener)
        if measured:
            assessment.records, ids = list(measured), [record.check for record in measured]
        else:
            assessment.check(chosen(ids, profile, defense.seed, data))
        found = assessment.defend(defense, ids)
        assessment.end()
    if found is None:
        raise Cancelled
    return found


@spelled
def assess(
    target: Any,
    data: Any,
    picked: Sequence[str | type[Step] | Step] = (),
    *,
    label: Label = None,
    sensitive: str | Sequence[str] | None = None,
    member: Member = None,
    profile: Profile = "quick",
    seed: int = 0,
    store: Kept = None,
    on_progress: Callable[[Report], None] | None = None,
    where: Cohort | None = None,
) -> Assessment:
    """Run every check that ``profile`` names, or those ``picked``, and wait for the end; Ctrl-C ends it and keeps what was done.

    Parameters
    ----------
    picked
        Ids or classes of checks, one or several, which take the parameters of ``profile``, or checks with parameters of their own.
    profile
        ``"quick"``: every check with few rows; ``"full"``: every check as it stands; ``"privacy"``: those of data privacy as they stand.
    target, data, label, sensitive, member
        As of `check`.
    store
        Where the run is kept: True for the default store, which ``tiltyard runs`` lists; a file, which is made where there is none; a
        `Store`. None keeps none.
    on_progress
        Who hears how far it is; by default a bar in the notebook's cell, or a line in the terminal.
    where
        As of `check`.

    Returns
    -------
    Assessment
        In a cell it shows how every risk stands and the gravest findings; ``found["fairness.groups"]`` is the record of one check;
        ``ty.report(found, "report.html")`` writes it out.
    """
    target, data = meet(target, data, label, sensitive, member)
    cohort = cohort_of(where)
    data = data if cohort is None else data.cohort(cohort, target)
    wanted = _picked(picked, profile, seed, target, data)
    with following(listener_of(on_progress)) as listener:
        return assess_steps(target, data, wanted, Runner(store_of(store)), on_progress=listener)


@spelled
def compare(
    before: Any,
    after: Any,
    store: Kept = None,
    *,
    models: bool = False,
    data: Any = None,
    picked: Sequence[str | type[Step] | Step] = (),
    label: Label = None,
    sensitive: str | Sequence[str] | None = None,
    member: Member = None,
    profile: Profile = "quick",
    seed: int = 0,
    on_progress: Callable[[Report], None] | None = None,
) -> Comparison:
    """Two runs side by side, their models with all that is known of each, or two models that are measured now: what differs, and what that did to the numbers.

    ``ty.compare(found, later)``, ``ty.compare("1a2b", "last", models=True)``, ``ty.compare(old, new, data=frame, label="y")``.

    Parameters
    ----------
    before, after
        What `assess` or `check` gave; or the id of a stored run, the beginning of it, or ``"last"``. With ``data``: models, as of `check`.
    store
        Where stored runs are, as of `assess`; the default store where none is given. With ``data``: where they are kept, None keeps none.
    models
        Compare the models of two stored runs, over all runs of each on the same data, and not the two runs.
    data, label, sensitive, member
        As of `check`: the rows on which both models are measured, by the same checks. A rate over the same rows has the interval of a
        paired difference.
    picked, profile, seed, on_progress
        As of `assess`.

    Raises
    ------
    Problem
        There is no such run, or one has no result, or it is one model twice, or the models are not of the same data.
    """
    if data is None:
        return compared(before, after, store, models)
    first, rows = meet(before, data, label, sensitive, member)
    second, again = meet(after, data, label, sensitive, member)
    refuse_unlike(first.identity, rows.identity, second.identity, again.identity)
    wanted = _picked(picked, profile, seed, first, rows)
    with following(listener_of(on_progress)) as listener:
        return measure_models(first, second, rows, wanted, Runner(store_of(store)), listener)[0]


@spelled
def report(
    records: Found,
    path: str | Path,
    *,
    title: str = "",
    format: str | None = None,
    overwrite: bool = False,
    about: About | None = None,
    since: Found = (),
    author: str = "",
    approver: str = "",
    recipient: str = "",
    purpose: str = "",
    owners: Mapping[str, str] | None = None,
    topics: Sequence[str] = (),
    annex: bool = True,
    people: bool = False,
    language: str = "en",
) -> Path:
    """Write the report of ``records``, or of what `assess` gave, to a new file: .html, .pdf, .md, .docx, .json, .sarif or .xml (JUnit), by its ending or by ``format``.

    Parameters
    ----------
    about
        All that a report says of itself and shows; in its place the keywords below serve, of which each is a field of it.
    since
        What an earlier report of the same model was made of: the report says what is new, settled and moved since.
    owners
        Who owns a topic's risk: ``{"privacy": "Ada"}``.
    topics
        Those that have a page; all where it is empty.
    people
        Show tables and pictures of single people's rows, which are withheld else. For whoever may export reports.
    """
    kept, file = records_of(records), path_of(path)
    words = {"title": title, "author": author, "approver": approver, "recipient": recipient, "purpose": purpose}
    chosen = {"owners": names_of(owners), "topics": tuple(several(topics)), "annex": annex, "people": people, "language": language}
    given = about or about_of({**words, **chosen})
    if given.people:
        me().must("export")
    earlier = records_of(since)
    changed = difference("", list(earlier), list(kept)) if earlier and kept else None
    unmet, assumed = (records.unmet, records.assumed) if isinstance(records, Assessment) else (None, ())
    return write(make(kept, title=title, about=given, since=changed, unmet=unmet, assumed=assumed), file, format, overwrite)


def _picked(
    picked: str | type[Step] | Step | Sequence[str | type[Step] | Step], profile: Profile, seed: int, target: Target, data: Dataset
) -> list[Step]:
    """The checks to run, with the profile's parameters where they have none of their own."""
    if isinstance(picked, str | type | Step):
        picked = (picked,)
    if not picked:
        return steps(profile, seed, target, data)
    return [one if isinstance(one, Step) else chosen([step_of(one).id], profile, seed, data)[0] for one in picked]
