"""A report to JUnit XML: a suite a sheet, a test case a quantity, pointing into the answer file."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from backprop_cli.errors import Mark
from backprop_cli.grading.data import Report, Result, Submission, Verdict
from backprop_cli.report.facts import facts
from backprop_cli.report.settings import Settings
from backprop_cli.report.wording import marks, unread, verdict_phrase

_TAGS: dict[Verdict, str] = {
    "wrong": "failure",
    "invalid": "error",
    "missing": "skipped",
    "not-judged": "skipped",
}
_COUNTED = {"failures": "failure", "errors": "error", "skipped": "skipped"}
_ILLEGAL = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
SHEET = "the sheet"
"""The name of the only test case of a sheet of which no quantity is shown."""


def render(report: Report, settings: Settings) -> str:
    """The report as one XML document."""
    root = ET.Element("testsuites", {"name": legal(f"backprop: {report.problem}")})
    root.extend(_suite(submission, settings) for submission in report.submissions)
    for name in ("tests", "failures", "errors"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    ET.indent(root)
    text = ET.tostring(root, encoding="unicode")
    if settings.ascii:
        text = text.encode("ascii", "xmlcharrefreplace").decode()
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{_without_commands(text)}\n'


def legal(text: str) -> str:
    """The text without the characters that XML has no way to write."""
    return _ILLEGAL.sub("", text)


def _without_commands(xml: str) -> str:
    """The same document with no line that a build server takes for a command."""
    apart = xml.replace("##[", "#&#35;[")
    return re.sub(r"^(\s*):(?=:)", r"\1&#58;", apart, flags=re.MULTILINE)


def _suite(submission: Submission, settings: Settings) -> ET.Element:
    suite = ET.Element("testsuite", {"name": legal(submission.student or submission.file)})
    if submission.error is None and submission.results:
        suite.extend(_case(submission, result, settings) for result in submission.results)
    else:
        suite.append(_whole(submission))
    suite.set("tests", str(len(suite)))
    for name, tag in _COUNTED.items():
        suite.set(name, str(len(suite.findall(f"testcase/{tag}"))))
    suite.set("file", legal(submission.file))
    return suite


def _whole(submission: Submission) -> ET.Element:
    """A sheet that could not be read, or of which only the marks may be told."""
    case = _place(submission, SHEET, submission.error_mark)
    if submission.error is not None:
        _said(case, "error", "unreadable", unread(submission), "")
    elif not submission.passed:
        _said(case, "failure", "not passed", marks(submission), "")
    return case


def _case(submission: Submission, result: Result, settings: Settings) -> ET.Element:
    case = _place(submission, result.id, result.mark)
    told = "\n".join(f"{label}: {text}" for label, text in facts(result, settings))
    tag = _TAGS.get(result.verdict)
    if tag:
        message = result.message or verdict_phrase(result)
        _said(case, tag, result.verdict, message, told)
    elif told or result.verdict != "correct":
        out = ET.SubElement(case, "system-out")
        out.text = legal(f"{verdict_phrase(result)}\n{told}".strip())
    return case


def _place(submission: Submission, name: str, mark: Mark | None) -> ET.Element:
    attributes = {
        "classname": legal(submission.student or submission.file),
        "name": legal(name),
        "file": legal(submission.file),
    }
    if mark and mark.line:
        attributes["line"] = str(mark.line)
    return ET.Element("testcase", attributes)


def _said(case: ET.Element, tag: str, kind: str, message: str, text: str) -> None:
    inner = ET.SubElement(case, tag, {"type": kind, "message": legal(message)})
    inner.text = legal(text) or None
