"""The report as JUnit XML: a test case per step and per rule of the policy, for CI that reads nothing else."""

import re
from xml.etree import ElementTree as ET

from ..result import Record, Status
from .bundle import Bundle

FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(bundle: Bundle) -> str:
    """One suite. A finding or a failed rule is a failure; what gave no conclusion is an error; not run is skipped."""
    suite = ET.Element("testsuite", name=_clean(bundle.title))
    for record in bundle.records:
        _case(suite, record)
    for missing in bundle.not_run:
        case = ET.SubElement(suite, "testcase", classname="tiltyard", name=missing.id)
        ET.SubElement(case, "skipped", message="not run")
    for rule in bundle.verdicts:
        case = ET.SubElement(suite, "testcase", classname="tiltyard.policy", name=_clean(str(rule.get("rule", ""))))
        if rule.get("outcome") != "pass":
            ET.SubElement(case, "failure", message=_clean(f"{rule.get('outcome')}: {rule.get('reason', '')}"))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(len(suite.findall(f"./testcase/{tag}"))))
    suite.set("tests", str(len(suite.findall("./testcase"))))
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True)


def _case(suite: ET.Element, record: Record) -> None:
    topic, _, name = record.check.partition(".")
    case = ET.SubElement(suite, "testcase", classname=f"tiltyard.{topic}", name=name, time=f"{record.seconds:.3f}")
    summary = _clean(record.result.summary)
    status = record.result.status
    if status is Status.FINDING:
        text = "\n".join(f"{f.severity.value}: {f.title}. {f.advice} ({key})" for key, f in record.keyed())
        ET.SubElement(case, "failure", message=summary).text = _clean(text)
    elif status is Status.NOT_APPLICABLE:
        ET.SubElement(case, "skipped", message=summary)
    elif status is not Status.PASSED:
        ET.SubElement(case, "error", message=summary)


def _clean(text: str) -> str:
    return FORBIDDEN.sub("?", text)
