"""The sentences that every written form of the report shares, in the report's language."""

from dataclasses import dataclass

from ..assessment.standing import Standing, TopicStanding
from ..formatting.numbers import measured, value
from ..result import Metric, Record, Severity
from .bundle import Bundle
from .catalog import Say, sayer
from .overview import Limit, Risk, counted, headline, standing, subjects

SIGNS = {
    "passed": "✓",
    "finding": "▲",
    "incomplete": "◐",
    "not_applicable": "–",
    "failed": "✕",
    "cancelled": "■",
    "not_run": "○",
}


@dataclass(frozen=True)
class Fact:
    """What stands at the head of the report: a name and its lines."""

    name: str
    lines: tuple[str, ...]


def state(word: str, t: Say) -> str:
    """A state as a person reads it."""
    words = {
        "passed": t("passed"),
        "finding": t("finding"),
        "incomplete": t("incomplete"),
        "not_applicable": t("not applicable"),
        "failed": t("failed"),
        "cancelled": t("cancelled"),
        "not_run": t("not run"),
    }
    return words.get(word, word)


def severity(word: Severity, t: Say) -> str:
    """A severity as a person reads it."""
    words = {
        Severity.INFO: t("info"),
        Severity.LOW: t("low"),
        Severity.MEDIUM: t("medium"),
        Severity.HIGH: t("high"),
        Severity.CRITICAL: t("critical"),
    }
    return words[word]


def outcome(word: str, t: Say) -> str:
    """How a limit ended."""
    return {"pass": t("met"), "fail": t("not met"), "incomplete": t("not settled"), "not run": t("not run")}.get(word, word)


def verdict(bundle: Bundle) -> str:
    """Is it within its limits? In a sentence; without limits, that nothing was approved."""
    t = sayer(bundle.about.language)
    ended = [str(v.get("outcome", "")) for v in bundle.verdicts]
    numbers = {"bad": ended.count("fail"), "open": len(ended) - ended.count("pass") - ended.count("fail"), "all": len(ended)}
    if bundle.verdict == "pass":
        return t("Within its limits: all {all} are met.").format(**numbers) if ended else t("Within its limits.")
    if bundle.verdict == "fail":
        return t("Not within its limits: {bad} of {all} are not met.").format(**numbers) if ended else t("Not within its limits.")
    if bundle.verdict == "incomplete":
        return t("Not settled: {open} of {all} limits could not be judged.").format(**numbers) if ended else t("Not settled.")
    return t("No limits were set, so nothing is approved by this report.")


def counts(bundle: Bundle) -> list[str]:
    """How much was found of how much that was asked, a sentence for each model and data of the report."""
    t = sayer(bundle.about.language)
    several = len(subjects(bundle)) > 1
    found = []
    for subject in subjects(bundle):
        own = standing(bundle, subject)
        several_found = t("{findings} findings in {asked} of {of} checks; {passed} passed.")
        text = t("1 finding in {asked} of {of} checks; {passed} passed.") if own.findings == 1 else several_found
        text = text.format(findings=own.findings, asked=own.asked, of=own.of, passed=own.passed)
        text = " ".join([text, *_unsettled(own, t)])
        found.append(f"{subject[0].name}: {text}" if several else text)
    return found


def unsettled(bundle: Bundle) -> list[str]:
    """How many checks of the report's model failed or came to no conclusion: where nothing was found, that is no good news."""
    return _unsettled(standing(bundle), sayer(bundle.about.language))


def _unsettled(own: Standing, t: Say) -> list[str]:
    states = [step.state for step in own.steps.values() if step.kind == "check" and step.counted is not None]
    failed, open = states.count("failed"), states.count("incomplete")
    parts = [(t("Without a conclusion: {n}."), open), (t("Failed: {n}."), failed)]
    return [text.format(n=n) for text, n in parts if n]


def tally(bundle: Bundle) -> list[tuple[str, int]]:
    """The findings by severity, the gravest first, those that there are."""
    t = sayer(bundle.about.language)
    found = [f.severity for r in counted(bundle) for f in r.result.findings]
    return [(severity(s, t), found.count(s)) for s in reversed(Severity) if s in found]


def facts(bundle: Bundle) -> list[Fact]:
    """What was assessed, for whom, by whom, in which scope and when; what nobody filled in says so where a signer needs it."""
    t, about = sayer(bundle.about.language), bundle.about
    run = [t("run {run}").format(run=bundle.run_id[:8])] if bundle.run_id else []
    run += [t("{profile} profile").format(profile=bundle.profile)] if bundle.profile else []
    named = [
        (
            t("Model"),
            [
                bundle.target.name,
                bundle.target.detail,
                *([t("decides by {rule}").format(rule=bundle.target.decision)] if bundle.target.decision else []),
            ],
        ),
        (t("Data"), [bundle.data.name, bundle.data.detail]),
        (t("Date"), [f"{bundle.created:%Y-%m-%d %H:%M} UTC", *run]),
        (t("For"), [about.recipient or t("not stated")]),
        (t("Assessed by"), [about.author or t("not stated")]),
        (t("Purpose"), [about.purpose or t("not stated")]),
        (t("Scope"), [about.scope or t("{asked} checks asked of the model as it is deployed").format(asked=standing(bundle).asked)]),
        (t("Risk appetite"), [about.appetite or (t("as the limits say") if bundle.verdicts else t("no limits set"))]),
    ]
    return [Fact(name, tuple(line for line in lines if line)) for name, lines in named]


def ended(text: str) -> str:
    """``text`` with a full stop, for another sentence follows; nothing stays nothing."""
    return text if not text or text.endswith((".", "!", "?", "…", ":")) else f"{text}."


def number(metric: Metric) -> str:
    """The value with its unit, once."""
    return " ".join(filter(None, value(metric)))


def limit(risk: Risk, t: Say) -> str:
    """The policy's limit on the number of a risk, in the number's own unit."""
    if risk.limit is None or risk.metric is None:
        return t("none set")
    return " ".join(_limits(risk.limit, risk.metric, t))


def _limits(limit: Limit, metric: Metric, t: Say) -> list[str]:
    ends = [(t("at least {value}"), limit.at_least), (t("at most {value}"), limit.at_most)]
    bare = {"low": None, "high": None}
    return [text.format(value=number(metric.model_copy(update={"value": end, **bare}))) for text, end in ends if end is not None]


def safer(metric: Metric, t: Say) -> str:
    """Which way is safer."""
    return {"higher": t("higher"), "lower": t("lower"), "zero": t("nearer 0"), "none": "–"}[metric.safer]


def asked(topic: TopicStanding, t: Say) -> str:
    """How much of a topic was asked, and what was found."""
    if not topic.asked:
        return t("{of} checks, none asked").format(of=topic.of) if topic.of else t("nothing applies")
    return t("{asked} of {of} asked, findings: {findings}").format(asked=topic.asked, of=topic.of, findings=topic.findings)


def in_a_line(record: Record) -> str:
    """A step in a line: its number with interval and n, or where it has none its summary."""
    metric = headline(record)
    return f"{metric.label}: {measured(metric)}" if metric else record.result.summary
